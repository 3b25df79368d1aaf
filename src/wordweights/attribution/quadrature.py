"""Nodes and weights on [0, 1]: pure functions, no model code.

Every rule integrates along the same straight path from baseline to input. What differs is where its
nodes lie. The path derivative of a sentence encoder is smooth but peaked (for all-MiniLM-L6-v2 near
alpha = 0.4, with a bump near 0.1), so a change of variable that gathers nodes at the peaks needs
fewer of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wordweights.errors import WordweightsError

Array = NDArray[np.float64]

_PILOT_POINTS = 41
_PILOT_CROWDING = 2.0  # how much closer the first points are

# The grid of candidate rules: a main peak anywhere, a second one that takes a share of the nodes.
_CENTRES = np.linspace(0.05, 0.95, 37)
_WIDTHS = np.geomspace(0.04, 0.5, 8)
_SECOND_CENTRES = np.linspace(0.05, 0.95, 10)
_SECOND_WIDTH = 0.1
_SECOND_SHARE = 0.15
_MOMENTS = 2  # highest degree of the polynomials that a path is weighted with


@dataclass(frozen=True)
class Rule:
    """A quadrature rule on [0, 1].

    Attributes
    ----------
    nodes : Array
        Where the integrand is evaluated, shape (n,), ascending, inside (0, 1).
    weights : Array
        Shape (n,), positive; they sum to 1 for Gauss-Legendre.
    orders : tuple[int, ...]
        How many nodes each of the joined rules has, from the first on; () where it is one rule.
    narrow : tuple[bool, ...]
        Which of the joined rules need float64.
    """

    nodes: Array
    weights: Array
    orders: tuple[int, ...] = ()
    narrow: tuple[bool, ...] = ()

    @property
    def runs(self) -> list[tuple[slice, bool]]:
        """Which nodes, one after the other, are of one precision, and whether of float64."""
        if not any(self.narrow):
            return [(slice(0, len(self.nodes)), False)]
        of_nodes = np.repeat(self.narrow, self.orders)
        cuts = [0, *(np.flatnonzero(np.diff(of_nodes)) + 1).tolist(), len(of_nodes)]
        return [(slice(i, j), bool(of_nodes[i])) for i, j in pairwise(cuts)]

    @property
    def moments(self) -> Array:
        """Weights for the integrals of P_k s', see :func:`path_moments`, shape (3, n)."""
        return self.weights * np.polynomial.legendre.legvander(2 * self.nodes - 1, _MOMENTS).T

    def on(self, start: float, stop: float) -> Rule:
        """Give the rule, which is not joined, on another stretch of the path."""
        width = stop - start
        return Rule(start + width * self.nodes, width * self.weights)

    def thinned(self) -> tuple[NDArray[np.int64], Rule]:
        """Take a coarser rule on some of the nodes, see :func:`thinned`: their places, and it."""
        places, factors, begin = [], [], 0
        for n in self.orders or (len(self.nodes),):
            kept, factor = thinned(n)
            places.append(kept + begin)
            factors.append(factor)
            begin += n
        chosen = np.concatenate(places)
        weights = self.weights[chosen] * np.concatenate(factors)
        orders = tuple(len(kept) for kept in places) if self.orders else ()
        return chosen, Rule(self.nodes[chosen], weights, orders, self.narrow)


@dataclass(frozen=True)
class Peak:
    """A place where nodes gather, as a Cauchy distribution cut to [0, 1].

    Attributes
    ----------
    centre : float
        Where they are densest.
    width : float
        Distance from there to half the density, above 0.
    share : float
        Its part of all nodes; the shares of a rule sum to 1.
    """

    centre: float
    width: float
    share: float = 1.0


def gauss_legendre(n: int) -> Rule:
    """Gauss-Legendre on [0, 1]: exact for polynomials of degree up to 2n - 1.

    Parameters
    ----------
    n : int
        Number of nodes, at least 1.

    Returns
    -------
    Rule
        n nodes and weights.

    Raises
    ------
    WordweightsError
        If n is below 1.
    """
    if n < 1:
        raise WordweightsError(f"n_nodes is {n}; an integral needs at least 1 node.")
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return Rule((nodes + 1) / 2, weights / 2)


