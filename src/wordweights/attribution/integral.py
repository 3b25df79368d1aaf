"""The derivative of a model along straight paths, integrated by a quadrature rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.parallel import run_all
from wordweights.attribution.path import Linearised, StraightPath
from wordweights.attribution.quadrature import Rule, thinned
from wordweights.encoders.post_norm import StackMap

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

    def thinned(self) -> Integral:
        """Take a coarser rule, with about half of the nodes (see :func:`~quadrature.thinned`)."""
        places, factors = thinned(self.nodes.shape[1])
        nodes, weights = self.nodes[:, places], self.weights[:, places] * factors
        whole = self.whole
        if isinstance(whole, StackMap):
            flat = np.arange(self.nodes.size).reshape(self.nodes.shape)[:, places]
            whole = whole.take(torch.from_numpy(flat.ravel()).to(self.path.inputs.device))
        elif whole is not None:
            whole = self.path.linearise(nodes)
        return Integral(self.path, nodes, weights, self.outputs, whole)

    def squares(self, probes: Tensor, weights: Array | None = None) -> Array:
        """Project IG on probes, by reverse mode: sum over j of (sum_k r_p[k] IG(i, j, k))^2.

        Parameters
        ----------
        probes : Tensor
            r, shape (probes, batch, outputs).
        weights : Array | None
            Several rules on the same nodes, shape (rules, batch, n); None is its own.

        Returns
        -------
        Array
            Shape (rules, probes, batch, rows).
        """
        step, threads = self.path.step, self.path.threads
        weights = self.weights[None] if weights is None else weights
        size = max(1, _BLOCK_BYTES // (len(weights) * step.numel() * step.element_size()))
        squares = []
        for block in probes.split(size):
            share = -(-len(block) // threads)
            # several probes go together where one alone would leave a pass too small
            copies = min(share, max(1, self.path.good_points // self.nodes.size))
            integrals = torch.zeros(len(weights), len(block), *step.shape).to(step)
            for cut, linear in self._pieces():
                add = partial(
                    _add,
                    _repeated(linear, copies, torch.bfloat16 if self.path.half else None),
                    torch.as_tensor(weights[:, :, cut]).to(step),
                    copies if isinstance(linear, StackMap) else 1,
                )
                pairs = zip(block.split(share), integrals.split(share, dim=1), strict=True)
                run_all([partial(add, some, totals) for some, totals in pairs], threads)
            # (rules, probes, batch, rows, columns); the sum of squares in float64
            squares.append((integrals * step).double().square().sum(dim=-1).cpu())
        return torch.cat(squares, dim=1).numpy()

    def _pieces(self) -> Iterator[tuple[slice, Linearised]]:
        batch, n = self.nodes.shape
        if self.whole is not None:
            yield slice(0, n), self.whole
            return
        size = max(1, self.path.points_at_once // batch)
        for start in range(0, n, size):
            cut = slice(start, start + size)
            yield cut, self.path.linearise(self.nodes[:, cut])


def _repeated(linear: Linearised, copies: int, dtype: torch.dtype | None) -> Linearised:
    """Repeat the points, with matrix products in another type if there is one."""
    if not isinstance(linear, StackMap):
        return linear  # which was recorded in that type
    if dtype is not None:
        linear = linear.rounded(dtype)
    if copies == 1:
        return linear
    return linear.take(torch.arange(len(linear.outputs)).repeat(copies).to(linear.outputs.device))


def _add(linear: Linearised, weights: Tensor, copies: int, probes: Tensor, totals: Tensor) -> None:
    """Add to the totals of each probe, (rules, probes, ...), its weighted sums of gradients."""
    _, batch, n = weights.shape
    for start in range(0, len(probes), copies):
        some = probes[start : start + copies].to(weights)
        cotangent = some.unsqueeze(2).expand(-1, -1, n, -1).flatten(0, 2)
        if isinstance(linear, StackMap) and len(some) < copies:
            linear = linear.take(slice(0, len(cotangent)))  # the last round
        by_node = linear.pullback(cotangent).reshape(len(some), batch, n, -1)
        for rule, total in zip(weights, totals[:, start : start + copies], strict=True):
            total.add_((rule.unsqueeze(1) @ by_node).view_as(total))
