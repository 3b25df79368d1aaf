"""The test of heteroscedasticity, and the bins that show it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_words import ALONE, plain_bootstrap, weighed

from wordweights.errors import WordweightsError
from wordweights.statistics import spread_by_information, spread_growth


@pytest.mark.parametrize("slope", [0.25, 0.0, -0.05])
def test_growth_in_closed_form(slope):
    # words come in pairs around a parabola, so its fit and the residuals are exact in any resample
    x = np.repeat(np.linspace(1, 10, 30), 2)
    half = 1 + slope * x
    y = 3 - x + 0.2 * x**2 + half * np.tile([1, -1], 30)
    table = pd.DataFrame({"information": x, "contribution": y, "sentence_id": np.arange(60) // 4})
    found = spread_growth(table, units=ALONE, n_resamples=200)
    expected = slope / half.mean()
    assert (found.value, found.low, found.high) == pytest.approx([expected] * 3, abs=1e-10)


def test_growth_is_that_of_a_plain_loop():
    table = weighed(0.5, 4, n_sentences=12)
    found = spread_growth(table, n_resamples=150, seed=5)

    def spread(rows: pd.DataFrame) -> np.ndarray:
        x, y = rows["information"], rows["contribution"]
        return np.abs(y - np.polyval(np.polyfit(x, y, 2), x))

    def slope(rows: pd.DataFrame) -> float:
        return np.polyfit(rows["information"], spread(rows), 1)[0]

    expected = np.array(plain_bootstrap(table, slope, 150, 5)) / spread(table).mean()
    assert (found.value, found.low, found.high) == pytest.approx(expected, rel=1e-9)


@given(st.floats(1e-6, 1e6), st.floats(-100, 100), st.floats(0.01, 100), st.sampled_from([1, -1]))
@settings(max_examples=30, deadline=None)
def test_growth_knows_no_units(scale, shift, stretch, sign):
    table = weighed(0.5, 5, n_sentences=10)
    plain = spread_growth(table, n_resamples=100)
    moved = spread_growth(
        table.assign(
            contribution=scale * (table["contribution"] + shift),
            information=sign * stretch * table["information"],
        ),
        n_resamples=100,
    )
    ends = sorted([sign * plain.low / stretch, sign * plain.high / stretch])
    assert moved.value == pytest.approx(sign * plain.value / stretch, rel=1e-6)
    assert [moved.low, moved.high] == pytest.approx(ends, rel=1e-6)


def test_growth_of_skewed_errors_that_sentences_share_has_its_coverage():
    hits = above = 0
    sentence = np.repeat(np.arange(60), 5)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.exponential(2, 300)
        error = rng.exponential(1, 60)[sentence] + rng.exponential(1, 300)
        table = pd.DataFrame(
            # a curve, of which the ends would be spread around a line
            {"information": x, "contribution": x + 0.3 * x**2 + error, "sentence_id": sentence}
        )
        found = spread_growth(table, units=ALONE, n_resamples=200)
        hits += found.low <= 0 <= found.high
        above += found.low > 0
    # 95 % of 200 with a binomial standard deviation of 3.1, and 2.5 % with 2.2: four of them
    assert 178 <= hits <= 200
    assert above <= 14


def test_growth_is_not_seen_where_words_of_a_type_go_together():
    above = {False: 0, True: 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        frequency = 1 / np.arange(1, 151)
        word = rng.choice(150, 420, p=frequency / frequency.sum())
        x = rng.permutation(np.linspace(3, 12, 150))[word]
        y = x + rng.standard_normal(150)[word] + 0.5 * rng.standard_normal(420)
        table = pd.DataFrame({"information": x, "contribution": y, "word": word})
        table["sentence_id"] = np.repeat(np.arange(60), 7)
        for both in above:
            units = ["sentence_id", "word"] if both else ALONE
            above[both] += spread_growth(table, units=units, n_resamples=100).low > 0
    # 2.5 % of 60 with a binomial standard deviation of 1.2: four of them above 1.5
    assert above[True] <= 6
    assert above[False] > 10


def test_growth_that_cannot_be_tested():
    table = weighed(0.5)
    with pytest.raises(WordweightsError, match="without any spread"):
        spread_growth(table.assign(contribution=table["information"] ** 2))
    with pytest.raises(WordweightsError, match="'information' is constant"):
        spread_growth(table.assign(information=0.1))
    # each sentence has one value, so a resample of one sentence alone has nothing to grow with
    three = pd.DataFrame(
        {"information": [1.0, 1, 2, 2, 3, 3], "contribution": [0.0, 1, 0, 2, 1, 9]}
    )
    with pytest.raises(WordweightsError, match="too many resamples"):
        spread_growth(three.assign(sentence_id=[0, 0, 1, 1, 2, 2]), units=ALONE)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1e6)), min_size=1, max_size=60),
    st.integers(1, 12),
)
@settings(deadline=None, max_examples=40)
def test_bins_hold_every_word_once_and_part_no_value(rows, n_bins):
    table = pd.DataFrame(rows, columns=["information", "contribution"])
    found = spread_by_information(table, n_bins)
    assert 1 <= len(found) <= n_bins
    assert found["n"].sum() == len(table)
    assert (found["low"].to_numpy()[1:] > found["high"].to_numpy()[:-1]).all()
    assert (found["sd"].isna() == (found["n"] == 1)).all()
    for row in found.itertuples():
        inside = table[table["information"].between(row.low, row.high)]["contribution"]
        assert row.n == len(inside)
        # sums of up to 60 values of 1e6 round at about 1e-8
        assert row.mean == pytest.approx(inside.mean(), abs=1e-6)
    known = found[found["mean"] > 0]
    assert (known["cv"] * known["mean"]).tolist() == pytest.approx(
        known["sd"].tolist(), nan_ok=True
    )
    assert found.loc[found["mean"] == 0, "cv"].isna().all()


def test_distinct_values_are_shared_out_equally():
    table = pd.DataFrame({"information": np.arange(80.0), "contribution": np.arange(80.0)})
    assert spread_by_information(table, 8)["n"].tolist() == [10] * 8
    with pytest.raises(WordweightsError, match="n_bins is 0"):
        spread_by_information(table, 0)
