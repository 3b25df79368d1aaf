"""The families of encoders that can be attributed, each as a small random model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from wordweights.encoders import Encoder

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "initializer_range": 0.2,
    "attn_implementation": "eager",
}


def bert(n: int) -> BertModel:
    return BertModel(BertConfig(vocab_size=n, **SIZES), add_pooling_layer=False)


def roberta(n: int) -> RobertaModel:
    config = RobertaConfig(vocab_size=n, pad_token_id=0, **SIZES)
    return RobertaModel(config, add_pooling_layer=False)


def mpnet(n: int) -> MPNetModel:
    return MPNetModel(MPNetConfig(vocab_size=n, pad_token_id=0, **SIZES), add_pooling_layer=False)


def distilbert(n: int) -> DistilBertModel:
    config = DistilBertConfig(
        vocab_size=n,
        dim=16,
        n_layers=2,
        n_heads=2,
        hidden_dim=32,
        max_position_embeddings=40,
        initializer_range=0.2,
        attn_implementation="eager",
    )
    return DistilBertModel(config)


def random_bert(
    tokenizer: PreTrainedTokenizerFast, seed: int = 0, *, pooler: bool = False
) -> BertModel:
    """A two-layer BERT, 16 wide, with weights large enough to be far from linear."""
    config = BertConfig(vocab_size=len(tokenizer), **SIZES | {"max_position_embeddings": 24})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return BertModel(config, add_pooling_layer=pooler)


def jumping(tokenizer: PreTrainedTokenizerFast, sharper: float) -> Encoder:
    """Attention of a second layer so sharp that a token goes over from one to another at once."""
    model = random_bert(tokenizer, 1)
    with torch.no_grad():
        model.encoder.layer[1].attention.self.query.weight.mul_(sharper)
    return Encoder("sharp", "mean", tokenizer, model)


FAMILIES = [bert, roberta, mpnet, distilbert]


def make(
    family: Callable[[int], torch.nn.Module], tokenizer: PreTrainedTokenizerFast, pooling: str
) -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Encoder(family.__name__, pooling, tokenizer, family(len(tokenizer)).double())


def cut_by_hand(encoder: Encoder, layer: int) -> Encoder:
    """Leave an encoder of one of these families its first layers alone: 0 is the embeddings."""
    model = copy.deepcopy(encoder.model)
    stack = model.transformer if isinstance(model, DistilBertModel) else model.encoder
    stack.layer = stack.layer[:layer]
    model.config.num_hidden_layers = layer
    return replace(encoder, model=model)
