"""Paths that jump: divided where forward mode misses what the sentence vector does.

A path derivative may be smooth but for places where a state deep in the encoder flips. There the
sentence vector moves by a tenth of its whole change within a millionth of the path, and no grid
finds that. Completeness does, for it holds on every part of the path: the integral of s' from a to
b is s(b) - s(a). A stretch whose integral is another one is divided; the others are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.path import StraightPath
from wordweights.attribution.quadrature import Rule, gauss_legendre, join_rules

Array = NDArray[np.float64]

_STRETCHES = 4  # to begin with, of about equal change
_ORDER = 2  # nodes of a new stretch
_NARROW = 1e-4  # of the path: nodes there go through float64
_FINEST, _FINEST_WIDE = 1e-5, 1e-8  # stretches whose nodes float32 and float64 can tell apart
_AT_ONCE = 0.5  # of the largest gap: stretches that miss more are divided in the same round


@dataclass(frozen=True)
class Stretch:
    """A part of a path, [start, stop], with Gauss-Legendre nodes of its own.

    Attributes
    ----------
    start, stop : float
        Its ends.
    outputs : Array
        s at its nodes, shape (n, outputs).
    slopes : Array
        s' at its nodes, shape (n, outputs).
    """

    start: float
    stop: float
    outputs: Array
    slopes: Array

    @property
    def width(self) -> float:
        """Of the path."""
        return self.stop - self.start

    @property
    def rule(self) -> Rule:
        """Integrate over it."""
        return gauss_legendre(len(self.slopes)).on(self.start, self.stop)

    def misses(self, ends: Array) -> Array:
        """Compare slopes with the change from end to node to ... to end: shape (n + 1, outputs)."""
        values = np.vstack([ends[:1], self.outputs, ends[1:]])
        return self.width * (_between(len(self.slopes)) @ self.slopes) - np.diff(values, axis=0)

    def parts(self, ends: Array) -> list[tuple[float, float, int]]:
        """Divide it beside the nodes between which most is missed: ends and orders of the parts."""
        places = [self.start, *self.rule.nodes, self.stop]
        worst = int(np.argmax(np.linalg.norm(self.misses(ends), axis=1)))
        n = len(self.slopes)
        cuts = [
            (self.start, places[worst], worst),
            (places[worst], places[worst + 1], _ORDER),
            (places[worst + 1], self.stop, n - worst),
        ]
        return [(start, stop, order) for start, stop, order in cuts if start < stop]


def divide(
    path: StraightPath,
    points: Array,
    outputs: Array,
    tolerance: float,
    max_nodes: int,
    *,
    even: float,
) -> tuple[Rule, Array, bool]:
    """Lay nodes on the path of one example, in stretches that are complete.

    Each round divides the stretches that miss most, until the whole is within the tolerance. What
    lies closer together than float32 can tell goes through float64, where the path has it.

    Parameters
    ----------
    path : StraightPath
        Of one example.
    points : Array
        Where outputs are known, ascending from 0 to 1, shape (points,).
    outputs : Array
        s there, shape (points, outputs).
    tolerance : float
        Completeness residual to reach.
    max_nodes : int
        Most nodes to lay, at least 2.
    even : float
        The same on the way: what is missed from the beginning up to the end of any stretch, so that
        two stretches do not make up for one another.

    Returns
    -------
    tuple[Rule, Array, bool]
        The joined rule of all stretches; its gap, the integral of s' less s(1) - s(0), of shape
        (outputs,); and whether it keeps to `even`.
    """
    known = dict(zip(points.tolist(), outputs, strict=True))
    exact = set[float]()  # places known in float64
    scale = float(np.linalg.norm(outputs[-1] - outputs[0]))
    moved = np.cumsum(np.linalg.norm(np.diff(outputs, axis=0), axis=1))
    n = min(_STRETCHES, max_nodes // _ORDER)
    cuts = points[1 + np.searchsorted(moved, moved[-1] * np.arange(1, n) / n)]
    wanted = [(start, stop, _ORDER) for start, stop in pairwise(sorted({0.0, *cuts.tolist(), 1.0}))]
    stretches: list[Stretch] = []
    while True:
        stretches = sorted(
            [*stretches, *_measure(path, wanted, known, exact)], key=lambda stretch: stretch.start
        )
        ends = [np.stack([known[s.start], known[s.stop]]) for s in stretches]
        gaps = np.stack([s.misses(e).sum(axis=0) for s, e in zip(stretches, ends, strict=True)])
        gap = gaps.sum(axis=0)
        divisible = [s.width > _finest(path) for s in stretches]
        sizes = np.linalg.norm(gaps, axis=1) * divisible
        uneven = np.linalg.norm(np.cumsum(gaps, axis=0), axis=1).max() > even * scale
        within = bool(np.linalg.norm(gap) <= tolerance * scale) and not uneven
        # each division adds nodes of its own and keeps those that were there
        room = (max_nodes - sum(len(s.slopes) for s in stretches)) // _ORDER
        # what is not a number will not become one
        if within or not room or not sizes.max() > 0:
            rules = [(s.rule, _is_narrow(s.width, path)) for s in stretches]
            return join_rules(rules), gap, not uneven
        most = np.argsort(-sizes, kind="stable")[:room]
        chosen = np.isin(np.arange(len(sizes)), most) & (sizes >= _AT_ONCE * sizes.max())
        wanted, left = [], []
        for stretch, pair, worst in zip(stretches, ends, chosen, strict=True):
            if not worst:
                left.append(stretch)
                continue
            wanted += stretch.parts(pair)
            # its nodes are ends of the parts
            nodes = stretch.rule.nodes.tolist()
            known.update(zip(nodes, stretch.outputs, strict=True))
            exact.update(nodes if _is_narrow(stretch.width, path) else ())
        stretches = left


def _measure(
    path: StraightPath,
    wanted: Sequence[tuple[float, float, int]],
    known: dict[float, Array],
    exact: set[float],
) -> Iterator[Stretch]:
    """Compute outputs and slopes at the nodes of new stretches."""
    for narrow in (False, True):
        some = [w for w in wanted if _is_narrow(w[1] - w[0], path) == narrow]
        if not some:
            continue
        model = (path.widened if narrow else None) or path
        if narrow:  # its ends must be those of the same model, for all who meet there
            ends = sorted({end for start, stop, _ in some for end in (start, stop)} - exact)
            if ends:
                values = _numbers(model.outputs(np.array([ends]))[0])
                known.update(zip(ends, values, strict=True))
                exact.update(ends)
        nodes = [gauss_legendre(order).on(start, stop).nodes for start, stop, order in some]
        outputs, slopes = map(_numbers, model.slopes(np.concatenate(nodes)))
        begin = 0
        for start, stop, order in some:
            cut = slice(begin, begin + order)
            yield Stretch(start, stop, outputs[cut], slopes[cut])
            begin += order


def _is_narrow(width: float, path: StraightPath) -> bool:
    return bool(width < _NARROW and path.widened is not None)


def _finest(path: StraightPath) -> float:
    """Say how narrow a stretch may be whose nodes can be told apart."""
    wide = path.widened is not None or path.inputs.dtype == torch.float64
    return _FINEST_WIDE if wide else _FINEST


def _numbers(values: Tensor) -> Array:
    return np.asarray(values.double().cpu().numpy())


@lru_cache(maxsize=64)
def _between(n: int) -> Array:
    """Integrate the polynomial through n Gauss-Legendre nodes from end to node to ... to end."""
    from numpy.polynomial import legendre

    nodes = 2 * gauss_legendre(n).nodes - 1
    coefficients = np.linalg.inv(legendre.legvander(nodes, n - 1))  # (degree, n) of unit slopes
    integrals = legendre.legint(coefficients, axis=0) / 2
    places = np.concatenate([[-1.0], nodes, [1.0]])
    return np.diff(legendre.legvander(places, n) @ integrals, axis=0)
