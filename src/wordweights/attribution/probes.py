"""Random orthogonal probes: the squared norm of a matrix from a few of its products.

For A with d columns and R made of m orthonormal rows, uniformly distributed and scaled by
sqrt(d / m), E ||A R^T||_F^2 = ||A||_F^2. Reverse mode gives one row of R A^T for one backward pass,
so m passes estimate what d passes compute exactly (Hutchinson 1990 with orthogonal probes).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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


def estimate_norms(squares: Array, d: int) -> tuple[Array, Array]:
    """Estimate Frobenius norms, with standard errors, from squared norms of probe products.

    Over m orthonormal probes the squares behave like a sample without replacement of d: their mean
    x has variance s^2 / m * (d - m) / d, with s^2 the sample variance (the covariance of two
    orthonormal probes is -1/(d - 1) of their variance). So ||A||_F^2 is estimated by d x, and the
    norm's error follows to first order: se(c) = se(c^2) / (2 c). At m = d both are exact.

    Parameters
    ----------
    squares : Array
        ||A r_p||^2 for orthonormal probes r_p, shape (m, ...).
    d : int
        Number of output dimensions.

    Returns
    -------
    tuple[Array, Array]
        Norms and their standard errors, each of shape (...); with m = 1 < d the error is NaN, for
        one probe says nothing about it.
    """
    m = squares.shape[0]
    norms = np.sqrt(d * squares.mean(axis=0))
    if m == d:
        return norms, np.zeros_like(norms)
    if m == 1:
        return norms, np.full_like(norms, np.nan)
    variance = squares.var(axis=0, ddof=1) / m * (d - m) / d
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = d * np.sqrt(variance) / (2 * norms)
    return norms, np.where(norms > 0, errors, 0.0)
