"""How far the rises of a family depend on chance: the same trainings from other seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd

from family.measure import (
    FREQUENCIES,
    WEIGHING,
    how_measured,
    measured_sentences,
    sts_spearman,
)
from family.recipe import Recipe
from family.train import Family, train_family
from wordweights.training import compare_correlations, weigh_words
from wordweights.words.frequencies import load_frequencies

_INTERVALS = ("rise", "rise_low", "rise_high")
_CONTENT = ("rise_content", "rise_content_low", "rise_content_high")


def seed_pairs(recipe: Recipe) -> list[tuple[int, int]]:
    """Pair the seeds of pre-training and fine-tuning: one of them is always the recipe's own."""
    own = recipe.seed
    return [(own, own), *((own, s) for s in recipe.seeds), *((s, own) for s in recipe.seeds)]


def train_pair(
    recipe: Recipe, sources: Mapping[str, str], folder: Path, pair: tuple[int, int]
) -> Family:
    """Train the family with a pair of seeds, or read the runs that did."""
    return train_family(recipe.model_copy(update={"seed": pair[0]}), sources, folder, pair[1])


def measure_seeds(
    recipe: Recipe, sources: Mapping[str, str], folder: Path, limit: int | None = None
) -> pd.DataFrame:
    """Measure what each fine-tuning changes, with each pair of seeds.

    One row per encoder and pair: encoder, pretraining_seed, finetuning_seed; r, r_content and sts
    (Spearman's coefficient on the test split of the STS Benchmark; NaN where it is not at hand)
    with _before and _after; rise and rise_content with the ends _low and _high of their intervals;
    settings, date and versions.
    """
    source, rows = load_frequencies(FREQUENCIES), []
    for pair in seed_pairs(recipe):
        family = train_pair(recipe, sources, folder, pair)
        sentences = measured_sentences(family.runs, limit)
        ends = {name: run.snapshots[-1].encoder for name, run in family.runs.items()}
        weighed = {n: weigh_words(e, sentences, source, WEIGHING) for n, e in ends.items()}
        sts = {name: sts_spearman(encoder) for name, encoder in ends.items()}
        for member in recipe.finetunings:
            names = {"before": member.base, "after": member.encoder}
            found = compare_correlations({end: weighed[name] for end, name in names.items()})
            seeds = {"pretraining_seed": pair[0], "finetuning_seed": pair[1]}
            row: dict[str, Any] = {"encoder": member.encoder, **seeds}
            for end, name in names.items():
                row[f"r_{end}"], row[f"r_content_{end}"] = found.loc[end, ["r", "r_content"]]
                row[f"sts_{end}"] = sts[name]
            rows.append({**row, **found.loc["after", [*_INTERVALS, *_CONTENT]]})
        click.echo(f"seeds {pair}: measured", err=True)
    return pd.DataFrame(rows).assign(**how_measured())
