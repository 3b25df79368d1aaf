"""Sentences of the chapter on correlations, of the home page and of the page on the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from wordweights.encoders import split_name
from wordweights.figures.style import format_number, from_to, interval
from wordweights.statistics import Estimate, summarise_claims
from wordweights.words.classes import CONTENT, FUNCTION, PARTS_OF_SPEECH, PUNCTUATION, STOP_LIST


def words_correlated(words: pd.DataFrame, frequencies: str, unseen: str, rule: str) -> str:
    """Say how many words are correlated, of which classes, and how many were unknown."""
    n = words["word_class"].value_counts()
    told = {
        PARTS_OF_SPEECH: "by their parts of speech (spaCy's small English model)",
        STOP_LIST: "by spaCy's list of stop words",
    }[rule]
    types = words.groupby("word_type").size().sort_values()
    half = int((types[::-1].cumsum() < len(words) / 2).sum()) + 1
    n_unseen = words.attrs["n_unseen"]
    unknown = f"{n_unseen:,} word occurrences are unknown to the source `{frequencies}`; the policy"
    return (
        f"{len(words):,} words of {words['sentence_id'].nunique():,} sentences are correlated. "
        + (f"{unknown} for them is `{unseen}`." if n_unseen else f"`{frequencies}` knows them all.")
        + "\n\n"
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
        + f" ({from_to(row['low_content'], row['high_content'])})"
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
    ends = from_to(row[f"{column}_low"], row[f"{column}_high"])
    return f"{format_number(row[column])} ({ends})"


def powers_compared(best: Mapping[str, Estimate]) -> str:
    """Say which power of P(w) contributions follow most closely, encoder by encoder."""
    said = [
        f"`{name}` {format_number(found.value, 1)} ({from_to(found.low, found.high, 1)})"
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
        f"{format_number(100 * row['estimate'], 1)} % of its mean per nat "
        f"({from_to(100 * row['low'], 100 * row['high'], 1)}) for {what}"
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
