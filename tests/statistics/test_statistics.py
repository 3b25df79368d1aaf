from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from wordweights.errors import WordweightsError
from wordweights.statistics import (
    INFORMATION,
    MEASURED,
    PUBLISHED,
    arrange_before_after,
    certificates,
    choose_few,
    correlation,
    correlation_table,
    coverage,
    information_by_source,
    published_correlations,
    spread_by_information,
    weights_by_sentence,
)


def words(seed: int, n_sentences: int = 40, n_words: int = 7, r: float = 0.7, icc: float = 0.5):
    """Sample words with correlation r whose share icc of the variance belongs to the sentence."""
    rng = np.random.default_rng(seed)
    mix = np.linalg.cholesky([[1.0, r], [r, 1.0]])
    shared = rng.standard_normal((n_sentences, 1, 2)) @ mix.T
    own = rng.standard_normal((n_sentences, n_words, 2)) @ mix.T
    x, y = (np.sqrt(icc) * shared + np.sqrt(1 - icc) * own).reshape(-1, 2).T
    sentence = np.repeat(np.arange(n_sentences), n_words)
    return pd.DataFrame({"x": x, "y": y, "sentence_id": sentence, "row": np.arange(len(x))})


def encoder_words(seed: int = 0, **options):
    table = words(seed, **options)
    information = 5 + 2 * (table["x"] - table["x"].min())
    return pd.DataFrame(
        {
            "sentence_id": table["sentence_id"],
            "contribution": 10 + table["y"],
            "information": information,
            "probability": np.exp(-information),
        }
    )


def test_r_is_that_of_numpy():
    table = words(0)
    found = correlation(table, "x", "y")
    assert found.r == pytest.approx(np.corrcoef(table["x"], table["y"])[0, 1], abs=1e-14)
    assert (found.n, found.n_sentences) == (280, 40)
    assert found.low < found.r < found.high


def test_spearman_with_ties_is_that_of_scipy():
    table = words(1).round(0)
    found = correlation(table, "x", "y", method="spearman")
    assert found.r == pytest.approx(spearmanr(table["x"], table["y"]).statistic, abs=1e-14)


def test_closed_forms():
    table = words(2).assign(up=lambda t: 3 * t["x"] - 2, down=lambda t: -t["x"])
    up, down = correlation(table, "x", "up"), correlation(table, "x", "down")
    assert (up.r, up.low, up.high) == pytest.approx((1, 1, 1), abs=1e-12)
    assert (down.r, down.low, down.high) == pytest.approx((-1, -1, -1), abs=1e-12)
    monotone = correlation(table.assign(z=np.exp(table["x"])), "x", "z", method="spearman")
    assert monotone.r == pytest.approx(1, abs=1e-12)
    # by hand: deviations (-1.5, -.5, .5, 1.5) and (-.5, -1.5, 1.5, .5) give 3 / 5
    four = pd.DataFrame({"x": [1, 2, 3, 4], "y": [2, 1, 4, 3], "sentence_id": [0, 0, 1, 2]})
    with pytest.raises(WordweightsError, match="leave a column constant"):
        correlation(four, "x", "y")
    two_each = pd.concat([four.assign(sentence_id=k) for k in range(5)])
    assert correlation(two_each, "x", "y").r == pytest.approx(0.6, abs=1e-15)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_the_interval_is_that_of_a_plain_loop(method):
    # unequal sentences; the loop resamples words themselves, with the generator's same indices
    table = words(3, n_sentences=15).sample(frac=0.7, random_state=0)
    found = correlation(table, "x", "y", method=method, n_resamples=200, seed=5)
    values = table.assign(x=table["x"].rank(), y=table["y"].rank())
    values = values if method == "spearman" else table
    parts = [part[["x", "y"]].to_numpy() for _, part in values.groupby("sentence_id", sort=False)]
    drawn = np.random.default_rng(5).integers(0, len(parts), (200, len(parts)))
    rs = [np.corrcoef(np.concatenate([parts[i] for i in row]).T)[0, 1] for row in drawn]
    assert (found.low, found.high) == pytest.approx(np.percentile(rs, [2.5, 97.5]), abs=1e-12)


