"""Sentence encoders, frozen: tokenizer, word embeddings, the rest of the model, and pooling.

The layers of known families are in :mod:`wordweights.encoders.post_norm` and
:mod:`wordweights.encoders.pre_norm`, which import torch.
"""

from wordweights.encoders.encoder import Encoder
from wordweights.encoders.loading import as_encoder, load_encoder
from wordweights.encoders.registry import (
    UNTRAINED,
    Named,
    check_name,
    describe_source,
    known_encoders,
    registered,
    split_name,
)

__all__ = [
    "UNTRAINED",
    "Encoder",
    "Named",
    "as_encoder",
    "check_name",
    "describe_source",
    "known_encoders",
    "load_encoder",
    "registered",
    "split_name",
]
