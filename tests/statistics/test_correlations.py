from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_words import correlated, plain_bootstrap, weighed
from scipy.stats import spearmanr

from wordweights.errors import WordweightsError
from wordweights.statistics import (
    correlation,
    correlation_error,
    correlation_lead,
    correlation_rise,
)


def r(table: pd.DataFrame, x: str = "contribution", y: str = "information") -> float:
    return float(np.corrcoef(table[x], table[y])[0, 1])


def numbers(found) -> list[float]:
    return [found.value, found.low, found.high]


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_a_correlation_is_that_of_a_plain_loop(method):
    table = correlated(3, n_sentences=15).sample(frac=0.7, random_state=0).round(1)  # with ties
    found = correlation(table, "x", "y", method=method, n_resamples=200, seed=5)
    ranks = table.assign(x=table["x"].rank(), y=table["y"].rank())
    values = ranks if method == "spearman" else table
    expected = plain_bootstrap(values, lambda rows: r(rows, "x", "y"), 200, 5)
    assert numbers(found) == pytest.approx(expected, abs=1e-12)
    if method == "spearman":
        assert found.r == pytest.approx(spearmanr(table["x"], table["y"]).statistic, abs=1e-14)


def test_closed_forms():
    table = correlated(2).assign(up=lambda t: 3 * t["x"] - 2, down=lambda t: -t["x"])
    assert numbers(correlation(table, "x", "up")) == pytest.approx([1] * 3, abs=1e-12)
    assert numbers(correlation(table, "x", "down")) == pytest.approx([-1] * 3, abs=1e-12)
    monotone = correlation(table.assign(z=np.exp(table["x"])), "x", "z", method="spearman")
    assert monotone.r == pytest.approx(1, abs=1e-12)
    # by hand: deviations (-1.5, -.5, .5, 1.5) and (-.5, -1.5, 1.5, .5) give 3 / 5
    four = pd.DataFrame({"x": [1, 2, 3, 4], "y": [2, 1, 4, 3]})
    five_times = pd.concat([four.assign(sentence_id=k) for k in range(5)])
    assert correlation(five_times, "x", "y").r == pytest.approx(0.6, abs=1e-15)


@given(
    scale=st.floats(1e-12, 1e12),
    shift=st.floats(-1e3, 1e3),  # loses three digits of the sixteen
    sign=st.sampled_from([1, -1]),
)
@settings(max_examples=40, deadline=None)
def test_scale_and_shift_change_nothing(scale, shift, sign):
    table = correlated(4, n_sentences=10)
    plain = correlation(table, "x", "y", n_resamples=100)
    moved = table.assign(x=sign * scale * (table["x"] + shift))
    found = correlation(moved, "x", "y", n_resamples=100)
    expected = [sign * plain.r, *sorted([sign * plain.low, sign * plain.high])]
    assert numbers(found) == pytest.approx(expected, abs=1e-11)


def test_a_large_offset_does_not_cancel():
    # sums of squares near 1e14 would keep two digits of r; the offset itself costs seven
    table = correlated(5)
    moved = correlation(table.assign(x=table["x"] + 1e7), "x", "y")
    assert moved.r == pytest.approx(correlation(table, "x", "y").r, abs=1e-8)


BROKEN = {
    "no column 'x'": lambda t: t.drop(columns="x"),
    "'x' is constant": lambda t: t.assign(x=0.1 + 1e-17 * t["x"]),
    "'y' is constant": lambda t: t.assign(y=0),
    "1 NaN or infinite .* row 3": lambda t: t.assign(x=t["x"].where(t.index != 3)),
    "1 NaN or infinite .* row 4": lambda t: t.assign(y=t["y"].where(t.index != 4, np.inf)),
    "not numbers": lambda t: t.assign(x="a"),
    "no rows": lambda t: t.iloc[:0],
}


@pytest.mark.parametrize("message", BROKEN)
def test_input_without_a_correlation_is_an_error(message):
    for method in ("pearson", "spearman"):
        with pytest.raises(WordweightsError, match=message):
            correlation(BROKEN[message](correlated(9)), "x", "y", method=method)
    with pytest.raises(WordweightsError, match="'kendall' is not known"):
        correlation(correlated(9), "x", "y", method="kendall")


def test_the_rise_is_that_of_a_plain_loop_over_the_same_resamples():
    before, after = weighed(1.0, 1, n_sentences=15), weighed(0.3, 2, n_sentences=15)
    found = correlation_rise(before, after, n_resamples=200, seed=5)
    both = before.assign(after=after["contribution"])
    expected = plain_bootstrap(both, lambda rows: r(rows, "after") - r(rows), 200, 5)
    assert numbers(found) == pytest.approx(expected, abs=1e-12)
    assert numbers(correlation_rise(before, before)) == [0, 0, 0]


def test_the_lead_is_that_of_a_plain_loop_over_the_same_resamples():
    # falling with information: it is absolute values that are compared
    table = weighed(0.5, 3, n_sentences=15).eval("contribution = -contribution")
    found = correlation_lead(table, n_resamples=200, seed=5)
    expected = plain_bootstrap(
        table, lambda rows: abs(r(rows)) - abs(r(rows, y="probability")), 200, 5
    )
    assert numbers(found) == pytest.approx(expected, abs=1e-12)


def test_a_rise_needs_the_same_words():
    table = weighed(0.5)
    others = (
        table.assign(information=1 + table["information"]),
        table.assign(sentence_id=np.arange(len(table)) // 6),
        table.iloc[7:],
    )
    for other in others:
        with pytest.raises(WordweightsError, match="not compared over the same words"):
            correlation_rise(table, other)


def test_the_error_of_r_is_that_of_errors_that_sentences_share():
    table = weighed(0.5, 6, n_sentences=30)
    table = table.assign(standard_error=0.01 * table["contribution"])
    bound = correlation_error(table)
    z, y = ((table[c] - table[c].mean()) / table[c].std() for c in ("contribution", "information"))
    sign = np.sign(y - r(table) * z)  # the worst: all errors of a sentence move r the same way
    rng = np.random.default_rng(0)
    together = rng.standard_normal((2000, 30))[:, table["sentence_id"]] * sign.to_numpy()
    for errors, low, high in ((together, 0.93, 1.07), (rng.standard_normal((2000, 210)), 0.2, 0.7)):
        moved = table["contribution"].to_numpy() + table["standard_error"].to_numpy() * errors
        moved = (moved - moved.mean(axis=1)[:, None]) / moved.std(axis=1)[:, None]
        spread = np.std(moved @ y.to_numpy() / len(y))
        assert low * bound < spread < high * bound
    assert correlation_error(table.assign(standard_error=0.0)) == 0
    unknown = table["standard_error"].where(table.index != 3)
    assert np.isnan(correlation_error(table.assign(standard_error=unknown)))
