"""The straight path from baselines to inputs, and a model with its derivatives along it.

Everything is computed in passes, each of a bounded number of points, which run side by side.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.baselines import baseline_embeddings
from wordweights.attribution.parallel import run_all
from wordweights.encoders import Encoder
from wordweights.encoders.stack import Stack

Array = NDArray[np.float64]

ROWS = 256
"""Rows of a pass on a CPU: enough to fill a matrix product, few enough to stay in its caches."""

UNBOUNDED = 2**31
"""Points of a pass, where memory is no matter."""


class Linearised(Protocol):
    """A model at some points: its derivative there, in both directions."""

    @property
    def outputs(self) -> Tensor:
        """The outputs there, shape (points, outputs)."""

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the inputs, (points, rows, columns), to that of the outputs."""

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the outputs, (points, outputs), to that by the inputs."""


@dataclass(frozen=True)
class Recorded:
    """A model linearised by torch's automatic differentiation."""

    forward: Callable[[Tensor], Tensor]
    points: Tensor  # (points, rows, columns), requiring gradients
    outputs: Tensor  # (points, outputs), with the graph that leads to them

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the inputs to that of the outputs, by one more forward pass."""
        with torch.no_grad():
            result: Tensor = torch.func.jvp(self.forward, (self.points.detach(),), (change,))[1]
        return result

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the outputs to that by the inputs."""
        return torch.autograd.grad(
            self.outputs, self.points, gradient.to(self.outputs), retain_graph=True
        )[0]


@dataclass(frozen=True)
class Widened:
    """A model linearised in float64, for changes and gradients of another type."""

    wide: Linearised
    dtype: torch.dtype

    @property
    def outputs(self) -> Tensor:
        """The outputs, in the other type."""
        return self.wide.outputs.to(self.dtype)

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the inputs to that of the outputs."""
        return self.wide.tangent(change.double()).to(self.dtype)

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the outputs to that by the inputs."""
        return self.wide.pullback(gradient.double()).to(self.dtype)


