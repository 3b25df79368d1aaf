"""Sentence encoders, frozen: tokenizer, word embeddings, the rest of the model, and pooling."""

from wordweights.encoders.encoder import Encoder
from wordweights.encoders.loading import UNTRAINED, as_encoder, known_encoders, load_encoder

__all__ = ["UNTRAINED", "Encoder", "as_encoder", "known_encoders", "load_encoder"]
