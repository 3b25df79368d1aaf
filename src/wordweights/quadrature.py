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

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from wordweights.errors import WordweightsError

Array = NDArray[np.float64]

PILOT_POINTS = 65
"""Points of the forward-only pilot: with half as many the worse of two rules may look better."""

# The grid of candidate rules: a main peak anywhere, a second one that takes a share of the nodes.
_CENTRES = np.linspace(0.05, 0.95, 37)
_WIDTHS = np.geomspace(0.04, 0.5, 8)
_SECOND_CENTRES = np.linspace(0.05, 0.95, 10)
_SECOND_WIDTH = 0.1
_SECOND_SHARE = 0.15


@dataclass(frozen=True)
class Rule:
    """A quadrature rule on [0, 1].

    Attributes
    ----------
    nodes : Array
        Where the integrand is evaluated, shape (n,), ascending, inside (0, 1).
    weights : Array
        Shape (n,), positive; they sum to 1 for Gauss-Legendre.
    """

    nodes: Array
    weights: Array


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
        raise WordweightsError(f"n_steps is {n}; an integral needs at least 1 step.")
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


def pilot_nodes() -> Array:
    """Where the forward-only pilot evaluates the path, ends included.

    Returns
    -------
    Array
        Shape (PILOT_POINTS,), from 0 to 1.
    """
    return np.linspace(0.0, 1.0, PILOT_POINTS)


def choose_rules(path: Array, n: int) -> tuple[list[Rule], Array]:
    """Choose for every sentence the rule that integrates its own path best.

    A spline through the pilot gives the path derivative s'(alpha), whose integral s(1) - s(0) is
    known. Each candidate (Gauss-Legendre, and a grid of peaked rules) is judged by how well it
    recovers that. The spline is linear in the pilot, so a rule's error is one row of coefficients
    and all candidates are one matrix product.

    Parameters
    ----------
    path : Array
        Sentence vectors at :func:`pilot_nodes`, shape (sentences, PILOT_POINTS, outputs).
    n : int
        Number of nodes of each rule.

    Returns
    -------
    tuple[list[Rule], Array]
        One rule a sentence, and the relative completeness residual that the pilot predicts for it,
        shape (sentences,).
    """
    nodes, weights, errors = _candidates(n)
    # what a rule misses is linear in the pilot, so its square is a quadratic form of the pilot's
    # inner products: the number of outputs does not matter any more
    moved = np.asarray(path, dtype=np.float64)
    moved = moved - moved[:, :1]
    inner = moved @ moved.transpose(0, 2, 1)  # (sentences, PILOT_POINTS, PILOT_POINTS)
    rules, predicted = [], []
    for products in inner:
        squares = np.einsum("rp,rp->r", errors @ products, errors)
        best = int(np.argmin(squares))
        rules.append(Rule(nodes[best], weights[best]))
        predicted.append(np.sqrt(max(squares[best], 0.0) / (products[-1, -1] or 1.0)))
    return rules, np.array(predicted)


@lru_cache(maxsize=16)
def _candidates(n: int) -> tuple[Array, Array, Array]:
    """Candidate rules with n nodes: nodes and weights, shape (rules, n), and errors.

    Row r of the errors, shape (rules, PILOT_POINTS), maps a pilot to what rule r misses: its
    integral of s' less s(1) - s(0).
    """
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
    derivative = make_interp_spline(pilot_nodes(), np.eye(PILOT_POINTS), k=5).derivative()
    slopes = derivative(nodes.ravel()).reshape(*nodes.shape, PILOT_POINTS)
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