@dataclass(frozen=True)
class StraightPath:
    """The points B + alpha (W - B) of a batch, and a model along them.

    Attributes
    ----------
    forward : Callable[..., Tensor]
        Maps (points, rows, columns) to (points, outputs), each point by itself. A
        :class:`~wordweights.encoders.stack.Stack` brings its own derivatives.
    inputs : Tensor
        W, shape (batch, rows, columns).
    baselines : Tensor
        B, of the same shape.
    arguments : tuple[Any, ...]
        Passed on to `forward`.
    batched : tuple[bool, ...]
        Which of them have the batch as their first dimension, and go with their example.
    points_at_once : int
        Bound on the points that are in memory together.
    bfloat16 : bool
        Compute the gradients with matrix products in bfloat16. Forward mode, and so the
        certificate, keeps the precision of the model.
    wide : Callable[[], Callable[..., Tensor]] | None
        Gives the same model in float64, made once for all who ask, where one is to be had.
    """

    forward: Callable[..., Tensor]
    inputs: Tensor
    baselines: Tensor
    arguments: tuple[Any, ...] = ()
    batched: tuple[bool, ...] = ()
    points_at_once: int = UNBOUNDED
    bfloat16: bool = False
    wide: Callable[[], Callable[..., Tensor]] | None = None

    @property
    def step(self) -> Tensor:
        """W - B, shape (batch, rows, columns)."""
        return self.inputs - self.baselines

    @property
    def points_in_pass(self) -> int:
        """How many points a pass should have, to be fast."""
        if self.inputs.device.type != "cpu":
            return self.points_at_once
        return min(self.points_kept, max(1, ROWS // self.inputs.shape[1]))

    @property
    def points_kept(self) -> int:
        """At how many points the model may stay linearised, beside the passes under way."""
        return max(1, self.points_at_once // 2)

    @property
    def threads(self) -> int | None:
        """How many passes run side by side; None where they had better not."""
        # what another model than a stack does in two threads at once is not known, and an
        # accelerator is filled by one pass
        if not isinstance(self.forward, Stack) or self.inputs.device.type != "cpu":
            return None
        return max(1, min(torch.get_num_threads(), self.points_at_once // self.points_in_pass))

    def select(self, examples: list[int]) -> StraightPath:
        """Keep some examples of the batch, by their positions."""
        return replace(
            self,
            inputs=self.inputs[examples],
            baselines=self.baselines[examples],
            arguments=self._arguments(examples),
        )

    @cached_property
    def widened(self) -> StraightPath | None:
        """The same path in float64, which tells points apart that float32 does not."""
        if self.wide is None:
            return None
        return replace(
            self,
            forward=self.wide(),
            inputs=self.inputs.double(),
            baselines=self.baselines.double(),
            points_at_once=max(1, self.points_at_once // 2),
            bfloat16=False,
            wide=None,
        )

    def outputs(self, alphas: Array) -> Tensor:
        """Evaluate the model along the path.

        Parameters
        ----------
        alphas : Array
            Shape (batch, n).

        Returns
        -------
        Tensor
            Shape (batch, n, outputs).
        """
        examples, flat = self._flatten(alphas)
        return self.evaluate(
            examples, lambda some: self._points(examples[some], flat[some])
        ).unflatten(0, alphas.shape)

    def evaluate(self, examples: NDArray[np.int64], points: Callable[[slice], Tensor]) -> Tensor:
        """Evaluate the model at any points, pass by pass.

        Parameters
        ----------
        examples : NDArray[np.int64]
            To which example each point belongs, shape (points,).
        points : Callable[[slice], Tensor]
            Makes the points of a pass, shape (points of the slice, rows, columns).

        Returns
        -------
        Tensor
            Shape (points, outputs).
        """

        def evaluate(some: slice) -> Tensor:
            with torch.no_grad():
                return self._model(examples[some])(points(some))

        size = self.points_in_pass
        starts = range(0, len(examples), size)
        passes = [partial(evaluate, slice(start, start + size)) for start in starts]
        return torch.cat(run_all(passes, self.threads))

    def slopes(self, alphas: Array) -> tuple[Tensor, Tensor]:
        """Evaluate the model of one example and its derivative along the path, pass by pass.

        Parameters
        ----------
        alphas : Array
            Shape (n,).

        Returns
        -------
        tuple[Tensor, Tensor]
            s and s', each of shape (n, outputs).
        """
        precise = replace(self, bfloat16=False)

        def run(some: Array) -> tuple[Tensor, Tensor]:
            linear = precise.linearise(some[None])
            return linear.outputs.detach(), linear.tangent(self.step.expand(len(some), -1, -1))

        # few points are two passes, too, so that two cores have one
        size = min(self.points_in_pass, -(-len(alphas) // 2))
        starts = range(0, len(alphas), size)
        passes = [partial(run, alphas[start : start + size]) for start in starts]
        outputs, slopes = zip(*run_all(passes, self.threads), strict=True)
        return torch.cat(outputs), torch.cat(slopes)

    def linearise(self, alphas: Array) -> Linearised:
        """Linearise the model at points of every example.

        Parameters
        ----------
        alphas : Array
            Shape (batch, n).

        Returns
        -------
        Linearised
            At batch * n points, those of an example one after another.
        """
        examples, flat = self._flatten(alphas)
        points = self._points(examples, flat)
        if isinstance(self.forward, Stack):
            return self.forward.linearise(points)
        forward = self._model(examples)
        with torch.enable_grad():
            points.requires_grad_()
            with self._precision():
                outputs = forward(points)
        return Recorded(forward, points, outputs)

    @staticmethod
    def _flatten(alphas: Array) -> tuple[NDArray[np.int64], Array]:
        return np.repeat(np.arange(len(alphas)), alphas.shape[1]), alphas.ravel()

    def _points(self, examples: NDArray[np.int64], alphas: Array) -> Tensor:
        a = torch.as_tensor(alphas).to(self.inputs)[:, None, None]
        return self.baselines[examples] + a * self.step[examples]

    def _model(self, examples: NDArray[np.int64]) -> Callable[[Tensor], Tensor]:
        """Give the model with the arguments of the examples that points belong to."""
        arguments = self._arguments(examples.tolist())
        return lambda x: self.forward(x, *arguments)

    def _arguments(self, examples: list[int]) -> tuple[Any, ...]:
        return tuple(
            value[examples] if batched else value
            for value, batched in zip(self.arguments, self.batched, strict=True)
        )

    def _precision(self) -> AbstractContextManager[Any]:
        if not self.bfloat16:
            return nullcontext()
        return torch.autocast(self.inputs.device.type, dtype=torch.bfloat16)


def lay_path(
    encoder: Encoder,
    sentences: Sequence[TokenisedSentence],
    baseline: str,
    memory: int,
    *,
    bfloat16: bool = False,
) -> StraightPath:
    """Lay the path from the baseline to sentences of equally many wordpieces.

    Parameters
    ----------
    encoder : Encoder
        In evaluation mode.
    sentences : Sequence[TokenisedSentence]
        At least one.
    baseline : str
        ``"pad"``, ``"mask"``, ``"zero"`` or ``"mean"``.
    memory : int
        Bound on the memory of all passes together, in bytes.
    bfloat16 : bool
        Compute the gradients with matrix products in bfloat16.

    Returns
    -------
    StraightPath
        One example per sentence.
    """
    ids = torch.tensor([sentence.ids for sentence in sentences], device=encoder.device)
    special = torch.tensor([sentence.word_of for sentence in sentences]) < 0

    stack = encoder.as_stack()
    bytes_per_point = encoder.activation_bytes if stack is None else stack.bytes_per_point

    @cache  # the paths of single sentences share it
    def wide() -> Callable[..., Tensor]:
        if stack is not None:
            return stack.widened()
        parts = (encoder.model, *encoder.behind)
        model, *behind = (copy.deepcopy(part).double() for part in parts)
        return replace(encoder, model=model, behind=tuple(behind))

    return StraightPath(
        stack or encoder,
        encoder.embed(ids),
        baseline_embeddings(encoder, ids, special, baseline),
        points_at_once=max(1, memory // bytes_per_point(ids.shape[1])),
        bfloat16=bfloat16,
        wide=wide if encoder.dtype == torch.float32 else None,
    )
