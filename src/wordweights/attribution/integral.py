"""The derivative of a model along straight paths, integrated by quadrature rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.parallel import run_all, run_each
from wordweights.attribution.path import Linearised, StraightPath, Widened
from wordweights.attribution.quadrature import Rule
from wordweights.encoders.stack import Stack, StackMap

Array = NDArray[np.float64]

_BLOCK_BYTES = 128 * 2**20  # integrated gradients kept at the same time
_TASKS = 16  # at least, where there is so much to do: cores then end at about the same time


@dataclass(frozen=True)
class _Part:
    """Nodes of examples that are passed through the model together."""

    examples: slice
    cut: slice  # of their nodes
    linear: Linearised

    @cached_property
    def rounded(self) -> Linearised:
        """The same map with matrix products in bfloat16; autograd has recorded it in that type."""
        if not isinstance(self.linear, StackMap):
            return self.linear
        return self.linear.rounded(torch.bfloat16)


@dataclass(frozen=True)
class Integral:
    """The integral over alpha of the Jacobian of some examples, as a linear map.

    Attributes
    ----------
    path : StraightPath
        The examples.
    rules : tuple[Rule, ...]
        One per example, each of n nodes.
    outputs : int
        Number of output dimensions.
    parts : tuple[_Part, ...] | None
        The model linearised at all nodes, where that was done before.
    """

    path: StraightPath
    rules: tuple[Rule, ...]
    outputs: int
    parts: tuple[_Part, ...] | None = None

    @property
    def n_nodes(self) -> int:
        """How many nodes each example has."""
        return len(self.rules[0].nodes)

    @cached_property
    def weights(self) -> Array:
        """Of the nodes of each example, shape (batch, n)."""
        return np.stack([rule.weights for rule in self.rules])

    def select(self, examples: list[int]) -> Integral:
        """Keep some examples, by their positions."""
        if len(examples) == len(self.rules):
            return self
        rules = tuple(self.rules[example] for example in examples)
        parts = self._take(examples, [np.arange(self.n_nodes)] * len(examples))
        return Integral(self.path.select(examples), rules, self.outputs, parts)

    def thinned(self) -> Integral:
        """Take a coarser rule, with about half of the nodes (see :meth:`Rule.thinned`)."""
        places, rules = zip(*(rule.thinned() for rule in self.rules), strict=True)
        return Integral(self.path, rules, self.outputs, self._take(range(len(rules)), places))

    def along(self, directions: Tensor, weights: Array | None = None) -> Tensor:
        """Apply it to changes of the inputs, by forward mode.

        Parameters
        ----------
        directions : Tensor
            Shape (directions, batch, rows, columns). W - B gives the sum over i, j of IG(i, j, .).
        weights : Array | None
            Several rules on the same nodes, shape (rules, batch, n); None is its own.

        Returns
        -------
        Tensor
            Shape (rules, directions, batch, outputs).
        """
        rules = torch.as_tensor(self.weights[None] if weights is None else weights).to(directions)
        total = directions.new_zeros(len(rules), *directions.shape[:2], self.outputs)

        def slopes(part: _Part, chosen: slice) -> Tensor:
            some = rules[:, part.examples, part.cut]  # (rules, examples, nodes)
            sums = []
            for direction in directions[chosen, part.examples]:
                by_node = part.linear.tangent(direction.repeat_interleave(some.shape[2], dim=0))
                by_node = by_node.unflatten(0, some.shape[1:])
                sums.append(torch.einsum("ren,enk->rek", some, by_node))
            return torch.stack(sums, dim=1)

        for part, chosen, sums in self._run(slopes, len(directions)):
            total[:, chosen, part.examples] += sums
        return total

    def rows(self) -> Tensor:
        """Split the change of the outputs into one vector per row: v_i = integral of J_i (W - B)_i.

        Returns
        -------
        Tensor
            Shape (batch, rows, outputs); rows that equal their baseline have exactly zero.
        """
        step = self.path.step
        moving = (step != 0).any(dim=-1).any(dim=0).nonzero().ravel()  # of the rows
        directions = step.new_zeros(len(moving), *step.shape)
        for direction, row in zip(directions, moving, strict=True):
            direction[:, row] = step[:, row]
        vectors = step.new_zeros(step.shape[1], len(step), self.outputs)
        (vectors[moving],) = self.along(directions)
        return vectors.transpose(0, 1)

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
        step = self.path.step
        rules = torch.as_tensor(self.weights[None] if weights is None else weights).to(step)
        size = max(1, _BLOCK_BYTES // (len(rules) * step.numel() * step.element_size()))
        squares = []
        for block in probes.to(step).split(size):
            integrals = step.new_zeros(len(rules), len(block), *step.shape)
            task = partial(self._gradients, rules, block)
            for part, chosen, gradients in self._run(task, len(block)):
                integrals[:, chosen, part.examples] += gradients
            # (rules, probes, batch, rows, columns); the sum of squares in float64
            squares.append((integrals * step).double().square().sum(dim=-1).cpu())
        return torch.cat(squares, dim=1).numpy()

    def _gradients(self, rules: Tensor, probes: Tensor, part: _Part, chosen: slice) -> Tensor:
        """Sum the gradients of some probes over the nodes of a part, weighted by each rule."""
        linear = part.rounded if self.path.bfloat16 else part.linear
        weights = rules[:, part.examples, part.cut].unsqueeze(2)  # (rules, examples, 1, nodes)
        some = probes[chosen, part.examples]
        copies = min(len(some), self._copies(part))
        if copies > 1 and isinstance(linear, StackMap):
            every = torch.arange(len(linear.outputs), device=linear.outputs.device)
            linear = linear.take(every.repeat(copies))
        sums = []
        for few in some.split(copies):  # (copies, examples, outputs)
            if isinstance(linear, StackMap) and len(few) < copies:  # the last ones
                linear = linear.take(slice(0, len(few) * few.shape[1] * weights.shape[-1]))
            by_node = linear.pullback(few.repeat_interleave(weights.shape[-1], dim=1).flatten(0, 1))
            shape = by_node.shape[1:]
            by_node = by_node.reshape(len(few), few.shape[1], weights.shape[-1], -1)
            # (rules, copies, examples, rows, columns)
            sums.append(
                torch.stack([(rule @ by_node).squeeze(2).unflatten(2, shape) for rule in weights])
            )
        return torch.cat(sums, dim=1)

    def _copies(self, part: _Part) -> int:
        """How many probes go together where one alone would leave a pass too small."""
        if not isinstance(part.linear, StackMap):
            return 1
        return max(1, self.path.points_in_pass // len(part.linear.outputs))

    def _run(
        self, task: Callable[[_Part, slice], Tensor], n: int
    ) -> Iterator[tuple[_Part, slice, Tensor]]:
        """Run a task for n directions or probes at all nodes, in pieces: each, and its result."""
        # results are summed here and in this order, whatever runs beside each other
        for parts in self._in_memory():
            pieces, tasks = [], -(-_TASKS // len(parts))  # of a part
            for part in parts:
                copies = self._copies(part)
                size = copies * max(1, -(-n // (tasks * copies)))
                pieces += [(part, slice(i, i + size)) for i in range(0, n, size)]
            results = run_each([partial(task, *piece) for piece in pieces], self.path.threads)
            for (part, chosen), result in zip(pieces, results, strict=True):
                yield part, chosen, result

    def _in_memory(self) -> Iterator[Sequence[_Part]]:
        """Give the parts, as many together as fit into memory."""
        if self._kept is not None:
            yield self._kept
            return
        some, points = list[Callable[[], _Part]](), 0
        for example in range(len(self.rules)):
            for cut, narrow in self._cuts(example):
                n = cut.stop - cut.start
                if some and points + n > self.path.points_kept:
                    yield run_all(some, self.path.threads)
                    some, points = [], 0
                some.append(partial(self._part, slice(example, example + 1), cut, narrow))
                points += n
        yield run_all(some, self.path.threads)

    def _take(
        self, examples: Sequence[int], places: Sequence[NDArray[np.int64]]
    ) -> tuple[_Part, ...] | None:
        """Take of what is linearised some examples, ascending, at some of their nodes."""
        parts = []
        for part in self._kept or ():
            if not isinstance(part.linear, StackMap):
                return None
            begin, end = np.searchsorted(examples, [part.examples.start, part.examples.stop])
            if begin == end:
                continue
            inside = np.array(examples[begin:end]) - part.examples.start
            # the examples of a part have the same places
            cut = slice(*np.searchsorted(places[begin], [part.cut.start, part.cut.stop]).tolist())
            nodes, n = places[begin][cut] - part.cut.start, part.cut.stop - part.cut.start
            points = torch.from_numpy((n * inside[:, None] + nodes).ravel())
            if len(points):
                some = len(points) < len(part.linear.outputs)
                linear = part.linear.take(points) if some else part.linear
                parts.append(_Part(slice(int(begin), int(end)), cut, linear))
        return tuple(parts) or None

    @cached_property
    def _kept(self) -> Sequence[_Part] | None:
        """Linearise at all nodes, once, where memory allows; else it is done for every use."""
        if self.parts is not None:
            return self.parts
        batch, n = self.weights.shape
        if batch * n > self.path.points_kept:
            return None
        # those of one rule go together, and are cut alike
        joined = any(rule.orders for rule in self.rules)
        size = 1 if joined else max(1, self.path.points_in_pass // n)
        tasks = [
            partial(self._part, slice(i, min(i + size, batch)), cut, narrow)
            for i in range(0, batch, size)
            for cut, narrow in self._cuts(i)
        ]
        return run_all(tasks, self.path.threads)

    def _cuts(self, example: int) -> list[tuple[slice, bool]]:
        """Cut the nodes of an example into passes of one precision, and say if it is float64."""
        size = self.path.points_in_pass
        return [
            (slice(start, min(start + size, run.stop)), narrow)
            for run, narrow in self.rules[example].runs
            for start in range(run.start, run.stop, size)
        ]

    def _part(self, examples: slice, cut: slice, narrow: bool) -> _Part:
        nodes = np.stack([rule.nodes[cut] for rule in self.rules[examples]])
        chosen = list(range(examples.start, examples.stop))
        wide = self.path.widened if narrow else None
        if wide is None:
            return _Part(examples, cut, self.path.select(chosen).linearise(nodes))
        linear = wide.select(chosen).linearise(nodes)
        own, stack = self.path.forward, wide.forward
        if isinstance(linear, StackMap) and isinstance(own, Stack) and isinstance(stack, Stack):
            return _Part(examples, cut, own.narrowed(linear, stack))
        return _Part(examples, cut, Widened(linear, self.path.inputs.dtype))
