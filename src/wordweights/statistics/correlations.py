"""Correlation of two columns, with an interval that respects sentences.

The words of one sentence share a sentence vector, so they are not independent observations: the
interval resamples whole sentences (a cluster bootstrap).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError
from wordweights.statistics.columns import Array, clusters, finite_values

METHODS = ("pearson", "spearman")
CONFIDENCE = 0.95

_MIN_SENTENCES = 3
_MIN_RESAMPLES = 100
_ROUNDING = 1e-12
_BATCH_NUMBERS = 2_000_000  # resampled indices held at once: bounds memory whatever the table


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient with its 95 % bootstrap interval.

    Attributes
    ----------
    r : float
        The coefficient over all words.
    low : float
        Lower end of the interval.
    high : float
        Upper end of the interval.
    n : int
        Number of words.
    n_sentences : int
        Number of sentences, the units that were resampled.
    """

    r: float
    low: float
    high: float
    n: int
    n_sentences: int


def correlation(
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    cluster: str = "sentence_id",
    method: str = "pearson",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Correlation:
    """Correlate two columns, with a 95 % interval from a bootstrap that resamples sentences.

    Pearson's r of a resample depends only on six sums of each sentence (n, Σx, Σy, Σx², Σy², Σxy),
    so a resample costs one sum over sentences. Columns are centred and scaled first, which changes
    no r and keeps the sums free of cancellation. Spearman's coefficient is Pearson's of the ranks
    over all words, computed once: a resample draws sentences with the ranks they have in the whole
    table. The interval is the percentile one: in a simulation of correlated words its coverage
    equals that of BCa, it exists for r = ±1, where BCa's bias correction is infinite, and it needs
    no jackknife, whose cost is quadratic in the number of sentences.

    Parameters
    ----------
    table : pd.DataFrame
        One row a word.
    x : str
        A numeric column.
    y : str
        Another numeric column.
    cluster : str
        The column that says which rows belong together.
    method : str
        ``"pearson"`` or ``"spearman"``.
    n_resamples : int
        Bootstrap resamples, at least 100.
    seed : int
        Of the resamples.

    Returns
    -------
    Correlation
        The coefficient over all words, its interval, and the numbers of words and sentences.

    Raises
    ------
    WordweightsError
        For a missing column, NaN or infinite values, a constant column, fewer than 3 sentences, or
        an unknown method: a correlation is never NaN.
    """
    from scipy.stats import DegenerateDataWarning, bootstrap, rankdata

    _check_bootstrap(method, n_resamples)
    xs, ys = finite_values(table, x), finite_values(table, y)
    sentences = clusters(table, cluster)
    if method == "spearman":
        xs, ys = rankdata(xs), rankdata(ys)
    sums = _sums(_standardised(xs, x), _standardised(ys, y), sentences)
    n_sentences = sums.shape[1]
    if n_sentences < _MIN_SENTENCES:
        raise WordweightsError(
            f"The correlation of {x!r} with {y!r} has {n_sentences} sentence(s) in column "
            f"{cluster!r}; resampling sentences needs at least {_MIN_SENTENCES}. Give more "
            f"sentences, or raise `limit`."
        )
    with warnings.catch_warnings():
        # scipy warns of an interval that is NaN; here it is an error, below
        warnings.simplefilter("ignore", DegenerateDataWarning)
        interval = bootstrap(
            tuple(sums),
            _pearson_of_sums,
            paired=True,
            vectorized=True,
            n_resamples=n_resamples,
            batch=max(1, _BATCH_NUMBERS // n_sentences),
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    if not np.isfinite([interval.low, interval.high]).all():
        raise WordweightsError(
            f"The correlation of {x!r} with {y!r} has no interval: some resamples of its "
            f"{n_sentences} sentences ({len(xs)} words) leave a column constant. Give more "
            f"sentences, or raise `limit`."
        )
    return Correlation(
        r=float(_pearson_of_sums(*sums)),
        low=float(interval.low),
        high=float(interval.high),
        n=len(xs),
        n_sentences=n_sentences,
    )


def _check_bootstrap(method: str, n_resamples: int) -> None:
    if method not in METHODS:
        raise WordweightsError(
            f"method {method!r} is not known; use one of {', '.join(map(repr, METHODS))}."
        )
    if n_resamples < _MIN_RESAMPLES:
        raise WordweightsError(
            f"n_resamples is {n_resamples}; a 95 % interval needs at least {_MIN_RESAMPLES}."
        )


def _standardised(values: Array, name: str) -> Array:
    """Centre and scale to [-1, 1] about; refuse a constant."""
    scale = np.abs(values).max()
    scaled = values / scale if scale > 0 else values
    # A spread of a few rounding errors is a constant that went through arithmetic.
    if np.ptp(scaled) <= 8 * np.finfo(float).eps:
        raise WordweightsError(
            f"Column {name!r} is constant over all {len(values)} words, so it has no correlation "
            f"with anything; give words that differ in it."
        )
    centred = scaled - scaled.mean()
    return centred / np.abs(centred).max()


def _sums(x: Array, y: Array, sentences: NDArray[np.intp]) -> Array:
    """Sum up every sentence what Pearson's r is made of: shape (6, sentences)."""
    parts = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return np.stack([np.bincount(sentences, weights=part) for part in parts])


def _pearson_of_sums(*sums: Array, axis: int = -1) -> Array:
    """Compute r from the six sums of every sentence, as scipy.stats.bootstrap passes them."""
    n, x, y, xx, yy, xy = (part.sum(axis=axis) for part in sums)
    covariance = xy - x * y / n
    variance_x, variance_y = xx - x * x / n, yy - y * y / n
    # A resample can be constant though the table is not. What is left of its variance is rounding,
    # so its r is NaN, which the caller refuses, and not a quotient of roundings.
    constant = (variance_x <= _ROUNDING * xx) | (variance_y <= _ROUNDING * yy)
    scale = np.where(constant, np.nan, np.sqrt(np.abs(variance_x * variance_y)))
    return np.clip(covariance / scale, -1.0, 1.0)
