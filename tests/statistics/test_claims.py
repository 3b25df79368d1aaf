"""Differences of correlations, the test of heteroscedasticity, and the verdicts made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordweights.errors import WordweightsError
from wordweights.statistics import (
    EXAMPLES,
    compare_published,
    correlation,
    correlation_error,
    correlation_lead,
    correlation_rise,
    judge_claims,
    lost_claims,
    number_texts,
    published_correlations,
    rises_of_correlation,
    spread_growth,
    summarise_claims,
)
from wordweights.statistics.claims import CLAIMS, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from wordweights.words.frequencies import Frequencies

PAPER = published_correlations()
TUNED = PAPER.dropna(subset="before")
BEFORE = dict.fromkeys(PAPER["encoder"]) | dict(zip(TUNED["encoder"], TUNED["before"], strict=True))
SOURCE = Frequencies(
    "toy",
    pd.Series(
        dict.fromkeys(
            ["a", "woman", "is", "cutting", "an", "there", "are", "dogs", "in", "the"], 0.1
        )
        | {"onion": 1e-3, "forest": 1e-4, ".": 0.2}
    ),
    "",
)


def words(noise: float, seed: int = 0, growth: float = 0.5, n_sentences: int = 60) -> pd.DataFrame:
    """Words whose contribution follows information, the more loosely the larger the noise."""
    shared = np.random.default_rng(9)  # the same words for every encoder
    information = shared.uniform(2, 12, n_sentences * 7)
    error = np.random.default_rng(seed).standard_normal(len(information))
    return pd.DataFrame(
        {
            "sentence_id": np.repeat(np.arange(n_sentences), 7),
            "information": information,
            "probability": np.exp(-information),
            "contribution": information + noise * error * (1 + growth * (information - 2)),
        }
    )


def examples(weights: dict[str, float], error: float = 0.0) -> pd.DataFrame:
    """The two sentences with a weight of 1 for every word that has none."""
    rows = [
        {
            "sentence_id": i,
            "word": word,
            "contribution": weights.get(word, 1.0),
            "standard_error": error,
        }
        for i, sentence in enumerate(EXAMPLES)
        for word in sentence.split()
    ]
    return pd.DataFrame(rows)


def judge(tables: dict[str, pd.DataFrame], shown: dict[str, pd.DataFrame] | None = None):
    return judge_claims(tables, shown or {}, SOURCE, before=BEFORE, n_resamples=200)


def resampled(table: pd.DataFrame, n: int, seed: int) -> list[np.ndarray]:
    """The rows of every resample of sentences, by the generator's own indices."""
    parts = [np.flatnonzero(table["sentence_id"] == i) for i in table["sentence_id"].unique()]
    drawn = np.random.default_rng(seed).integers(0, len(parts), (n, len(parts)))
    return [np.concatenate([parts[i] for i in row]) for row in drawn]


def r(table: pd.DataFrame, y: str = "information") -> float:
    return float(np.corrcoef(table["contribution"], table[y])[0, 1])


def test_the_rise_is_that_of_a_plain_loop_over_the_same_resamples():
    before, after = words(1.0, 1, n_sentences=15), words(0.3, 2, n_sentences=15)
    found = correlation_rise(before, after, n_resamples=200, seed=5)
    rises = [r(after.iloc[i]) - r(before.iloc[i]) for i in resampled(before, 200, 5)]
    assert found.value == pytest.approx(r(after) - r(before), abs=1e-14)
    assert (found.low, found.high) == pytest.approx(np.percentile(rises, [2.5, 97.5]), abs=1e-12)
    assert (found.n, found.n_sentences) == (105, 15)


def test_the_lead_is_that_of_a_plain_loop_over_the_same_resamples():
    # falling with information: it is absolute values that are compared
    table = words(0.5, 3, n_sentences=15).eval("contribution = -contribution")
    found = correlation_lead(table, n_resamples=200, seed=5)

    def lead(part: pd.DataFrame) -> float:
        return abs(r(part)) - abs(r(part, "probability"))

    leads = [lead(table.iloc[i]) for i in resampled(table, 200, 5)]
    assert found.value == pytest.approx(lead(table), abs=1e-14)
    assert (found.low, found.high) == pytest.approx(np.percentile(leads, [2.5, 97.5]), abs=1e-12)


