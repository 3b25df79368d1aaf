"""Post-norm transformers: BERT, RoBERTa, MPNet, DistilBERT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from wordweights.encoders.layer_map import LayerMap, Same
from wordweights.encoders.stack import (
    READ,
    Attention,
    Dense,
    FeedForward,
    Layer,
    Norm,
    Sight,
    Stack,
)


class PostNormMap(LayerMap):
    """The derivative of a :class:`PostNorm` layer."""

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the layer's input, (batch, tokens, d), to that of its output."""
        asking = change[:, self.attention.asking]
        y = self.attention_norm.tangent(self.attention.tangent(change, residual=asking.clone()))
        return self.feed_forward_norm.tangent(self.feed_forward.tangent(y, residual=y))

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the layer's output to that by its input, (batch, tokens, d)."""
        z = self.feed_forward_norm.pullback(gradient)
        y = self.attention_norm.pullback(self.feed_forward.pullback(z, residual=z))
        return self.attention.pullback(y, residual=y)


class PostNorm(Layer):
    """A layer that normalises after each residual sum."""

    def linearise(
        self, x: Tensor, sight: Sight, asking: slice
    ) -> tuple[Tensor, Callable[[], PostNormMap]]:
        """Compute new hidden states, (batch, queries, d), and on demand the derivative."""
        mixed, attention = self.attention.linearise(x, sight, asking)
        y, attention_norm = self.attention_norm.linearise(mixed.add_(x[:, asking]))
        z, feed_forward = self.feed_forward.linearise(y)
        new, feed_forward_norm = self.feed_forward_norm.linearise(z.add_(y))
        return new, lambda: PostNormMap(
            attention(), attention_norm, feed_forward(), feed_forward_norm
        )


def stack_of(model: Any, pooling: str) -> Stack | None:
    """Read the weights of a model of transformers; None for a family not known here."""
    config = model.config
    parts = _FAMILIES.get(config.model_type)
    activation = getattr(config, "activation", None) or getattr(config, "hidden_act", None)
    if (
        parts is None
        or pooling not in READ
        or activation != "gelu"
        or getattr(config, "is_decoder", False)
    ):
        return None
    embeddings = model.embeddings
    # some families number positions from padding_idx + 1
    first = int(getattr(embeddings, "padding_idx", -1)) + 1
    positions = embeddings.position_embeddings.weight[first:]
    if hasattr(embeddings, "token_type_embeddings"):
        positions = positions + embeddings.token_type_embeddings.weight[0]
    body = model.transformer if config.model_type == "distilbert" else model.encoder
    heads = int(config.num_attention_heads)

    def sights(tokens: int) -> Sequence[Sight]:
        bias = None
        if hasattr(body, "compute_position_bias"):
            bias = body.compute_position_bias(positions.new_empty(1, tokens, 1))[0]
        return [Sight(bias)] * len(body.layer)

    return Stack(
        positions=positions,
        embedding_norm=_norm(embeddings.LayerNorm),
        layers=tuple(_layer(parts(layer), heads) for layer in body.layer),
        sights=sights,
        last_norm=Same(),
        read=READ[pooling],
        pooler=_dense(model.pooler.dense) if pooling == "pooler" else None,
    )


class Parts(NamedTuple):
    """The modules of a layer, whatever a family calls them."""

    projections: tuple[Any, Any, Any]
    mix: Any
    mix_norm: Any
    inner: Any
    outer: Any
    outer_norm: Any


def _bert(layer: Any) -> Parts:
    attention, mixed = layer.attention.self, layer.attention.output
    return Parts(
        (attention.query, attention.key, attention.value),
        mixed.dense,
        mixed.LayerNorm,
        layer.intermediate.dense,
        layer.output.dense,
        layer.output.LayerNorm,
    )


def _mpnet(layer: Any) -> Parts:
    attention = layer.attention.attn
    return Parts(
        (attention.q, attention.k, attention.v),
        attention.o,
        layer.attention.LayerNorm,
        layer.intermediate.dense,
        layer.output.dense,
        layer.output.LayerNorm,
    )


def _distilbert(layer: Any) -> Parts:
    attention = layer.attention
    return Parts(
        (attention.q_lin, attention.k_lin, attention.v_lin),
        attention.out_lin,
        layer.sa_layer_norm,
        layer.ffn.lin1,
        layer.ffn.lin2,
        layer.output_layer_norm,
    )


# Where each family keeps the parts of a layer.
_FAMILIES: dict[str, Callable[[Any], Parts]] = {
    "bert": _bert,
    "roberta": _bert,
    "mpnet": _mpnet,
    "distilbert": _distilbert,
}


def _layer(parts: Parts, heads: int) -> PostNorm:
    qkv = Dense(
        torch.cat([part.weight for part in parts.projections]),
        torch.cat([part.bias for part in parts.projections]),
    )
    return PostNorm(
        attention=Attention(qkv, _dense(parts.mix), heads, groups=heads),
        attention_norm=_norm(parts.mix_norm),
        feed_forward=FeedForward((_dense(parts.inner),), _dense(parts.outer), "gelu"),
        feed_forward_norm=_norm(parts.outer_norm),
    )


def _dense(module: Any) -> Dense:
    return Dense(module.weight, module.bias)


def _norm(module: Any) -> Norm:
    return Norm(module.weight, module.bias, float(module.eps))
