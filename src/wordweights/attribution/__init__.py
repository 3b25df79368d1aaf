"""Contributions of words to a sentence vector, by Integrated Gradients."""

from wordweights.attribution.each import attribute_each
from wordweights.attribution.gradients import WordAttribution
from wordweights.attribution.profile import path_profile
from wordweights.attribution.table import attribute

__all__ = ["WordAttribution", "attribute", "attribute_each", "path_profile"]
