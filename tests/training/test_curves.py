"""Curves of training: their ends, and whether a fresh one agrees with a shipped one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wordweights.errors import WordweightsError
from wordweights.statistics import Estimate
from wordweights.training.curves import compare_with_curve, ends_of_curves


def curve(encoder: str, run: str, steps: list[int], r: list[float]) -> pd.DataFrame:
    """The snapshots of one curve."""
    table = pd.DataFrame({"encoder": encoder, "run": run, "step": steps, "r": r})
    measures = {"onion": 0.2, "norm_r": -0.1, "sts_spearman": np.nan}
    return table.assign(low=table["r"] - 0.1, high=table["r"] + 0.1, **measures)


def rise(value: float, low: float, high: float) -> Estimate:
    """Over some words."""
    return Estimate(value, low, high, 70, 10)


def test_the_ends_of_each_curve_are_those_of_its_steps() -> None:
    table = pd.concat(
        [
            curve("b", "pre-training", [400, 0, 20], [0.3, 0.1, 0.5]),
            curve("a", "pre-training", [0, 400], [0.0, 0.2]),
        ]
    )
    found = ends_of_curves(table).set_index("encoder")
    assert list(found.index) == ["b", "a"]
    row = found.loc["b"]
    assert (row["steps"], row["n_snapshots"], row["top"], row["top_step"]) == (400, 3, 0.5, 20)
    assert (row["r_first"], row["low_first"], row["r_last"]) == pytest.approx((0.1, 0.0, 0.3))
    assert np.isnan(row["sts_spearman_last"])
    with pytest.raises(WordweightsError, match="no rows"):
        ends_of_curves(table.iloc[:0])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (rise(0.1, 0.05, 0.2), "the same direction"),
        (rise(-0.1, -0.2, -0.05), "the opposite direction"),
        (rise(0.1, -0.01, 0.2), "undecided"),
    ],
)
def test_a_direction_agrees_only_where_it_is_known(found: Estimate, expected: str) -> None:
    shipped = curve("a", "sbert", [0, 10, 100], [0.1, 0.2, -0.3])
    agreement = compare_with_curve(found, shipped, 60)
    assert (agreement.step, agreement.verdict) == (10, expected)
    assert agreement.change == pytest.approx(0.1)


def test_a_short_training_is_compared_with_the_first_snapshot() -> None:
    shipped = curve("a", "sbert", [10, 0, 100], [0.2, 0.1, -0.3])
    assert compare_with_curve(rise(0.1, 0.05, 0.2), shipped, 3).step == 10
    late = compare_with_curve(rise(-0.1, -0.2, -0.05), shipped, 100)
    assert (late.step, late.verdict) == (100, "the same direction")
    with pytest.raises(WordweightsError, match="has 1 snapshot"):
        compare_with_curve(rise(0.1, 0.05, 0.2), shipped.head(1), 3)
