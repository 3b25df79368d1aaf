"""How much each word of a sentence weighs in its vector, by several methods."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from wordweights.attribution.alignment import count_pieces, fits
from wordweights.attribution.attribute import attribute, attribute_all, count_stored
from wordweights.attribution.methods import (
    Alone,
    EmbeddingDistance,
    GradientTimesInput,
    IntegratedGradients,
    Occlusion,
    Shapley,
    TokenNorm,
    make_method,
    pick_method,
)
from wordweights.attribution.methods.shapley import EXACT_WORDS
from wordweights.attribution.pairs import (
    attribute_pair,
    nearest_pairs,
    pair_matrix,
    words_of_pairs,
)

if TYPE_CHECKING:
    from wordweights.attribution.speed import path_gathered, path_speed
    from wordweights.attribution.word_attribution import WordAttribution

__all__ = [
    "EXACT_WORDS",
    "Alone",
    "EmbeddingDistance",
    "GradientTimesInput",
    "IntegratedGradients",
    "Occlusion",
    "Shapley",
    "TokenNorm",
    "WordAttribution",
    "attribute",
    "attribute_all",
    "attribute_pair",
    "count_pieces",
    "count_stored",
    "fits",
    "make_method",
    "nearest_pairs",
    "pair_matrix",
    "path_gathered",
    "path_speed",
    "pick_method",
    "words_of_pairs",
]


def __getattr__(name: str) -> Any:
    # not before settings are checked: torch, and captum with matplotlib and IPython
    homes = {"WordAttribution": "word_attribution"}
    homes |= dict.fromkeys(("path_gathered", "path_speed"), "speed")
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{homes[name]}"), name)