@given(
    scale=st.floats(1e-12, 1e12),
    # an offset of up to 1e3 spreads loses three digits of the sixteen
    shift=st.floats(-1e3, 1e3),
    sign=st.sampled_from([1, -1]),
)
@settings(max_examples=40, deadline=None)
def test_scale_and_shift_change_nothing(scale, shift, sign):
    table = words(4, n_sentences=10)
    plain = correlation(table, "x", "y", n_resamples=100)
    moved = correlation(
        table.assign(x=sign * scale * (table["x"] + shift)), "x", "y", n_resamples=100
    )
    expected = sorted([sign * plain.low, sign * plain.high])
    assert moved.r == pytest.approx(sign * plain.r, abs=1e-11)
    assert [moved.low, moved.high] == pytest.approx(expected, abs=1e-11)


def test_a_large_offset_does_not_cancel():
    # sums of squares near 1e14 would keep two digits of r; the offset itself costs seven
    table = words(5)
    moved = correlation(table.assign(x=table["x"] + 1e7), "x", "y")
    assert moved.r == pytest.approx(correlation(table, "x", "y").r, abs=1e-8)


def test_order_of_rows_and_names_of_sentences_do_not_matter():
    table = words(6)
    renamed = table.assign(sentence_id=table["sentence_id"].map(lambda i: f"s{i}"))
    assert correlation(renamed, "x", "y") == correlation(table, "x", "y")


def test_the_same_seed_gives_the_same_interval():
    table = words(7)
    first = correlation(table, "x", "y", seed=1)
    assert correlation(table, "x", "y", seed=1) == first
    assert correlation(table, "x", "y", seed=2).low != first.low


def test_memory_is_bounded_without_changing_the_interval(monkeypatch):
    table = words(8)
    whole = correlation(table, "x", "y")
    monkeypatch.setattr("wordweights.statistics.correlations._BATCH_NUMBERS", 1000)
    assert correlation(table, "x", "y") == whole


def test_coverage_over_200_samples_and_wider_than_resampling_words():
    hits = {"sentence_id": 0, "row": 0}
    wider = 0
    for seed in range(200):
        table = words(seed, n_sentences=60, n_words=5)
        found = {c: correlation(table, "x", "y", cluster=c, n_resamples=300) for c in hits}
        for cluster, value in found.items():
            hits[cluster] += value.low <= 0.7 <= value.high
        width = {c: value.high - value.low for c, value in found.items()}
        wider += width["sentence_id"] > width["row"]
    # 95 % of 200 with a binomial standard deviation of 3.1: four of them either side of 190
    assert 178 <= hits["sentence_id"] <= 200
    # resampling single words of correlated sentences promises too much: outside the same bounds
    assert hits["row"] < 178
    assert wider == 200


