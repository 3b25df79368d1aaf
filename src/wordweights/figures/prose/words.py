"""Sentences of the chapter on information."""

from __future__ import annotations

import pandas as pd

from wordweights.figures.style import format_number
from wordweights.words.frequencies import Frequencies


def sentences_used(table: pd.DataFrame, every: pd.DataFrame, words: pd.DataFrame) -> str:
    """Say how many sentences passed the filter, and how many words they hold."""
    return (
        f"{len(table):,} of {len(every):,} sentences are used. They hold {len(words):,} word "
        f"occurrences, {words['word'].nunique():,} distinct words."
    )


def words_unknown(n_words: int, known: pd.DataFrame, source: Frequencies, unseen: str) -> str:
    """Say how many words a source of frequencies does not know, and what the source is."""
    n_unseen, distinct = known.attrs["n_unseen"], len(known.attrs["unseen_words"])
    said = f"The source `{source.source}` knows all {n_words:,} word occurrences."
    if n_unseen:
        said = (
            f"Of {n_words:,} word occurrences, {n_unseen:,} ({distinct:,} distinct words) are "
            f"unknown to the source `{source.source}`; the policy for them is `{unseen}`."
        )
    return f"{said}\n\n> {source.note}"


def frequency_takeaways(
    known: pd.DataFrame, distinct: pd.DataFrame, by_source: pd.DataFrame, coverage: pd.DataFrame
) -> str:
    """Say what chapter 01 has found."""
    half = [format_number(table["information"].median(), 1) for table in (known, distinct)]
    medians = distinct.groupby("stop_word")["information"].median()
    stop, other = (
        f"{format_number(medians[group], 1)} nats"
        if group in medians
        else "missing, as there are none"
        for group in (True, False)
    )
    ranks = distinct["information"].corr(distinct["idf"], method="spearman")
    agreement = by_source.drop(columns="count").corr(method="spearman").min().min()
    return (
        f"- Half of the word occurrences carry less than {half[0]} nats; half of the distinct "
        f"words carry less than {half[1]}.\n"
        f"- The median information of stop words is {stop}, of other words {other}.\n"
        f"- The rank correlation of information with IDF is {format_number(ranks)}; with SIF it is "
        f"1, since both are functions of P(w).\n"
        f"- The lowest rank correlation between two of the sources is {format_number(agreement)}, "
        f"and the least that a source knows of the word occurrences is "
        f"{format_number(100 * coverage['occurrences'].min(), 1)} %."
    )
