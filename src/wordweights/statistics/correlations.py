"""Correlations of two columns of words, and what they differ by, each with its interval."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import (
    UNIT,
    Array,
    Estimate,
    Resampling,
    estimate,
    number_units,
)
from wordweights.statistics.columns import finite_values, standardised

METHODS = ("pearson", "spearman")

_ROUNDING = 1e-12


def correlation(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    *,
    method: str = "pearson",
    **resampling: Unpack[Resampling],
) -> Estimate:
    """Correlate two columns, with a 95 % interval from a bootstrap that draws whole sentences.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word.
    x : str
        A numeric column.
    y : str
        Another numeric column.
    method : str
        ``"pearson"`` or ``"spearman"``: Pearson's of the ranks over all words. A resample draws
        words with the ranks they have in the whole table.
    **resampling : Unpack[Resampling]
        ``unit``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The coefficient over all words (``r``), its interval, the numbers of words and units.

    Raises
    ------
    WordweightsError
        For a missing column, NaN or infinite values, a constant column, fewer than 3 units, or an
        unknown method: a correlation is never NaN.
    """
    if method not in METHODS:
        raise WordweightsError(
            f"method {method!r} is not known; use one of {', '.join(map(repr, METHODS))}."
        )
    # checks the values themselves: NaN has no rank
    xs, ys = standardised(table, x), standardised(table, y)
    if method == "spearman":
        ranks = table[[x, y]].rank()
        xs, ys = standardised(ranks, x), standardised(ranks, y)
    what = f"The correlation of {x!r} with {y!r}"
    return estimate(lambda weights: _pearson(weights, xs, ys), table, what, **resampling)


def correlation_rise(
    before: pd.DataFrame,
    after: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    **resampling: Unpack[Resampling],
) -> Estimate:
    """Compute how much Pearson's r rises from one encoder to another, over the same words.

    A paired bootstrap: both encoders are correlated on the same resampled units, so what the
    sentences do to both of them cancels.

    Parameters
    ----------
    before : pd.DataFrame
        One row per word, by the first encoder.
    after : pd.DataFrame
        The same words in the same order, by the second.
    x : str
        The column that differs between the two.
    y : str
        The column that both share.
    **resampling : Unpack[Resampling]
        ``unit``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The second r less the first.

    Raises
    ------
    WordweightsError
        As for :func:`correlation`, and for tables of different words.
    """
    unit = resampling.get("unit", UNIT)
    if not (
        np.array_equal(finite_values(after, y), finite_values(before, y))
        and np.array_equal(number_units(after, unit), number_units(before, unit))
    ):
        raise WordweightsError(
            f"The two encoders are not compared over the same words: their columns {unit!r} and "
            f"{y!r} differ. Attribute the same sentences with both, and give both the same source "
            f"of frequencies."
        )
    first, second, ys = standardised(before, x), standardised(after, x), standardised(before, y)
    return estimate(
        lambda weights: _pearson(weights, second, ys) - _pearson(weights, first, ys),
        before,
        f"The difference of correlations of {x!r} with {y!r}",
        **resampling,
    )


def correlation_lead(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    other: str = "probability",
    **resampling: Unpack[Resampling],
) -> Estimate:
    """Compute by how much a column correlates with one column more strongly than with another.

    A paired bootstrap of the difference of the two absolute values of Pearson's r.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word.
    x : str
        The column that is correlated with two others.
    y : str
        The one that should correlate more strongly, in either direction.
    other : str
        The one that should do so less.
    **resampling : Unpack[Resampling]
        ``unit``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The first absolute r less the second.
    """
    xs, ys, others = (standardised(table, name) for name in (x, y, other))
    return estimate(
        lambda weights: abs(_pearson(weights, xs, ys)) - abs(_pearson(weights, xs, others)),
        table,
        f"The difference between the correlations of {x!r} with {y!r} and with {other!r}",
        **resampling,
    )


def correlation_error(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    error: str = "standard_error",
    *,
    unit: str = UNIT,
) -> float:
    """Bound the standard error of Pearson's r that comes from errors of x, not from the sample.

    To first order, an error e of x changes r by the sum of g e over words, with the derivatives
    g = (z_y - r z_x) / (n sd_x). Errors of different units are independent; those of one unit share
    their probes in an unknown way, so they are taken to add up.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word.
    x : str
        The column with errors.
    y : str
        The exact column.
    error : str
        The column with the standard errors of x.
    unit : str
        The column that says whose errors go together.

    Returns
    -------
    float
        An upper bound of the standard error: 0 for exact x, NaN where a standard error is NaN.
    """
    z_x, z_y = standardised(table, x), standardised(table, y)
    sd_x = finite_values(table, x).std()
    derivatives = (z_y - (z_x * z_y).mean() * z_x) / (len(table) * sd_x)
    moves = np.abs(derivatives) * table[error].to_numpy(dtype=float)
    units, _ = pd.factorize(table[unit], use_na_sentinel=False)
    return float(np.sqrt((np.bincount(units, weights=moves) ** 2).sum()))


def _pearson(weights: Array, x: Array, y: Array) -> Array:
    """Compute r under each row of weights: (resamples, rows), (rows,), (rows,) -> (resamples,)."""
    parts = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    n, sum_x, sum_y, sum_xx, sum_yy, sum_xy = (weights @ parts).T
    covariance = sum_xy - sum_x * sum_y / n
    variance_x, variance_y = sum_xx - sum_x * sum_x / n, sum_yy - sum_y * sum_y / n
    # A resample can be constant though the table is not. What is left of its variance is rounding,
    # so its r is NaN, which the bootstrap refuses, and not a quotient of roundings.
    constant = (variance_x <= _ROUNDING * sum_xx) | (variance_y <= _ROUNDING * sum_yy)
    scale = np.where(constant, np.nan, np.sqrt(np.abs(variance_x * variance_y)))
    return np.clip(covariance / scale, -1.0, 1.0)
