"""Sentences with numbers: what they say, and what they say where there is nothing to say."""

from __future__ import annotations

import pandas as pd

from wordweights.figures import prose
from wordweights.statistics import Estimate

MINUS = "\N{MINUS SIGN}"
RISES = pd.DataFrame(
    [
        ("a", "b", False, 0.3, 0.25, 0.35, "supported"),
        ("a", "c", False, -0.1, -0.2, 0.1, "not supported"),
        ("BERT (CLS)", "SBERT", True, 0.2, 0.1, 0.3, "supported"),
    ],
    columns=["before", "encoder", "paper", "rise", "low", "high", "verdict"],
)
MEASURED = pd.DataFrame(
    {
        "encoder": ["a", "a (untrained)"],
        "r_information": [0.876, -0.034],
        "r_information_low": [0.86, -0.06],
        "r_information_high": [0.89, -0.01],
        "n_words": 2765,
        "n_sentences": 395,
    }
)


def test_rises_of_other_pairs_are_told_by_verdict():
    assert prose.rises_of_others(RISES).replace(MINUS, "-") == (
        "Of the pairs of this run that are none of the paper's: a rise is supported for a → b "
        "(0.30, 95 % interval 0.25 to 0.35); a rise is not supported for a → c (-0.10, 95 % "
        "interval -0.20 to 0.10)."
    )
    assert "no pair of encoders" in prose.rises_of_others(RISES[RISES["paper"]])


def test_the_answer_names_the_control_or_says_that_there_is_none():
    said = prose.answer(MEASURED, "a", "a (untrained)", "spacy").replace(MINUS, "-")
    assert "r = 0.88 (95 % interval 0.86 to 0.89), over 2,765 words of 395 sentences" in said
    assert said.endswith("random weights it is r = -0.03 (95 % interval -0.06 to -0.01).")
    alone = prose.answer(MEASURED, "a", None, "spacy")
    assert alone.endswith("measured no control with random weights.")
    numbers = prose.key_numbers(MEASURED, "a", None)
    assert (numbers["r-control-low"], numbers["encoder-control"]) == ("not measured", "none")


def test_takeaways_of_correlations_count_rises_and_claims():
    spreads = {"a": pd.DataFrame({"sd": [0.5, 1.5]}), "b": pd.DataFrame({"sd": [0.5, 0.4]})}
    verdicts = pd.DataFrame(
        {"claim": [1, 2], "paper": True, "verdict": ["supported", "not supported"]}
    )
    spread, rise, claims = prose.correlation_takeaways("a", spreads, RISES, verdicts).splitlines()
    assert "is 3.0 times that" in spread
    assert "between 0.8 and 3.0" in spread
    assert "supported for 2 of 3 pairs of this run. Of these pairs, 1 are the paper's" in rise
    assert "supports 1, does not support 1, and does not test 3" in claims


def test_a_method_without_residuals_has_no_least_exact_integrals():
    found = pd.DataFrame(
        {"encoder": ["a", "b"], "n_sentences": 9, "residual_median": [0.01, 0.002]}
    )
    found["residual_p95"] = [0.02, 0.004]
    said = prose.least_exact(found)
    assert said.endswith(
        "`a`: half of the 9 sentences have a residual below 1.00 %, 95 % of them below 2.00 %."
    )
    assert "no integral" in prose.least_exact(found.assign(residual_p95=float("nan")))


def test_a_fresh_training_is_compared_with_the_shipped_curve_where_there_is_one():
    curve = pd.DataFrame(
        [(0, None, None, None), (1200, 0.12, 0.05, 0.2)],
        columns=["step", "rise", "rise_low", "rise_high"],
    )
    agreement = pd.Series({"step": 1000, "change": -0.2, "verdict": "the opposite direction"})
    said = prose.training_direction(curve, "a", "sbert", agreement).replace(MINUS, "-")
    assert said == (
        "In 1,200 steps of a fresh training of a with sbert, r with -ln P(w) rises: it changes by "
        "0.120 (95 % interval 0.050 to 0.200). On the shipped curve it changes by -0.200 up to "
        "step 1,000: the opposite direction."
    )
    unsure = curve.assign(rise_low=-0.1)
    agreement["verdict"] = "undecided"
    said = prose.training_direction(unsure, "a", "sbert", agreement)
    assert "r with \N{MINUS SIGN}ln P(w) is not seen to change" in said
    assert said.endswith("too short, or its sentences are too few, to tell whether it agrees.")
    assert "no shipped curve" in prose.training_direction(curve, "a", "sbert", None)


def test_changes_of_the_family_are_told_stage_by_stage():
    ends = pd.DataFrame(
        {
            "encoder": ["a", "b"],
            "run": ["pre-training", "sbert"],
            "r_first": [-0.1, 0.3],
            "r_last": [0.3, 0.5],
            "sts_spearman_first": [0.4, 0.4],
            "sts_spearman_last": [0.4, 0.6],
        }
    )
    said = prose.family_changes(ends)
    assert said["learned"].replace(MINUS, "-").endswith("r changes: a from -0.10 to 0.30.")
    assert said["changed"] == "Fine-tuning then changes it: b from 0.30 to 0.50."
    assert said["sts"].endswith("coefficient changes: b from 0.40 to 0.60.")
    unknown = prose.family_changes(ends.assign(sts_spearman_first=None, sts_spearman_last=None))
    assert "was not at hand" in unknown["sts"]


def test_parts_are_compared_pair_by_pair():
    rise = {"rise": [None, 0.1, 0.3, 0.4], "rise_low": -0.1, "rise_high": 0.5}
    leads = {"a → b": Estimate(0.2, 0.1, 0.3, 70, 10), "c → d": Estimate(-0.2, -0.3, 0.1, 70, 10)}
    swaps = dict.fromkeys(leads, pd.DataFrame(rise))
    first, second = prose.swaps_compared(swaps, leads).replace(MINUS, "-").split("\n")
    assert first == (
        "- a → b: the embeddings alone change r by 0.10 (-0.10 to 0.50), the layers alone change "
        "r by 0.30 (-0.10 to 0.50), both together change r by 0.40 (-0.10 to 0.50). With the "
        "layers alone, r is 0.20 (0.10 to 0.30) above that with the embeddings alone."
    )
    assert "-0.20 (-0.30 to 0.10)" in second
    changes = {"learned": "So.", "changed": "Thus."}
    *_, last = prose.training_takeaways(changes, "It rises.", leads).split("\n")
    assert last.endswith("in 1 of 2 pairs, and lower in 0.")
