"""Curves of training: their ends, and whether a fresh one agrees with a shipped one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wordweights.errors import WordweightsError
from wordweights.training import (
    compare_with_curve,
    ends_of_curves,
    shipped_seeds,
    shipped_trajectory,
)


def curve(encoder: str, run: str, steps: list[int], r: list[float]) -> pd.DataFrame:
    """The snapshots of one curve."""
    table = pd.DataFrame({"encoder": encoder, "run": run, "step": steps, "r": r})
    content = dict.fromkeys(("r_content", "r_content_low", "r_content_high"), np.nan)
    measures = {"onion": 0.2, "norm_r": -0.1, "sts_spearman": np.nan, **content}
    return table.assign(low=table["r"] - 0.1, high=table["r"] + 0.1, **measures)


def fresh(rise: float, low: float, high: float, steps: int = 60) -> pd.DataFrame:
    """Two snapshots of a training."""
    rows = [(0, np.nan, np.nan, np.nan), (steps, rise, low, high)]
    return pd.DataFrame(rows, columns=["step", "rise", "rise_low", "rise_high"])


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
    assert (row["steps"], row["top"], row["top_step"]) == (400, 0.5, 20)
    assert (row["r_first"], row["low_first"], row["r_last"]) == pytest.approx((0.1, 0.0, 0.3))
    assert np.isnan(row["sts_spearman_last"])
    with pytest.raises(WordweightsError, match="no rows"):
        ends_of_curves(table.iloc[:0])


@pytest.mark.parametrize(
    ("rise", "low", "high", "expected"),
    [
        (0.1, 0.05, 0.2, "the same direction"),
        (-0.1, -0.2, -0.05, "the opposite direction"),
        (0.1, -0.01, 0.2, "undecided"),
    ],
)
def test_a_direction_agrees_only_where_it_is_known(
    rise: float, low: float, high: float, expected: str
) -> None:
    shipped = curve("a", "sbert", [0, 10, 100], [0.1, 0.2, -0.3])
    agreement = compare_with_curve(fresh(rise, low, high), shipped)
    assert (agreement["step"], agreement["verdict"]) == (10, expected)
    assert agreement["change"] == pytest.approx(0.1)


def test_a_short_training_is_compared_with_the_first_snapshot() -> None:
    shipped = curve("a", "sbert", [10, 0, 100], [0.2, 0.1, -0.3])
    assert compare_with_curve(fresh(0.1, 0.05, 0.2, steps=3), shipped)["step"] == 10
    late = compare_with_curve(fresh(-0.1, -0.2, -0.05, steps=100), shipped)
    assert (late["step"], late["verdict"]) == (100, "the same direction")
    with pytest.raises(WordweightsError, match="has 1 snapshot"):
        compare_with_curve(fresh(0.1, 0.05, 0.2), shipped.head(1))


def test_the_shipped_seeds_begin_with_the_shipped_encoders() -> None:
    seeds, ends = shipped_seeds(), ends_of_curves(shipped_trajectory()).set_index("encoder")
    own = seeds.groupby("encoder", sort=False).first()
    assert (own[["pretraining_seed", "finetuning_seed"]] == 0).all(axis=None)
    for encoder, row in own.iterrows():
        assert row["r_before"] == ends.loc[encoder, "r_first"]
        assert row["r_after"] == ends.loc[encoder, "r_last"]
        assert row["sts_after"] == ends.loc[encoder, "sts_spearman_last"]
    assert (seeds.groupby("encoder").size() == 5).all()
    rises = seeds[["rise_low", "rise", "rise_high"]].to_numpy()
    assert (np.diff(rises, axis=1) > 0).all()
