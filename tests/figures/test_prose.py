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
).assign(
    rise_content=[0.01, None, 0.1],
    low_content=[-0.1, None, 0.05],
    high_content=[0.12, None, 0.2],
    verdict_content=["not supported", "not tested", "supported"],
)
MEASURED = pd.DataFrame(
    {
        "encoder": ["a", "a (untrained)"],
        "r_information": [0.876, -0.034],
        "r_information_low": [0.86, -0.06],
        "r_information_high": [0.89, -0.01],
        "r_content": [0.65, 0.02],
        "r_content_low": [0.61, -0.1],
        "r_content_high": [0.7, 0.1],
        "r_function": [0.8, None],
        "r_function_low": [0.7, None],
        "r_function_high": [0.9, None],
        "rho_sentence": [0.86, 0.0],
        "rho_sentence_low": [0.8, -0.1],
        "rho_sentence_high": [0.9, 0.1],
        "n_words": 2765,
        "n_sentences": 395,
    }
)


def test_rises_of_other_pairs_are_told_by_verdict():
    assert prose.rises_of_others(RISES).replace(MINUS, "-") == (
        "In our own before/after pairs, a rise is supported for a → b (0.30, 95 % interval 0.25 to "
        "0.35); a rise is not supported for a → c (-0.10, 95 % interval -0.20 to 0.10). Over "
        "content words alone, r changes by 0.01 for b (-0.10 to 0.12)."
    )
    assert "no pair of encoders" in prose.rises_of_others(RISES[RISES["paper"]])
    assert prose.rises_of_others(RISES.iloc[1:2]).endswith("-0.20 to 0.10).".replace("-", MINUS))


def test_the_answer_has_content_words_and_the_control_or_says_that_there_is_none():
    said = prose.answer(MEASURED, "a", "a (untrained)", "spacy").replace(MINUS, "-")
    assert "r = 0.88 (95 % interval 0.86 to 0.89), over 2,765 words of 395 sentences" in said
    assert "Over content words alone it is r = 0.65 (0.61 to 0.70)." in said
    assert said.endswith("random weights: r = -0.03 (95 % interval -0.06 to -0.01).")
    seeds = prose.answer(MEASURED.assign(n_seeds=[None, 10]), "a", "a (untrained)", "spacy")
    assert "(mean of 10 seeds, 95 % of seeds from " in seeds
    alone = prose.answer(MEASURED, "a", None, "spacy")
    assert alone.endswith("measured no control with random weights.")
    numbers = prose.key_numbers(MEASURED, "a", None)
    assert (numbers["r-control-low"], numbers["encoder-control"]) == ("not measured", "none")
    assert numbers["r-main-content"] == "0.65"


def test_classes_are_compared_by_the_numbers_of_the_run():
    words = pd.DataFrame(
        {
            "word_class": ["content", "function", "content", "punctuation"],
            "information": [2.0, 1.0, 2.0, 1.0],
            "contribution": [1.0, 2.0, 1.0, 2.0],
        }
    )
    said = prose.classes_compared(MEASURED, "a", words).replace(MINUS, "-")
    assert "with its information with r = 1.00, and with its contribution by `a` with" in said
    assert "`a` with r = -1.00" in said
    assert "Within content words, `a` has r = 0.65 (0.61 to 0.70)" in said
    assert "function words 0.80 (0.70 to 0.90)" in said
    assert "loses most" not in said  # one encoder, and a control
    two = pd.concat([MEASURED, MEASURED.iloc[:1].assign(encoder="b", r_content=0.1)])
    said = prose.classes_compared(two, "a", words)
    assert "`b` loses most there: its r is 0.88 over all words and 0.10 (" in said
    assert "loses most" not in prose.classes_compared(two.assign(r_content=0.9), "a", words)
    few = MEASURED.assign(r_function=None)
    assert "not known, for want of words" in prose.classes_compared(few, "a", words)


