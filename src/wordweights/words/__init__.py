"""Sentences and their words; how probable a word is; the weights people have given words."""