BROKEN = {
    "missing column": (lambda t: t.drop(columns="x"), "no column 'x'"),
    "missing sentences": (lambda t: t.drop(columns="sentence_id"), "no column 'sentence_id'"),
    "constant": (lambda t: t.assign(x=0.1), "'x' is constant"),
    "constant but for rounding": (lambda t: t.assign(x=0.1 + 1e-17 * t["x"]), "'x' is constant"),
    "zero": (lambda t: t.assign(y=0), "'y' is constant"),
    "nan": (lambda t: t.assign(x=t["x"].where(t.index != 3)), "1 NaN or infinite .* row 3"),
    "infinite": (lambda t: t.assign(y=t["y"].where(t.index != 4, np.inf)), "row 4"),
    "text": (lambda t: t.assign(x="a"), "not numbers"),
    "no words": (lambda t: t.iloc[:0], "no words"),
    "two sentences": (lambda t: t[t["sentence_id"] < 2], r"2 sentence\(s\)"),
    "unnamed sentence": (
        lambda t: t.assign(sentence_id=t["sentence_id"].where(t.index != 0)),
        "missing in 1 rows",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_input_without_a_correlation_is_an_error(case):
    spoil, message = BROKEN[case]
    with pytest.raises(WordweightsError, match=message):
        correlation(spoil(words(9)), "x", "y")


@pytest.mark.parametrize("options", [{"method": "kendall"}, {"n_resamples": 10}])
def test_settings_that_cannot_be_used(options):
    with pytest.raises(WordweightsError, match=next(iter(options))):
        correlation(words(9), "x", "y", **options)


def test_a_resample_that_is_constant_but_for_rounding_is_refused():
    # each sentence repeats one value, so a resample of one sentence three times has no variance
    table = pd.DataFrame({"x": [0.1, 0.7, 0.4] * 3, "y": [0.2, 0.9, 0.3] * 3})
    table["sentence_id"] = [0, 1, 2] * 3
    with pytest.raises(WordweightsError, match="leave a column constant"):
        correlation(table, "x", "y")


def test_table_one():
    tables = {"a": encoder_words(1), "b": encoder_words(2, n_sentences=30)}
    found = correlation_table(tables, before={"b": "a"}, n_resamples=200, seed=3)
    assert found["encoder"].tolist() == ["a", "b"]
    assert found["before"].tolist()[1] == "a"
    assert pd.isna(found["before"][0])
    assert found["n_words"].tolist() == [280, 210]
    assert found["n_sentences"].tolist() == [40, 30]
    assert set(found["origin"]) == {MEASURED}
    for column, x, method in (
        ("r_information", "information", "pearson"),
        ("r_probability", "probability", "pearson"),
        ("spearman", "information", "spearman"),
    ):
        one = correlation(tables["b"], "contribution", x, method=method, n_resamples=200, seed=3)
        row = found.loc[1, [column, f"{column}_low", f"{column}_high"]].tolist()
        assert row == [one.r, one.low, one.high]


def test_table_one_names_the_encoder_that_failed():
    broken = encoder_words(1).assign(contribution=1.0)
    with pytest.raises(WordweightsError, match=r"Encoder 'b': .*'contribution' is constant"):
        correlation_table({"a": encoder_words(1), "b": broken}, n_resamples=100)
    with pytest.raises(WordweightsError, match="at least one"):
        correlation_table({})


def test_published_rows():
    found = published_correlations().set_index("encoder")
    assert found[["r_information", "r_probability"]].to_dict("split")["data"] == [
        [0.38, -0.26],
        [0.80, -0.63],
        [0.59, -0.37],
        [0.51, -0.49],
        [0.72, -0.50],
    ]
    assert found.loc["SBERT (MEAN)", "before"] == "BERT (MEAN)"
    assert found.loc["Sup. SimCSE (CLS)", "before"] == "BERT (CLS)"
    assert found["before"].isna().tolist() == [True, False, False, True, False]
    assert set(found["origin"]) == {PUBLISHED}
    assert set(found["citation"]) == {"kurita2023nlp"}


def test_rows_are_arranged_before_and_after():
    measured = pd.DataFrame(
        {
            "encoder": ["SBERT (MEAN)", "mini", "mini (untrained)"],
            "before": ["BERT (MEAN)", None, None],
            "origin": MEASURED,
        }
    )
    found = arrange_before_after(published_correlations(), measured)
    assert len(found) == 8
    assert found[["encoder", "role", "origin"]].to_numpy().tolist() == [
        ["BERT (MEAN)", "before", PUBLISHED],
        ["SBERT (MEAN)", "after", MEASURED],
        ["SBERT (MEAN)", "after", PUBLISHED],
        ["mini (untrained)", "control", MEASURED],
        ["mini", "", MEASURED],
        ["BERT (CLS)", "before", PUBLISHED],
        ["Unsup. SimCSE (CLS)", "after", PUBLISHED],
        ["Sup. SimCSE (CLS)", "after", PUBLISHED],
    ]
    assert found["group"].tolist()[:4] == ["BERT (MEAN)"] * 3 + ["mini"]


def test_a_figure_with_room_for_a_few_shows_what_was_fine_tuned_from_what():
    run = {"all": None, "all (untrained)": None, "base": None, "one": "base", "two": "base"}
    assert choose_few(run) == ["all", "base", "two"]
    assert choose_few(run, 4) == ["all", "all (untrained)", "base", "two"]
    assert choose_few(run, None) == list(run)
    assert choose_few(dict.fromkeys("abcd")) == ["a", "b", "c"]
    assert choose_few({"a": None, "b": None}) == ["a", "b"]
    assert choose_few(run | {"two (untrained)": "base"}) == ["all", "base", "two"]
    with pytest.raises(WordweightsError, match="at least 1"):
        choose_few(run, 0)


def test_fine_tuning_in_a_circle_ends():
    table = pd.DataFrame({"encoder": ["a", "b"], "before": ["b", "a"], "origin": MEASURED})
    assert len(arrange_before_after(table)) == 2


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1e6)), min_size=1, max_size=60),
    st.integers(1, 12),
)
@settings(deadline=None)
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


