"""How much each word of a sentence weighs in its vector, by several methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wordweights.attribution.attribute import attribute, attribute_all, count_stored
from wordweights.attribution.methods import (
    GradientTimesInput,
    IntegratedGradients,
    Occlusion,
    make_method,
    pick_method,
)
from wordweights.attribution.speed import path_speed

if TYPE_CHECKING:
    from wordweights.attribution.word_attribution import WordAttribution

__all__ = [
    "GradientTimesInput",
    "IntegratedGradients",
    "Occlusion",
    "WordAttribution",
    "attribute",
    "attribute_all",
    "count_stored",
    "make_method",
    "path_speed",
    "pick_method",
]


def __getattr__(name: str) -> Any:
    if name != "WordAttribution":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # captum brings matplotlib and IPython along, which only this one needs
    from wordweights.attribution.word_attribution import WordAttribution

    return WordAttribution
