"""Sources of P(w) side by side, and laws of vocabularies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wordweights.errors import WordweightsError
from wordweights.statistics import coverage, information_by_source, power_law, rank_probability
from wordweights.words.frequencies import Frequencies


def source(name: str, probabilities: dict[str, float]) -> Frequencies:
    return Frequencies(name, pd.Series(probabilities, dtype=float), "made up")


def test_the_exponent_of_a_power_law():
    x = pd.Series([1, 2, 5, 100])
    assert power_law(x, 3 * x**-1.25) == pytest.approx(-1.25, abs=1e-12)
    with pytest.raises(WordweightsError, match="two different x"):
        power_law(pd.Series([2, 2]), pd.Series([1, 2]))


def test_ranks_of_probabilities():
    ranked = rank_probability(source("few", {"b": 0.1, "a": 0.5, "d": 0.1, "c": 0.2}))
    assert ranked["word"].tolist() == ["a", "c", "b", "d"]
    assert ranked["rank"].tolist() == [1, 2, 3, 4]
    many = source("many", {f"w{i}": 1 / i for i in range(1, 1001)})
    assert rank_probability(many, n_points=4)["rank"].tolist() == [1, 10, 100, 1000]


def test_sources_are_compared_over_the_same_words():
    one, two = source("one", {"a": 0.5, "dog": 0.1}), source("two", {"a": 0.25})
    found = information_by_source(["A", "dog", "a", "xyzzy"], [one, two])
    assert found["count"].to_dict() == {"a": 2, "dog": 1, "xyzzy": 1}
    assert found["one"].tolist()[:2] == pytest.approx([np.log(2), np.log(10)])
    assert found["two"].isna().tolist() == [False, True, True]
    rows = coverage(found).set_index("source")
    assert rows.loc["one", ["distinct", "occurrences"]].tolist() == pytest.approx([2 / 3, 3 / 4])
    assert rows.loc["two", ["distinct", "occurrences"]].tolist() == pytest.approx([1 / 3, 1 / 2])
    assert rows.loc["two", ["n_unseen", "unseen"]].tolist() == [2, "dog xyzzy"]
    with pytest.raises(WordweightsError, match="twice"):
        information_by_source(["a"], [one, one])
    with pytest.raises(WordweightsError, match="no words"):
        information_by_source([], [one])
