from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordweights.errors import WordweightsError
from wordweights.words.weights import distil, idf, information, is_stop_word, sif

# subnormal probabilities included
PROBABILITY = st.floats(0, 1, exclude_min=True)


def test_information_in_nats() -> None:
    np.testing.assert_allclose(
        information([1, 1 / math.e, 0.5]), [0, 1, math.log(2)], rtol=1e-15, atol=0
    )
    assert information(pd.Series([0.25], index=["x"])).shape == (1,)
    assert information([[0.5, 1.0]]).shape == (1, 2)
    assert information(0.5) == math.log(2)


@given(PROBABILITY)
def test_information_is_finite_and_never_negative(p: float) -> None:
    value = float(information(p))
    assert math.isfinite(value)
    assert math.copysign(1, value) == 1  # not even -0


@given(PROBABILITY, PROBABILITY)
def test_rarer_words_inform_and_weigh_no_less(p: float, q: float) -> None:
    low, high = sorted((p, q))
    assert information(low) >= information(high)
    assert sif(low) >= sif(high)


def test_sif_by_hand() -> None:
    np.testing.assert_array_equal(sif([1e-3, 1.0], a=1e-3), [0.5, 1e-3 / 1.001])
    np.testing.assert_array_equal(sif(1.0, a=1), 0.5)


@pytest.mark.parametrize("function", [information, sif])
@pytest.mark.parametrize("p", [0, -0.1, 1.0000001, math.nan, math.inf, [0.5, 0], "x", [None, 0.5]])
def test_what_is_no_probability(function: Any, p: Any) -> None:
    with pytest.raises(WordweightsError, match=r"\(0, 1\]"):
        function(p)


@pytest.mark.parametrize("a", [0, -1, math.nan, math.inf, "x", True])
def test_sif_refuses_a_wrong_parameter(a: Any) -> None:
    with pytest.raises(WordweightsError, match=r"a is .* above 0"):
        sif(0.5, a)


def test_idf_by_hand() -> None:
    weights = idf([["a", "dog", "a"], ["a", "cat"], ["a", "dog"], ["a"]])
    assert list(weights.index) == ["a", "cat", "dog"]
    np.testing.assert_allclose(weights, [0, math.log(4), math.log(2)], rtol=1e-15, atol=0)
    assert (weights.name, weights.index.name) == ("idf", "word")
    assert idf([[]]).empty


@given(st.lists(st.lists(st.sampled_from("abcdef")), min_size=1))
def test_idf_is_between_zero_and_ln_n(documents: list[list[str]]) -> None:
    weights = idf(documents)
    assert set(weights.index) == {word for document in documents for word in document}
    assert ((weights >= 0) & (weights <= math.log(len(documents)))).all()


@pytest.mark.parametrize("documents", [[], "text", ["text"], [["a"], "b"], [["a", 1]]])
def test_idf_refuses_what_is_no_list_of_words(documents: Any) -> None:
    with pytest.raises(WordweightsError, match="words"):
        idf(documents)


def test_distilled_weights_are_means_and_what_a_ridge_predicts() -> None:
    table = pd.DataFrame(
        {
            "word": ["a", "b", "a", "c"],
            "contribution": [1.0, 6.0, 3.0, 8.0],
            "length": [1.0, 2.0, 1.0, 2.0],
            "information": [1.0, 3.0, 1.0, 5.0],
        }
    )
    wanted = pd.Series({"c": 5.0, "a": 1.0, "new": 4.0, "rare": 9.0, "common": -30.0})
    found = distil(table, wanted, penalty=0.5)
    # weights 1, 3, 3 and 4 on z of 1, 3, 1 and 5
    z = (np.array([1, 3, 1, 5]) - 2.5) / np.std([1, 3, 1, 5])
    design = np.stack([np.ones(4), z], axis=1)
    fitted = np.linalg.solve(design.T @ design + np.diag([0, 0.5]), design.T @ [1, 3, 3, 4])
    predicted = fitted[0] + fitted[1] * (np.array([4, 9]) - 2.5) / np.std([1, 3, 1, 5])
    np.testing.assert_allclose(found[["c", "a"]], [4, 2])
    np.testing.assert_allclose(found[["new", "rare"]], predicted)
    assert found["common"] == 2  # never below the smallest of a weighed word
    with pytest.raises(WordweightsError, match="has a length"):
        distil(table.assign(length=0.0), wanted)


def test_stop_words() -> None:
    words = ["The", "n't", "onion", ".", "us"]
    np.testing.assert_array_equal(is_stop_word(words), [True, True, False, False, True])
    assert is_stop_word([]).shape == (0,)
    assert is_stop_word(pd.Series(["a"])).dtype == np.bool_


@pytest.mark.parametrize("words", ["the", ["the", None]])
def test_stop_words_refuse_what_is_no_list_of_words(words: Any) -> None:
    with pytest.raises(WordweightsError, match="words"):
        is_stop_word(words)
