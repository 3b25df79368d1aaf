"""Sentence encoders, frozen: tokenizer, word embeddings, the rest of the model, and pooling."""

from wordweights.encoders.encoder import Encoder
from wordweights.encoders.loading import UNTRAINED, as_encoder, known_encoders, load_encoder
from wordweights.encoders.post_norm import Stack

__all__ = ["UNTRAINED", "Encoder", "Stack", "as_encoder", "known_encoders", "load_encoder"]
