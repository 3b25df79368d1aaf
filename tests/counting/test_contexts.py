"""Neighbours of words in the lines of a small corpus, beside a plain loop."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from wordweights.counting.contexts import count_contexts
from wordweights.errors import WordweightsError

LINES = [
    "The dog and the cat sleep .",
    "a dog sees the cat and the dog",
    "the cat , the dog !",
    "cat dog cat dog",
    "",
    "the dog and a bird sleep .",
    "the cat and the dog sleep .",
]


def test_counts_are_those_of_a_loop_over_lines(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(LINES))
    found = count_contexts(str(path), ["Dog", "cat", "dog", "bird"], window=2, min_count=2)
    assert found.words == ["dog", "cat"]
    assert found.wanted == 3
    lines = [line.lower().split() for line in LINES if line]
    assert found.n_tokens == sum(map(len, lines))
    every = Counter(word for line in lines for word in line)
    assert found.occurrences.tolist() == [every["dog"], every["cat"]]
    halves = [lines[0::2], lines[1::2]]
    seen = [Counter(word for line in half for word in line) for half in halves]
    # in the order in which they come
    first = dict.fromkeys(word for half in lines for word in half)
    vocabulary = [word for word in first if all(half[word] >= 2 for half in seen)]
    for half, counts, total in zip(halves, found.counts, found.vocabulary, strict=True):
        pairs = Counter(
            (word, line[j])
            for line in half
            for i, word in enumerate(line)
            for j in range(max(0, i - 2), min(len(line), i + 3))
            if j != i
        )
        expected = [[pairs[word, other] for other in vocabulary] for word in found.words]
        np.testing.assert_array_equal(counts, expected)
        every = [sum(pairs[word, other] for word in first) for other in vocabulary]
        np.testing.assert_array_equal(total, every)


def test_a_corpus_that_is_too_small_says_how_many_words_remain(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(LINES))
    with pytest.raises(
        WordweightsError, match=r"too small: of 3 words 1 remain that stand 2 times"
    ):
        count_contexts(str(path), ["dog", "bird", "fish"], min_count=2)
    # two words are enough, where they are half of what is asked for
    asked = ["dog", "cat", "bird", "bird"]
    assert count_contexts(str(path), asked, min_count=2).words == ["dog", "cat"]
    with pytest.raises(WordweightsError, match=r"of 3 words 2 remain .* 40 % of the occurrences"):
        count_contexts(str(path), [*asked, "bird"], min_count=2)
    with pytest.raises(WordweightsError, match="must be at least 1"):
        count_contexts(str(path), ["dog"], window=0)
