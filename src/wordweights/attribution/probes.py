"""Random orthogonal probes: the squared norm of a matrix from a few of its products.

For A with d columns and R made of m orthonormal rows, uniformly distributed and scaled by
sqrt(d / m), E ||A R^T||_F^2 = ||A||_F^2. Reverse mode gives one row of R A^T for one backward pass,
so m passes estimate what d passes compute exactly (Hutchinson 1990 with orthogonal probes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from torch import Tensor

    from wordweights.attribution.integral import Integral

Array = NDArray[np.float64]

ALL_PROBES = "all"

_CARRY = 5  # every so many probes is carried through all nodes


def orthonormal_probes(m: int, d: int, seed: list[int]) -> Array:
    """Draw m orthonormal directions, uniformly distributed (Haar) in R^d.

    Parameters
    ----------
    m : int
        Number of probes, from 1 to d.
    d : int
        Number of output dimensions.
    seed : list[int]
        Seed words of the generator. The same seed gives the same probes, and more probes begin with
        those that fewer would have been.

    Returns
    -------
    Array
        Shape (m, d), orthonormal rows.
    """
    # row by row, so that the first of many probes are those that fewer would have been
    normal = np.random.default_rng(seed).standard_normal((m, d)).T
    q, r = np.linalg.qr(normal)
    # The sign makes the QR decomposition unique, and Q uniformly distributed (Mezzadri 2007).
    return (q * np.sign(np.diag(r))).T


def probe_directions(
    probes: int | str, n_outputs: int, seeds: list[list[int]], skip: int = 0
) -> Tensor:
    """Choose the probes of every example.

    Parameters
    ----------
    probes : int | str
        ``"all"``: the unit vectors, or a number of random orthonormal probes.
    n_outputs : int
        Number of output dimensions.
    seeds : list[list[int]]
        Seed words of the probes, for every example: its probes then do not depend on the batch that
        it happens to be in.
    skip : int
        Leave out so many of the probes, which an earlier call has passed already.

    Returns
    -------
    Tensor
        Shape (probes - skip, examples, outputs), float64.

    Raises
    ------
    WordweightsError
        For a number of probes out of range.
    """
    import torch

    if probes == ALL_PROBES:
        return torch.eye(n_outputs, dtype=torch.float64)[skip:, None].expand(-1, len(seeds), -1)
    if isinstance(probes, bool) or not isinstance(probes, int) or not 1 <= probes <= n_outputs:
        raise WordweightsError(
            f"probes is {probes!r}; it must be {ALL_PROBES!r} or a whole number from 1 to the "
            f"number of output dimensions, {n_outputs}."
        )
    drawn = np.stack([orthonormal_probes(probes, n_outputs, seed) for seed in seeds], axis=1)
    return torch.from_numpy(drawn[skip:])


@dataclass(frozen=True)
class Squares:
    """Squared projections on probes, ||A r_p||^2, some of them by a coarser rule alone.

    Attributes
    ----------
    coarse : Array
        With the integral A' of the coarser rule, for every probe, shape (m, ...).
    fine : Array
        With the integral A, for the probes carried through all nodes, shape (carried, ...).
    carried : NDArray[np.bool_]
        Which those are, shape (m,); where it is all of them, `coarse` is not looked at.
    """

    coarse: Array
    fine: Array
    carried: NDArray[np.bool_]

    def joined(self, other: Squares) -> Squares:
        """Put the probes of another one behind its own."""
        return Squares(
            np.concatenate([self.coarse, other.coarse]),
            np.concatenate([self.fine, other.fine]),
            np.concatenate([self.carried, other.carried]),
        )

    def of_words(self, example: int, membership: Array) -> Squares:
        """Sum the squares of an example's rows into its words.

        Parameters
        ----------
        example : int
            Its position, in arrays of shape (probes, examples, rows).
        membership : Array
            1 where a row belongs to a word, shape (rows, words).

        Returns
        -------
        Squares
            Of shape (probes, words).
        """
        coarse, fine = (values[:, example] @ membership for values in (self.coarse, self.fine))
        return Squares(coarse, fine, self.carried)


def project(integral: Integral, probes: Tensor, skip: int = 0) -> Squares:
    """Project an integral on probes, by backward passes.

    A probe costs a pass for every node. But what a rule with half of the nodes says of a probe
    says nearly all: over the probes of a word, the squares of the two correlate by 0.99 (measured
    on all-MiniLM-L6-v2). So most probes are passed through the coarser rule alone, and every fifth
    through all nodes, which corrects the mean: E ||A r||^2 = E ||A' r||^2 + E (||A r||^2 -
    ||A' r||^2), a control variate (two-phase sampling; Cochran 1977, chapter 12). Where probes are
    more than half of the outputs, all are carried: at m = d the result is exact.

    Parameters
    ----------
    integral : Integral
        Of some examples.
    probes : Tensor
        From :func:`probe_directions`, shape (m, examples, outputs).
    skip : int
        How many probes came before them.

    Returns
    -------
    Squares
        Each of shape (probes, examples, rows).
    """
    import torch

    places = np.arange(skip, skip + len(probes))
    many = 2 * (skip + len(probes)) > integral.outputs or integral.n_nodes < 4
    carried = np.full(len(probes), True) if many else (places % _CARRY == 0) | (places == 1)
    if carried.all():
        (fine,) = integral.squares(probes)
        return Squares(fine, fine, carried)
    coarser = integral.thinned()
    weights = np.zeros((2, *integral.weights.shape))
    weights[0] = integral.weights
    for example, rule in enumerate(integral.rules):
        weights[1, example, rule.thinned()[0]] = coarser.weights[example]
    chosen = torch.from_numpy(carried)
    fine, coarse_too = integral.squares(probes[chosen], weights)
    coarse = np.empty((len(probes), *fine.shape[1:]))
    coarse[carried] = coarse_too
    (coarse[~carried],) = coarser.squares(probes[~chosen])
    return Squares(coarse, fine, carried)


def estimate_norms(squares: Squares, d: int) -> tuple[Array, Array]:
    """Estimate Frobenius norms, with standard errors, from squared norms of probe products.

    Over m orthonormal probes the squares behave like a sample without replacement of d, so the
    mean of m of them has variance s^2 (1/m - 1/d), with s^2 their sample variance (the covariance
    of two orthonormal probes is -1/(d - 1) of their variance). Let y be the squares by the coarser
    rule and z what the finer one adds, known for f of the probes. ||A||_F^2 is estimated by d (mean
    y + mean z), and since the f are a sample of the m,

        variance of mean y + mean z = s_{y+z}^2 (1/m - 1/d) + s_z^2 (1/f - 1/m),

    where s_{y+z}^2 = s_y^2 + 2 rho s_y s_z + s_z^2 with s_y from all probes (Cochran 1977, section
    12.6). Two probes cannot tell the correlation rho; it is then taken to be 1, which bounds the
    variance. The norm's error follows to first order: se(c) = se(c^2) / (2 c).

    Parameters
    ----------
    squares : Squares
        Of orthonormal probes, at least one of them carried.
    d : int
        Number of output dimensions.

    Returns
    -------
    tuple[Array, Array]
        Norms and their standard errors, each of shape (...). The error is 0 only where the norm is
        exact: at m = d, all carried, and where every product is 0. It is NaN with one probe
        carried, which says nothing about it.
    """
    y, fine, m, f = squares.coarse, squares.fine, len(squares.carried), len(squares.fine)
    mean, variance = fine.mean(axis=0), _variance(fine) * (1 / f - 1 / d)
    if f < m:
        known = y[squares.carried]
        z = fine - known
        s_y, s_z = np.sqrt(_variance(y)), np.sqrt(_variance(z))
        with np.errstate(invalid="ignore", divide="ignore"):
            shared = (known - known.mean(axis=0)) * (z - z.mean(axis=0))
            rho = shared.sum(axis=0) / (f - 1) / np.sqrt(_variance(known)) / s_z
        rho = np.where(np.isfinite(rho) & (f > 2), rho, 1.0)
        together = y.mean(axis=0) + z.mean(axis=0)
        spread = s_y**2 + 2 * rho * s_y * s_z + s_z**2
        # below 0, the few that are carried say more than all
        better = together > 0
        mean = np.where(better, together, mean)
        joint = spread * (1 / m - 1 / d) + s_z**2 * (1 / f - 1 / m)
        variance = np.where(better, joint, variance)
    norms = np.sqrt(d * mean)
    if f == d:
        return norms, np.zeros_like(norms)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = d * np.sqrt(variance) / (2 * norms)
    return norms, np.where(norms > 0, errors, 0.0)


def _variance(sample: Array) -> Array:
    """Of a sample; NaN for a sample of one."""
    if len(sample) == 1:
        return np.full(sample.shape[1:], np.nan)
    return np.asarray(sample.var(axis=0, ddof=1))
