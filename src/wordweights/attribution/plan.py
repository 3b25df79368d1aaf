"""Where to evaluate the path: nodes for each example, with a certificate before any gradient."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from wordweights.attribution.integral import Integral
from wordweights.attribution.parallel import run_all
from wordweights.attribution.path import StraightPath
from wordweights.attribution.quadrature import (
    Rule,
    choose_rule,
    gauss_legendre,
    pilot_nodes,
)
from wordweights.errors import WordweightsError

T = TypeVar("T")

QUADRATURES = ("adaptive", "gauss-legendre")
MAX_STEPS = 128

_LADDER = (6, 8, 10, 12, 14, 16, 20, 24, 32, 40, 50, 64, 80, 100)


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of one example.

    Attributes
    ----------
    n_steps : int
        Nodes of its rule.
    gap : Tensor
        Completeness gap sum_ij IG(i, j, k) - (s(W) - s(B))[k], shape (outputs,).
    residual : float
        The gap's norm relative to that of s(W) - s(B).
    value : T
        What was measured with that rule.
    """

    n_steps: int
    gap: Tensor
    residual: float
    value: T


def integrate(
    path: StraightPath,
    measure: Callable[[Integral, list[int]], Sequence[T]],
    *,
    n_steps: int | None,
    tolerance: float,
    max_steps: int,
    quadrature: str,
) -> list[Outcome[T]]:
    """Choose the nodes of every example, certify them, and measure with them.

    The sum over i, j of IG(i, j, k) is the integral of the path derivative of output k, which one
    forward-mode pass a node gives for all outputs. So the certificate costs no gradient, and is
    known pilot: with `n_steps` None, an example climbs to more nodes until its own residual is
    within the tolerance. What is then measured uses the same linearised model.

    Parameters
    ----------
    path : StraightPath
        A batch.
    measure : Callable[[Integral, list[int]], Sequence[T]]
        Takes the integral of some examples and their positions in the batch, gives one value each.
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
    list[Outcome[T]]
        One an example.

    Raises
    ------
    WordweightsError
        For settings out of range.
    """
    _check(n_steps, tolerance, max_steps, quadrature)
    adaptive = quadrature == "adaptive"
    batch = len(path.inputs)
    pilot = path.outputs(np.tile(pilot_nodes() if adaptive else [0.0, 1.0], (batch, 1)))
    if pilot.ndim != 3:
        raise WordweightsError(
            f"forward_func gave shape {tuple(pilot.shape[2:])} for an example; expected one "
            f"vector: outputs of shape (batch, outputs)."
        )
    change = pilot[:, -1] - pilot[:, 0]  # (batch, outputs)
    curves = pilot.double().cpu().numpy()
    done: dict[int, Outcome[T]] = {}
    ladder = [n_steps] if n_steps else [n for n in _LADDER if n < max_steps] + [max_steps]
    for n in ladder:
        if len(done) == batch:
            break
        last = n == ladder[-1]
        chosen = {
            example: choose_rule(curves[example], n) if adaptive else (gauss_legendre(n), 0.0)
            for example in range(batch)
            if example not in done
        }
        # a rule that the pilot already sees failing needs no certificate
        rules = {
            example: rule
            for example, (rule, foreseen) in chosen.items()
            if last or foreseen <= tolerance
        }
        attempt = partial(_attempt, path, change, measure, np.inf if last else tolerance)
        tasks = [partial(attempt, group) for group in _groups(rules, max(1, path.good_points // n))]
        for outcomes in run_all(tasks, path.threads):
            done |= outcomes
    return [done[example] for example in range(batch)]


def _groups(rules: dict[int, Rule], size: int) -> list[dict[int, Rule]]:
    examples = list(rules)
    return [
        {example: rules[example] for example in examples[start : start + size]}
        for start in range(0, len(examples), size)
    ]


def _attempt(
    path: StraightPath,
    change: Tensor,
    measure: Callable[[Integral, list[int]], Sequence[T]],
    tolerance: float,
    rules: dict[int, Rule],
) -> dict[int, Outcome[T]]:
    """Certify examples that share passes, and measure those within the tolerance."""
    examples = list(rules)
    integral = _integral(path, rules, examples, change.shape[-1])
    gap = integral.along(integral.path.step) - change[examples]
    residual = _relative(gap, change[examples]).tolist()
    # one that is not a number is measured too: no rule will mend it, and the result will say so
    met = [i for i, value in enumerate(residual) if not value > tolerance]
    if not met:
        return {}
    kept = [examples[i] for i in met]
    if len(met) < len(examples):
        integral = _integral(path, rules, kept, change.shape[-1])
    values = measure(integral, kept)
    return {
        example: Outcome(len(rules[example].nodes), gap[i], residual[i], value)
        for example, i, value in zip(kept, met, values, strict=True)
    }


def _integral(
    path: StraightPath, rules: dict[int, Rule], examples: list[int], outputs: int
) -> Integral:
    return Integral.of(path.select(examples), [rules[example] for example in examples], outputs)


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
