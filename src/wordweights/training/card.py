"""The tables of the card of a family: what it is, what it has read, and how it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

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


def card_tables(about: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Arrange what a family was trained by for a reader.

    Parameters
    ----------
    about : Mapping[str, Any]
        From :func:`wordweights.training.shipped_recipe`.

    Returns
    -------
    dict[str, pd.DataFrame]
        ``"model"`` (what, value), ``"sources"`` (text, licence, words, read in), ``"triplets"``
        (close to the premise, far from it, triplets) and ``"runs"`` (training, result, steps,
        batch, learning rate, seed).
    """
    recipe = about["recipe"]
    first = recipe["pretraining"]
    sizes = [(label, first[name]) for name, label in _SIZES.items()]
    sizes += [("wordpieces of the vocabulary", recipe["vocabulary"])]
    sizes += [("numbers that were learned", about["parameters"])]
    model = pd.DataFrame(sizes, columns=["what", "value"])
    uses = [
        (text, f"{_PRETRAINING}, unsup-simcse" if text["similarity"] else _PRETRAINING)
        for text in recipe["texts"]
    ]
    uses.append((recipe["nli"], f"{_PRETRAINING}, {', '.join(_objectives(recipe))}"))
    sources = pd.DataFrame(
        [
            {
                "text": text["name"],
                "licence": text["licence"],
                "words": about["words"][text["name"]],
                "read in": use,
            }
            for text, use in uses
        ]
    )
    trainings = [(_PRETRAINING, "mini-BERT", first)]
    trainings += [
        (member["settings"]["objective"], member["encoder"], member["settings"])
        for member in recipe["members"]
    ]
    runs = pd.DataFrame(
        [
            {
                "training": name,
                "result": result,
                "steps": settings["steps"],
                "batch": settings["batch"],
                "learning rate": f"{settings['learning_rate']:g}",
                "seed": settings["seed"],
            }
            for name, result, settings in trainings
        ]
    )
    triplets = pd.DataFrame(
        [(*parts, about["triplets"][kind]) for kind, parts in _TRIPLETS.items()],
        columns=["close to the premise", "far from it", "triplets"],
    )
    return {"model": model, "sources": sources, "triplets": triplets, "runs": runs}


def _objectives(recipe: Mapping[str, Any]) -> list[str]:
    return [member["settings"]["objective"] for member in recipe["members"]]
