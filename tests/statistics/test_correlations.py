from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_words import ALONE, correlated, plain_bootstrap, weighed
from scipy.stats import spearmanr

from wordweights.errors import WordweightsError
from wordweights.statistics import (
    POWERS,
    TooFewWordsError,
    best_power,
    correlation,
    correlation_by_power,
    correlation_error,
    correlation_lead,
    correlation_rise,
    correlation_within,
    correlation_within_error,
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
    assert correlation(five_times, "x", "y", units=ALONE).r == pytest.approx(0.6, abs=1e-15)


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


def test_within_sentences_it_is_the_mean_of_spearmans():
    table = weighed(1.0, 4, n_sentences=12).round(1)  # with ties
    table = table.drop(index=[3, 4, 12])  # of unequal lengths
    lone = table.iloc[:1].assign(sentence_id=99, word="lone")  # a sentence without a correlation
    found = correlation_within(pd.concat([table, lone], ignore_index=True), n_resamples=100, seed=5)
    by_sentence = [rows for _, rows in table.groupby("sentence_id")]
    rhos = [spearmanr(rows["contribution"], rows["information"]).statistic for rows in by_sentence]
    assert found.value == pytest.approx(np.mean(rhos), abs=1e-12)
    assert (found.n, found.n_units) == (len(table), 12)

    z = table[["sentence_id", "word"]].copy()
    for name in ("contribution", "information"):
        for rows in by_sentence:
            ranks = rows[name].rank()
            z.loc[rows.index, name] = (ranks - ranks.mean()) / ranks.std(ddof=0)
    z["share"] = 1 / z.groupby("sentence_id")["word"].transform("size")

    def pooled(rows: pd.DataFrame) -> float:
        x, y, share = rows["contribution"], rows["information"], rows["share"]
        return (share * x * y).sum() / np.sqrt((share * x**2).sum() * (share * y**2).sum())

    assert numbers(found) == pytest.approx(plain_bootstrap(z, pooled, 100, 5), abs=1e-12)
    perfect = correlation_within(table.assign(contribution=np.exp(table["information"])))
    assert numbers(perfect) == pytest.approx([1, 1, 1])
    with pytest.raises(TooFewWordsError, match="in no sentence"):
        correlation_within(table.assign(sentence_id=np.arange(len(table))))


def test_what_differs_between_sentences_alone_is_nothing_within_them():
    table = weighed(1.0, 4).assign(shift=lambda t: 100.0 * t["sentence_id"])
    moved = table.eval("contribution = contribution + shift")
    assert numbers(correlation_within(moved)) == numbers(correlation_within(table))


def test_the_error_within_sentences_is_that_of_redrawn_errors():
    table = weighed(0.5, 6, n_sentences=30).assign(standard_error=0.5)
    rng = np.random.default_rng(1)
    moved = [
        correlation_within(
            table.assign(contribution=table["contribution"] + 0.5 * rng.standard_normal(210)),
            n_resamples=100,
        ).value
        for _ in range(60)
    ]
    # standard deviations of 20 and of 60 draws: relative errors of 16 % and 9 %
    assert correlation_within_error(table) == pytest.approx(np.std(moved), rel=0.6)
    assert correlation_within_error(table.assign(standard_error=0.0)) == 0
    assert np.isnan(correlation_within_error(table.assign(standard_error=np.nan)))


def test_powers_of_probability_meet_the_logarithm_and_probability_itself():
    table = weighed(0.5, 4, n_sentences=20)
    curve = correlation_by_power(table).set_index("power")["r"]
    assert curve.index.tolist() == list(POWERS)
    assert curve[0.0] == pytest.approx(r(table))
    assert curve[1.0] == pytest.approx(abs(r(table, y="probability")))
    rooted = table.assign(root=np.sqrt(table["probability"]))
    assert curve[0.5] == pytest.approx(abs(r(rooted, y="root")))
    # close to 0 the transformation is close to the logarithm
    assert correlation_by_power(table, [1e-9])["r"][0] == pytest.approx(curve[0.0], abs=1e-7)


@pytest.mark.parametrize("power", [-0.5, 0.0, 0.3])
def test_the_best_power_is_found_with_its_interval(power):
    table = weighed(0.5, n_sentences=20)
    p = table["probability"]
    exact = table.assign(contribution=np.log(p) if power == 0 else p**power)
    assert numbers(best_power(exact, n_resamples=100)) == [power] * 3
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(p))
    noisy = exact.assign(contribution=lambda t: t["contribution"] * (1 + noise))
    found = best_power(noisy, [-0.5, 0.0, 0.5], n_resamples=100, seed=5)

    def plain(rows: pd.DataFrame) -> float:
        forms = {0.0: np.log(rows["probability"])}
        forms |= {power: rows["probability"] ** power for power in (-0.5, 0.5)}
        rs = {power: abs(np.corrcoef(rows["contribution"], x)[0, 1]) for power, x in forms.items()}
        return max(sorted(rs), key=lambda power: rs[power])

    assert numbers(found) == pytest.approx(plain_bootstrap(noisy, plain, 100, 5))


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