def test_an_encoder_does_not_rise_from_itself():
    table = words(0.5)
    found = correlation_rise(table, table)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_pairing_makes_the_interval_narrower():
    before, after = words(0.4, 1), words(0.4, 1).eval("contribution = contribution + information")
    found = correlation_rise(before, after)
    alone = [correlation(table, "contribution", "information") for table in (before, after)]
    unpaired = np.hypot(*(one.high - one.low for one in alone))
    assert found.high - found.low < 0.7 * unpaired


def test_a_rise_needs_the_same_words():
    table = words(0.5)
    for other in (table.assign(information=1 + table["information"]), table.iloc[7:]):
        with pytest.raises(WordweightsError, match="not compared over the same words"):
            correlation_rise(table, other)
    with pytest.raises(WordweightsError, match=r"has 2 sentence\(s\)"):
        correlation_rise(table.iloc[:14], table.iloc[:14])


@pytest.mark.parametrize("slope", [0.25, 0.0, -0.05])
def test_growth_in_closed_form(slope):
    # words come in pairs around a parabola, so its fit and the residuals are exact in any resample
    x = np.repeat(np.linspace(1, 10, 30), 2)
    half = 1 + slope * x
    y = 3 - x + 0.2 * x**2 + half * np.tile([1, -1], 30)
    table = pd.DataFrame({"information": x, "contribution": y, "sentence_id": np.arange(60) // 4})
    found = spread_growth(table, n_resamples=200)
    expected = slope / half.mean()
    assert (found.value, found.low, found.high) == pytest.approx([expected] * 3, abs=1e-10)
    assert (found.n, found.n_sentences) == (60, 15)


def test_growth_is_that_of_a_plain_loop():
    table = words(0.5, 4, n_sentences=12)
    found = spread_growth(table, n_resamples=150, seed=5)

    def slope(part: pd.DataFrame) -> tuple[float, float]:
        x, y = part["information"], part["contribution"]
        spread = np.abs(y - np.polyval(np.polyfit(x, y, 2), x))
        return np.polyfit(x, spread, 1)[0], spread.mean()

    value, mean = slope(table)
    slopes = [slope(table.iloc[i])[0] for i in resampled(table, 150, 5)]
    expected = np.array([value, *np.percentile(slopes, [2.5, 97.5])]) / mean
    assert (found.value, found.low, found.high) == pytest.approx(expected, rel=1e-9)


@given(st.floats(1e-6, 1e6), st.floats(-100, 100), st.floats(0.01, 100), st.sampled_from([1, -1]))
@settings(max_examples=30, deadline=None)
def test_growth_knows_no_units(scale, shift, stretch, sign):
    table = words(0.5, 5, n_sentences=10)
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
    for seed in range(200):
        rng = np.random.default_rng(seed)
        sentence = np.repeat(np.arange(60), 5)
        x = rng.exponential(2, 300)
        error = rng.exponential(1, 60)[sentence] + rng.exponential(1, 300)
        table = pd.DataFrame(
            # a curve, of which the ends would be spread around a line
            {"information": x, "contribution": x + 0.3 * x**2 + error, "sentence_id": sentence}
        )
        found = spread_growth(table, n_resamples=200)
        hits += found.low <= 0 <= found.high
        above += found.low > 0
    # 95 % of 200 with a binomial standard deviation of 3.1, and 2.5 % with 2.2: four of them
    assert 178 <= hits <= 200
    assert above <= 14


def test_growth_that_cannot_be_tested():
    table = words(0.5)
    with pytest.raises(WordweightsError, match="without any spread"):
        spread_growth(table.assign(contribution=table["information"] ** 2))
    with pytest.raises(WordweightsError, match="'information' is constant"):
        spread_growth(table.assign(information=0.1))
    with pytest.raises(WordweightsError, match=r"has 2 sentence\(s\)"):
        spread_growth(table.iloc[:14])
    # each sentence has one value, so a resample of one sentence alone has nothing to grow with
    three = pd.DataFrame(
        {"information": [1.0, 1, 2, 2, 3, 3], "contribution": [0.0, 1, 0, 2, 1, 9]}
    )
    with pytest.raises(WordweightsError, match="leave 'information' constant"):
        spread_growth(three.assign(sentence_id=[0, 0, 1, 1, 2, 2]))


def test_memory_is_bounded_without_changing_the_growth(monkeypatch):
    table = words(0.5)
    whole = spread_growth(table, n_resamples=150)
    monkeypatch.setattr("wordweights.statistics.spread._BATCH_NUMBERS", 1000)
    part = spread_growth(table, n_resamples=150)
    assert (part.low, part.high) == pytest.approx((whole.low, whole.high), rel=1e-12)


def test_the_error_of_r_is_that_of_errors_that_sentences_share():
    table = words(0.5, 6, n_sentences=30).assign(standard_error=lambda t: 0.01 * t["contribution"])
    bound = correlation_error(table)
    z = (table["contribution"] - table["contribution"].mean()) / table["contribution"].std(ddof=0)
    y = (table["information"] - table["information"].mean()) / table["information"].std(ddof=0)
    sign = np.sign(y - r(table) * z)  # the worst: all errors of a sentence move r the same way
    rng = np.random.default_rng(0)
    together = rng.standard_normal((2000, 30))[:, table["sentence_id"]] * sign.to_numpy()
    for errors, low, high in ((together, 0.93, 1.07), (rng.standard_normal((2000, 210)), 0.2, 0.7)):
        moved = table["contribution"].to_numpy() + table["standard_error"].to_numpy() * errors
        spread = np.std([np.corrcoef(row, table["information"])[0, 1] for row in moved])
        assert low * bound < spread < high * bound
    assert correlation_error(table.assign(standard_error=0.0)) == 0


def test_repeated_sentences_have_one_number():
    texts = ["A dog runs .", "a cat .", "a dog runs .", "dog a runs ."]
    rows = [(9 - i, word) for i, text in enumerate(texts) for word in text.split()]
    table = pd.DataFrame(rows, columns=["sentence_id", "word"])
    table["text"] = number_texts(table)
    assert table.drop_duplicates("sentence_id")["text"].tolist() == [0, 1, 0, 2]


def test_repeating_sentences_makes_no_interval_narrower():
    table = words(0.5).assign(word=lambda t: t["information"].astype(str))
    twice = pd.concat([table, table.assign(sentence_id=table["sentence_id"] + 1000)])
    twice["text"] = number_texts(twice)
    once = correlation(table, "contribution", "information")
    found = correlation(twice, "contribution", "information", cluster="text")
    assert (found.r, found.low, found.high) == pytest.approx(
        (once.r, once.low, once.high), abs=1e-12
    )
    assert found.n_sentences == 60


def test_a_claim_without_its_encoders_is_not_tested():
    verdicts = judge({"other": words(0.3), "other (untrained)": words(3.0, 1)})
    paper = verdicts[verdicts["paper"]]
    assert set(paper["verdict"]) == {NOT_TESTED}
    assert paper["claim"].value_counts().to_dict() == {1: 2, 2: 3, 3: 5, 4: 5, 5: 2}
    assert paper[["estimate", "low", "high"]].isna().all(axis=None)
    others = verdicts[~verdicts["paper"]]
    assert set(others["scope"]) == {"other"}  # and no control
    assert others["claim"].tolist() == [3, 4]
    summary = summarise_claims(verdicts)
    assert summary["verdict"].tolist() == [NOT_TESTED] * 5
    assert summary["tested"].tolist() == [0] * 5
    assert summary["statement"].tolist() == list(CLAIMS.values())


def paper_words() -> dict[str, pd.DataFrame]:
    """A run of the five encoders in which everything is as the paper says."""
    return {
        name: words(0.1 if BEFORE[name] else 0.4, seed)
        for seed, name in enumerate(PAPER["encoder"])
    }


def test_a_run_that_is_as_the_paper_says_supports_every_claim():
    shown = {"SBERT (MEAN)": examples({"onion": 2.0, "forest": 3.0}, error=0.1)}
    verdicts = judge(paper_words(), shown)
    assert verdicts["paper"].all()
    assert summarise_claims(verdicts)["verdict"].tolist() == [SUPPORTED] * 5
    assert (verdicts["low"] <= verdicts["estimate"]).all()
    assert (verdicts["low"] > 0).all()
    pairs = verdicts.loc[verdicts["claim"] == 2, "scope"].tolist()
    assert pairs[0] == "BERT (CLS) → Unsup. SimCSE (CLS)"
    assert pairs[-1] == "BERT (MEAN) → SBERT (MEAN)"
    onion, forest = verdicts[verdicts["claim"] == 5].to_dict("records")
    assert onion["quantity"].startswith("relative lead of “onion”")
    margin = 1.96 * 2 * np.hypot(0.1 / 2, 0.1)
    assert (onion["estimate"], onion["low"]) == pytest.approx((1, 1 - margin))
    assert forest["estimate"] == pytest.approx(2)


SPOILT = {
    1: {"BERT (CLS)": words(0.1).eval("contribution = -contribution")},
    2: {"SBERT (MEAN)": words(0.4, 7)},
    3: {"Sup. SimCSE (CLS)": words(0.1).eval("contribution = 1000 * probability + contribution")},
    4: {"BERT (MEAN)": words(2.0, 3, growth=-0.09)},
}


@pytest.mark.parametrize("claim", SPOILT)
def test_evidence_against_is_not_support(claim):
    verdicts = judge(paper_words() | SPOILT[claim])
    summary = summarise_claims(verdicts).set_index("claim")
    assert summary.loc[claim, "verdict"] == NOT_SUPPORTED


def test_an_example_is_judged_by_all_words_and_their_errors():
    def verdict(table: pd.DataFrame) -> list[str]:
        found = judge({"SBERT (MEAN)": words(0.1)}, {"SBERT (MEAN)": table})
        return found.loc[(found["claim"] == 5) & found["paper"], "verdict"].tolist()

    assert verdict(examples({"onion": 2.0})) == [SUPPORTED, NOT_SUPPORTED]
    assert verdict(examples({"onion": 2.0, "forest": 2.0}, error=0.6)) == [NOT_SUPPORTED] * 2
    # a single probe knows no error
    assert verdict(examples({"onion": 2.0}, error=np.nan)) == [NOT_TESTED] * 2
    # a word that the source does not know can still be the one of the largest weight
    probabilities = SOURCE.probabilities.drop("woman")
    found = judge_claims(
        {"SBERT (MEAN)": words(0.1)},
        {"SBERT (MEAN)": examples({"woman": 3.0, "onion": 2.0})},
        Frequencies("toy", probabilities, ""),
        n_resamples=100,
    )
    onion = found[found["claim"] == 5].iloc[0]
    assert onion["quantity"] == "relative lead of “onion” over “woman”"
    assert (onion["estimate"], onion["verdict"]) == (pytest.approx(-1 / 3), NOT_SUPPORTED)
    with pytest.raises(WordweightsError, match="knows no word"):
        judge_claims(
            {"SBERT (MEAN)": words(0.1)},
            {"SBERT (MEAN)": examples({})},
            Frequencies("none", pd.Series({"x": 0.5}), ""),
            n_resamples=100,
        )


def test_other_pairs_are_judged_but_count_for_no_claim():
    tables = {"mine": words(0.4, 1), "mine, tuned": words(0.1, 2)}
    shown = {"mine": examples({"onion": 2.0})}
    verdicts = judge_claims(
        tables, shown, SOURCE, before={"mine, tuned": "mine", "mine": "absent"}, n_resamples=100
    )
    others = verdicts[~verdicts["paper"]].groupby("claim")["scope"].agg(list)
    assert others[1] == ["mine"]
    assert others[2] == ["mine → mine, tuned"]
    assert others[3] == others[4] == ["mine", "mine, tuned"]
    assert others[5] == [f"mine: {sentence}" for sentence in EXAMPLES]
    assert set(summarise_claims(verdicts)["verdict"]) == {NOT_TESTED}
    # the paper's cases come first in every claim
    assert all(part.is_monotonic_decreasing for _, part in verdicts.groupby("claim")["paper"])


def test_a_claim_that_holds_where_it_was_tested_is_not_yet_supported():
    tables = {name: table for name, table in paper_words().items() if "CLS" in name}
    summary = summarise_claims(judge(tables)).set_index("claim")
    assert summary.loc[1, ["tested", "scopes", "verdict"]].tolist() == [1, 2, NOT_TESTED]
    assert summary.loc[2, ["tested", "scopes", "verdict"]].tolist() == [2, 3, NOT_TESTED]


VERDICTS = st.lists(st.sampled_from([SUPPORTED, NOT_SUPPORTED, NOT_TESTED]), max_size=6)


@given(VERDICTS, VERDICTS)
def test_claims_are_lost_exactly_when_they_were_supported_and_are_not(previous, present):
    tables = [
        pd.DataFrame({"scope": [f"s{i}" for i in range(len(v))], "verdict": v, "claim": 1})
        for v in (previous, present)
    ]
    tables = [table.assign(paper=np.ones(len(table), dtype=bool)) for table in tables]
    padded = [*present, *[NOT_TESTED] * (len(previous) - len(present))]
    expected = [
        (f"s{i}", now)
        for i, (was, now) in enumerate(zip(previous, padded, strict=False))
        if was == SUPPORTED != now
    ]
    lost = lost_claims(*tables)
    assert list(zip(lost["scope"], lost["verdict"], strict=True)) == expected
    # other encoders count for no claim, so none of theirs can be lost
    assert lost_claims(tables[0].assign(paper=~tables[0]["paper"]), tables[1]).empty


def test_published_and_measured_are_compared_where_both_are():
    measured = pd.DataFrame(
        {
            "encoder": ["SBERT (MEAN)", "mine"],
            "r_information": [0.70, 0.1],
            "r_information_low": 0.6,
            "r_information_high": 0.8,
            "r_probability": [-0.55, 0.1],
            "r_probability_low": -0.6,
            "r_probability_high": -0.5,
        }
    )
    found = compare_published(measured, PAPER)
    assert found["encoder"].tolist() == ["SBERT (MEAN)"] * 2
    assert found["quantity"].tolist() == ["r_information", "r_probability"]
    assert found["difference"].tolist() == pytest.approx([-0.02, -0.05])
    assert found["low"].tolist() == [0.6, -0.6]
    none = compare_published(measured.iloc[1:], PAPER)
    assert none.empty
    assert list(none.columns) == list(found.columns)


def test_rises_are_those_of_the_pairs_of_a_run():
    tables = {
        "all": words(1.0, 5),
        "mini": words(2.0, 1),
        "mini tuned": words(0.3, 2),
        "mini worse": words(6.0, 3),
        "mini worse (untrained)": words(0.1, 4),
        "SBERT (MEAN)": words(0.3, 6),
    }
    before = {
        "all": None,
        "mini tuned": "mini",
        "mini worse": "mini",
        "mini worse (untrained)": "mini",
        "SBERT (MEAN)": "BERT (MEAN)",  # which is not in the run
    }
    found = rises_of_correlation(tables, before, n_resamples=200)
    assert found[["before", "encoder", "paper", "verdict"]].to_numpy().tolist() == [
        ["mini", "mini tuned", False, SUPPORTED],
        ["mini", "mini worse", False, NOT_SUPPORTED],
    ]
    assert found["rise"].to_numpy() == pytest.approx(found["r_after"] - found["r_before"])
    judged = judge_claims(tables, {}, SOURCE, before=before, n_resamples=200)
    same = judged[(judged["claim"] == 2) & ~judged["paper"]]
    assert same["low"].tolist() == found["low"].tolist()
    assert same["verdict"].tolist() == found["verdict"].tolist()
    assert rises_of_correlation(tables, {}, n_resamples=200).empty


def test_rises_of_the_paper_are_named_so():
    found = rises_of_correlation(paper_words(), BEFORE, n_resamples=200)
    assert found["paper"].tolist() == [True] * 3
    assert found["paper"].dtype == bool