def test_powers_spreads_and_the_heaviest_words_are_told():
    best = {"a": Estimate(-0.1, -0.2, 0.0, 9, 3), "b": Estimate(0.9, 0.5, 1.0, 9, 3)}
    said = prose.powers_compared(best).replace(MINUS, "-")
    assert "`a` -0.1 (-0.2 to 0.0), `b` 0.9 (0.5 to 1.0)" in said
    assert "the logarithm, for 1 of 2 encoders, and 1, P itself, for 1." in said
    verdicts = pd.DataFrame(
        {
            "claim": [4, 4, 4],
            "scope": ["a", "a", "b"],
            "estimate": [0.12, -0.03, 0.5],
            "low": [0.1, -0.1, 0.4],
            "high": [0.14, 0.04, 0.6],
        }
    )
    said = prose.spread_compared(verdicts, "a").replace(MINUS, "-")
    assert said == (
        "For `a`, the spread changes by 12.0 % of its mean per nat (10.0 to 14.0) for c, and by "
        "-3.0 % of its mean per nat (-10.0 to 4.0) for ln c."
    )
    assert "did not test" in prose.spread_compared(verdicts, "c")
    counts = pd.DataFrame(
        [("a", 1395, 0.5, 0.25, 1 / 7)],
        columns=["encoder", "n_sentences", "heaviest", "tie", "chance"],
    )
    said = prose.heaviest_counted(counts, "a")
    assert "In 50 % of 1,395 sentences" in said
    assert "another 25 %" in said
    assert said.endswith("By chance it would be 14 %.")


def test_the_words_and_how_their_classes_were_told_apart():
    words = pd.DataFrame(
        {
            "sentence_id": [0, 0, 1, 1],
            "word_type": ["a", "dog", "a", "."],
            "word_class": ["function", "content", "function", "punctuation"],
        }
    )
    words.attrs["n_unseen"] = 3
    said = prose.words_correlated(words, "spacy", "drop", "stop-list")
    assert "4 words of 2 sentences" in said
    assert "1 of the words are content words, 2 function words, and 1 punctuation" in said
    assert "list of stop words" in said
    assert said.endswith(
        "They are of 3 word types; the 1 most frequent of these make up half of all words."
    )
    assert "parts of speech" in prose.words_correlated(words, "spacy", "drop", "parts-of-speech")
    assert prose.wordpieces_counted(["spacy"]) == ""
    assert "also begins longer words" in prose.wordpieces_counted(["spacy", "bert-pretraining"])


def test_takeaways_of_correlations_count_rises_and_claims():
    spreads = {"a": pd.DataFrame({"sd": [0.5, 1.5], "mean": [1.0, 2.0]})}
    verdicts = pd.DataFrame(
        {
            "claim": [1, 2],
            "variant": "as the paper says",
            "paper": True,
            "verdict": ["supported", "not supported"],
        }
    )
    spread, rise, claims = prose.correlation_takeaways("a", spreads, RISES, verdicts).splitlines()
    assert "is 3.0 times that" in spread
    assert "their mean 2.0 times" in spread
    assert "supported for 2 of 3 pairs of this run over all words, and for 1 over content" in rise
    assert "Of these pairs, 1 are the paper's" in rise
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
        [(0, *[None] * 6), (1200, 0.12, 0.05, 0.2, -0.03, -0.05, -0.01)],
        columns=["step"]
        + [f"{name}{end}" for name in ("rise", "rise_content") for end in ("", "_low", "_high")],
    )
    agreement = pd.Series({"step": 1000, "change": -0.2, "verdict": "the opposite direction"})
    said = prose.training_direction(curve, "a", "sbert", agreement).replace(MINUS, "-")
    assert said == (
        "In 1,200 steps of a fresh training of a with sbert, r with -ln P(w) rises (0.120, 95 % "
        "interval 0.050 to 0.200). Over content words alone it falls (-0.030, 95 % interval -0.050 "
        "to -0.010). On the shipped curve, over all words, it changes by -0.200 up to step 1,000: "
        "the opposite direction."
    )
    few = prose.training_direction(curve.assign(rise_content=float("nan")), "a", "sbert", agreement)
    assert "it is not known, for there are too few words" in few
    unsure = curve.assign(rise_low=-0.1)
    agreement["verdict"] = "undecided"
    said = prose.training_direction(unsure, "a", "sbert", agreement)
    assert "r with \N{MINUS SIGN}ln P(w) is not seen to change (" in said
    assert said.endswith("too short, or its sentences are too few, to tell whether it agrees.")
    assert "no shipped curve" in prose.training_direction(curve, "a", "sbert", None)


def test_changes_of_the_family_are_told_stage_by_stage():
    ends = pd.DataFrame(
        {
            "encoder": ["a", "b"],
            "run": ["pre-training", "sbert"],
            "r_first": [-0.1, 0.3],
            "r_last": [0.3, 0.5],
            "top": [0.6, 0.5],
            "top_step": [70, 20],
            "sts_spearman_first": [0.4, 0.4],
            "sts_spearman_last": [0.4, 0.6],
        }
    )
    said = prose.family_changes(ends)
    assert (
        said["learned"]
        .replace(MINUS, "-")
        .endswith("r goes: a from -0.10 by way of 0.60 at step 70 to 0.30.")
    )
    assert said["changed"] == "Fine-tuning takes it: b from 0.30 to 0.50."
    assert said["sts"].endswith("coefficient changes: b from 0.40 to 0.60.")
    unknown = prose.family_changes(ends.assign(sts_spearman_first=None, sts_spearman_last=None))
    assert "was not at hand" in unknown["sts"]


