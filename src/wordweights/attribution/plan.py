"""Where to evaluate the path: nodes for each example, with a certificate before any gradient."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordweights.attribution.path import StraightPath
from wordweights.errors import WordweightsError
from wordweights.quadrature import Rule, choose_rules, gauss_legendre, pilot_nodes

QUADRATURES = ("adaptive", "gauss-legendre")
MAX_STEPS = 128

_LADDER = (6, 8, 10, 12, 14, 16, 20, 24, 32, 40, 50, 64, 80, 100)


@dataclass(frozen=True)
class Plan:
    """The rule of every example and its certificate.

    Attributes
    ----------
    rules : list[Rule]
        One an example.
    delta : Tensor
        Completeness gap sum_ij IG(i, j, k) - (s(W) - s(B))[k], shape (batch, outputs).
    residual : Tensor
        The gap's norm relative to that of s(W) - s(B), shape (batch,).
    """

    rules: list[Rule]
    delta: Tensor
    residual: Tensor

    def select(self, examples: list[int]) -> Plan:
        """Keep some examples.

        Parameters
        ----------
        examples : list[int]
            Their positions.

        Returns
        -------
        Plan
            In the given order.
        """
        rules = [self.rules[example] for example in examples]
        return Plan(rules, self.delta[examples], self.residual[examples])


def plan_nodes(
    path: StraightPath,
    *,
    n_steps: int | None,
    tolerance: float,
    max_steps: int,
    quadrature: str,
) -> Plan:
    """Choose the nodes of every example.

    The sum over i, j of IG(i, j, k) is the integral of the path derivative of output k, which one
    forward-mode pass a node gives for all outputs. So the certificate costs no gradient, and is
    known first: with `n_steps` None, an example climbs to more nodes until its own residual is
    within the tolerance.

    Parameters
    ----------
    path : StraightPath
        A batch.
    n_steps : int | None
        Number of nodes; None chooses for every example by itself.
    tolerance : float
        Relative residual to reach when `n_steps` is None.
    max_steps : int
        Most nodes to try then; an example that needs more keeps these, and its residual says so.
    quadrature : str
        ``"adaptive"`` or ``"gauss-legendre"``.

    Returns
    -------
    Plan
        Rules and certificates.

    Raises
    ------
    WordweightsError
        For settings out of range.
    """
    _check(n_steps, tolerance, max_steps, quadrature)
    batch = len(path.inputs)
    adaptive = quadrature == "adaptive"
    alphas = pilot_nodes() if adaptive else np.array([0.0, 1.0])
    pilot = path.outputs(np.tile(alphas, (batch, 1)))  # (batch, points, outputs)
    if pilot.ndim != 3:
        raise WordweightsError(
            f"forward_func gave shape {tuple(pilot.shape[1:])} for an example; expected one "
            f"vector: outputs of shape (batch, outputs)."
        )
    change = pilot[:, -1] - pilot[:, 0]
    curves = pilot.double().cpu().numpy()
    rules: list[Rule] = [gauss_legendre(1)] * batch
    delta, residual = torch.empty_like(change), torch.empty_like(change[:, 0])
    pending = list(range(batch))
    ladder = [n_steps] if n_steps else [n for n in _LADDER if n < max_steps] + [max_steps]
    for n in ladder:
        chosen, foreseen = [gauss_legendre(n)] * len(pending), np.zeros(len(pending))
        if adaptive:
            chosen, foreseen = choose_rules(curves[pending], n)
        # a rule that the pilot already sees failing needs no certificate
        tried = [i for i in range(len(pending)) if n == ladder[-1] or foreseen[i] <= tolerance]
        if not tried:
            continue
        examples = [pending[i] for i in tried]
        nodes, weights = stack([chosen[i] for i in tried])
        gap = path.select(examples).integrated_derivative(nodes, weights) - change[examples]
        relative = _relative(gap, change[examples])
        for i, example, g, r in zip(tried, examples, gap, relative, strict=True):
            rules[example], delta[example], residual[example] = chosen[i], g, r
        met = {e for e, r in zip(examples, relative.tolist(), strict=True) if r <= tolerance}
        pending = [example for example in pending if example not in met]
        if not pending:
            break
    return Plan(rules, delta, residual)


def stack(rules: list[Rule]) -> tuple[np.ndarray, np.ndarray]:
    """Put rules of equal length together.

    Parameters
    ----------
    rules : list[Rule]
        With n nodes each.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Nodes and weights, each of shape (rules, n).
    """
    return np.stack([rule.nodes for rule in rules]), np.stack([rule.weights for rule in rules])


def _relative(gap: Tensor, change: Tensor) -> Tensor:
    size, scale = (torch.linalg.vector_norm(v, dim=-1) for v in (gap, change))
    # an input equal to its baseline moves nothing, and leaves no gap either; NaN stays NaN
    return torch.where(size == 0, torch.zeros_like(size), size / scale)


def _check(n_steps: int | None, tolerance: float, max_steps: int, quadrature: str) -> None:
    one_of("quadrature", quadrature, QUADRATURES)
    if n_steps is not None:
        whole("n_steps", n_steps)
    whole("max_steps", max_steps)
    if not 0 < tolerance < 1:
        raise WordweightsError(
            f"tolerance is {tolerance!r}; it is a relative residual, between 0 and 1."
        )


def one_of(name: str, value: Any, known: Sequence[str]) -> None:
    """Refuse a choice that is not known, by a WordweightsError that lists those that are.

    Parameters
    ----------
    name : str
        Of the setting, for the message.
    value : Any
        What was given.
    known : Sequence[str]
        The choices.
    """
    if value not in known:
        raise WordweightsError(
            f"{name} {value!r} is not known; use one of {', '.join(map(repr, known))}."
        )


def whole(name: str, value: Any, least: int = 1) -> int:
    """Take a whole number, of Python or numpy.

    Parameters
    ----------
    name : str
        Of the setting, for the message.
    value : Any
        What was given.
    least : int
        The smallest that makes sense.

    Returns
    -------
    int
        The number; anything else is a WordweightsError.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise WordweightsError(f"{name} is {value!r}; it must be a whole number from {least} on.")
    return number
