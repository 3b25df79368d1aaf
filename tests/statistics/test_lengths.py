"""Relative weights, and what is left of them at equal information."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wordweights.statistics import (
    at_equal_information,
    beyond_information,
    correlations_by_length,
    relative_weights,
)

QUICK = {"n_resamples": 100, "units": ("sentence_id",)}


def made_up(lengths: list[int], slope: float = 0.0) -> pd.DataFrame:
    """Contributions that are information, times the sentence's size, and more at its end."""
    rng = np.random.default_rng(0)
    tables = []
    for sentence, n in enumerate(lengths):
        information = rng.permutation(np.linspace(2, 12, n))
        place = np.arange(n) / n
        contribution = (information + slope * place) * rng.uniform(1, 9)
        tables.append(
            pd.DataFrame(
                {
                    "sentence_id": sentence,
                    "position": range(n),
                    "contribution": contribution,
                    "information": information,
                    "word_class": ["content", "function"] * (n // 2) + ["content"] * (n % 2),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def test_relative_weights_have_a_mean_of_1_in_each_sentence() -> None:
    words = made_up([4, 9])
    found = relative_weights(words, range(13))
    np.testing.assert_allclose(found.groupby("sentence_id")["relative"].mean(), 1, rtol=1e-12)
    for row in found.itertuples():
        own = words[words["sentence_id"] == row.sentence_id]
        share = row.contribution / own["contribution"].sum()
        assert row.relative == pytest.approx(share * len(own))
        assert row.length == len(own)
    assert found["pieces"].tolist() == list(range(13))
    assert found["fifth"].tolist() == [1, 2, 3, 4, 1, 1, 2, 2, 3, 3, 4, 4, 5]


def test_a_word_without_a_weight_has_no_share() -> None:
    words = made_up([4])
    words.loc[1, "contribution"] = np.nan
    found = relative_weights(words, [1] * 4)
    assert found["relative"].isna().tolist() == [False, True, False, False]
    assert found["relative"].mean() == pytest.approx(1)


def test_what_information_says_is_taken_off() -> None:
    words = relative_weights(made_up([10] * 30, slope=3.0), [1] * 300)
    found = at_equal_information(words)
    design = np.vander(words["information"], 3)
    coefficients, *_ = np.linalg.lstsq(design, words["relative"], rcond=None)
    np.testing.assert_allclose(
        found["beyond"], words["relative"] - design @ coefficients, atol=1e-9
    )
    by_place = beyond_information(found, "fifth", **QUICK)
    assert by_place["fifth"].tolist() == [1, 2, 3, 4, 5]
    assert by_place["beyond"].is_monotonic_increasing
    assert by_place["beyond_high"].iloc[0] < 0 < by_place["beyond_low"].iloc[-1]
    means = found.groupby("fifth")["relative"].mean()
    np.testing.assert_allclose(by_place["relative"], means)


def test_correlations_are_of_sentences_of_similar_length() -> None:
    words = relative_weights(made_up([4, 5, 6, 7] * 5 + [20, 21] * 3), [1] * 233)
    found = correlations_by_length(words, [4, 7, 13, 21], **QUICK)
    assert found[["low", "high"]].to_numpy().tolist() == [[4, 6], [7, 12], [13, 21]]
    assert found["n_sentences"].tolist() == [15, 5, 6]
    some = words[words["length"] <= 6]
    r = np.corrcoef(some["relative"], some["information"])[0, 1]
    assert found["r_information"].iloc[0] == pytest.approx(r)
    np.testing.assert_allclose(found["rho_sentence"], 1, rtol=1e-12)
    is_content = words["word_class"] == "content"
    noise = np.random.default_rng(1).normal(0, 0.5, 233)
    uneven = words.assign(relative=words["relative"] + noise * is_content)
    found = correlations_by_length(uneven, [4, 21], **QUICK).iloc[0]
    content = uneven[is_content]
    r = np.corrcoef(content["relative"], content["information"])[0, 1]
    assert found["r_content"] == pytest.approx(r)
    assert found["r_content_low"] < r < found["r_content_high"] < found["r_information"]
    few = correlations_by_length(words[words["sentence_id"] < 2], [4, 13], **QUICK)
    assert few[["r_information", "r_content"]].isna().all(axis=None)
