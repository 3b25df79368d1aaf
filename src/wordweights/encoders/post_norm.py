"""Post-norm transformers (BERT, RoBERTa, MPNet, DistilBERT), linearised at a point by hand.

Attribution asks a model for hundreds of directional derivatives at the same points. What they share
(attention weights, the slope of GELU, the scale of each LayerNorm) is computed once here; then a
derivative, forward or backward, is the layers' matrix products and little else: queries, keys and
values are one product, and nothing is recorded. The tests hold it against autograd, family by
family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from wordweights.encoders.layer_map import Index, LayerMap, NormMap, PoolerMap


@dataclass(frozen=True)
class Dense:
    """A dense part."""

    weight: Tensor  # (outputs, inputs)
    bias: Tensor  # (outputs,)


@dataclass(frozen=True)
class Norm:
    """A LayerNorm."""

    weight: Tensor  # (d,)
    bias: Tensor  # (d,)
    eps: float  # added to the variance

    def linearise(self, x: Tensor) -> tuple[Tensor, NormMap]:
        """Normalise rows, (batch, tokens, d), and give the derivative."""
        value, mean, rstd = torch.native_layer_norm(
            x, [x.shape[-1]], self.weight, self.bias, self.eps
        )
        return value, NormMap(x, mean, rstd, self.weight)


@dataclass(frozen=True)
class Layer:
    """One layer."""

    qkv: Dense  # projections to queries, keys and values, one above the other: 3 d outputs
    mix: Dense  # of the heads' context
    mix_norm: Norm  # after the first residual sum
    inner: Dense  # of the feed-forward part, before GELU
    outer: Dense  # after it
    outer_norm: Norm  # after the second residual sum

    def linearise(
        self, x: Tensor, heads: int, bias: Tensor | None, queries: int
    ) -> tuple[Tensor, Callable[[], LayerMap]]:
        """Compute new hidden states, (batch, queries, d), and on demand the derivative.

        `x` has the hidden states, (batch, tokens, d); `bias` is added to the scores, (heads,
        tokens, tokens); so many `queries`, from the first token, ask all tokens.
        """
        batch, tokens, d = x.shape
        asking = x[:, :queries]
        if queries == tokens:
            q, k, v = linear(x, self.qkv.weight, self.qkv.bias).split(d, dim=-1)
        else:
            q = linear(asking, self.qkv.weight[:d], self.qkv.bias[:d])
            k, v = linear(x, self.qkv.weight[d:], self.qkv.bias[d:]).split(d, dim=-1)
        # (batch, heads, tokens, head width)
        q, k, v = (
            t.view(batch, -1, heads, d // heads).transpose(1, 2).contiguous() for t in (q, k, v)
        )
        q.mul_((d // heads) ** -0.5)
        scores = q @ k.transpose(2, 3)
        if bias is not None:
            scores += bias[:, :queries]
        attention = torch.softmax(scores, dim=-1)
        context = (attention @ v).transpose(1, 2).reshape(batch, queries, d)
        mixed = linear(context, self.mix.weight, self.mix.bias).add_(asking)
        y, mix_norm = self.mix_norm.linearise(mixed)
        u = linear(y, self.inner.weight, self.inner.bias)
        z = linear(gelu(u), self.outer.weight, self.outer.bias).add_(y)
        new, outer_norm = self.outer_norm.linearise(z)

        def make() -> LayerMap:
            one = torch.ones((), dtype=u.dtype, device=u.device).expand_as(u)
            slope = torch.ops.aten.gelu_backward(one, u)
            return LayerMap(
                qkv=self.qkv.weight,
                mix=self.mix.weight,
                inner=self.inner.weight,
                outer=self.outer.weight,
                query=q,
                key=k,
                value=v,
                attention=attention,
                slope=slope,
                mix_norm=mix_norm,
                outer_norm=outer_norm,
            )

        return new, make


@dataclass(frozen=True)
class StackMap:
    """The derivative of a stack at some points."""

    outputs: Tensor  # sentence vectors at the points, (points, d)
    embedding: NormMap  # of the normalisation before the layers
    layers: tuple[LayerMap, ...]
    mean: bool  # whether the last states are averaged over tokens
    pooler: PoolerMap | None = None  # of what follows the last state of the first token, if any

    def take(self, points: Index) -> StackMap:
        """Keep the map at some points, in the given order; one may be taken several times."""
        return StackMap(
            self.outputs[points],
            self.embedding.take(points),
            tuple(layer.take(points) for layer in self.layers),
            self.mean,
            None if self.pooler is None else self.pooler.take(points),
        )

    def rounded(self, dtype: torch.dtype) -> StackMap:
        """Compute the matrix products of the layers in another type; what is mapped keeps its."""
        return replace(self, layers=tuple(layer.rounded(dtype) for layer in self.layers))

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the embeddings, (points, tokens, d), to that of the sentence vectors."""
        change = self.embedding.tangent(change)
        for layer in self.layers:
            change = layer.tangent(change)
        pooled = change.mean(dim=1) if self.mean else change[:, 0]
        return pooled if self.pooler is None else self.pooler.tangent(pooled)

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the sentence vectors, (points, d), to that by the embeddings."""
        tokens = self.embedding.at.shape[1]
        if self.pooler is not None:
            gradient = self.pooler.pullback(gradient)
        gradient = gradient.unsqueeze(1)  # (points, 1, d): of the first token
        if self.mean:
            gradient = gradient.expand(-1, tokens, -1) / tokens
        for layer in reversed(self.layers):
            gradient = layer.pullback(gradient)
        return self.embedding.pullback(gradient)


@dataclass(frozen=True)
class Stack:
    """An encoder's map from word embeddings to sentence vectors."""

    positions: Tensor  # what is added to the embeddings at each position, (positions, d)
    embedding_norm: Norm  # of the sum
    layers: tuple[Layer, ...]
    heads: int  # of attention, in each layer
    # from the number of tokens to what is added to the scores, (heads, tokens, tokens)
    score_bias: Callable[[int], Tensor] | None
    mean: bool  # of the last states over tokens; otherwise only the first token has one
    pooler: Dense | None  # dense part and tanh after the last state of the first token, if any

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Compute sentence vectors, (points, d), of embeddings, (points, tokens, d)."""
        return self._run(embeddings, linearise=False)[0]

    def linearise(self, embeddings: Tensor) -> StackMap:
        """Compute sentence vectors of embeddings, (points, tokens, d), and the derivative there."""
        outputs, embedding, layers = self._run(embeddings, linearise=True)
        if self.pooler is None:
            return StackMap(outputs, embedding, layers, self.mean)
        pooler = PoolerMap(self.pooler.weight, slope=1 - outputs.square())
        return StackMap(outputs, embedding, layers, self.mean, pooler)

    def _run(
        self, embeddings: Tensor, linearise: bool
    ) -> tuple[Tensor, NormMap, tuple[LayerMap, ...]]:
        tokens = embeddings.shape[1]
        bias = None if self.score_bias is None else self.score_bias(tokens)
        maps = []
        with torch.no_grad():
            x, embedding = self.embedding_norm.linearise(embeddings + self.positions[:tokens])
            for layer in self.layers:
                queries = 1 if layer is self.layers[-1] and not self.mean else tokens
                x, make = layer.linearise(x, self.heads, bias, queries)
                if linearise:
                    maps.append(make())
            pooled = x.mean(dim=1) if self.mean else x[:, 0]
            if self.pooler is not None:
                pooled = linear(pooled, self.pooler.weight, self.pooler.bias).tanh_()
            return pooled, embedding, tuple(maps)


def stack_of(model: Any, pooling: str) -> Stack | None:
    """Read the weights of a model of transformers; None for a family not known here."""
    config = model.config
    parts = _FAMILIES.get(config.model_type)
    activation = getattr(config, "activation", None) or getattr(config, "hidden_act", None)
    if parts is None or activation != "gelu" or getattr(config, "is_decoder", False):
        return None
    embeddings = model.embeddings
    # some families number positions from padding_idx + 1
    first = int(getattr(embeddings, "padding_idx", -1)) + 1
    positions = embeddings.position_embeddings.weight[first:]
    if hasattr(embeddings, "token_type_embeddings"):
        positions = positions + embeddings.token_type_embeddings.weight[0]
    body = model.transformer if config.model_type == "distilbert" else model.encoder
    bias = None
    if hasattr(body, "compute_position_bias"):

        def bias(tokens: int) -> Tensor:
            return body.compute_position_bias(positions.new_empty(1, tokens, 1))[0]

    return Stack(
        positions=positions,
        embedding_norm=_norm(embeddings.LayerNorm),
        layers=tuple(_layer(parts(layer)) for layer in body.layer),
        heads=int(config.num_attention_heads),
        score_bias=bias,
        mean=pooling == "mean",
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


def _layer(parts: Parts) -> Layer:
    return Layer(
        qkv=Dense(
            torch.cat([part.weight for part in parts.projections]),
            torch.cat([part.bias for part in parts.projections]),
        ),
        mix=_dense(parts.mix),
        mix_norm=_norm(parts.mix_norm),
        inner=_dense(parts.inner),
        outer=_dense(parts.outer),
        outer_norm=_norm(parts.outer_norm),
    )


def _dense(module: Any) -> Dense:
    return Dense(module.weight, module.bias)


def _norm(module: Any) -> Norm:
    return Norm(module.weight, module.bias, float(module.eps))
