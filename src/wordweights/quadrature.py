"""Nodes and weights on [0, 1]: pure functions, no model code.

Every rule integrates along the same straight path from baseline to input. What differs is where its
nodes lie. The path derivative of a sentence encoder is smooth but peaked (for all-MiniLM-L6-v2 near
alpha = 0.4), so a change of variable that spreads the nodes around the peak needs fewer of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from wordweights.errors import WordweightsError

Array = NDArray[np.float64]

PILOT_POINTS = 65
"""Points of the forward-only pilot: fewer miss the peak by enough to choose a worse rule."""

_CENTRES = np.linspace(0.05, 0.95, 73)
_WIDTHS = np.geomspace(0.03, 1.0, 18)


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


def tangent_rule(n: int, centre: float, width: float) -> Rule:
    """Gauss-Legendre in the angle theta of alpha = centre + width * tan(theta).

    The density of nodes is that of a Cauchy distribution cut to [0, 1]: densest at `centre`, and
    `width` away from it half as dense. Polynomials in theta of degree up to 2n - 1, times
    d theta / d alpha, are integrated exactly.

    Parameters
    ----------
    n : int
        Number of nodes, at least 1.
    centre : float
        Where the nodes are densest.
    width : float
        Half width of the dense part, above 0; towards infinity the rule becomes Gauss-Legendre.

    Returns
    -------
    Rule
        n nodes and weights.
    """
    low, high = np.arctan(-centre / width), np.arctan((1 - centre) / width)
    rule = gauss_legendre(n)
    theta = low + (high - low) * rule.nodes
    jacobian = (high - low) * width / np.cos(theta) ** 2
    return Rule(centre + width * np.tan(theta), rule.weights * jacobian)


def pilot_nodes() -> Array:
    """Where the forward-only pilot evaluates the path, ends included.

    Returns
    -------
    Array
        Shape (PILOT_POINTS,), from 0 to 1.
    """
    return np.linspace(0.0, 1.0, PILOT_POINTS)


def choose_rules(path: Array, n: int) -> list[Rule]:
    """Choose for every sentence the tangent rule that integrates its own path best.

    A spline through the pilot gives the path derivative s'(alpha), whose integral s(1) - s(0) is
    known. Each candidate rule (a grid of centres and widths, and Gauss-Legendre itself) is judged
    by how well it recovers that. The spline is linear in the pilot, so a rule is one row of
    coefficients and all candidates are one matrix product.

    Parameters
    ----------
    path : Array
        Sentence vectors at :func:`pilot_nodes`, shape (sentences, PILOT_POINTS, outputs).
    n : int
        Number of nodes of each rule.

    Returns
    -------
    list[Rule]
        One a sentence.
    """
    rules, coefficients = _candidates(n)
    return [
        rules[int(np.argmin(np.linalg.norm(coefficients @ one - (one[-1] - one[0]), axis=1)))]
        for one in np.asarray(path, dtype=np.float64)
    ]


@lru_cache(maxsize=16)
def _candidates(n: int) -> tuple[list[Rule], Array]:
    """Candidate rules with n nodes; row r of the matrix maps a pilot to rule r's integral of s'."""
    rules = [gauss_legendre(n)]
    rules += [tangent_rule(n, centre, width) for centre in _CENTRES for width in _WIDTHS]
    derivative = make_interp_spline(pilot_nodes(), np.eye(PILOT_POINTS), k=5).derivative()
    rows = np.stack([rule.weights @ derivative(rule.nodes) for rule in rules])
    return rules, rows
