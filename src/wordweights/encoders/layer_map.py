"""The derivatives of the parts of a transformer at a point, as linear maps.

Every map has two faces: ``tangent`` takes a change of the input to that of the output (forward
mode), ``pullback`` a gradient by the output to that by the input (reverse mode). The Jacobians of
normalisations without their weights and of softmax are symmetric, so one kernel serves both
directions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor

Index = Tensor | slice


class Map(Protocol):
    """A linear map at each of several points."""

    def take(self, points: Index) -> Map:
        """Keep the map at some points, in the given order."""

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the input to that of the output."""

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the output to that by the input."""


@dataclass(frozen=True)
class Same:
    """What does nothing, and its derivative: where other models normalise."""

    def linearise(self, x: Tensor) -> tuple[Tensor, Same]:
        """Give the input back, and the derivative."""
        return x, self

    def take(self, points: Index) -> Same:
        """Keep the map at some points: it is the same at all."""
        return self

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the input to that of the output."""
        return change

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the output to that by the input."""
        return gradient


@dataclass(frozen=True)
class NormMap:
    """The derivative of a LayerNorm: diag(weight) S with S symmetric."""

    at: Tensor  # the point, (batch, tokens, d)
    mean: Tensor  # of each row, (batch, tokens, 1)
    rstd: Tensor  # of the same shape
    weight: Tensor  # (d,)

    def take(self, points: Index) -> NormMap:
        """Keep the map at some points, in the given order."""
        return NormMap(self.at[points], self.mean[points], self.rstd[points], self.weight)

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the input, (batch, tokens, d), to that of the output."""
        return self._symmetric(change, None).mul_(self.weight)

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the output, (batch, tokens, d), to that by the input."""
        return self._symmetric(gradient, self.weight)

    def _symmetric(self, x: Tensor, weight: Tensor | None) -> Tensor:
        # S diag(weight) x, in one pass over memory
        by_input: Tensor = torch.ops.aten.native_layer_norm_backward(
            x.contiguous(),
            self.at,
            [self.at.shape[-1]],
            self.mean,
            self.rstd,
            weight,
            None,
            [True, False, False],
        )[0]
        return by_input


@dataclass(frozen=True)
class RootMap:
    """The derivative of a norm by the root mean square: diag(weight) S with S symmetric."""

    unit: Tensor  # the point over its root mean square, (..., d)
    scale: Tensor  # one over the root mean square of each row, (..., 1)
    weight: Tensor  # (d,)

    def take(self, points: Index) -> RootMap:
        """Keep the map at some points, in the given order."""
        return RootMap(self.unit[points], self.scale[points], self.weight)

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the input, (..., d), to that of the output."""
        return self._symmetric(change).mul_(self.weight)

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the output, (..., d), to that by the input."""
        return self._symmetric(gradient * self.weight)

    def _symmetric(self, x: Tensor) -> Tensor:
        along = (self.unit * x).mean(dim=-1, keepdim=True)
        return torch.addcmul(x, self.unit, along, value=-1).mul_(self.scale)


@dataclass(frozen=True)
class AttentionMap:
    """The derivative of attention, from its input to what is added to the residual.

    Heads that share keys and values are a group; the queries of a group are below each other, as
    if one head asked so many more times.
    """

    # weights of the dense parts; their type is that of the matrix products
    qkv: Tensor  # (heads and twice groups, times head width; d)
    mix: Tensor  # (d, heads times head width)
    asking: slice  # the tokens that have queries
    query_norm: Map  # before the rotation, of (batch, queries, heads, head width)
    key_norm: Map  # (batch, tokens, groups, head width)
    rotation: Tensor | None  # complex, (tokens, 1, half of the head width)
    # in the order of the rotation, and both with the scale of the scores
    query: Tensor  # (batch, groups, queries of a group, head width)
    key: Tensor  # (batch, groups, tokens, head width)
    value: Tensor  # of the same shape
    attention: Tensor  # (batch, groups, queries of a group, tokens)

    def take(self, points: Index) -> AttentionMap:
        """Keep the map at some points, in the given order."""
        return replace(
            self,
            query_norm=self.query_norm.take(points),
            key_norm=self.key_norm.take(points),
            query=self.query[points],
            key=self.key[points],
            value=self.value[points],
            attention=self.attention[points],
        )

    def rounded(self, dtype: torch.dtype) -> AttentionMap:
        """Compute the matrix products with weights in another type."""
        return replace(self, qkv=self.qkv.to(dtype), mix=self.mix.to(dtype))

    def tangent(self, change: Tensor, residual: Tensor) -> Tensor:
        """Map a change of the input, (batch, tokens, d), and add it to the residual's, in place."""
        of_query, of_key, of_value = self.qkv.split(self._sizes)
        dq = self.query_norm.tangent(self._split(times(change[:, self.asking], of_query.T)))
        dk = self.key_norm.tangent(self._split(times(change, of_key.T)))
        dv = self._split(times(change, of_value.T))
        if self.rotation is not None:
            dq, dk = rotate(dq, self.rotation[self.asking]), rotate(dk, self.rotation)
        groups = self.key.shape[1]
        scores = fold(dq, groups) @ self.key.transpose(2, 3)
        scores += self.query @ fold(dk, groups).transpose(2, 3)
        context = self._softmax(scores) @ self.value + self.attention @ fold(dv, groups)
        return plus_times(residual, self._unfold(context).flatten(2), self.mix.T)

    def pullback(self, gradient: Tensor, residual: Tensor | None) -> Tensor:
        """Map a gradient by the output, (batch, queries, d), to that by the input.

        The residual's gradient by what is asked for is added, if it is given.
        """
        context = fold(self._split(times(gradient, self.mix)), self.key.shape[1])
        dv = self.attention.transpose(2, 3) @ context
        scores = self._softmax(context @ self.value.transpose(2, 3))
        dq = self._unfold(scores @ self.key)
        dk = (scores.transpose(2, 3) @ self.query).transpose(1, 2)
        if self.rotation is not None:
            back = self.rotation.conj()
            dq, dk = rotate(dq, back[self.asking]), rotate(dk, back)
        dq, dk = self.query_norm.pullback(dq), self.key_norm.pullback(dk)
        parts = [dk, dv.transpose(1, 2)]
        if dq.shape[1] == dk.shape[1]:
            return plus_times(residual, torch.cat([dq, *parts], dim=2).flatten(2), self.qkv)
        # only some tokens ask, and only they have a residual
        by_input = times(torch.cat(parts, dim=2).flatten(2), self.qkv[self._sizes[0] :])
        by_input[:, self.asking] += plus_times(residual, dq.flatten(2), self.qkv[: self._sizes[0]])
        return by_input

    @property
    def _sizes(self) -> list[int]:
        """Of the parts of `qkv`."""
        shared = self.key.shape[1] * self.key.shape[3]
        return [self.mix.shape[1], shared, shared]

    def _split(self, x: Tensor) -> Tensor:
        """(batch, tokens, heads times head width) -> (batch, tokens, heads, head width)."""
        return x.unflatten(2, (-1, self.key.shape[3]))

    def _unfold(self, x: Tensor) -> Tensor:
        """Undo :func:`fold`, as a view."""
        return unfold(x, self.mix.shape[1] // x.shape[3])

    def _softmax(self, x: Tensor) -> Tensor:
        """Apply the derivative of the softmax of the scores, which is symmetric."""
        return torch._softmax_backward_data(x, self.attention, -1, x.dtype)


@dataclass(frozen=True)
class FeedForwardMap:
    """The derivative of a feed-forward part, from its input to what is added to the residual."""

    inner: tuple[Tensor, ...]  # of one part, or of the gate and what it lets through
    outer: Tensor
    slopes: tuple[Tensor, ...]  # of what goes into `outer` by each, (batch, queries, inner width)

    def take(self, points: Index) -> FeedForwardMap:
        """Keep the map at some points, in the given order."""
        return replace(self, slopes=tuple(slope[points] for slope in self.slopes))

    def rounded(self, dtype: torch.dtype) -> FeedForwardMap:
        """Compute the matrix products with weights in another type."""
        return FeedForwardMap(
            tuple(weight.to(dtype) for weight in self.inner),
            self.outer.to(dtype),
            tuple(slope.to(dtype) for slope in self.slopes),
        )

    def tangent(self, change: Tensor, residual: Tensor) -> Tensor:
        """Map a change of the input, (batch, queries, d), and add it to the residual's."""
        hidden = times(change, self.inner[0].T, keep=True).mul_(self.slopes[0])
        for weight, slope in zip(self.inner[1:], self.slopes[1:], strict=True):
            hidden.addcmul_(times(change, weight.T, keep=True), slope)
        return plus_times(residual, hidden, self.outer.T)

    def pullback(self, gradient: Tensor, residual: Tensor | None) -> Tensor:
        """Map a gradient by the output, (batch, queries, d), and add the residual's, if given."""
        hidden = times(gradient, self.outer, keep=True)
        for weight, slope in zip(self.inner, self.slopes, strict=True):
            residual = plus_times(residual, hidden * slope, weight)
        assert residual is not None
        return residual.to(gradient.dtype)


@dataclass(frozen=True)
class LayerMap(ABC):
    """The derivative of a layer: (batch, tokens, d) to (batch, queries, d)."""

    attention: AttentionMap
    attention_norm: Map
    feed_forward: FeedForwardMap
    feed_forward_norm: Map

    def take(self, points: Index) -> Self:
        """Keep the map at some points, in the given order."""
        return replace(
            self,
            attention=self.attention.take(points),
            attention_norm=self.attention_norm.take(points),
            feed_forward=self.feed_forward.take(points),
            feed_forward_norm=self.feed_forward_norm.take(points),
        )

    def rounded(self, dtype: torch.dtype) -> Self:
        """Compute the matrix products with weights in another type."""
        return replace(
            self,
            attention=self.attention.rounded(dtype),
            feed_forward=self.feed_forward.rounded(dtype),
        )

    @abstractmethod
    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the layer's input, (batch, tokens, d), to that of its output."""

    @abstractmethod
    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the layer's output to that by its input, (batch, tokens, d)."""


@dataclass(frozen=True)
class PoolerMap:
    """The derivative of tanh(weight x + bias), the pooler of BERT."""

    weight: Tensor  # (d, d)
    slope: Tensor  # of the hyperbolic tangent, (points, d)

    def take(self, points: Index) -> PoolerMap:
        """Keep the map at some points, in the given order."""
        return PoolerMap(self.weight, self.slope[points])

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the input, (points, d), to that of the output."""
        return (change @ self.weight.T).mul_(self.slope)

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the output, (points, d), to that by the input."""
        return (gradient * self.slope) @ self.weight


def times(x: Tensor, weight: Tensor, keep: bool = False) -> Tensor:
    """X @ weight in the type of the weight; the result too if it is to be kept in it."""
    product = x.to(weight.dtype) @ weight
    return product if keep else product.to(x.dtype)


def plus_times(base: Tensor | None, x: Tensor, weight: Tensor) -> Tensor:
    """Add x @ weight to base, in its place, where there is a base."""
    if base is None:
        return times(x, weight)
    if base.dtype == weight.dtype:
        flat = base.view(-1, base.shape[-1])
        flat.addmm_(x.reshape(-1, x.shape[-1]), weight)
        return base
    return base.add_(x.to(weight.dtype) @ weight)


def fold(x: Tensor, groups: int) -> Tensor:
    """(batch, tokens, heads, width) -> (batch, groups, heads of a group times tokens, width)."""
    parts = x.unflatten(2, (groups, -1)).permute(0, 2, 3, 1, 4)
    return parts.flatten(2, 3).contiguous()


def unfold(x: Tensor, heads: int) -> Tensor:
    """Undo :func:`fold`, as a view."""
    parts = x.unflatten(2, (heads // x.shape[1], -1))
    return parts.permute(0, 3, 1, 2, 4).flatten(2, 3)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn neighbouring pairs of the last dimension by complex factors, in place."""
    torch.view_as_complex(x.unflatten(-1, (-1, 2))).mul_(rotation)
    return x
