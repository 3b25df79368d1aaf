"""Sentences of the book that hold numbers of a run, as Markdown.

The tables that they take are those of :mod:`wordweights.statistics`, under the names that the
notebooks give them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from wordweights.encoders import split_name
from wordweights.figures.style import format_number, format_weight
from wordweights.statistics import INFORMATION, Estimate, main_and_control, summarise_claims
from wordweights.words.classes import (
    CONTENT,
    FUNCTION,
    PARTS_OF_SPEECH,
    PUNCTUATION,
    STOP_LIST,
)
from wordweights.words.frequencies import Frequencies

if TYPE_CHECKING:
    from wordweights.counting import Report


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


def words_correlated(words: pd.DataFrame, frequencies: str, unseen: str, rule: str) -> str:
    """Say how many words are correlated, of which classes, and how many were unknown."""
    n = words["word_class"].value_counts()
    told = {
        PARTS_OF_SPEECH: "by their parts of speech (spaCy's small English model)",
        STOP_LIST: "by spaCy's list of stop words",
    }[rule]
    types = words.groupby("word_type").size().sort_values()
    half = int((types[::-1].cumsum() < len(words) / 2).sum()) + 1
    return (
        f"{len(words):,} words of {words['sentence_id'].nunique():,} sentences are correlated. "
        f"{words.attrs['n_unseen']:,} word occurrences are unknown to the source `{frequencies}`; "
        f"the policy for them is `{unseen}`.\n\n"
        f"{n.get(CONTENT, 0):,} of the words are content words, {n.get(FUNCTION, 0):,} function "
        f"words, and {n.get(PUNCTUATION, 0):,} punctuation, told apart {told}. They are of "
        f"{len(types):,} word types; the {half:,} most frequent of these make up half of all words."
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
    return "\n\n".join(
        f"{', '.join(rows['encoder'].unique())}: measured on {date}, with `{versions}` and the "
        f"settings `{settings}`. The standard error of contributions is "
        f"{format_number(100 * rows['relative_error'].max(), 1)} % or less (root mean square), the "
        f"residual of a sentence {format_number(100 * rows['residual_max'].max(), 1)} % or less."
        for (date, versions, settings), rows in ours.groupby(
            ["date", "versions", "settings"], sort=False
        )
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
    content = "; ".join(
        f"{format_number(row['rise_content'])} for {row['encoder']}"
        + f" ({_from_to(row['low_content'], row['high_content'])})"
        for row in others.dropna(subset="rise_content").to_dict("records")
    )
    return f"In our own before/after pairs, {'; '.join(said)}." + (
        f" Over content words alone, r changes by {content}." if content else ""
    )


def answer(measured: pd.DataFrame, main: str, control: str | None, frequencies: str) -> str:
    """Say how contributions correlate with information, for an encoder and for its control."""
    numbers = key_numbers(measured, main, control)
    said = (
        f"For `{main}`, the contribution of a word to the sentence vector correlates with its "
        f"information \N{MINUS SIGN}ln P(w) with r = {numbers['r-main']} (95 % interval "
        f"{numbers['r-main-low']} to {numbers['r-main-high']}), over {numbers['n-words']} words of "
        f"{numbers['n-sentences']} sentences, with P(w) from `{frequencies}`. Over content words "
        f"alone it is r = {numbers['r-main-content']} ({numbers['r-main-content-low']} to "
        f"{numbers['r-main-content-high']}). "
    )
    if control is None:
        return said + "This run measured no control with random weights."
    return said + (
        f"The control has the same architecture and random weights: r = {numbers['r-control']} "
        f"({numbers['control-interval']} {numbers['r-control-low']} to "
        f"{numbers['r-control-high']})."
    )


def key_numbers(measured: pd.DataFrame, main: str, control: str | None) -> dict[str, str]:
    """Write the numbers of chapter 03 that other pages quote."""
    rows = measured.set_index("encoder").to_dict("index")
    numbers = {"encoder-main": main, "encoder-control": control or "none"}
    for role, name in (("main", main), ("control", control)):
        for words, column in (("", "r_information"), ("-content", "r_content")):
            for end in ("", "-low", "-high"):
                value = rows[name][column + end.replace("-", "_")] if name else None
                text = "not measured" if value is None else format_number(value)
                numbers[f"r-{role}{words}{end}"] = text
    seeds = rows[control].get("n_seeds") if control else None
    numbers["control-interval"] = (
        f"mean of {seeds:.0f} seeds, 95 % of seeds from" if seeds else "95 % interval"
    )
    for key, column in (("n-sentences", "n_sentences"), ("n-words", "n_words")):
        numbers[key] = f"{rows[main][column]:,}"
    return numbers


def classes_compared(measured: pd.DataFrame, main: str, words: pd.DataFrame) -> str:
    """Say what r is made of: word classes against each other, or words within a class."""
    row = measured[measured["encoder"] == main].iloc[0]
    flag = (words["word_class"] == CONTENT).astype(float)
    of_flag, of_weight = (flag.corr(words[name]) for name in ("information", "contribution"))
    within = _with_interval(row, "r_content")
    return (
        f"Whether a word is a content word, a yes or no, already correlates with its information "
        f"with r = {format_number(of_flag)}, and with its contribution by `{main}` with "
        f"r = {format_number(of_weight)}. An r over all words holds this difference between "
        f"content words and the others. Within content words, `{main}` has r = {within}, within "
        f"function words {_with_interval(row, 'r_function')}. Among the words of one sentence, the "
        f"rank correlation is {_with_interval(row, 'rho_sentence')} on average.\n\n"
        f"{_least_left(measured)}"
    )


def _least_left(measured: pd.DataFrame) -> str:
    """Name the encoder that loses most of its r within content words, if one does."""
    is_trained = [split_name(name).trained for name in measured["encoder"]]
    trained = measured[is_trained].dropna(subset="r_content")
    if len(trained) < 2:
        return ""
    row = trained.iloc[int((trained["r_information"] - trained["r_content"]).argmax())]
    if row["r_information"] <= row["r_content"]:
        return ""
    return (
        f"Of the encoders of this run, `{row['encoder']}` loses most there: its r is "
        f"{format_number(row['r_information'])} over all words and "
        f"{_with_interval(row, 'r_content')} over content words."
    )


def _with_interval(row: pd.Series, column: str) -> str:
    if pd.isna(row[column]):
        return "not known, for want of words"
    ends = _from_to(row[f"{column}_low"], row[f"{column}_high"])
    return f"{format_number(row[column])} ({ends})"


def powers_compared(best: Mapping[str, Estimate]) -> str:
    """Say which power of P(w) contributions follow most closely, encoder by encoder."""
    said = [
        f"`{name}` {format_number(found.value, 1)} ({_from_to(found.low, found.high, 1)})"
        for name, found in best.items()
        if pd.notna(found.value)
    ]
    if not said:
        return "This run has too few words to find the best power."
    logarithm = sum(found.low <= 0 <= found.high for found in best.values())
    itself = sum(found.low <= 1 <= found.high for found in best.values())
    return (
        f"The powers of the largest |r|, with 95 % intervals: {', '.join(said)}. The interval "
        f"contains 0, the logarithm, for {logarithm} of {len(best)} encoders, and 1, P itself, for "
        f"{itself}."
    )


def spread_compared(verdicts: pd.DataFrame, main: str) -> str:
    """Say how the spread of contributions grows, and the spread relative to their level."""
    rows = verdicts[(verdicts["claim"] == 4) & (verdicts["scope"] == main)]
    growth = [
        f"{format_number(100 * row['estimate'], 0)} % of its mean per nat "
        f"({_from_to(100 * row['low'], 100 * row['high'], 0)}) for {what}"
        for (what, row) in zip(("c", "ln c"), rows.to_dict("records"), strict=False)
        if pd.notna(row["estimate"])
    ]
    if not growth:
        return f"This run did not test the spread of `{main}`."
    return f"For `{main}`, the spread changes by {', and by '.join(growth)}."


def heaviest_counted(counts: pd.DataFrame, main: str) -> str:
    """Say how often the most informative word is the heaviest."""
    row = counts[counts["encoder"] == main].iloc[0]
    heaviest, tie, chance = (
        f"{format_number(100 * row[name], 0)} %" for name in ("heaviest", "tie", "chance")
    )
    return (
        f"In {heaviest} of {row['n_sentences']:,.0f} sentences, `{main}` gives the most "
        f"informative word the largest weight; in another {tie} it ties with another word within "
        f"two standard errors. By chance it would be {chance}."
    )


def wordpieces_counted(sources: Sequence[str]) -> str:
    """Warn of counts of wordpieces, where they are used."""
    if "bert-pretraining" not in sources:
        return ""
    return (
        "`bert-pretraining` counts wordpieces, and a wordpiece that is a word also begins longer "
        "words that are split. These are counted with it, so such a word looks more frequent "
        "than it is."
    )


def correlation_takeaways(
    main: str, spreads: Mapping[str, pd.DataFrame], rises: pd.DataFrame, verdicts: pd.DataFrame
) -> str:
    """Say what chapter 03 has found beside its answer."""
    first, last = (spreads[main].iloc[i] for i in (0, -1))
    summary = summarise_claims(verdicts)
    found = summary["verdict"].tolist()
    supported, content = (
        (rises[name] == "supported").sum() for name in ("verdict", "verdict_content")
    )
    return (
        f"- Among the words of most information, the standard deviation of contributions is "
        f"{format_number(last['sd'] / first['sd'], 1)} times that among the words of least "
        f"information for `{main}`, and their mean "
        f"{format_number(last['mean'] / first['mean'], 1)} times. A spread that grows with the "
        f"mean is no finding by itself.\n"
        f"- A rise of r by fine-tuning is supported for {supported} of {len(rises)} pairs of this "
        f"run over all words, and for {content} over content words. Of these pairs, "
        f"{rises['paper'].sum()} are the paper's.\n"
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
        f"These are {len(sentences)} sentences with {sum(map(len, sentences))} words. The source "
        f"`{frequencies}` does not know {unseen} of the words. What is not known has no number."
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


# Chapter 06: fine-tuning


def curves_measured(shipped: pd.DataFrame) -> str:
    """Say when and by what the shipped curves were measured."""
    runs = shipped[["date", "versions", "settings"]].drop_duplicates()
    lines = [
        f"Measured on {run.date}, with `{run.versions}` and the settings `{run.settings}`."
        for run in runs.itertuples()
    ]
    if shipped["sts_spearman"].isna().all():
        lines.append("The STS Benchmark was not at hand then, so its column is empty.")
    return "\n\n".join(lines)


def family_changes(ends: pd.DataFrame) -> dict[str, str]:
    """Say what training has changed in the family: r by pre-training, r and STS-B by fine-tuning.

    The names are those that the pages of the book glue the sentences by.
    """
    first = ends["run"] == "pre-training"
    learned, changed = _changes(ends[first], "r", peak=True), _changes(ends[~first], "r")
    scores = _changes(ends[~first].dropna(subset="sts_spearman_last"), "sts_spearman")
    return {
        "learned": f"During pre-training, r goes: {learned}.",
        "changed": f"Fine-tuning takes it: {changed}.",
        "sts": f"On the test split of the STS Benchmark, Spearman's coefficient changes: {scores}."
        if scores
        else "It was not measured on the STS Benchmark, which was not at hand.",
    }


def embeddings_alone(scores: pd.DataFrame) -> str:
    """Say how the word embeddings of the family do against its encoders on the STS Benchmark."""
    weighted = format_number(scores["sts_sif"].max())
    beaten = scores[scores["sts_sif"] > scores["sts_encoder"]]
    return (
        f"Word embeddings alone, averaged with SIF weights, reach {weighted}; with equal weights "
        f"{format_number(scores['sts_mean'].max())}. With SIF weights, the embeddings of "
        f"{len(beaten)} of {len(scores)} encoders score higher than the whole encoder."
    )


def training_done(
    log: pd.DataFrame, base: str, objective: str, batch: int, sentences: pd.DataFrame
) -> str:
    """Say what a fresh training was, and what it is measured on."""
    first, last = (format_number(log["loss"].iloc[i], 3) for i in (0, -1))
    return (
        f"`{base}` is fine-tuned with `{objective}`, {batch:,} sentences per step. The loss begins "
        f"at {first} and ends at {last}, in step {log['step'].iloc[-1]:,}. The snapshots are "
        f"measured on {len(sentences):,} sentences."
    )


def training_direction(
    curve: pd.DataFrame, base: str, objective: str, agreement: pd.Series | None
) -> str:
    """Say whether r changes over a fresh training, and as on the shipped curve, if there is one."""
    end = curve.iloc[-1]
    own = (
        f"In {end['step']:,.0f} steps of a fresh training of {base} with {objective}, r with "
        f"\N{MINUS SIGN}ln P(w) {_moves(end, 'rise')}. Over content words alone it "
        f"{_moves(end, 'rise_content')}."
    )
    if agreement is None:
        return f"{own} There is no shipped curve of this encoder with this objective to compare."
    against = (
        "the fresh training is too short, or its sentences are too few, to tell whether it agrees"
        if agreement["verdict"] == "undecided"
        else agreement["verdict"]
    )
    return (
        f"{own} On the shipped curve, over all words, it changes by "
        f"{format_number(agreement['change'], 3)} up to step {agreement['step']:,}: {against}."
    )


def _moves(end: pd.Series, rise: str) -> str:
    """Say whether an r is seen to change, and by how much."""
    low, high = end[f"{rise}_low"], end[f"{rise}_high"]
    if pd.isna(end[rise]):
        return "is not known, for there are too few words"
    says = "is not seen to change" if low <= 0 <= high else "rises" if end[rise] > 0 else "falls"
    change = f"{format_number(end[rise], 3)}, {interval(low, high, 3)}"
    return f"{says} ({change})"


def swaps_compared(leads: Mapping[str, Estimate]) -> str:
    """Say by how much r with the layers alone from after exceeds that with the embeddings."""
    return "\n".join(
        f"- {pair}: with the layers alone from after, r is {format_number(lead.value)} "
        f"({interval(lead.low, lead.high)}) above that with the embeddings alone from after."
        for pair, lead in leads.items()
    )


def training_takeaways(
    changes: Mapping[str, str], direction: str, leads: Mapping[str, Estimate]
) -> str:
    """Say what chapter 06 has found."""
    higher, lower = (
        sum(seen(lead) for lead in leads.values())
        for seen in (lambda lead: lead.low > 0, lambda lead: lead.high < 0)
    )
    return (
        f"- {changes['learned']} {changes['changed']} These numbers were measured when the family "
        f"was trained.\n"
        f"- {direction}\n"
        f"- With the layers alone from after, r is seen to be higher than with the embeddings "
        f"alone from after in {higher} of {len(leads)} pairs, and lower in {lower}."
    )


def _from_to(low: float, high: float, digits: int = 2) -> str:
    return f"{format_number(low, digits)} to {format_number(high, digits)}"


def _changes(ends: pd.DataFrame, measure: str, *, peak: bool = False) -> str:
    """Write where a measure begins and ends, and r where it is largest, encoder by encoder."""
    return "; ".join(
        f"{row['encoder']} from {format_number(row[f'{measure}_first'])}"
        + (f" over {format_number(row['top'])} at step {row['top_step']:,}" if peak else "")
        + f" to {format_number(row[f'{measure}_last'])}"
        for row in ends.to_dict("records")
    )


def corpus_counted(report: Report, counted: Frequencies) -> str:
    """Say how large a corpus is, and what the counts of its words are."""
    return (
        f"{report.tally.total:,} words in {report.tally.documents:,} lines or documents, "
        f"{report.words:,} of them distinct.\n\n> {counted.note}"
    )


def counting_takeaways(
    report: Report,
    counted: Frequencies,
    exponent: float,
    compared: pd.DataFrame,
    coverage: pd.DataFrame,
) -> str:
    """Say what chapter 05 has found."""
    main, _ = main_and_control(compared["encoder"].unique())
    rows = compared[compared["encoder"] == main].set_index("frequencies")["r_information"]
    half = counted.probabilities.sort_values(ascending=False).cumsum()
    return (
        f"- Half of the corpus is {int((half < 0.5).sum()) + 1:,} different words; it has "
        f"{report.words:,} in all, and while it is read their number grows with the power "
        f"{format_number(exponent)} of the length.\n"
        f"- On the words that all sources know, r for `{main}` is between "
        f"{format_number(rows.min())} (`{rows.idxmin()}`) and {format_number(rows.max())} "
        f"(`{rows.idxmax()}`).\n"
        f"- `{counted.source}` knows "
        f"{format_number(100 * coverage['occurrences'].iloc[0], 1)} % of the word occurrences. "
        f"What a source does not know, it cannot weigh: how many words it knows matters as well "
        f"as what it says of them."
    )
