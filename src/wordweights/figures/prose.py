"""Sentences of the book that hold numbers of a run, as Markdown.

The tables that they take are those of :mod:`wordweights.statistics`, under the names that the
notebooks give them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from wordweights.figures.style import format_number
from wordweights.statistics import INFORMATION, summarise_claims
from wordweights.words.frequencies import Frequencies


def interval(low: float, high: float, digits: int = 2) -> str:
    """Write a 95 % interval: ``95 % interval 0.87 to 0.89``."""
    return f"95 % interval {format_number(low, digits)} to {format_number(high, digits)}"


def sentences_used(table: pd.DataFrame, every: pd.DataFrame, words: pd.DataFrame) -> str:
    """Say how many sentences passed the filter, and how many words they hold."""
    return (
        f"{len(table):,} of {len(every):,} sentences are used. They hold {len(words):,} word "
        f"occurrences, {words['word'].nunique():,} distinct words."
    )


def words_unknown(n_words: int, known: pd.DataFrame, source: Frequencies, unseen: str) -> str:
    """Say how many words a source of frequencies does not know, and what the source is."""
    return (
        f"Of {n_words:,} word occurrences, {known.attrs['n_unseen']:,} "
        f"({len(known.attrs['unseen_words']):,} distinct words) are unknown to the source "
        f"`{source.source}`; the policy for them is `{unseen}`.\n\n> {source.note}"
    )


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


def words_correlated(words: pd.DataFrame, frequencies: str, unseen: str) -> str:
    """Say how many words are correlated, and how many were unknown."""
    return (
        f"{len(words):,} words of {words['sentence_id'].nunique():,} sentences are correlated. "
        f"{words.attrs['n_unseen']:,} word occurrences are unknown to the source `{frequencies}`; "
        f"the policy for them is `{unseen}`."
    )


def only_published(published: pd.DataFrame, encoders: Sequence[str]) -> str:
    """Name the encoders of the paper that a run lacks."""
    rest = [name for name in published["encoder"] if name not in encoders]
    if not rest:
        return "This run measured every encoder of the paper."
    return (
        f"Not measured in this run, and only published here: {', '.join(rest)}. With the model "
        f"hub, or a cache of it, `make paper` measures them. `make measured` measures ours on "
        f"STS-B again."
    )


def how_measured(ours: pd.DataFrame) -> str:
    """Say when and how our own numbers on the STS Benchmark were measured."""
    if ours.empty:
        return ""
    row = ours.sort_values("relative_error").to_dict("records")[-1]
    return (
        f"Measured on {row['date']}, with `{row['versions']}` and the settings "
        f"`{row['settings']}`. The standard error of contributions is "
        f"{format_number(100 * row['relative_error'], 1)} % or less (root mean square), the "
        f"residual of a sentence {format_number(100 * row['residual_max'], 1)} % or less."
    )


def rises_of_others(rises: pd.DataFrame) -> str:
    """Say for which pairs of a run, other than the paper's, r is seen to rise by fine-tuning."""
    others = rises[~rises["paper"]]
    if others.empty:
        return "This run has no pair of encoders, before and after, other than the paper's."
    said = []
    for verdict, rows in others.groupby("verdict", sort=False):
        cases = [
            f"{row['before']} \N{RIGHTWARDS ARROW} {row['encoder']} ("
            f"{format_number(row['rise'])}, {interval(row['low'], row['high'])})"
            for row in rows.to_dict("records")
        ]
        said.append(f"a rise is {verdict} for {', '.join(cases)}")
    return f"Of the pairs of this run that are none of the paper's: {'; '.join(said)}."


def answer(measured: pd.DataFrame, main: str, control: str | None, frequencies: str) -> str:
    """Say how contributions correlate with information, for an encoder and for its control."""
    numbers = key_numbers(measured, main, control)
    said = (
        f"For `{main}`, the contribution of a word to the sentence vector correlates with its "
        f"information \N{MINUS SIGN}ln P(w) with r = {numbers['r-main']} (95 % interval "
        f"{numbers['r-main-low']} to {numbers['r-main-high']}), over {numbers['n-words']} words of "
        f"{numbers['n-sentences']} sentences, with P(w) from `{frequencies}`. "
    )
    if control is None:
        return said + "This run measured no control with random weights."
    return said + (
        f"For the same architecture with random weights it is r = {numbers['r-control']} (95 % "
        f"interval {numbers['r-control-low']} to {numbers['r-control-high']})."
    )


def key_numbers(measured: pd.DataFrame, main: str, control: str | None) -> dict[str, str]:
    """Write the numbers of chapter 03 that other pages quote."""
    rows = measured.set_index("encoder").to_dict("index")
    numbers = {"encoder-main": main, "encoder-control": control or "none"}
    for role, name in (("main", main), ("control", control)):
        for end in ("", "-low", "-high"):
            column = f"r_information{end.replace('-', '_')}"
            value = format_number(rows[name][column]) if name else "not measured"
            numbers[f"r-{role}{end}"] = value
    for key, column in (("n-sentences", "n_sentences"), ("n-words", "n_words")):
        numbers[key] = f"{rows[main][column]:,}"
    return numbers


def correlation_takeaways(
    main: str, spreads: Mapping[str, pd.DataFrame], rises: pd.DataFrame, verdicts: pd.DataFrame
) -> str:
    """Say what chapter 03 has found beside its answer."""
    growth = {name: rows["sd"].iloc[-1] / rows["sd"].iloc[0] for name, rows in spreads.items()}
    least, most = (format_number(end(growth.values()), 1) for end in (min, max))
    found = summarise_claims(verdicts)["verdict"].tolist()
    supported = (rises["verdict"] == "supported").sum()
    return (
        f"- Among the words of most information, the standard deviation of contributions is "
        f"{format_number(growth[main], 1)} times that among the words of least information for "
        f"`{main}`. Over the encoders of this run, this ratio is between {least} and {most}.\n"
        f"- A rise of r by fine-tuning is supported for {supported} of {len(rises)} pairs of this "
        f"run. Of these pairs, {rises['paper'].sum()} are the paper's.\n"
        f"- Of the five claims of the paper, this run supports {found.count('supported')}, does "
        f"not support {found.count('not supported')}, and does not test "
        f"{found.count('not tested')}."
    )


def examples_shown(
    sentences: Sequence[pd.DataFrame], frequencies: str, left_out: Sequence[str]
) -> str:
    """Say how many words are shown and how many are unknown, and which encoders are left out."""
    unseen = sum(int(table[INFORMATION].isna().sum()) for table in sentences)
    return (
        f"{len(sentences)} sentences with {sum(map(len, sentences))} words; {unseen} of the words "
        f"are unknown to the source `{frequencies}`. Such a word is shown without a number for its "
        f"information; its contributions are there."
        + (f"\n\nNot shown, though in this run: {', '.join(left_out)}." if left_out else "")
    )


def example_takeaways(sentences: Sequence[pd.DataFrame]) -> str:
    """Say how often the word of most information is the word of the largest contribution."""
    known = [table.dropna(subset=INFORMATION) for table in sentences]
    known = [table for table in known if len(table)]
    lines = []
    for name in sentences[0].columns.drop(["word", INFORMATION]):
        agree = sum(table[INFORMATION].idxmax() == table[name].idxmax() for table in known)
        lines.append(
            f"- `{name}`: in {agree} of {len(known)} sentences the word of most information is "
            f"also the word of the largest contribution."
        )
    return "\n".join(lines)