def peaked_rule(n: int, peaks: Sequence[Peak]) -> Rule:
    """Gauss-Legendre in the variable u whose density over alpha is a mixture of Cauchy peaks.

    u(alpha) is the distribution function of the mixture on [0, 1], a change of variable of the same
    integral: polynomials in u of degree up to 2n - 1, times du / d alpha, are integrated exactly.

    Parameters
    ----------
    n : int
        Number of nodes, at least 1.
    peaks : Sequence[Peak]
        At least one; their shares sum to 1.

    Returns
    -------
    Rule
        n nodes and weights.
    """
    nodes, weights = _peaked_nodes(
        n, *(np.array([[getattr(p, name) for p in peaks]]) for name in ("centre", "width", "share"))
    )
    return Rule(nodes[0], weights[0])


@lru_cache(maxsize=1)
def pilot_nodes() -> Array:
    """Where the forward-only pilot evaluates the path, ends included.

    They crowd at the baseline: there all words are the same, and an encoder's normalisation makes
    the path bend most.

    Returns
    -------
    Array
        Ascending from 0 to 1.
    """
    even = np.linspace(0.0, 1.0, _PILOT_POINTS)
    return even * (1 + _PILOT_CROWDING * even) / (1 + _PILOT_CROWDING)


def join_rules(rules: Sequence[tuple[Rule, bool]]) -> Rule:
    """Join rules on adjacent parts of the path, each with whether it needs float64."""
    return Rule(
        np.concatenate([rule.nodes for rule, _ in rules]),
        np.concatenate([rule.weights for rule, _ in rules]),
        tuple(len(rule.nodes) for rule, _ in rules),
        tuple(narrow for _, narrow in rules),
    )


def choose_rule(path: Array, n: int) -> tuple[Rule, float]:
    """Choose the rule that integrates the path of a sentence best.

    A spline through the pilot gives the path derivative s'(alpha), whose integral s(1) - s(0) is
    known. Each candidate (Gauss-Legendre, and a grid of peaked rules) is judged by how well it
    recovers that. What a rule misses is linear in the pilot, so its square is a quadratic form of
    the pilot's inner products: all candidates are one matrix product, whatever the number of
    outputs.

    Parameters
    ----------
    path : Array
        Sentence vectors at :func:`pilot_nodes`, shape (points, outputs).
    n : int
        Number of nodes of the rule.

    Returns
    -------
    tuple[Rule, float]
        The rule, and the relative completeness residual that the pilot predicts for it.
    """
    nodes, weights, errors = _candidates(n)
    moved = np.asarray(path, dtype=np.float64) - path[0]
    inner = moved @ moved.T
    squares = np.einsum("rp,rp->r", errors @ inner, errors)
    best = int(np.argmin(squares))
    residual = float(np.sqrt(max(squares[best], 0.0) / (inner[-1, -1] or 1.0)))
    return Rule(nodes[best], weights[best]), residual


def path_moments(path: Array) -> Array:
    """Integrate P_k(2 alpha - 1) s'(alpha), for the Legendre polynomials P_0, P_1 and P_2.

    By parts this is [P_k s] less the integral of P_k' s, which a spline through the pilot gives: no
    derivative of the model is needed. P_0 gives s(1) - s(0); the others see what cancels in it, as
    where a path jumps and later jumps back.

    Parameters
    ----------
    path : Array
        Sentence vectors at :func:`pilot_nodes`, shape (..., points, outputs).

    Returns
    -------
    Array
        Shape (..., 3, outputs).
    """
    return np.asarray(_moments() @ np.asarray(path, dtype=np.float64))


