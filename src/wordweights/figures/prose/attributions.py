"""Sentences of the chapters on contributions and on single sentences."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from wordweights.figures.style import format_number, format_weight
from wordweights.statistics import INFORMATION


def loops_agree(
    n: int, library: pd.DataFrame, encoder: str, *, residual: float, captum: float, other: float
) -> str:
    """Say that a plain loop, captum and the library find the same, and how exact each is.

    The differences, of captum from the loop's last round and of the library's contributions from
    those of the loop, are relative to the norm.
    """
    found = library.iloc[0]
    return (
        f"The three agree. For `{encoder}` and {n} nodes, the loop has a residual of "
        f"{format_weight(100 * residual)} %. Captum differs from its last round by "
        f"{format_weight(100 * captum)} % in norm. The contributions of `attribute`, with "
        f"{found['n_nodes']} nodes and a residual of {format_weight(100 * found['residual'])} %, "
        f"differ from those of the loop by {format_weight(100 * other)} %."
    )


def residual_of_example(one: pd.DataFrame, encoder: str) -> str:
    """Say how exactly a sentence was integrated, and with how many nodes."""
    return (
        f"The completeness residual of this sentence with {one['n_nodes'].iloc[0]} nodes is "
        f"{format_weight(100 * one['residual'].iloc[0])} % for `{encoder}`."
    )


def error_of_estimates(estimate: pd.DataFrame, exact: pd.DataFrame) -> str:
    """Say how far estimates are from exact contributions, in percent and in standard errors."""
    error = estimate["contribution"] - exact["contribution"]
    relative = ((error / exact["contribution"]) ** 2).mean() ** 0.5
    within = (error.abs() <= 2 * estimate["standard_error"]).mean()
    return (
        f"Over {len(exact)} words, the relative difference has a root mean square of "
        f"{format_number(100 * relative, 1)} %, and {format_number(100 * within, 0)} % of the "
        f"estimates are within two standard errors."
    )


def agreement_of_norms(frobenius: pd.DataFrame, vector: pd.DataFrame) -> str:
    """Say how well two measures of contribution agree on the order of words."""
    agreement = frobenius["contribution"].corr(vector["contribution"], method="spearman")
    return (
        f"Over {len(vector)} words of {vector['sentence_id'].nunique()} sentences, the rank "
        f"correlation of the two measures is {format_number(agreement)}."
    )


def least_exact(certificates: pd.DataFrame) -> str:
    """Say whose integrals are the least exact of a run."""
    known = certificates.dropna(subset="residual_p95")
    if known.empty:
        return "- The method of this run has no integral, and so no residual."
    worst = known.sort_values("residual_p95").to_dict("records")[-1]
    return (
        f"- The least exact integrals of this run are those of `{worst['encoder']}`: half of the "
        f"{worst['n_sentences']:,} sentences have a residual below "
        f"{format_weight(100 * worst['residual_median'])} %, 95 % of them below "
        f"{format_weight(100 * worst['residual_p95'])} %."
    )


def examples_shown(
    sentences: Sequence[pd.DataFrame], frequencies: str, left_out: Sequence[str]
) -> str:
    """Say how many words are shown and how many are unknown, and which encoders are left out."""
    unseen = sum(int(table[INFORMATION].isna().sum()) for table in sentences)
    knows = (
        f"does not know {unseen} of the words, which have no number" if unseen else "knows them all"
    )
    return (
        f"These are {len(sentences)} sentences with {sum(map(len, sentences))} words. The source "
        f"`{frequencies}` {knows}."
        + (f"\n\nNot shown, though in this run: {', '.join(left_out)}." if left_out else "")
    )


def example_takeaways(counts: pd.DataFrame) -> str:
    """Say for each encoder how often the word of most information has the largest contribution."""
    return "\n".join(
        f"- `{row['encoder']}`: in {row['heaviest'] * row['n_sentences']:.0f} of "
        f"{row['n_sentences']} sentences the word of most information has the largest "
        f"contribution, and in {row['tie'] * row['n_sentences']:.0f} more it ties with the "
        f"largest, within two standard errors."
        for row in counts.to_dict("records")
    )
