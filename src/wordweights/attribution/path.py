"""The straight path from baselines to inputs, and a model with its derivatives along it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.parallel import cores, run_all
from wordweights.encoders.post_norm import Stack

Array = NDArray[np.float64]

ROWS = 256
"""Rows of a pass on a CPU: enough to fill a matrix product, few enough to stay in its caches."""


UNBOUNDED = 2**31
"""Points of a pass, where memory is no matter."""


class Linearised(Protocol):
    """A model at some points: its derivative there, in both directions."""

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the inputs, (points, rows, columns), to that of the outputs."""

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the outputs, (points, outputs), to that by the inputs."""


@dataclass(frozen=True)
class Recorded:
    """A model linearised by torch's automatic differentiation.

    Attributes
    ----------
    forward : Callable[[Tensor], Tensor]
        Maps points to outputs.
    points : Tensor
        Shape (points, rows, columns), requiring gradients.
    outputs : Tensor
        Shape (points, outputs), with the graph that leads to them.
    """

    forward: Callable[[Tensor], Tensor]
    points: Tensor
    outputs: Tensor

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


def threads_for(forward: Callable[..., Tensor], device: torch.device) -> int:
    """Count the passes of a model that may run side by side.

    Parameters
    ----------
    forward : Callable[..., Tensor]
        The model. What another than a stack would do in two threads at once is not known.
    device : torch.device
        Where it computes; an accelerator is filled by one pass.

    Returns
    -------
    int
        At least 1.
    """
    return cores() if isinstance(forward, Stack) and device.type == "cpu" else 1


@dataclass(frozen=True)
class StraightPath:
    """The points B + alpha (W - B) of a batch, and a model along them.

    Attributes
    ----------
    forward : Callable[..., Tensor]
        Maps (batch, rows, columns) to (batch, outputs), each example by itself. A
        :class:`~wordweights.encoders.Stack` brings its own derivatives.
    inputs : Tensor
        W, shape (batch, rows, columns).
    baselines : Tensor
        B, of the same shape.
    arguments : tuple[Any, ...]
        Passed on to `forward`.
    batched : tuple[bool, ...]
        Which of them have the batch as their first dimension, and go with their example.
    points_at_once : int
        Bound on the points of one pass.
    half : bool
        Compute the gradients with matrix products in bfloat16. Forward mode, and so the
        certificate, keeps the precision of the model.
    """

    forward: Callable[..., Tensor]
    inputs: Tensor
    baselines: Tensor
    arguments: tuple[Any, ...] = ()
    batched: tuple[bool, ...] = ()
    points_at_once: int = UNBOUNDED
    half: bool = False

    @property
    def step(self) -> Tensor:
        """W - B, shape (batch, rows, columns)."""
        return self.inputs - self.baselines

    @property
    def threads(self) -> int:
        """How many passes may run side by side."""
        return threads_for(self.forward, self.inputs.device)

    @property
    def good_points(self) -> int:
        """How many points a pass should have, to be fast."""
        if self.inputs.device.type != "cpu":
            return self.points_at_once
        return min(self.points_at_once, max(1, ROWS // self.inputs.shape[1]))

    def select(self, examples: list[int]) -> StraightPath:
        """Keep some examples of the batch.

        Parameters
        ----------
        examples : list[int]
            Their positions.

        Returns
        -------
        StraightPath
            The same model and settings.
        """
        return replace(
            self,
            inputs=self.inputs[examples],
            baselines=self.baselines[examples],
            arguments=self._arguments(examples),
        )

    def outputs(self, alphas: Array) -> Tensor:
        """Evaluate the model.

        Parameters
        ----------
        alphas : Array
            Shape (batch, points).

        Returns
        -------
        Tensor
            Shape (batch, points, outputs).
        """
        batch, n = alphas.shape
        examples, flat = np.repeat(np.arange(batch), n), alphas.ravel()

        def evaluate(chosen: slice) -> Tensor:
            with torch.no_grad():
                return self._model(examples[chosen].tolist())(
                    self._points(examples[chosen], flat[chosen])
                )

        size = self.good_points
        tasks = [
            partial(evaluate, slice(start, start + size)) for start in range(0, batch * n, size)
        ]
        return torch.cat(run_all(tasks, self.threads)).unflatten(0, (batch, n))

    def linearise(self, nodes: Array) -> Linearised:
        """Linearise the model at points of every example.

        Parameters
        ----------
        nodes : Array
            Shape (batch, n).

        Returns
        -------
        Linearised
            At batch * n points, those of an example one after another.
        """
        batch, n = nodes.shape
        examples = np.repeat(np.arange(batch), n)
        points = self._points(examples, nodes.ravel())
        if isinstance(self.forward, Stack):
            return self.forward.linearise(points)
        forward = self._model(examples.tolist())
        with torch.enable_grad():
            points.requires_grad_()
            with self._precision():
                outputs = forward(points)
        return Recorded(forward, points, outputs)

    def _points(self, examples: NDArray[np.int64], alphas: Array) -> Tensor:
        """Points of the paths of some examples, shape (points, rows, columns)."""
        a = torch.as_tensor(alphas).to(self.inputs)[:, None, None]
        return self.baselines[examples] + a * self.step[examples]

    def _model(self, examples: list[int]) -> Callable[[Tensor], Tensor]:
        """Give the model with the arguments of the examples that points belong to."""
        arguments = self._arguments(examples)
        return lambda x: self.forward(x, *arguments)

    def _arguments(self, examples: list[int]) -> tuple[Any, ...]:
        return tuple(
            value[examples] if batched else value
            for value, batched in zip(self.arguments, self.batched, strict=True)
        )

    def _precision(self) -> AbstractContextManager[Any]:
        if not self.half:
            return nullcontext()
        return torch.autocast(self.inputs.device.type, dtype=torch.bfloat16)
