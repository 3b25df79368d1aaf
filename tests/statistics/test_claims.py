"""The verdicts on the claims of the paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_words import weighed

from wordweights.errors import WordweightsError
from wordweights.statistics import (
    EXAMPLES,
    correlation_rise,
    judge_claims,
    lost_claims,
    published_correlations,
    rises_of_correlation,
    summarise_claims,
)
from wordweights.statistics.claims import (
    ALL_SENTENCES,
    AS_THE_PAPER,
    CLAIMS,
    CONTENT_WORDS,
    LOGARITHM,
    NOT_SUPPORTED,
    NOT_TESTED,
    SUPPORTED,
)
from wordweights.words.frequencies import Frequencies

PAPER = published_correlations().set_index("encoder")["before"]
BEFORE = {str(name): None if pd.isna(base) else str(base) for name, base in PAPER.items()}
KNOWN = {word: 0.1 for sentence in EXAMPLES for word in sentence.split()}
SOURCE = Frequencies("toy", pd.Series(KNOWN | {"onion": 1e-3, "forest": 1e-4}), "")


def examples(weights: dict[str, float], error: float = 0.0) -> dict[str, pd.DataFrame]:
    """The two sentences, by SBERT, with a weight of 1 for every word that has none."""
    rows = [
        (i, word, weights.get(word, 1.0))
        for i, sentence in enumerate(EXAMPLES)
        for word in sentence.split()
    ]
    table = pd.DataFrame(rows, columns=["sentence_id", "word", "contribution"])
    return {"SBERT (MEAN)": table.assign(standard_error=error)}


def judge(tables, shown=None, source=SOURCE):
    return judge_claims(tables, shown or {}, source, before=BEFORE, n_resamples=200)


def paper_words() -> dict[str, pd.DataFrame]:
    """A run of the five encoders in which everything is as the paper says."""
    return {
        name: weighed(0.1 if base else 0.4, seed)
        for seed, (name, base) in enumerate(BEFORE.items())
    }


def test_a_claim_without_its_encoders_is_not_tested():
    verdicts = judge({"other": weighed(0.3), "other (untrained)": weighed(3.0, 1)})
    paper = verdicts[verdicts["paper"]]
    assert set(paper["verdict"]) == {NOT_TESTED}
    counts = paper.groupby(["claim", "variant"]).size().to_dict()
    assert counts == {
        **{(1, AS_THE_PAPER): 2, (2, AS_THE_PAPER): 3, (2, CONTENT_WORDS): 3},
        **{(3, AS_THE_PAPER): 5, (3, CONTENT_WORDS): 5, (4, AS_THE_PAPER): 5, (4, LOGARITHM): 5},
        **{(5, AS_THE_PAPER): 2, (5, ALL_SENTENCES): 5},
    }
    assert paper[["estimate", "low", "high"]].isna().all(axis=None)
    others = verdicts[~verdicts["paper"]]
    assert others[["scope", "claim", "variant"]].to_numpy().tolist() == [
        *(["other", 3, AS_THE_PAPER], ["other", 3, CONTENT_WORDS]),
        *(["other", 4, AS_THE_PAPER], ["other", 4, LOGARITHM], ["other", 5, ALL_SENTENCES]),
    ]
    summary = summarise_claims(verdicts)
    assert summary["verdict"].tolist() == [NOT_TESTED] * 5
    assert summary["tested"].tolist() == [0] * 5
    assert summary["statement"].tolist() == list(CLAIMS.values())


def test_a_run_that_is_as_the_paper_says_supports_every_claim():
    verdicts = judge(paper_words(), examples({"onion": 2.0, "forest": 3.0}, error=0.1))
    assert verdicts["paper"].all()
    assert summarise_claims(verdicts)["verdict"].tolist() == [SUPPORTED] * 5
    assert (verdicts["low"] <= verdicts["estimate"]).all()
    pairs = verdicts.loc[verdicts["claim"] == 2, "scope"].tolist()
    assert pairs[0] == "BERT (CLS) → Unsup. SimCSE (CLS)"
    assert pairs[-1] == "BERT (MEAN) → SBERT (MEAN)"
    examples_only = (verdicts["claim"] == 5) & (verdicts["variant"] == AS_THE_PAPER)
    onion, forest = verdicts[examples_only].to_dict("records")
    assert onion["quantity"] == "relative lead of “onion” over “a”"
    margin = 2 * 2 * np.hypot(0.1 / 2, 0.1)
    assert (onion["estimate"], onion["low"]) == pytest.approx((1, 1 - margin))
    assert forest["estimate"] == pytest.approx(2)


SPOILT = {
    1: {"BERT (CLS)": weighed(0.1).eval("contribution = -contribution")},
    2: {"SBERT (MEAN)": weighed(0.4, 7)},
    3: {"Sup. SimCSE (CLS)": weighed(0.1).eval("contribution = 1000 * probability + contribution")},
    4: {"BERT (MEAN)": weighed(2.0, 3, growth=-0.09)},
}


@pytest.mark.parametrize("claim", SPOILT)
def test_evidence_against_is_not_support(claim):
    summary = summarise_claims(judge(paper_words() | SPOILT[claim])).set_index("claim")
    assert summary.loc[claim, "verdict"] == NOT_SUPPORTED


def test_claims_are_judged_otherwise_than_by_the_paper():
    tables = paper_words()
    otherwise = summarise_claims(judge(tables)).set_index("claim")["otherwise"]
    assert otherwise.fillna("").tolist() == [
        *("", "content words: supported", "content words: supported"),
        *("ln c: not supported", "all sentences: supported"),
    ]
    # content words whose weights follow nothing, whatever the others do
    rng = np.random.default_rng(0)
    loose = {
        name: table.assign(
            contribution=table["contribution"].where(
                table["word_class"] != "content", 5 + rng.random(len(table))
            )
        )
        for name, table in tables.items()
    }
    found = summarise_claims(judge(loose)).set_index("claim")["otherwise"]
    assert found[2] == "content words: not supported"
    # a spread in proportion to the mean is a spread that grows, and none of ln c
    noise = np.exp(0.2 * rng.standard_normal(420))
    level = {name: t.assign(contribution=t["information"] * noise) for name, t in tables.items()}
    level = judge(level)
    rows = level[level["claim"] == 4].groupby("variant")
    assert (rows.get_group(AS_THE_PAPER)["low"] > 0).all()
    assert (rows.get_group(LOGARITHM)["low"] < 0).all()
    # no logarithm of a weight of nothing
    tables["SBERT (MEAN)"] = tables["SBERT (MEAN)"].assign(
        contribution=lambda t: t["contribution"].where(t.index != 3, 0.0)
    )
    found = judge(tables).set_index(["claim", "variant", "scope"])["verdict"]
    assert found[4, LOGARITHM, "SBERT (MEAN)"] == NOT_TESTED
    assert found[4, AS_THE_PAPER, "SBERT (MEAN)"] == SUPPORTED


def test_an_example_is_judged_by_all_words_and_their_errors():
    words = {"SBERT (MEAN)": weighed(0.1)}

    def verdict(shown: dict[str, pd.DataFrame]) -> list[str]:
        found = judge(words, shown)
        case = (found["claim"] == 5) & found["paper"] & (found["variant"] == AS_THE_PAPER)
        return found.loc[case, "verdict"].tolist()

    assert verdict(examples({"onion": 2.0})) == [SUPPORTED, NOT_SUPPORTED]
    assert verdict(examples({"onion": 2.0, "forest": 2.0}, error=0.6)) == [NOT_SUPPORTED] * 2
    # a single probe knows no error
    assert verdict(examples({"onion": 2.0}, error=np.nan)) == [NOT_TESTED] * 2
    # a word that the source does not know can still be the one of the largest weight
    without = Frequencies("toy", SOURCE.probabilities.drop("woman"), "")
    found = judge(words, examples({"woman": 3.0, "onion": 2.0}), without)
    onion = found[found["claim"] == 5].iloc[0]
    assert onion["quantity"] == "relative lead of “onion” over “woman”"
    assert (onion["estimate"], onion["verdict"]) == (pytest.approx(-1 / 3), NOT_SUPPORTED)
    with pytest.raises(WordweightsError, match="knows no word"):
        judge(words, examples({}), Frequencies("none", pd.Series({"x": 0.5}), ""))


def test_other_pairs_are_judged_but_count_for_no_claim():
    tables = {"mine": weighed(0.4, 1), "mine, tuned": weighed(0.1, 2)}
    shown = {"mine": examples({"onion": 2.0})["SBERT (MEAN)"]}
    before = {"mine, tuned": "mine", "mine": "absent"}
    verdicts = judge_claims(tables, shown, SOURCE, before=before, n_resamples=100)
    as_the_paper = verdicts[verdicts["variant"] == AS_THE_PAPER]
    others = as_the_paper[~as_the_paper["paper"]].groupby("claim")["scope"].agg(list)
    assert others[1] == ["mine"]
    assert others[2] == ["mine → mine, tuned"]
    assert others[3] == others[4] == ["mine", "mine, tuned"]
    assert others[5] == [f"mine: {sentence}" for sentence in EXAMPLES]
    assert set(summarise_claims(verdicts)["verdict"]) == {NOT_TESTED}
    # the paper's cases come first in every claim
    by_claim = verdicts.groupby(["claim", "variant"])["paper"]
    assert all(part.is_monotonic_decreasing for _, part in by_claim)


def test_a_claim_that_holds_where_it_was_tested_is_not_yet_supported():
    tables = {name: table for name, table in paper_words().items() if "CLS" in name}
    summary = summarise_claims(judge(tables)).set_index("claim")
    assert summary.loc[1, ["tested", "scopes", "verdict"]].tolist() == [1, 2, NOT_TESTED]
    assert summary.loc[2, ["tested", "scopes", "verdict"]].tolist() == [2, 3, NOT_TESTED]


def test_lost_claims_are_those_that_were_supported():
    def verdicts(*rows: tuple[int, str, bool, str]) -> pd.DataFrame:
        return pd.DataFrame(rows, columns=["claim", "scope", "paper", "verdict"])

    previous = verdicts(
        *((1, "a", True, SUPPORTED), (1, "b", True, SUPPORTED), (2, "c", True, NOT_SUPPORTED)),
        *((3, "d", True, SUPPORTED), (3, "mine", False, SUPPORTED), (4, "e", True, SUPPORTED)),
    )
    present = verdicts(
        *((1, "a", True, SUPPORTED), (1, "b", True, NOT_SUPPORTED), (2, "c", True, SUPPORTED)),
        *((3, "d", True, NOT_TESTED), (3, "mine", False, NOT_SUPPORTED)),
    )
    lost = lost_claims(previous, present)
    assert lost[["claim", "scope", "verdict"]].to_numpy().tolist() == [
        *([1, "b", NOT_SUPPORTED], [3, "d", NOT_TESTED], [4, "e", NOT_TESTED])
    ]
    # what the paper says is no other variant of it
    content = present.assign(variant=CONTENT_WORDS)
    assert len(lost_claims(previous, content)) == 4
    assert lost_claims(previous, previous).empty


def test_rises_are_those_of_the_pairs_of_a_run():
    tables = {
        "mini": weighed(2.0, 1),
        "mini tuned": weighed(0.3, 2),
        "mini worse": weighed(6.0, 3),
        "mini worse (untrained)": weighed(0.1, 4),
        "SBERT (MEAN)": weighed(0.3, 6),
    }
    before = dict.fromkeys(["mini tuned", "mini worse", "mini worse (untrained)"], "mini")
    before["SBERT (MEAN)"] = "BERT (MEAN)"  # which is not in the run
    found = rises_of_correlation(tables, before, n_resamples=200)
    columns = ["before", "encoder", "paper", "verdict"]
    assert found[columns].to_numpy().tolist() == [
        ["mini", "mini tuned", False, SUPPORTED],
        ["mini", "mini worse", False, NOT_SUPPORTED],
    ]
    assert found["rise"].to_numpy() == pytest.approx(found["r_after"] - found["r_before"])
    content = tables["mini tuned"]["word_class"] == "content"
    alone = [tables[name][content] for name in ("mini", "mini tuned")]
    rise = correlation_rise(*alone, n_resamples=200)
    columns = ["rise_content", "low_content", "high_content"]
    assert found.loc[0, columns].tolist() == [rise.value, rise.low, rise.high]
    assert rises_of_correlation(tables, {}, n_resamples=200).empty
    of_paper = rises_of_correlation(paper_words(), BEFORE, n_resamples=200)
    assert of_paper["paper"].tolist() == [True] * 3
