"""Sentences of the book that hold numbers of a run, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from wordweights.figures.style import format_number
from wordweights.statistics import Estimate

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


def curves_ended(ends: pd.DataFrame) -> str:
    """Say where each curve begins and ends, and where it is highest."""
    return "\n".join(
        f"- `{row['encoder']}`, {row['run']}: r begins at {format_number(row['r_first'])} (95 % "
        f"interval {_from_to(row['low_first'], row['high_first'])}) and ends at "
        f"{format_number(row['r_last'])} ({_from_to(row['low_last'], row['high_last'])}) after "
        f"{row['steps']:,} steps. Its largest value is {format_number(row['top'])}, at step "
        f"{row['top_step']:,}."
        for row in ends.to_dict("records")
    )


def family_changes(ends: pd.DataFrame) -> dict[str, str]:
    """Say what training has changed in the family: r by pre-training, r and STS-B by fine-tuning.

    The names are those that the pages of the book glue the sentences by.
    """
    first = ends["run"] == "pre-training"
    learned, changed = (_changes(ends[rows], "r") for rows in (first, ~first))
    scores = _changes(ends[~first].dropna(subset="sts_spearman_last"), "sts_spearman")
    return {
        "learned": f"While mini-BERT is pre-trained, r changes: {learned}.",
        "changed": f"Fine-tuning then changes it: {changed}.",
        "sts": f"On the test split of the STS Benchmark, Spearman's coefficient changes: {scores}."
        if scores
        else "It was not measured on the STS Benchmark, which was not at hand.",
    }


def training_done(
    log: pd.DataFrame, base: str, objective: str, batch: int, sentences: pd.DataFrame
) -> str:
    """Say what a fresh training was, and what it is measured on."""
    first, last = (format_number(log["loss"].iloc[i], 3) for i in (0, -1))
    return (
        f"`{base}`, fine-tuned with `{objective}` in steps of {batch:,} sentences: the loss begins at "
        f"{first} and ends at {last}, in step {log['step'].iloc[-1]:,}. The snapshots are measured "
        f"on {len(sentences):,} sentences."
    )


def training_direction(
    curve: pd.DataFrame, base: str, objective: str, agreement: pd.Series | None
) -> str:
    """Say whether r changes over a fresh training, and as on the shipped curve, if there is one."""
    end = curve.iloc[-1]
    says = "is not seen to change"
    if not end["rise_low"] <= 0 <= end["rise_high"]:
        says = "rises" if end["rise"] > 0 else "falls"
    own = (
        f"In {end['step']:,.0f} steps of a fresh training of {base} with {objective}, r with "
        f"\N{MINUS SIGN}ln P(w) {says}: it changes by {format_number(end['rise'], 3)} (95 % "
        f"interval {_from_to(end['rise_low'], end['rise_high'], 3)})."
    )
    if agreement is None:
        return f"{own} There is no shipped curve of this encoder with this objective to compare."
    against = (
        "the fresh training is too short, or its sentences are too few, to tell whether it agrees"
        if agreement["verdict"] == "undecided"
        else agreement["verdict"]
    )
    return (
        f"{own} On the shipped curve it changes by {format_number(agreement['change'], 3)} up to "
        f"step {agreement['step']:,}: {against}."
    )


def swaps_compared(swaps: Mapping[str, pd.DataFrame], leads: Mapping[str, Estimate]) -> str:
    """Say how r changes with the embeddings, the layers or both from after fine-tuning."""
    parts = ("the embeddings alone", "the layers alone", "both together")
    said = []
    for pair, rows in swaps.items():
        changes = [
            f"{part} change r by {format_number(row['rise'])} "
            f"({_from_to(row['rise_low'], row['rise_high'])})"
            for part, row in zip(parts, rows.iloc[1:].to_dict("records"), strict=True)
        ]
        lead = leads[pair]
        said.append(
            f"- {pair}: {', '.join(changes)}. With the layers alone, r is "
            f"{format_number(lead.value)} ({_from_to(lead.low, lead.high)}) above that with the "
            f"embeddings alone."
        )
    return "\n".join(said)


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


def _changes(ends: pd.DataFrame, measure: str) -> str:
    """Write where a measure begins and ends, encoder by encoder."""
    columns = ends[["encoder", f"{measure}_first", f"{measure}_last"]]
    return "; ".join(
        f"{encoder} from {format_number(first)} to {format_number(last)}"
        for encoder, first, last in columns.itertuples(index=False)
    )
