"""Whether the most informative word is the heaviest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wordweights.statistics import TooFewWordsError, heaviest_lead, heaviest_table, heaviest_words


def sentence(i: int, *words: tuple[str, float, float], error: float = 0.0) -> pd.DataFrame:
    """Words with their information and their contribution."""
    table = pd.DataFrame(words, columns=["word", "information", "contribution"])
    return table.assign(sentence_id=i, standard_error=error)


TABLE = pd.concat(
    [
        sentence(0, ("a", 1, 1.0), ("onion", 9, 2.0), (".", 1, 0.5)),
        sentence(1, ("a", 1, 1.0), ("onion", 9, 1.2), error=0.1),  # 0.2, and 2 errors are 0.28
        sentence(2, ("a", 1, 2.0), ("onion", 9, 1.0), error=0.1),
        # an unknown word can be the heaviest
        sentence(3, ("xyzzy", np.nan, 3.0), ("onion", 9, 1.0), ("a", 1, 1.0)),
        # of two of the same information the heavier counts, and they are no rivals
        sentence(4, ("onion", 9, 1.0), ("onion", 9, 3.0), ("a", 1, 2.0), (".", 1, 1.0)),
        sentence(5, ("onion", 9, 1.0)),
        sentence(6, ("xyzzy", np.nan, 1.0), ("plugh", np.nan, 2.0)),
    ],
    ignore_index=True,
)


def test_a_sentence_of_which_a_word_was_left_out_is_not_judged():
    whole = TABLE[TABLE["sentence_id"] == 3].assign(n_in_sentence=3)
    assert heaviest_words(whole)["verdict"].tolist() == ["not the heaviest"]
    assert heaviest_words(whole.dropna()).empty  # of the others, the onion would be the heaviest


def test_a_table_of_unknown_errors_counts_nothing():
    unknown = sentence(0, ("a", 1, 1.0), ("onion", 9, 2.0), error=np.nan)
    assert heaviest_table({"one": unknown})[["heaviest", "tie"]].isna().all(axis=None)


def test_each_sentence_by_hand():
    found = heaviest_words(TABLE).set_index("sentence_id")
    assert found["verdict"].to_dict() == {
        **{0: "heaviest", 1: "tie", 2: "not the heaviest", 3: "not the heaviest", 4: "heaviest"},
    }
    assert set(found["word"]) == {"onion"}
    assert found["rival"].tolist() == ["a", "a", "a", "xyzzy", "a"]
    assert found["lead"].tolist() == pytest.approx([1, 0.2, -0.5, -2 / 3, 0.5])
    assert found["n_words"].tolist() == [3, 2, 2, 3, 4]
    margin = 2 * 1.2 * np.hypot(0.1 / 1.2, 0.1 / 1)
    assert found.loc[1, ["low", "high"]].tolist() == pytest.approx([0.2 - margin, 0.2 + margin])


def test_shares_and_chance():
    row = heaviest_table({"e": TABLE}).iloc[0]
    assert row["n_sentences"] == 5
    assert row[["heaviest", "tie"]].tolist() == pytest.approx([2 / 5, 1 / 5])
    # two of the four words of the last sentence are the most informative
    chance = np.mean([1 / 3, 1 / 2, 1 / 2, 1 / 3, 2 / 4])
    assert row["chance"] == pytest.approx(chance)
    more = TABLE.assign(word=[f"{word}{i}" for i, word in enumerate(TABLE["word"])])
    lead = heaviest_lead(more, n_resamples=200)
    assert lead.value == pytest.approx(2 / 5 - chance)
    assert (lead.n, lead.n_units) == (5, 5)
    assert -0.5 <= lead.low < lead.value < lead.high <= 0.75


def test_equal_weights_lead_by_nothing_whatever_repeats() -> None:
    rng = np.random.default_rng(0)
    rows = [
        sentence(i, *((f"w{i}{j}", info, rng.random()) for j, info in enumerate((9, 9, 1, 1))))
        for i in range(600)
    ]
    lead = heaviest_lead(pd.concat(rows), units=("sentence_id",), n_resamples=100)
    assert abs(lead.value) < 0.07


def test_equal_exact_weights_are_a_tie_and_unknown_errors_tell_nothing():
    equal = sentence(0, ("a", 1, 1.0), ("onion", 9, 1.0))
    assert heaviest_words(equal)["verdict"].tolist() == ["tie"]
    unknown = equal.assign(standard_error=np.nan)
    assert heaviest_words(unknown)["verdict"].tolist() == ["unknown"]
    with pytest.raises(TooFewWordsError, match="no standard errors"):
        heaviest_lead(unknown)