@lru_cache(maxsize=128)
def thinned(n: int) -> tuple[NDArray[np.int64], Array]:
    """Choose about half of the nodes of a rule with n nodes, and factors for their weights.

    All rules here are Gauss-Legendre in some variable u. The nodes kept are the nearest to those of
    the rule with half as many; the factors make the rest exact for polynomials in u of a degree
    below their number. Such a rule is coarser, and costs nothing where the finer one is known.

    Parameters
    ----------
    n : int
        Number of nodes.

    Returns
    -------
    tuple[NDArray[np.int64], Array]
        Places of the nodes kept, ascending, and what their weights are multiplied by.
    """
    from scipy.optimize import linear_sum_assignment

    fine, half = gauss_legendre(n), gauss_legendre(max(1, n // 2))
    distance = np.abs(half.nodes[:, None] - fine.nodes)
    places = np.sort(linear_sum_assignment(distance)[1])
    # Legendre polynomials up to the degree of the interpolation; all but the first integrate to 0
    basis = np.polynomial.legendre.legvander(2 * fine.nodes[places] - 1, len(places) - 1)
    moments = np.zeros(len(places))
    moments[0] = 1.0
    return places, np.linalg.solve(basis.T, moments) / fine.weights[places]


@lru_cache(maxsize=1)
def _moments() -> Array:
    """Map a pilot to its moments, shape (3, points)."""
    from scipy.interpolate import make_interp_spline

    points, legendre = pilot_nodes(), np.polynomial.legendre
    spline = make_interp_spline(points, np.eye(len(points)), k=5)
    rules = [gauss_legendre(8).on(a, b) for a, b in pairwise(points)]  # the spline is of pieces
    nodes, weights = (np.concatenate([getattr(r, x) for r in rules]) for x in ("nodes", "weights"))
    slopes = legendre.legval(2 * nodes - 1, 2 * legendre.legder(np.eye(_MOMENTS + 1)))
    moments = -(slopes * weights) @ spline(nodes)
    moments[:, -1] += 1.0  # P_k(1)
    moments[:, 0] -= (-1.0) ** np.arange(_MOMENTS + 1)
    return np.asarray(moments)


@lru_cache(maxsize=16)
def _candidates(n: int) -> tuple[Array, Array, Array]:
    """Candidate rules with n nodes: nodes and weights, shape (rules, n), and errors."""
    # row r of the errors, shape (rules, pilot points), maps a pilot to what rule r misses: its
    # integral of s' less s(1) - s(0)
    from scipy.interpolate import make_interp_spline

    plain = gauss_legendre(n)
    centre, width, second = (
        grid.ravel() for grid in np.meshgrid(_CENTRES, _WIDTHS, _SECOND_CENTRES, indexing="ij")
    )
    nodes, weights = _peaked_nodes(
        n,
        np.stack([centre, second], axis=-1),
        np.stack([width, np.full_like(width, _SECOND_WIDTH)], axis=-1),
        np.array([[1 - _SECOND_SHARE, _SECOND_SHARE]]),
    )
    nodes, weights = np.vstack([plain.nodes, nodes]), np.vstack([plain.weights, weights])
    points = pilot_nodes()
    derivative = make_interp_spline(points, np.eye(len(points)), k=5).derivative()
    slopes = derivative(nodes.ravel()).reshape(*nodes.shape, len(points))
    errors = np.einsum("rn,rnp->rp", weights, slopes)
    errors[:, -1] -= 1.0
    errors[:, 0] += 1.0
    return nodes, weights, errors


def _peaked_nodes(n: int, centre: Array, width: Array, share: Array) -> tuple[Array, Array]:
    """Nodes and weights, shape (rules, n), of mixtures given by arrays of shape (rules, peaks)."""
    centre, width, share = (values[:, None, :] for values in (centre, width, share))
    start = np.arctan(-centre / width)
    share = share / (np.arctan((1 - centre) / width) - start)  # of the part inside [0, 1]

    def distribution(alpha: Array) -> Array:
        return (share * (np.arctan((alpha[..., None] - centre) / width) - start)).sum(axis=-1)

    def density(alpha: Array) -> Array:
        return (share * width / (width**2 + (alpha[..., None] - centre) ** 2)).sum(axis=-1)

    rule = gauss_legendre(n)
    low = np.zeros((len(centre), n))
    high = np.ones_like(low)
    for _ in range(54):  # bisection to the last bit: the distribution is monotone, but may be flat
        middle = (low + high) / 2
        below = distribution(middle) < rule.nodes
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    nodes = (low + high) / 2
    return nodes, rule.weights / density(nodes)