def test_distinct_values_are_shared_out_equally():
    table = pd.DataFrame({"information": np.arange(80.0), "contribution": np.arange(80.0)})
    assert spread_by_information(table, 8)["n"].tolist() == [10] * 8
    with pytest.raises(WordweightsError, match="n_bins is 0"):
        spread_by_information(table, 0)


def test_certificates():
    table = pd.DataFrame(
        {
            "sentence_id": [0, 0, 1],
            "contribution": [2.0, 4.0, 0.0],
            "standard_error": [0.2, 0.2, 0.0],
            "residual": [0.1, 0.1, 0.3],
        }
    )
    row = certificates({"a": table}).iloc[0]
    assert (row["n_sentences"], row["n_words"]) == (2, 3)
    assert row["residual_median"] == pytest.approx(0.2)
    assert row["residual_max"] == 0.3
    assert row["error_median"] == pytest.approx(0.075)  # of 0.1 and 0.05; no error of nothing


def test_sources_are_compared_over_the_same_words():
    from wordweights.words.frequencies import Frequencies

    one = Frequencies("one", pd.Series({"a": 0.5, "dog": 0.1}), "")
    two = Frequencies("two", pd.Series({"a": 0.25}), "")
    found = information_by_source(["A", "dog", "a", "xyzzy"], [one, two])
    assert found["count"].to_dict() == {"a": 2, "dog": 1, "xyzzy": 1}
    assert found["one"].tolist()[:2] == pytest.approx([np.log(2), np.log(10)])
    assert found["two"].isna().tolist() == [False, True, True]
    rows = coverage(found).set_index("source")
    assert rows.loc["one", ["distinct", "occurrences"]].tolist() == pytest.approx([2 / 3, 3 / 4])
    assert rows.loc["two", ["distinct", "occurrences"]].tolist() == pytest.approx([1 / 3, 1 / 2])
    assert rows.loc["two", "n_unseen"] == 2
    assert rows.loc["two", "unseen"] == "dog xyzzy"
    with pytest.raises(WordweightsError, match="twice"):
        information_by_source(["a"], [one, one])
    with pytest.raises(WordweightsError, match="no words"):
        information_by_source([], [one])


def test_weights_of_sentences_keep_unseen_words():
    from wordweights.words.frequencies import Frequencies

    source = Frequencies("one", pd.Series({"a": 0.5, "dog": 0.1}), "")
    one = pd.DataFrame(
        {
            "sentence_id": [7, 7, 3],
            "position": [0, 1, 0],
            "word": ["A", "xyzzy", "dog"],
            "contribution": [1.0, 2.0, 3.0],
        }
    )
    first, second = weights_by_sentence({"e": one, "f": one.assign(contribution=4.0)}, source)
    assert list(first.columns) == ["word", INFORMATION, "e", "f"]
    assert first["word"].tolist() == ["A", "xyzzy"]
    assert first[INFORMATION].tolist() == pytest.approx([np.log(2), np.nan], nan_ok=True)
    assert second[["e", "f"]].to_numpy().tolist() == [[3.0, 4.0]]
    with pytest.raises(WordweightsError, match="'f' was attributed on other sentences"):
        weights_by_sentence({"e": one, "f": one.iloc[:2]}, source)
    with pytest.raises(WordweightsError, match="no encoder"):
        weights_by_sentence({}, source)
