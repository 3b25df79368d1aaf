"""Sentences with numbers: what they say, and what they say where there is nothing to say."""

from __future__ import annotations

import pandas as pd

from wordweights.figures import prose

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
