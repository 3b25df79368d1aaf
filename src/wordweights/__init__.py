"""How sentence encoders weigh words: contributions by Integrated Gradients, against -log P(w)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wordweights.attribution import WordAttribution, attribute, attribute_pair
    from wordweights.encoders import Encoder, known_encoders, load_encoder
    from wordweights.errors import WordweightsError
    from wordweights.statistics import correlation, correlation_table
    from wordweights.words.frequencies import Frequencies, add_information, load_frequencies
    from wordweights.words.sentences import filter_sentences, load_sentences

# Imported at first use: torch, spaCy and scipy take seconds, and not every command needs them.
_HOMES = {
    "Encoder": "encoders",
    "Frequencies": "words.frequencies",
    "WordAttribution": "attribution",
    "WordweightsError": "errors",
    "add_information": "words.frequencies",
    "attribute": "attribution",
    "attribute_pair": "attribution",
    "correlation": "statistics",
    "correlation_table": "statistics",
    "filter_sentences": "words.sentences",
    "known_encoders": "encoders",
    "load_encoder": "encoders",
    "load_frequencies": "words.frequencies",
    "load_sentences": "words.sentences",
}

__all__ = [
    "Encoder",
    "Frequencies",
    "WordAttribution",
    "WordweightsError",
    "add_information",
    "attribute",
    "attribute_pair",
    "correlation",
    "correlation_table",
    "filter_sentences",
    "known_encoders",
    "load_encoder",
    "load_frequencies",
    "load_sentences",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
