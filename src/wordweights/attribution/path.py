"""The straight path from baselines to inputs, and the model's values and derivatives along it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.activations import GeluSlopesKept

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StraightPath:
    """The points B + alpha (W - B) of a batch, and a model along them.

    Attributes
    ----------
    forward : Callable[..., Tensor]
        Maps (batch, rows, columns) to (batch, outputs), each example by itself.
    inputs : Tensor
        W, shape (batch, rows, columns).
    baselines : Tensor
        B, of the same shape.
    arguments : tuple[Any, ...]
        Passed on to `forward`.
    batched : tuple[bool, ...]
        Which of them have the batch as their first dimension, and go with their example.
    points_at_once : int
        Bound on the points in one pass.
    half : bool
        Compute the gradients, forward and backward, with matrix products in bfloat16.
    """

    forward: Callable[..., Tensor]
    inputs: Tensor
    baselines: Tensor
    arguments: tuple[Any, ...] = ()
    batched: tuple[bool, ...] = ()
    points_at_once: int = 192
    half: bool = False

    @property
    def step(self) -> Tensor:
        """W - B, shape (batch, rows, columns)."""
        return self.inputs - self.baselines

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
        parts = []
        with torch.no_grad():
            for cut in self.cuts(alphas):
                points, arguments = self._points(alphas[:, cut])
                batch, n = points.shape[:2]
                values = self.forward(points.flatten(0, 1), *arguments)
                parts.append(values.unflatten(0, (batch, n)))
        return torch.cat(parts, dim=1)

    def integrated_derivative(
        self, nodes: Array, weights: Array, direction: Tensor | None = None
    ) -> Tensor:
        """Integrate a directional derivative, by one forward-mode pass.

        Parameters
        ----------
        nodes : Array
            Shape (batch, n).
        weights : Array
            Shape (batch, n).
        direction : Tensor | None
            Shape (batch, rows, columns); None is W - B, and gives the path derivative.

        Returns
        -------
        Tensor
            Shape (batch, outputs).
        """
        direction = self.step if direction is None else direction
        total = torch.zeros(())
        for cut in self.cuts(nodes):
            points, arguments = self._points(nodes[:, cut])
            batch, n = points.shape[:2]
            tangent = direction.unsqueeze(1).expand_as(points)
            with torch.no_grad():
                derivative = torch.func.jvp(
                    lambda x: self.forward(x, *arguments),  # noqa: B023 - called before it changes
                    (points.flatten(0, 1),),
                    (tangent.flatten(0, 1),),
                )[1]
            w = torch.as_tensor(weights[:, cut]).to(derivative)
            part = torch.einsum("bn,bnk->bk", w, derivative.reshape(batch, n, -1))
            total = total.to(part) + part
        return total

    def gradients(self, nodes: Array, weights: Array, directions: Tensor) -> Iterator[Tensor]:
        """Yield, for every probe, the weighted sum over nodes of its gradient.

        All probes share one forward pass over all the nodes of all the examples.

        Parameters
        ----------
        nodes : Array
            Shape (batch, n).
        weights : Array
            Shape (batch, n).
        directions : Tensor
            Probes, shape (probes, batch, outputs).

        Yields
        ------
        Tensor
            Shape (batch, rows, columns).
        """
        points, arguments = self._points(nodes)
        batch, n = points.shape[:2]
        w = torch.as_tensor(weights).to(points)
        with torch.enable_grad():
            x = points.flatten(0, 1).requires_grad_()
            with GeluSlopesKept(), self._precision():
                s = self.forward(x, *arguments)  # (batch * n, outputs)
            last = len(directions) - 1
            for p, direction in enumerate(directions):  # (batch, outputs)
                cotangent = (w.unsqueeze(-1) * direction.unsqueeze(1)).flatten(0, 1)
                (gradient,) = torch.autograd.grad(s, x, cotangent.to(s), retain_graph=p < last)
                yield gradient.reshape(batch, n, *x.shape[1:]).sum(dim=1)

    def cuts(self, alphas: Array) -> list[slice]:
        """Cut the points of a path so that no pass sees more than about `points_at_once`.

        Parameters
        ----------
        alphas : Array
            Shape (batch, points).

        Returns
        -------
        list[slice]
            Of the points.
        """
        batch, n = alphas.shape
        step = max(1, self.points_at_once // batch)
        return [slice(start, min(n, start + step)) for start in range(0, n, step)]

    def _points(self, alphas: Array) -> tuple[Tensor, tuple[Any, ...]]:
        """Points of the path, shape (batch, points, rows, columns), and arguments to match."""
        a = torch.as_tensor(alphas).to(self.inputs)[:, :, None, None]
        points = self.baselines.unsqueeze(1) + a * self.step.unsqueeze(1)
        everyone = [i for i in range(len(self.inputs)) for _ in range(alphas.shape[1])]
        return points, self._arguments(everyone)

    def _arguments(self, examples: list[int]) -> tuple[Any, ...]:
        return tuple(
            value[examples] if batched else value
            for value, batched in zip(self.arguments, self.batched, strict=True)
        )

    def _precision(self) -> AbstractContextManager[Any]:
        if not self.half:
            return nullcontext()
        return torch.autocast(self.inputs.device.type, dtype=torch.bfloat16)
