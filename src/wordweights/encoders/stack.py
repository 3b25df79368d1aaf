"""Transformers linearised at a point by hand: the parts and the stack that families share.

Attribution asks a model for hundreds of directional derivatives at the same points. What they share
(attention weights, the slope of the activation, the scale of each normalisation) is computed once
here; then a derivative, forward or backward, is the layers' matrix products and little else:
queries, keys and values are one product, and nothing is recorded. The tests hold it against
autograd, family by family.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear, silu

from wordweights.encoders.layer_map import (
    AttentionMap,
    FeedForwardMap,
    Index,
    LayerMap,
    Map,
    NormMap,
    PoolerMap,
    RootMap,
    Same,
    fold,
    rotate,
    unfold,
)
from wordweights.errors import WordweightsError

T = TypeVar("T")

# The tokens that a pooling reads of the last states.
READ = {
    "cls": slice(0, 1),
    "pooler": slice(0, 1),
    "lasttoken": slice(-1, None),
    "mean": slice(None),
}

# Each with a gradient by its output, at its input, to that by its input.
ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "gelu": (gelu, torch.ops.aten.gelu_backward),
    "silu": (silu, torch.ops.aten.silu_backward),
}


class Normalising(Protocol):
    """What normalises rows."""

    def linearise(self, x: Tensor) -> tuple[Tensor, Map]:
        """Normalise rows, (..., d), and give the derivative."""


class Sight(NamedTuple):
    """How the tokens of a sentence see each other in a layer."""

    bias: Tensor | None = None  # added to the scores, (heads or 1, tokens, tokens)
    rotation: Tensor | None = None  # of queries and keys; complex, (tokens, 1, half of head width)


@dataclass(frozen=True)
class Dense:
    """A dense part."""

    weight: Tensor  # (outputs, inputs)
    bias: Tensor | None = None  # (outputs,)

    def __call__(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        return linear(x, self.weight, self.bias)


@dataclass(frozen=True)
class Norm:
    """A LayerNorm."""

    weight: Tensor  # (d,)
    bias: Tensor | None  # (d,)
    eps: float  # added to the variance

    def linearise(self, x: Tensor) -> tuple[Tensor, NormMap]:
        """Normalise rows, (batch, tokens, d), and give the derivative."""
        value, mean, rstd = torch.native_layer_norm(
            x, [x.shape[-1]], self.weight, self.bias, self.eps
        )
        return value, NormMap(x, mean, rstd, self.weight)


@dataclass(frozen=True)
class RootNorm:
    """A norm by the root mean square."""

    weight: Tensor  # (d,)
    eps: float  # added to the mean square

    def linearise(self, x: Tensor) -> tuple[Tensor, RootMap]:
        """Normalise rows, (..., d), and give the derivative."""
        scale = x.square().mean(dim=-1, keepdim=True).add_(self.eps).rsqrt_()
        unit = x * scale
        return unit * self.weight, RootMap(unit, scale, self.weight)


@dataclass(frozen=True)
class Attention:
    """The attention of a layer."""

    qkv: Dense  # projections to queries, keys and values, one above the other
    mix: Dense  # of the heads' context
    heads: int
    groups: int  # heads of keys and values
    # of each head, before the rotation
    query_norm: Normalising = field(default_factory=Same)
    key_norm: Normalising = field(default_factory=Same)

    def linearise(
        self, x: Tensor, sight: Sight, asking: slice
    ) -> tuple[Tensor, Callable[[], AttentionMap]]:
        """Compute what is added to the residual, (batch, queries, d), and the derivative."""
        width = self.mix.weight.shape[1] // self.heads
        sizes = [self.heads * width, self.groups * width, self.groups * width]
        if asking == slice(None):
            projected = self.qkv(x).split(sizes, dim=-1)
        else:
            weights = self.qkv.weight.split(sizes)
            biases = [None] * 3 if self.qkv.bias is None else self.qkv.bias.split(sizes)
            projected = [
                linear(part, weight, bias)
                for part, weight, bias in zip((x[:, asking], x, x), weights, biases, strict=True)
            ]
        q, k, v = (part.unflatten(2, (-1, width)) for part in projected)
        q, query_norm = self.query_norm.linearise(q)
        k, key_norm = self.key_norm.linearise(k)
        if sight.rotation is not None:
            q, k = rotate(q, sight.rotation[asking]), rotate(k, sight.rotation)
        q, k, v = (fold(part, self.groups) for part in (q, k, v))
        q.mul_(width**-0.5)
        scores = q @ k.transpose(2, 3)
        if sight.bias is not None:
            by_head = scores.view(len(x), self.heads, -1, x.shape[1])
            by_head += sight.bias[:, asking]
        attention = torch.softmax(scores, dim=-1)
        context = unfold(attention @ v, self.heads).flatten(2)

        def make() -> AttentionMap:
            return AttentionMap(
                qkv=self.qkv.weight,
                mix=self.mix.weight,
                asking=asking,
                query_norm=query_norm,
                key_norm=key_norm,
                rotation=sight.rotation,
                query=q,
                key=k * width**-0.5,  # as the query is: each is a factor of the other's derivative
                value=v,
                attention=attention,
            )

        return self.mix(context), make


@dataclass(frozen=True)
class FeedForward:
    """The feed-forward part of a layer: plain, or with a gate."""

    inner: tuple[Dense, ...]  # before the activation; what the gate lets through, if it is one
    outer: Dense
    activation: str  # one of ACTIVATIONS

    def linearise(self, x: Tensor) -> tuple[Tensor, Callable[[], FeedForwardMap]]:
        """Compute what is added to the residual, (batch, queries, d), and the derivative."""
        activate, backward = ACTIVATIONS[self.activation]
        u, *through = (part(x) for part in self.inner)
        active = activate(u)
        hidden = active * through[0] if through else active

        def make() -> FeedForwardMap:
            passed = through[0] if through else torch.ones((), dtype=u.dtype, device=u.device)
            slope = backward(passed.expand_as(u), u)
            return FeedForwardMap(
                inner=tuple(part.weight for part in self.inner),
                outer=self.outer.weight,
                slopes=(slope, active) if through else (slope,),
            )

        return self.outer(hidden), make


@dataclass(frozen=True)
class Layer(ABC):
    """One layer."""

    attention: Attention
    attention_norm: Normalising
    feed_forward: FeedForward
    feed_forward_norm: Normalising

    @abstractmethod
    def linearise(
        self, x: Tensor, sight: Sight, asking: slice
    ) -> tuple[Tensor, Callable[[], LayerMap]]:
        """Compute new hidden states, (batch, queries, d), and on demand the derivative.

        `x` has the hidden states, (batch, tokens, d); new ones are of the tokens that are `asking`.
        """


@dataclass(frozen=True)
class StackMap:
    """The derivative of a stack at some points."""

    outputs: Tensor  # sentence vectors at the points, (points, d)
    tokens: int
    read: slice  # the tokens whose last states are averaged
    embedding: Map  # of the normalisation before the layers
    layers: tuple[LayerMap, ...]
    last: Map  # of that after them
    pooler: Map  # of what follows the pooling, (points, d)

    def take(self, points: Index) -> StackMap:
        """Keep the map at some points, in the given order; one may be taken several times."""
        return replace(
            self,
            outputs=self.outputs[points],
            embedding=self.embedding.take(points),
            layers=tuple(layer.take(points) for layer in self.layers),
            last=self.last.take(points),
            pooler=self.pooler.take(points),
        )

    def rounded(self, dtype: torch.dtype) -> StackMap:
        """Compute the matrix products of the layers in another type; what is mapped keeps its."""
        return replace(self, layers=tuple(layer.rounded(dtype) for layer in self.layers))

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the embeddings, (points, tokens, d), to that of the sentence vectors."""
        change = self.embedding.tangent(change)
        for layer in self.layers:
            change = layer.tangent(change)
        return self.pooler.tangent(self.last.tangent(change).mean(dim=1))

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the sentence vectors, (points, d), to that by the embeddings."""
        read = len(range(self.tokens)[self.read])
        gradient = self.pooler.pullback(gradient).unsqueeze(1).expand(-1, read, -1) / read
        gradient = self.last.pullback(gradient)
        for layer in reversed(self.layers):
            gradient = layer.pullback(gradient)
        return self.embedding.pullback(gradient)


@dataclass(frozen=True)
class Stack:
    """An encoder's map from word embeddings to sentence vectors."""

    positions: Tensor | None  # what is added to the embeddings at each position, (positions, d)
    embedding_norm: Normalising  # of the sum
    layers: tuple[Layer, ...]
    sights: Callable[[int], Sequence[Sight]]  # from the number of tokens, for each layer
    last_norm: Normalising  # after the layers
    read: slice  # the tokens whose last states are averaged
    pooler: Dense | None = None  # dense part and tanh after that, if any
    every_layer: bool = False  # whether the states after each layer are averaged, too

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Compute sentence vectors, (points, d), of embeddings, (points, tokens, d).

        With `every_layer` those of what is before the first layer and after each, side by side.
        """
        return self._run(embeddings, linearise=False).outputs

    def linearise(self, embeddings: Tensor) -> StackMap:
        """Compute sentence vectors of embeddings, (points, tokens, d), and the derivative there."""
        if self.every_layer:
            raise WordweightsError(
                "The vectors of every layer have no derivatives here: take a method that needs "
                "none, such as Shapley values."
            )
        return self._run(embeddings, linearise=True)

    def bytes_per_point(self, tokens: int) -> int:
        """Count what the derivative at a point keeps, for a sentence of so many tokens."""
        numbers, itemsize = 0, 0
        for layer in self.layers:
            attention, inner = layer.attention, layer.feed_forward.inner
            weights = (attention.qkv.weight, *(part.weight for part in inner))
            # queries, keys, values, slopes of the activation; points of two norms; attention
            numbers += sum(len(weight) for weight in weights)
            numbers += 2 * len(attention.mix.weight) + attention.heads * tokens
            itemsize = attention.mix.weight.element_size()
        return tokens * numbers * itemsize

    def widened(self) -> Stack:
        """Copy it into float64."""
        return _convert(self, Tensor.double)

    def narrowed(self, linear: StackMap, wide: Stack) -> StackMap:
        """Give a map that the widened stack made in its own type, on its own weights.

        Where the map is taken needs float64, where the path jumps; what it does to a change does
        not, and float32 is twice as fast.
        """
        own = dict(zip(map(id, _tensors(wide)), _tensors(self), strict=True))
        real = self.layers[0].attention.mix.weight.dtype

        def narrow(tensor: Tensor) -> Tensor:
            if id(tensor) in own:
                return own[id(tensor)]
            return tensor.to(real.to_complex() if tensor.is_complex() else real)

        return _convert(linear, narrow)

    def _run(self, embeddings: Tensor, linearise: bool) -> StackMap:
        """Compute sentence vectors, and the maps of the layers if they are asked for."""
        tokens = embeddings.shape[1]
        maps = []
        with torch.no_grad():
            x = embeddings if self.positions is None else embeddings + self.positions[:tokens]
            x, embedding = self.embedding_norm.linearise(x)
            averages = []
            for layer, sight in zip(self.layers, self.sights(tokens), strict=True):
                asking = self.read if layer is self.layers[-1] else slice(None)
                if self.every_layer:
                    averages.append(x[:, self.read].mean(dim=1))
                x, make = layer.linearise(x, sight, asking)
                if linearise:
                    maps.append(make())
            x, last = self.last_norm.linearise(x)
            outputs = x.mean(dim=1)
            pooler: Map = Same()
            if self.pooler is not None:
                outputs = self.pooler(outputs).tanh_()
                pooler = PoolerMap(self.pooler.weight, slope=1 - outputs.square())
            if self.every_layer:
                outputs = torch.cat([*averages, outputs], dim=1)
        return StackMap(outputs, tokens, self.read, embedding, tuple(maps), last, pooler)


def _convert(part: T, convert: Callable[[Tensor], Tensor]) -> T:
    """Copy a part, whatever it is made of, with its tensors converted."""
    if isinstance(part, Tensor):
        return convert(part)  # type: ignore[return-value]
    if isinstance(part, tuple):
        return tuple(_convert(inner, convert) for inner in part)  # type: ignore[return-value]
    if not is_dataclass(part):
        return part
    parts = {field.name: _convert(getattr(part, field.name), convert) for field in fields(part)}
    return replace(part, **parts)  # type: ignore[type-var]


def _tensors(part: object) -> list[Tensor]:
    """List the tensors that a part is made of, in order."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    _convert(part, note)
    return found
