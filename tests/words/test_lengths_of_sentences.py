"""Sentences drawn by their length."""

from __future__ import annotations

import pytest

from wordweights.errors import WordweightsError
from wordweights.words.lengths import count_words, draw_by_length

SENTENCES = [" ".join(["word"] * n) for n in range(1, 30) for _ in range(3)]


def test_words_are_those_that_are_weighed() -> None:
    assert count_words(["I cannot go.", "he's  here", ""]).tolist() == [4, 3, 0]


def test_each_group_of_lengths_has_as_many() -> None:
    table = draw_by_length(SENTENCES, [4, 8, 20], 5, seed=1)
    assert table["n_words"].is_monotonic_increasing
    assert table["n_words"].between(4, 7).sum() == 5
    assert table["n_words"].between(8, 20).sum() == 5
    assert [SENTENCES[i] for i in table["sentence_id"]] == table["sentence"].tolist()
    assert count_words(table["sentence"]).tolist() == table["n_words"].tolist()
    assert table.equals(draw_by_length(SENTENCES, [4, 8, 20], 5, seed=1))
    assert not table.equals(draw_by_length(SENTENCES, [4, 8, 20], 5, seed=2))


def test_a_group_may_hold_fewer_than_are_asked_for() -> None:
    table = draw_by_length(SENTENCES, [28, 29, 40], 100)
    assert table["n_words"].tolist() == [28] * 3 + [29] * 3


@pytest.mark.parametrize("bounds", [[4], [4, 4], [8, 4]])
def test_bounds_rise(bounds: list[int]) -> None:
    with pytest.raises(WordweightsError, match="no bounds of groups"):
        draw_by_length(SENTENCES, bounds, 5)


def test_no_sentence_of_a_length_is_an_error() -> None:
    with pytest.raises(WordweightsError, match="None of the 87 sentences has 40 to 50 words"):
        draw_by_length(SENTENCES, [40, 50], 5)
