"""Contributions of words to a sentence vector, by Integrated Gradients."""

from wordweights.attribution.gradients import WordAttribution
from wordweights.attribution.profile import path_profile
from wordweights.attribution.table import attribute

__all__ = ["WordAttribution", "attribute", "path_profile"]
