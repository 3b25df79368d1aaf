"""Sentence encoders, frozen: tokenizer, word embeddings, the rest of the model, and pooling."""

from wordweights.encoders.encoder import Encoder
from wordweights.encoders.loading import as_encoder, load_encoder
from wordweights.encoders.post_norm import Stack, StackMap
from wordweights.encoders.registry import (
    UNTRAINED,
    describe_source,
    known_encoders,
    registered,
    split_name,
)

__all__ = [
    "UNTRAINED",
    "Encoder",
    "Stack",
    "StackMap",
    "as_encoder",
    "describe_source",
    "known_encoders",
    "load_encoder",
    "registered",
    "split_name",
]
