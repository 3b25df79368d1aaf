"""The bootstrap, against a loop that resamples rows, and against what it promises."""

from __future__ import annotations

import pandas as pd
import pytest
from made_up_words import ALONE, correlated, crossed, plain_bootstrap

from wordweights.errors import WordweightsError
from wordweights.statistics import UNITS, add_units, bootstrap, correlation, estimate


def mean_of(column: pd.Series):
    """The statistic that needs nothing but its weights."""
    return lambda weights: weights @ column.to_numpy() / weights.sum(axis=1)


@pytest.mark.parametrize("units", [ALONE, ["sentence_id", "word"]])
def test_it_is_a_loop_over_resampled_rows(units):
    # unequal sentences whose rows do not stand together
    table = correlated(3, n_sentences=15).sample(frac=0.7, random_state=0)
    found = estimate(mean_of(table["x"]), table, "the mean", units=units, n_resamples=100, seed=5)
    expected = plain_bootstrap(table, lambda rows: rows["x"].mean(), 100, 5, units)
    assert [found.value, found.low, found.high] == pytest.approx(expected, abs=1e-12)
    assert (found.n, found.n_units) == (len(table), 15)
    assert found.n_types == (0 if units == ALONE else table["word"].nunique())


def test_memory_is_bounded_without_changing_the_interval(monkeypatch):
    table = correlated(8)
    whole = correlation(table, "x", "y")
    monkeypatch.setattr(bootstrap, "WEIGHTS_AT_ONCE", 1000)
    part = correlation(table, "x", "y")
    assert (part.low, part.high) == pytest.approx((whole.low, whole.high), abs=1e-12)


def test_names_of_units_do_not_matter_and_the_seed_does():
    table = correlated(6)
    first = correlation(table, "x", "y", seed=1)
    renamed = table.assign(sentence_id=table["sentence_id"].map(lambda i: f"s{i}"))
    assert correlation(renamed, "x", "y", seed=1) == first
    assert correlation(table, "x", "y", seed=2).low != first.low


def test_coverage_is_kept_by_resampling_sentences_and_lost_by_resampling_words():
    hits = {"sentence_id": 0, "row": 0}
    for seed in range(200):
        table = correlated(seed, n_sentences=60, n_words=5)
        for unit in hits:
            value = correlation(table, "x", "y", units=[unit], n_resamples=300)
            hits[unit] += value.low <= 0.7 <= value.high
    # 95 % of 200 with a binomial standard deviation of 3.1: four of them to either side of 190
    assert 178 <= hits["sentence_id"] <= 200
    assert hits["row"] < 178


def test_coverage_is_lost_by_sentences_alone_where_words_of_a_type_go_together():
    hits = {False: 0, True: 0}
    for seed in range(100):
        table = crossed(seed)
        for both in hits:
            units = ["sentence_id", "word"] if both else ALONE
            found = correlation(table, "x", "y", units=units, n_resamples=200)
            hits[both] += found.low <= 0.7 <= found.high
    # 95 % of 100 with a binomial standard deviation of 2.2: four of them below 95
    assert hits[True] >= 86
    assert hits[False] < 80


def test_repeating_sentences_makes_no_interval_narrower():
    table = correlated(0).assign(word=lambda t: t["x"].astype(str))
    twice = pd.concat([table, table.assign(sentence_id=table["sentence_id"] + 1000)])
    once = correlation(table, "x", "y")
    found = correlation(add_units(twice), "x", "y", units=UNITS)
    assert (found.r, found.low, found.high) == pytest.approx((once.r, once.low, once.high))
    assert found.n_units == 40


def test_what_cannot_be_resampled_is_an_error():
    table = correlated(9)
    cases = {
        "no column 'sentence_id'": table.drop(columns="sentence_id"),
        "no column 'word'": table.drop(columns="word"),
        r"has 2 value\(s\) of 'sentence_id'": table[table["sentence_id"] < 2],
        r"has 2 value\(s\) of 'word'": table.assign(word=table["word"] % 2),
        "missing in 1 rows": table.assign(sentence_id=table["sentence_id"].where(table.index != 0)),
    }
    for message, broken in cases.items():
        with pytest.raises(WordweightsError, match=message):
            correlation(broken, "x", "y")
    with pytest.raises(WordweightsError, match="n_resamples is 10"):
        correlation(table, "x", "y", n_resamples=10)
    for units in ("word", [], ["a", "b", "c"]):
        with pytest.raises(WordweightsError, match="one column or two"):
            correlation(table, "x", "y", units=units)


def test_an_interval_is_never_nan():
    # each sentence repeats one value, so one sentence three times has no variance but rounding
    table = pd.DataFrame({"x": [0.1, 0.7, 0.4] * 3, "y": [0.2, 0.9, 0.3] * 3})
    table["sentence_id"] = [0, 1, 2] * 3
    with pytest.raises(WordweightsError, match="too many resamples"):
        correlation(table, "x", "y", units=ALONE)


def test_the_normal_quantile_is_that_of_the_interval():
    assert round(bootstrap.NORMAL_QUANTILE, 2) == 1.96
