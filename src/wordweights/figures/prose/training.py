"""Sentences of the chapter on fine-tuning and of the card of the family."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from wordweights.figures.style import format_number, interval
from wordweights.statistics import Estimate


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


def rises_over_seeds(seeds: pd.DataFrame) -> str:
    """Say how far the rises of the family depend on the seeds of its trainings."""
    ends = seeds.groupby("encoder", sort=False)
    lines = [
        f"- {encoder}: r rises by {_spread(rows['rise'])}, seen in {_sure(rows, 'rise')}; over "
        f"content words by {_spread(rows['rise_content'])}, seen in {_sure(rows, 'rise_content')}."
        for encoder, rows in ends
    ]
    # pre-training is common to several rows
    begins = [_spread(rows.groupby("pretraining_seed")["r_before"].first()) for _, rows in ends]
    before = "; ".join(dict.fromkeys(begins))
    after = "; ".join(f"{encoder} at {_spread(rows['r_after'])}" for encoder, rows in ends)
    return "\n".join(
        [
            *lines,
            f"- Pre-training ends at an r of {before}, by its seed; fine-tuning ends, from any of "
            f"them, with {after}.",
        ]
    )


def _spread(values: pd.Series) -> str:
    """Write the smallest and the largest of some values."""
    return f"{format_number(values.min())} to {format_number(values.max())}"


def _sure(rows: pd.DataFrame, rise: str) -> str:
    """Count the rises whose interval is above zero."""
    return f"{int((rows[f'{rise}_low'] > 0).sum())} of {len(rows)} trainings"


def embeddings_alone(scores: pd.DataFrame) -> str:
    """Say how the word embeddings of the family do against its encoders on the STS Benchmark."""
    if scores["sts_sif"].isna().all():
        return "They were not measured on the STS Benchmark, which was not at hand."
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


def _changes(ends: pd.DataFrame, measure: str, *, peak: bool = False) -> str:
    """Write where a measure begins and ends, and r where it is largest, encoder by encoder."""
    return "; ".join(
        f"{row['encoder']} from {format_number(row[f'{measure}_first'])}"
        + (f" by way of {format_number(row['top'])} at step {row['top_step']:,}" if peak else "")
        + f" to {format_number(row[f'{measure}_last'])}"
        for row in ends.to_dict("records")
    )