def test_parts_are_compared_pair_by_pair():
    leads = {"a → b": Estimate(0.2, 0.1, 0.3, 70, 10), "c → d": Estimate(-0.2, -0.3, 0.1, 70, 10)}
    first, second = prose.swaps_compared(leads).replace(MINUS, "-").split("\n")
    assert first == (
        "- a → b: with the layers alone from after, r is 0.20 (95 % interval 0.10 to 0.30) above "
        "that with the embeddings alone from after."
    )
    assert "-0.20 (95 % interval -0.30 to 0.10)" in second
    changes = {"learned": "So.", "changed": "Thus."}
    *_, last = prose.training_takeaways(changes, "It rises.", leads).split("\n")
    assert last.endswith("in 1 of 2 pairs, and lower in 0.")


def test_example_sentences_count_leads_and_ties():
    counts = pd.DataFrame(
        [("x", 3, 2 / 3, 1 / 3)], columns=["encoder", "n_sentences", "heaviest", "tie"]
    )
    assert prose.example_takeaways(counts) == (
        "- `x`: in 2 of 3 sentences the word of most information has the largest contribution, and "
        "in 1 more it ties with the largest, within two standard errors."
    )


def test_rises_are_told_with_their_spread_over_seeds():
    seeds = pd.DataFrame(
        {
            "encoder": ["a", "a", "a", "b", "b", "b"],
            "pretraining_seed": [0, 0, 1] * 2,
            "r_before": [-0.3, -0.3, 0.2] * 2,
            "r_after": [0.5, 0.6, 0.7, 0.1, 0.2, 0.1],
            "rise": [0.8, 0.9, 0.5, 0.4, 0.5, -0.1],
            "rise_low": [0.7, 0.8, 0.4, 0.3, -0.2, -0.2],
            "rise_content": [0.1, 0.2, 0.3, 0.1, 0.1, 0.1],
            "rise_content_low": [-0.1, 0.1, 0.2, -0.1, -0.1, -0.1],
        }
    )
    first, second, ends = prose.rises_over_seeds(seeds).splitlines()
    assert first == (
        "- a: r rises by 0.50 to 0.90, seen in 3 of 3 trainings; over content words by 0.10 to "
        "0.30, seen in 2 of 3 trainings."
    )
    assert "\N{MINUS SIGN}0.10 to 0.50, seen in 1 of 3" in second
    assert "0.10 to 0.10, seen in 0 of 3" in second
    assert ends == (
        "- Pre-training ends at an r of \N{MINUS SIGN}0.30 to 0.20, by its seed; fine-tuning "
        "ends, from any of them, with a at 0.50 to 0.70; b at 0.10 to 0.20."
    )


def test_embeddings_alone_are_set_against_their_encoders():
    scores = pd.DataFrame(
        {"encoder": ["a", "b"], "sts_encoder": [0.4, 0.7], "sts_mean": 0.3, "sts_sif": [0.6, 0.5]}
    )
    said = prose.embeddings_alone(scores)
    assert said.startswith("Word embeddings alone, averaged with SIF weights, reach 0.60; with")
    assert said.endswith("the embeddings of 1 of 2 encoders score higher than the whole encoder.")


def test_three_ways_to_integrate_are_told_to_agree():
    library = pd.DataFrame({"n_nodes": [6, 6], "residual": [0.009, 0.009]})
    said = prose.loops_agree(50, library, "a", residual=1e-4, captum=1e-6, other=0.002)
    assert said.startswith(
        "The three agree. For `a` and 50 nodes, the loop has a residual of 0.0100 %"
    )
    assert said.endswith("a residual of 0.900 %, differ from those of the loop by 0.200 %.")


def test_our_own_numbers_are_told_by_their_settings():
    ours = pd.DataFrame(
        {
            "encoder": ["a", "a", "b"],
            "date": "2026-01-01",
            "versions": "v",
            "settings": ["all", "all", "sample=9"],
            "relative_error": [0.01, 0.02, 0.05],
            "residual_max": [0.01, 0.005, 0.5],
        }
    )
    first, second = prose.how_measured(ours).split("\n\n")
    assert first.startswith("a: measured on 2026-01-01, with `v` and the settings `all`.")
    assert "is 2.0 % or less (root mean square), the residual of a sentence 1.0 % or" in first
    assert second.startswith("b: measured on 2026-01-01, with `v` and the settings `sample=9`.")
    assert prose.how_measured(ours.iloc[:0]) == ""
