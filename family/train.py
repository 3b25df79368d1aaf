"""Pre-training and fine-tuning of all encoders of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from family.pretraining import METHOD, pretrain
from family.recipe import BASE, Recipe
from family.vocabulary import learn_vocabulary, make_tokenizer, whole_words
from wordweights.errors import WordweightsError
from wordweights.files import digest, write_atomically
from wordweights.training import FineTuning, Run, fine_tune, read_nli, read_sentences


@dataclass(frozen=True)
class Family:
    """A trained family."""

    runs: dict[str, Run]  # by the registered name of the encoder; pre-training twice, as it is read
    words: dict[str, int]  # of each text
    triplets: dict[str, int]


def train_family(
    recipe: Recipe, sources: Mapping[str, str], folder: Path, finetuning_seed: int | None = None
) -> Family:
    """Train all encoders of a recipe, or go on with those that are not finished.

    Runs are found again in the folder by all that they have learned from, not by the paths of it.
    Fine-tuning has the seed of the recipe, too, unless it is given another.
    """
    pairs = read_nli(sources[recipe.nli.name])
    texts = {text.name: read_sentences([sources[text.name]]) for text in recipe.texts}
    told = pd.unique(pd.concat([pairs["premise"], pairs["hypothesis"]])).tolist()
    chosen = [s for text in recipe.texts if text.similarity for s in texts[text.name]] + told
    lines = list(dict.fromkeys(chosen))
    triplets = triplet_kinds(pairs)
    _check_batches(
        recipe,
        {"unsup-simcse": len(lines), "sup-simcse": sum(triplets.values()), "sbert": len(pairs)},
    )
    texts[recipe.nli.name] = told
    sentences = list(dict.fromkeys(sentence for found in texts.values() for sentence in found))
    vocabulary = learn_vocabulary(sentences, recipe.vocabulary, whole_words(recipe.whole))
    tokenizer = make_tokenizer(vocabulary, recipe.pretraining.positions)
    first = recipe.pretraining
    key = digest([METHOD, vocabulary, sentences, first.model_dump(), recipe.seed])[:16]
    base = pretrain(tokenizer, sentences, first, recipe.seed, folder / f"pre-training-{key}")
    names = {f"{BASE} ({pooling.upper()})": pooling for pooling in ("cls", "mean")}
    runs = {name: relabel(base, name=name, pooling=pooling) for name, pooling in names.items()}
    similar = folder / "similarity.txt"
    write_atomically(similar, "\n".join(lines).encode())
    for member in recipe.finetunings:
        settings = FineTuning(
            member.objective,
            member.steps,
            member.batch,
            member.learning_rate,
            member.snapshots,
            recipe.seed if finetuning_seed is None else finetuning_seed,
        )
        before = replace(runs[member.base].snapshots[-1].encoder, name=member.base)
        run = fine_tune(before, str(similar), sources[recipe.nli.name], settings, folder)
        runs[member.encoder] = relabel(run, name=member.encoder, base=member.base)
    words = {name: sum(len(s.split()) for s in found) for name, found in texts.items()}
    return Family(runs, words, triplets)


def triplet_kinds(pairs: pd.DataFrame) -> dict[str, int]:
    """Count what :func:`wordweights.training.finetuning.nli_triplets` makes, by its parts."""
    entailed, contradicted = (
        pairs.loc[pairs["label"] == label, "premise"] for label in ("entailment", "contradiction")
    )
    complete = entailed.isin(contradicted)
    return {
        "complete": int(complete.sum()),
        "drawn": int((~complete).sum()),
        "itself": int((~contradicted.isin(entailed)).sum()),
    }


def relabel(run: Run, **changes: Any) -> Run:
    """Read the weights of a run as another encoder."""
    like = replace(run.snapshots[0].like, **changes)
    return replace(run, snapshots=tuple(replace(s, like=like) for s in run.snapshots))


def _check_batches(recipe: Recipe, examples: dict[str, int]) -> None:
    """Find now what fine-tuning would find after the pre-training."""
    for member in recipe.finetunings:
        if examples[member.objective] < member.batch:
            raise WordweightsError(
                f"The recipe has {examples[member.objective]} examples for {member.encoder!r}, "
                f"less than a batch of {member.batch}: give more text or pairs, or a smaller batch."
            )
