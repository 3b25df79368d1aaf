"""The tables of the card of a family: what it is, what it has read, and how it was trained."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from family.recipe import BASE, Recipe, Training

_SIZES = {
    "layers": "layers",
    "width": "width of the hidden states",
    "heads": "attention heads",
    "positions": "wordpieces of a sentence, at most",
}
_PRETRAINING = "pre-training"
_FOLLOWS, _CONTRADICTS = "a sentence that it entails", "a sentence that contradicts it"
_TRIPLETS = {
    "complete": (_FOLLOWS, _CONTRADICTS),
    "drawn": (_FOLLOWS, "a sentence that contradicts another premise, drawn at random"),
    "itself": ("the premise itself, under other dropout", _CONTRADICTS),
}


def card_tables(
    recipe: Recipe, words: Mapping[str, int], triplets: Mapping[str, int], parameters: int
) -> dict[str, pd.DataFrame]:
    """Arrange what a family was trained by for a reader."""
    first = recipe.pretraining
    sizes = [(label, getattr(first, name)) for name, label in _SIZES.items()]
    sizes += [("wordpieces of the vocabulary", recipe.vocabulary)]
    sizes += [("trainable parameters", parameters)]
    sources = []
    for text in recipe.texts:
        use = f"{_PRETRAINING}, unsup-simcse" if text.similarity else _PRETRAINING
        sources.append((text.name, text.licence, words[text.name], use))
    objectives = ", ".join(member.objective for member in recipe.finetunings)
    nli, use = recipe.nli, f"{_PRETRAINING}, {objectives}"
    sources.append((nli.name, nli.licence, words[nli.name], use))
    trainings: list[tuple[str, str, Training]] = [(_PRETRAINING, BASE, first)]
    trainings += [(member.objective, member.encoder, member) for member in recipe.finetunings]
    runs = [
        (name, result, run.steps, run.batch, f"{run.learning_rate:g}", recipe.seed)
        for name, result, run in trainings
    ]
    return {
        "model": pd.DataFrame(sizes, columns=["what", "value"]),
        "sources": pd.DataFrame(sources, columns=["text", "licence", "words", "read in"]),
        "triplets": pd.DataFrame(
            [(*parts, triplets[kind]) for kind, parts in _TRIPLETS.items()],
            columns=["close to the premise", "far from it", "triplets"],
        ),
        "runs": pd.DataFrame(
            runs, columns=["training", "result", "steps", "batch", "learning rate", "seed"]
        ),
    }
