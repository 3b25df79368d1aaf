"""Words that an encoder has weighed, beside their information."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wordweights.errors import WordweightsError
from wordweights.statistics import (
    INFORMATION,
    add_units,
    certificates,
    errors_by_probes,
    join_information,
    weights_by_sentence,
)
from wordweights.words.frequencies import Frequencies

SOURCE = Frequencies("one", pd.Series({"a": 0.5, "dog": 0.1}), "")
WORDS = pd.DataFrame(
    {
        "sentence_id": [7, 7, 3],
        "position": [0, 1, 0],
        "word": ["A", "xyzzy", "dog"],
        "contribution": [2.0, 4.0, 0.0],
        "standard_error": [0.2, 0.2, 0.0],
        "residual": [0.1, 0.1, 0.3],
    }
)


def sentences_of(*texts: str) -> pd.DataFrame:
    """The words of sentences that are numbered downwards from 9."""
    rows = [(9 - i, word) for i, text in enumerate(texts) for word in text.split()]
    return pd.DataFrame(rows, columns=["sentence_id", "word"])


def units_of(table: pd.DataFrame) -> list[int]:
    """The unit of each sentence."""
    return table.drop_duplicates("sentence_id")["sentence_unit"].tolist()


def test_repeated_sentences_are_one_unit_and_ways_to_write_a_word_one_type():
    table = sentences_of("A dog runs .", "a cat .", "a dog runs .", "dog a runs .")
    found = add_units(table)
    assert units_of(found) == [0, 1, 0, 2]
    assert found["word_type"].tolist()[:2] == ["a", "dog"]
    assert found["word_type"].nunique() == 5


def test_pairs_are_one_unit_and_so_is_what_repeated_sentences_join():
    # 9 and 8 are a pair; 7 is 8 again, and paired with 6; 5 and 4 are a pair by themselves
    table = sentences_of("a", "b", "b", "c", "d", "e", "f")
    pairs = pd.DataFrame({"sentence_id": range(3, 10), "pair": [9, 5, 5, 3, 3, 0, 0]})
    assert units_of(add_units(table, pairs)) == [0, 0, 0, 0, 1, 1, 2]
    assert units_of(add_units(table, pairs.drop(columns="pair"))) == [0, 1, 1, 2, 3, 4, 5]
    assert units_of(add_units(table, pairs.assign(pair=range(7)))) == [0, 1, 1, 2, 3, 4, 5]


def test_units_are_made_before_unknown_words_are_dropped():
    # without its unknown word the first sentence would be the second
    table = pd.DataFrame({"sentence_id": [0, 0, 1], "word": ["a", "xyzzy", "a"]})
    table["contribution"] = 1.0
    (found,) = join_information({"e": table}, SOURCE, rule="stop-list").values()
    assert found["sentence_unit"].tolist() == [0, 1]
    assert found["word_class"].tolist() == ["function"] * 2
    assert found["information"].tolist() == pytest.approx([np.log(2)] * 2)
    assert found.attrs["n_unseen"] == 1


def test_a_word_that_one_encoder_cannot_weigh_is_compared_by_none():
    other = WORDS.assign(contribution=[np.nan, 1.0, 1.0])
    found = join_information({"e": WORDS, "f": other}, SOURCE, unseen="floor")
    for table in found.values():
        assert table["word"].tolist() == ["xyzzy", "dog"]
        assert table["contribution"].notna().all()
    alone = join_information({"e": WORDS}, SOURCE)["e"]
    assert alone["word"].tolist() == ["A", "dog"]


def test_a_word_is_the_same_one_where_another_encoder_joins_the_words_before_it():
    split = sentences_of("can not a dog a")
    joined = sentences_of("cannot a dog a")
    first = split.assign(contribution=[1.0, 2.0, 3.0, 4.0, np.nan])
    second = joined.assign(contribution=[1.0, 3.0, np.nan, 5.0])
    found = join_information({"e": first, "f": second}, SOURCE, rule="stop-list", unseen="floor")
    assert found["e"]["word"].tolist() == ["can", "not", "a"]
    assert found["f"]["word"].tolist() == ["cannot", "a"]
    assert [table["contribution"].iloc[-1] for table in found.values()] == [3, 3]


def test_weights_of_sentences_keep_unseen_words():
    first, second = weights_by_sentence(
        {"e": WORDS, "f": WORDS.assign(contribution=4.0)},
        SOURCE,
    )
    assert list(first.columns) == ["word", INFORMATION, "e", "f"]
    assert first["word"].tolist() == ["A", "xyzzy"]
    assert first[INFORMATION].tolist() == pytest.approx([np.log(2), np.nan], nan_ok=True)
    assert second[["e", "f"]].to_numpy().tolist() == [[0.0, 4.0]]
    with pytest.raises(WordweightsError, match="'f' was attributed on other sentences"):
        weights_by_sentence({"e": WORDS, "f": WORDS.iloc[:2]}, SOURCE)
    with pytest.raises(WordweightsError, match="no encoder"):
        weights_by_sentence({}, SOURCE)


def test_certificates():
    row = certificates({"a": WORDS}).iloc[0]
    assert (row["n_sentences"], row["n_words"]) == (2, 3)
    assert (row["residual_median"], row["residual_max"]) == pytest.approx((0.2, 0.3))
    assert row["error_median"] == pytest.approx(0.075)  # of 0.1 and 0.05; no error of nothing
    without = certificates({"a": WORDS.drop(columns="residual")}).iloc[0]
    assert np.isnan(without["residual_max"])
    assert without["n_sentences"] == 2


def test_errors_of_estimates_are_relative_to_the_exact_ones():
    exact = WORDS.assign(contribution=[1.0, 2.0, 4.0])
    drawn = [
        exact.assign(contribution=lambda t, e=e: t["contribution"] * (1 + e), n_probes=n)
        for n, e in ((8, 0.3), (2, 0.6), (8, -0.4))
    ]
    estimates = pd.concat(drawn).assign(standard_error=0.1)
    found = errors_by_probes(estimates.sample(frac=1, random_state=0), exact)
    assert found["n_probes"].tolist() == [2, 8]
    assert found["error"].to_numpy() == pytest.approx([0.6, np.sqrt((0.09 + 0.16) / 2)])
    relative = 0.1 * np.sqrt((1 + 1 / 4 + 1 / 16) / 3)
    assert found["standard_error"].to_numpy() == pytest.approx([relative, relative])
