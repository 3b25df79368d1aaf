"""From an integrated Jacobian to one number per word: the Frobenius norm, or that of its vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordweights.attribution.probes import (
    ALL_PROBES,
    Squares,
    estimate_norms,
    probe_directions,
    project,
)

if TYPE_CHECKING:
    from wordweights.attribution.integral import Integral

Array = NDArray[np.float64]

NORMS = ("frobenius", "vector")
AUTO_PROBES = "auto"

_FIRST_PROBES = 8  # of "auto"; doubled until the error is small enough


@dataclass(frozen=True)
class Weights:
    """What the words of one sentence weigh.

    Attributes
    ----------
    contribution : Array
        Shape (words,), in units of the sentence vector.
    standard_error : Array
        Shape (words,); 0 where exact.
    vectors : Array | None
        Each word's share of the sentence vector, shape (words, outputs), where the norm has one.
    """

    contribution: Array
    standard_error: Array
    vectors: Array | None = None


def frobenius_norms(
    integral: Integral,
    memberships: Sequence[Array],
    seeds: Sequence[list[int]],
    probes: int | str,
    max_error: float,
) -> list[Weights]:
    """Measure the words of some examples by c_i = sqrt(sum_jk IG(i, j, k)^2), over all their rows.

    Parameters
    ----------
    integral : Integral
        Of the examples.
    memberships : Sequence[Array]
        Per example 1 where a row belongs to a word, shape (rows, words).
    seeds : Sequence[list[int]]
        Per example the seed words of its probes, which so do not depend on its neighbours.
    probes : int | str
        ``"all"``, a number, or ``"auto"``: more until each word's standard error is small enough.
    max_error : float
        Relative standard error to reach with ``"auto"``.

    Returns
    -------
    list[Weights]
        One per example.
    """
    d = integral.outputs
    squares: dict[int, Squares] = {}
    found: dict[int, Weights] = {}
    pending = list(range(len(seeds)))
    for wanted, drawn in _rounds(probes, d):
        directions = probe_directions(wanted, d, [seeds[i] for i in pending], drawn)
        fresh = project(integral, directions, drawn)
        for place, example in enumerate(pending):
            words = fresh.of_words(place, memberships[example])
            squares[example] = squares[example].joined(words) if drawn else words
            found[example] = Weights(*estimate_norms(squares[example], d))
        # an error that is not known is not small enough
        left = [i for i, example in enumerate(pending) if not _precise(found[example], max_error)]
        if not left:
            break
        integral, pending = integral.select(left), [pending[i] for i in left]
    return [found[example] for example in range(len(seeds))]


def vector_norms(integral: Integral, memberships: Sequence[Array]) -> list[Weights]:
    """Measure words by the length of their share of the vector, ||sum_j IG(i, j, .)||_2, exactly.

    Parameters
    ----------
    integral : Integral
        Of the examples.
    memberships : Sequence[Array]
        Per example 1 where a row belongs to a word, shape (rows, words).

    Returns
    -------
    list[Weights]
        One per example, with vectors.
    """
    rows = integral.rows().double().cpu().numpy()  # (examples, rows, outputs)
    vectors = [membership.T @ row for membership, row in zip(memberships, rows, strict=True)]
    return [Weights(np.linalg.norm(v, axis=1), np.zeros(len(v)), v) for v in vectors]


def _precise(weights: Weights, max_error: float) -> bool:
    return bool((weights.standard_error <= max_error * weights.contribution).all())


def _rounds(probes: int | str, d: int) -> Iterator[tuple[int | str, int]]:
    """How many probes there are to be, and how many there were before, round by round."""
    if probes != AUTO_PROBES:
        yield probes, 0
        return
    drawn, wanted = 0, _FIRST_PROBES
    while 2 * wanted <= d:
        yield wanted, drawn
        drawn, wanted = wanted, 2 * wanted
    yield ALL_PROBES, 0  # more than half of them cost as much as all, which are exact
