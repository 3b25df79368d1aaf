from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from family.vocabulary import (
    SPECIAL_TOKENS,
    learn_vocabulary,
    make_tokenizer,
    save_tokenizer,
    whole_words,
)
from wordweights.errors import WordweightsError
from wordweights.words.sentences import load_sentences

TEXT = ["The cat sat on the mat.", "A dog sat on the log!", "Résumé of the cats and dogs"] * 5


def test_words_stay_whole_however_rare_they_are() -> None:
    words = {word.lower().strip(".!") for line in TEXT for word in line.split()} - {"résumé"}
    rare = [f"{letter}{letter}{letter}" for letter in "abcdefghijkl"]
    for size in range(60, 90):
        vocabulary = learn_vocabulary(TEXT, size, [*words, *rare])
        assert vocabulary[:5] == list(SPECIAL_TOKENS)
        assert {*words, *rare} <= set(vocabulary)
        assert len(vocabulary) == len(set(vocabulary)) <= size
    with pytest.raises(WordweightsError, match=r"has room for .* words .* but 40 more must stay"):
        learn_vocabulary(TEXT, 60, [f"word{i}" for i in range(40)])


def test_words_of_sentences_in_the_papers_form_are_found() -> None:
    words = whole_words(["bundled"])
    assert "onion" in words
    assert words == sorted(set(words))


def test_the_same_text_gives_the_same_vocabulary() -> None:
    """Many pairs are equally frequent here; the learner of the library joins them as they come."""
    sentences = load_sentences("bundled")["sentence"].tolist()
    assert len({tuple(learn_vocabulary(sentences, 600, ["onion"])) for _ in range(4)}) == 1


def test_the_small_form_of_a_tokenizer_reads_text_as_bert_does(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(learn_vocabulary(TEXT, 80, ["onion"]), 16)
    save_tokenizer(tokenizer, tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert (loaded.pad_token_id, loaded.model_max_length) == (0, 16)
    for text in ("Résumé, cat", "an ONION \t is\u00a0here!", "日本 💡 don't", ""):
        assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
    first, *pieces, last = loaded.convert_ids_to_tokens(loaded("Résumé ONION")["input_ids"])
    assert (first, pieces[-1], last) == ("[CLS]", "onion", "[SEP]")
    assert "".join(pieces[:-1]).replace("##", "") == "resume"
