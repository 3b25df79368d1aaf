"""How much each word of a sentence weighs in its vector, by several methods."""

from wordweights.attribution.attribute import attribute, attribute_all, count_stored
from wordweights.attribution.methods import (
    GradientTimesInput,
    IntegratedGradients,
    Occlusion,
    make_method,
    pick_method,
)
from wordweights.attribution.speed import path_speed
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
