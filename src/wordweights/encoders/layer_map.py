"""The derivative of a post-norm transformer layer at a point, as a linear map.

Every map has two faces: ``tangent`` takes a change of the input to that of the output (forward
mode), ``pullback`` a gradient by the output to that by the input (reverse mode). The Jacobians of
LayerNorm without its weight and of softmax are symmetric, so one kernel serves both directions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

Index = Tensor | slice


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
class LayerMap:
    """The derivative of a :class:`~wordweights.encoders.post_norm.Layer`."""

    # weights of the dense parts; their type is that of the matrix products
    qkv: Tensor
    mix: Tensor
    inner: Tensor
    outer: Tensor
    # (batch, heads, tokens, head width), of the first token alone where only its state is computed
    query: Tensor  # scaled
    key: Tensor
    value: Tensor
    attention: Tensor  # (batch, heads, queries, tokens)
    slope: Tensor  # of the activation, (batch, queries, inner width)
    mix_norm: NormMap  # of the first residual sum
    outer_norm: NormMap  # of the second

    def take(self, points: Index) -> LayerMap:
        """Keep the map at some points, in the given order."""
        return replace(
            self,
            query=self.query[points],
            key=self.key[points],
            value=self.value[points],
            attention=self.attention[points],
            slope=self.slope[points],
            mix_norm=self.mix_norm.take(points),
            outer_norm=self.outer_norm.take(points),
        )

    def rounded(self, dtype: torch.dtype) -> LayerMap:
        """Compute the matrix products with weights in another type."""
        return replace(
            self,
            qkv=self.qkv.to(dtype),
            mix=self.mix.to(dtype),
            inner=self.inner.to(dtype),
            outer=self.outer.to(dtype),
            slope=self.slope.to(dtype),
        )

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the layer's input, (batch, tokens, d), to that of its output."""
        d, queries = change.shape[-1], self.query.shape[2]
        asking = change[:, :queries]
        dq = self._split(_times(asking, self.qkv[:d].T)).mul_(self._scale)
        dk = self._split(_times(change, self.qkv[d : 2 * d].T))
        dv = self._split(_times(change, self.qkv[2 * d :].T))
        scores = dq @ self.key.transpose(2, 3) + self.query @ dk.transpose(2, 3)
        context = self._softmax(scores) @ self.value + self.attention @ dv
        mixed = _plus_times(asking.clone(), _join(context), self.mix.T)
        y = self.mix_norm.tangent(mixed)
        inner = _times(y, self.inner.T, keep=True).mul_(self.slope)
        return self.outer_norm.tangent(_plus_times(y, inner, self.outer.T))

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the layer's output to that by its input, (batch, tokens, d)."""
        z = self.outer_norm.pullback(gradient)
        inner = _times(z, self.outer, keep=True).mul_(self.slope)
        mixed = self.mix_norm.pullback(_plus_times(z, inner, self.inner))
        context = self._split(_times(mixed, self.mix))
        dv = self.attention.transpose(2, 3) @ context
        scores = self._softmax(context @ self.value.transpose(2, 3))
        dq, dk = scores @ self.key, scores.transpose(2, 3) @ self.query
        d = gradient.shape[-1]
        if self.query.shape[2] == self.key.shape[2]:
            return _plus_times(mixed, self._stack(dq, dk, dv), self.qkv)
        # only the first token asks, and only it has a residual
        by_input = _times(self._stack(None, dk, dv), self.qkv[d:])
        by_input[:, :1] += _plus_times(mixed, _join(dq).mul_(self._scale), self.qkv[:d])
        return by_input

    @property
    def _scale(self) -> float:
        return float(self.query.shape[-1]) ** -0.5

    def _split(self, x: Tensor) -> Tensor:
        """(batch, tokens, d) -> (batch, heads, tokens, head width)."""
        batch, tokens, d = x.shape
        heads = self.query.shape[1]
        return x.view(batch, tokens, heads, d // heads).transpose(1, 2).contiguous()

    def _softmax(self, x: Tensor) -> Tensor:
        """Apply the derivative of the softmax of the scores, which is symmetric."""
        return torch._softmax_backward_data(x, self.attention, -1, x.dtype)

    def _stack(self, dq: Tensor | None, dk: Tensor, dv: Tensor) -> Tensor:
        """Put gradients by queries (if given), keys and values side by side: (batch, tokens, .)."""
        batch, heads, tokens, width = dk.shape
        parts = 2 if dq is None else 3
        together = dk.new_empty(batch, tokens, parts, heads, width)
        if dq is not None:
            torch.mul(dq.transpose(1, 2), self._scale, out=together[:, :, 0])
        together[:, :, -2] = dk.transpose(1, 2)
        together[:, :, -1] = dv.transpose(1, 2)
        return together.view(batch, tokens, parts * heads * width)


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


def _join(x: Tensor) -> Tensor:
    """(batch, heads, tokens, head width) -> (batch, tokens, d)."""
    return x.transpose(1, 2).flatten(2).contiguous()


def _times(x: Tensor, weight: Tensor, keep: bool = False) -> Tensor:
    """X @ weight in the type of the weight; the result too if it is to be kept in it."""
    product = x.to(weight.dtype) @ weight
    return product if keep else product.to(x.dtype)


def _plus_times(base: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Add x @ weight to base, in its place."""
    if base.dtype == weight.dtype:
        flat = base.view(-1, base.shape[-1])
        flat.addmm_(x.reshape(-1, x.shape[-1]), weight)
        return base
    return base.add_(x.to(weight.dtype) @ weight)
