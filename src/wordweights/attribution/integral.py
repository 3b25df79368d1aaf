"""The derivative of a model along straight paths, integrated by a quadrature rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.path import Linearised, StraightPath
from wordweights.attribution.workers import run_all
from wordweights.quadrature import Rule

Array = NDArray[np.float64]

_BLOCK_BYTES = 128 * 2**20  # integrated gradients kept at the same time


@dataclass(frozen=True)
class Integral:
    """The integral over alpha of the Jacobian of some examples, as a linear map.

    Attributes
    ----------
    path : StraightPath
        The examples.
    nodes, weights : Array
        Their rules, shape (batch, n).
    outputs : int
        Number of output dimensions.
    whole : Linearised | None
        The model linearised at all the nodes, where memory allows; otherwise it is linearised in
        pieces, again for every use.
    """

    path: StraightPath
    nodes: Array
    weights: Array
    outputs: int
    whole: Linearised | None

    @classmethod
    def of(cls, path: StraightPath, rules: list[Rule], outputs: int) -> Integral:
        """Prepare the integral of examples whose rules have equally many nodes.

        Parameters
        ----------
        path : StraightPath
            The examples.
        rules : list[Rule]
            One an example.
        outputs : int
            Number of output dimensions.

        Returns
        -------
        Integral
            Linearised, if all nodes fit in one pass.
        """
        nodes = np.stack([rule.nodes for rule in rules])
        weights = np.stack([rule.weights for rule in rules])
        fits = nodes.size <= path.points_at_once
        return cls(path, nodes, weights, outputs, path.linearise(nodes) if fits else None)

    def along(self, direction: Tensor) -> Tensor:
        """Apply it to a change of the inputs, by forward mode.

        Parameters
        ----------
        direction : Tensor
            Shape (batch, rows, columns). W - B gives the sum over i, j of IG(i, j, .).

        Returns
        -------
        Tensor
            Shape (batch, outputs).
        """
        total = torch.zeros(())
        for cut, linear in self._pieces():
            weights = torch.as_tensor(self.weights[:, cut])
            batch, n = weights.shape
            derivative = linear.tangent(direction.repeat_interleave(n, dim=0))
            part = torch.einsum(
                "bn,bnk->bk", weights.to(derivative), derivative.unflatten(0, (batch, n))
            )
            total = total.to(part) + part
        return total

    def rows(self) -> Tensor:
        """Split the change of the outputs into one vector a row: v_i = integral of J_i (W - B)_i.

        Returns
        -------
        Tensor
            Shape (batch, rows, outputs); rows that equal their baseline have exactly zero.
        """
        step = self.path.step
        moving = (step != 0).any(dim=-1).any(dim=0)  # (rows,)
        places = range(step.shape[1])

        def share(row: int) -> Tensor:
            direction = torch.zeros_like(step)
            direction[:, row] = step[:, row]
            return self.along(direction)

        tasks = [partial(share, row) for row in places if moving[row]]
        found = iter(run_all(tasks, self.path.threads))
        zero = step.new_zeros(len(step), self.outputs)
        return torch.stack([next(found) if moving[row] else zero for row in places], dim=1)

    def squares(self, probes: Tensor) -> Array:
        """Project IG on probes, by reverse mode: sum over j of (sum_k r_p[k] IG(i, j, k))^2.

        Parameters
        ----------
        probes : Tensor
            r, shape (probes, batch, outputs).

        Returns
        -------
        Array
            Shape (probes, batch, rows).
        """
        step = self.path.step
        size = max(1, _BLOCK_BYTES // (step.numel() * step.element_size()))
        squares = []
        for block in probes.split(size):
            integrals = torch.zeros(len(block), *step.shape).to(step)
            share = -(-len(block) // self.path.threads)
            for cut, linear in self._pieces():
                add = partial(_add, linear, torch.as_tensor(self.weights[:, cut]).to(step))
                tasks = [
                    partial(add, some, total)
                    for some, total in zip(block.split(share), integrals.split(share), strict=True)
                ]
                run_all(tasks, self.path.threads)
            # (probes, batch, rows, columns); the sum of squares in float64
            squares.append((integrals * step).double().square().sum(dim=-1).cpu())
        return torch.cat(squares).numpy()

    def _pieces(self) -> Iterator[tuple[slice, Linearised]]:
        batch, n = self.nodes.shape
        if self.whole is not None:
            yield slice(0, n), self.whole
            return
        size = max(1, self.path.points_at_once // batch)
        for start in range(0, n, size):
            cut = slice(start, start + size)
            yield cut, self.path.linearise(self.nodes[:, cut])


def _add(linear: Linearised, weights: Tensor, probes: Tensor, totals: Tensor) -> None:
    """Add to the total of each probe its weighted sum over nodes of gradients."""
    batch, n = weights.shape
    for probe, total in zip(probes, totals, strict=True):
        cotangent = weights.unsqueeze(-1) * probe.to(weights).unsqueeze(1)  # (batch, n, outputs)
        gradient = linear.pullback(cotangent.flatten(0, 1))
        total += gradient.unflatten(0, (batch, n)).sum(dim=1)
