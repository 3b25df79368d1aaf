"""Whether the spread of contributions grows with information."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import Array, Estimate, Resampling, estimate
from wordweights.statistics.columns import finite_values, standardised

_DEGREE = 2  # of the mean: a curve taken for a line would look like spread at its ends
_ROUNDING = 1e-12


def spread_by_information(table: pd.DataFrame, n_bins: int = 8) -> pd.DataFrame:
    """Summarise contributions in bins of information that hold about equally many words.

    Words of the same information are never parted, so a frequent word can make its bin larger and
    the number of bins smaller.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word, with columns contribution and information (nats).
    n_bins : int
        The largest number of bins.

    Returns
    -------
    pd.DataFrame
        One row per bin, by rising information: low, high and mean_information (nats), n, mean and
        sd of the contribution (with n - 1; NaN for a bin of one word, which has no spread), and cv,
        its coefficient of variation: sd over mean, NaN for a mean of 0.

    Raises
    ------
    WordweightsError
        For a missing column, NaN or infinite values, no words, or no bins.
    """
    if n_bins < 1:
        raise WordweightsError(f"n_bins is {n_bins}; it must be at least 1.")
    words = pd.DataFrame({c: finite_values(table, c) for c in ("information", "contribution")})
    counts = words["information"].value_counts().sort_index()
    middle = counts.cumsum() - counts / 2  # where a value's words lie among all, by rank
    bins = (middle / len(words) * n_bins).astype(int)  # rounds down
    grouped = words.groupby(words["information"].map(bins), sort=True)
    found = grouped.agg(
        low=("information", "min"),
        high=("information", "max"),
        mean_information=("information", "mean"),
        n=("contribution", "size"),
        mean=("contribution", "mean"),
        sd=("contribution", "std"),
    ).reset_index(drop=True)
    return found.assign(cv=found["sd"] / found["mean"].where(found["mean"] != 0))


def spread_growth(
    table: pd.DataFrame,
    x: str = "information",
    y: str = "contribution",
    **resampling: Unpack[Resampling],
) -> Estimate:
    """Test whether the spread of one column grows with another (Glejser's test).

    Glejser (1969) regresses the absolute residuals on x: a slope above 0 is a spread that grows.
    His own standard error is not valid here, for the words of a sentence depend on one another and
    contributions are skewed, which also makes the slope depend on the errors of the fitted mean
    (Godfrey 1996). So the interval is that of a bootstrap that repeats both regressions on each
    resample. The mean is a parabola in x, fitted by least squares.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word.
    x : str
        What the spread may grow with.
    y : str
        Whose spread.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The slope of the absolute residuals, relative to their mean: the share by which the spread
        grows with each unit of x, so that encoders of different scales can be compared.

    Raises
    ------
    WordweightsError
        For a missing column, NaN or infinite values, a constant x, a y that is a parabola in x,
        and fewer than 3 units.
    """
    z, ys = standardised(table, x), finite_values(table, y)  # well-conditioned powers of z
    ys = ys / (np.abs(ys).max() or 1.0)
    what = f"The spread of {y!r} against {x!r}"
    _, (mean,) = _slopes(np.ones((1, len(z))), z, ys)
    if mean <= _ROUNDING:
        raise WordweightsError(
            f"{what} cannot be tested: {y!r} is a smooth function of {x!r}, without any spread. "
            f"Give more words."
        )
    share = mean * finite_values(table, x).std()
    return estimate(lambda weights: _slopes(weights, z, ys)[0] / share, table, what, **resampling)


def _slopes(weights: Array, z: Array, y: Array) -> tuple[Array, Array]:
    """Regress absolute residuals on z under each row of weights: slopes, and their means."""
    powers = np.stack([z**k for k in range(_DEGREE + 1)], axis=1)  # (rows, powers)
    products = (powers[:, :, None] * powers[:, None, :]).reshape(len(z), -1)
    normal = (weights @ products).reshape(-1, _DEGREE + 1, _DEGREE + 1)
    right = (weights * y) @ powers
    # a resample of few words can leave the parabola free: the smallest one then
    coefficients = (np.linalg.pinv(normal, hermitian=True) @ right[:, :, None])[:, :, 0]
    spread = np.abs(y - coefficients @ powers.T)  # (resamples, rows)
    total = weights.sum(axis=1)
    total = np.where(total > 0, total, np.nan)  # of a resample that holds no word
    mean_z, mean = weights @ z / total, (weights * spread).sum(axis=1) / total
    variance = weights @ z**2 / total - mean_z**2
    covariance = (weights * spread) @ z / total - mean_z * mean
    return covariance / np.where(variance > _ROUNDING, variance, np.nan), mean
