"""Laws of vocabularies, and correlations under several sources of P(w)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wordweights.errors import WordweightsError
from wordweights.statistics import (
    correlation,
    correlations_by_source,
    power_law,
    rank_probability,
)
from wordweights.words.frequencies import Frequencies


def source(name: str, probabilities: dict[str, float]) -> Frequencies:
    """A source of a few words."""
    return Frequencies(name, pd.Series(probabilities, dtype=float), "made up")


def test_the_exponent_of_a_power_law() -> None:
    x = pd.Series([1, 2, 5, 100])
    assert power_law(x, 3 * x**-1.25) == pytest.approx(-1.25, abs=1e-12)
    with pytest.raises(WordweightsError, match="two different places"):
        power_law(pd.Series([2, 2]), pd.Series([1, 2]))


def test_ranks_of_probabilities() -> None:
    few = source("few", {"b": 0.1, "a": 0.5, "d": 0.1, "c": 0.2})
    ranked = rank_probability(few)
    assert ranked["word"].tolist() == ["a", "c", "b", "d"]
    assert ranked["rank"].tolist() == [1, 2, 3, 4]
    many = source("many", {f"w{i}": 1 / i for i in range(1, 1001)})
    assert rank_probability(many, n_points=4)["rank"].tolist() == [1, 10, 100, 1000]


def test_correlations_on_the_words_that_all_sources_know() -> None:
    draw = np.random.default_rng(0)
    vocabulary = {f"w{i}": 0.5 ** (i % 7 + 1) for i in range(20)}
    words = pd.DataFrame(
        {
            "sentence_id": np.repeat(np.arange(30), 5),
            "word": draw.choice(list(vocabulary), 150),
            "contribution": draw.random(150),
        }
    )
    whole = source("whole", vocabulary)
    part = source("part", {word: p**2 for word, p in list(vocabulary.items())[5:]})
    found = correlations_by_source({"e": words}, [whole, part], n_resamples=100, seed=3)
    assert found["source"].tolist() == ["whole", "part"]
    # the square of every probability doubles the information: nothing that a correlation sees
    np.testing.assert_allclose(found["r"][0], found["r"][1], rtol=1e-12)
    common = words[words["word"].isin(part.probabilities.index)]
    nats = -np.log(common["word"].map(whole.probabilities))
    expected = correlation(
        common.assign(information=nats), "contribution", "information", n_resamples=100, seed=3
    )
    assert found["r"][0] == pytest.approx(expected.r, rel=1e-12)
    assert (found["low"][0], found["high"][0]) == pytest.approx((expected.low, expected.high))
    assert found["n_words"].tolist() == [len(common)] * 2
    assert found["n_own"].tolist() == [150, len(common)]
    assert found["r_own"][1] == pytest.approx(expected.r, rel=1e-12)
    with pytest.raises(WordweightsError, match="have none of the words of 'e' in common"):
        correlations_by_source({"e": words}, [whole, source("other", {"x": 1.0})])
