"""Correlation of two columns, with an interval that respects sentences.

The words of one sentence share a sentence vector, so they are not independent observations: the
interval resamples whole sentences (a cluster bootstrap).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
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


@dataclass(frozen=True)
class Difference:
    """A difference or a slope with its 95 % bootstrap interval.

    Attributes
    ----------
    value : float
        Over all words.
    low : float
        Lower end of the interval.
    high : float
        Upper end of the interval.
    n : int
        Number of words.
    n_sentences : int
        Number of sentences, the units that were resampled.
    """

    value: float
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
    from scipy.stats import rankdata

    check_bootstrap(method, n_resamples)
    xs, ys = finite_values(table, x), finite_values(table, y)
    sentences = clusters(table, cluster)
    if method == "spearman":
        xs, ys = rankdata(xs), rankdata(ys)
    sums = _sums(_standardised(xs, x), _standardised(ys, y), sentences)
    low, high = _interval(
        _pearson_of_sums,
        sums,
        f"The correlation of {x!r} with {y!r}",
        n_words=len(xs),
        n_resamples=n_resamples,
        seed=seed,
    )
    return Correlation(float(_pearson_of_sums(*sums)), low, high, len(xs), sums.shape[1])


def correlation_rise(
    before: pd.DataFrame,
    after: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    *,
    cluster: str = "sentence_id",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """Compute how much Pearson's r rises from one encoder to another, over the same words.

    A paired bootstrap: both encoders are correlated on the same resampled sentences, so what the
    sentences do to both of them cancels.

    Parameters
    ----------
    before : pd.DataFrame
        One row a word, by the first encoder.
    after : pd.DataFrame
        The same words in the same order, by the second.
    x : str
        The column that differs between the two.
    y : str
        The column that both share.
    cluster : str
        The column that says which rows belong together.
    n_resamples : int
        Bootstrap resamples, at least 100.
    seed : int
        Of the resamples.

    Returns
    -------
    Difference
        The second r minus the first.

    Raises
    ------
    WordweightsError
        As :func:`correlation`, and for tables of different words.
    """
    check_bootstrap("pearson", n_resamples)
    same = [cluster, y]
    ys, sentences = finite_values(before, y), clusters(before, cluster)
    if not (
        np.array_equal(finite_values(after, y), ys)
        and np.array_equal(clusters(after, cluster), sentences)
    ):
        raise WordweightsError(
            f"The two encoders are not compared over the same words: their columns "
            f"{' and '.join(map(repr, same))} differ. Attribute the same sentences with both, and "
            f"give both the same source of frequencies."
        )
    common = _standardised(ys, y)
    sums = np.concatenate(
        [
            _sums(_standardised(finite_values(table, x), x), common, sentences)
            for table in (before, after)
        ]
    )

    def rise(*parts: Array, axis: int = -1) -> Array:
        return _pearson_of_sums(*parts[6:], axis=axis) - _pearson_of_sums(*parts[:6], axis=axis)

    what = f"The difference of correlations of {x!r} with {y!r}"
    low, high = _interval(rise, sums, what, n_words=len(ys), n_resamples=n_resamples, seed=seed)
    return Difference(float(rise(*sums)), low, high, len(ys), sums.shape[1])


def correlation_lead(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    other: str = "probability",
    *,
    cluster: str = "sentence_id",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """Compute by how much a column correlates with one column more strongly than with another.

    A paired bootstrap of the difference of the two absolute values of Pearson's r: both are
    computed on the same resampled sentences.

    Parameters
    ----------
    table : pd.DataFrame
        One row a word.
    x : str
        The column that is correlated with two others.
    y : str
        The one that should correlate more strongly, in either direction.
    other : str
        The one that should do so less.
    cluster : str
        The column that says which rows belong together.
    n_resamples : int
        Bootstrap resamples, at least 100.
    seed : int
        Of the resamples.

    Returns
    -------
    Difference
        The first absolute r minus the second.

    Raises
    ------
    WordweightsError
        As :func:`correlation`.
    """
    check_bootstrap("pearson", n_resamples)
    sentences = clusters(table, cluster)
    xs, ys, others = (_standardised(finite_values(table, name), name) for name in (x, y, other))
    sums = np.concatenate([_sums(xs, column, sentences) for column in (ys, others)])

    def lead(*parts: Array, axis: int = -1) -> Array:
        first, second = parts[:6], parts[6:]
        return np.abs(_pearson_of_sums(*first, axis=axis)) - np.abs(
            _pearson_of_sums(*second, axis=axis)
        )

    what = f"The difference between the correlations of {x!r} with {y!r} and with {other!r}"
    low, high = _interval(lead, sums, what, n_words=len(xs), n_resamples=n_resamples, seed=seed)
    return Difference(float(lead(*sums)), low, high, len(xs), sums.shape[1])


def correlation_error(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    error: str = "standard_error",
    *,
    cluster: str = "sentence_id",
) -> float:
    """Bound the standard error of Pearson's r that comes from errors of x, not from the sample.

    To first order, an error e of x changes r by the sum of g e over words, with the derivatives
    g = (z_y - r z_x) / (n sd_x). Errors of different sentences are independent; those of one
    sentence share their probes in an unknown way, so they are taken to add up.

    Parameters
    ----------
    table : pd.DataFrame
        One row a word.
    x : str
        The column with errors.
    y : str
        The exact column.
    error : str
        The column with the standard errors of x.
    cluster : str
        The column that says whose errors go together.

    Returns
    -------
    float
        An upper bound of the standard error; 0 for exact x.

    Raises
    ------
    WordweightsError
        As :func:`correlation`.
    """
    xs, ys = finite_values(table, x), finite_values(table, y)
    z_x, z_y = (column / column.std() for column in (_standardised(xs, x), _standardised(ys, y)))
    derivatives = (z_y - (z_x * z_y).mean() * z_x) / (len(xs) * xs.std())
    moves = np.abs(derivatives) * finite_values(table, error)
    return float(np.sqrt((np.bincount(clusters(table, cluster), weights=moves) ** 2).sum()))


def _interval(
    statistic: Callable[..., Array],
    sums: Array,
    what: str,
    *,
    n_words: int,
    n_resamples: int,
    seed: int,
) -> tuple[float, float]:
    """Resample the sentences, the columns of `sums`, and take the percentiles of a statistic."""
    from scipy.stats import DegenerateDataWarning, bootstrap

    n_sentences = sums.shape[1]
    check_sentences(n_sentences, what)
    with warnings.catch_warnings():
        # scipy warns of an interval that is NaN; here it is an error, below
        warnings.simplefilter("ignore", DegenerateDataWarning)
        interval = bootstrap(
            tuple(sums),
            statistic,
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
            f"{what} has no interval: some resamples of its {n_sentences} sentences ({n_words} "
            f"words) leave a column constant. Give more sentences, or raise `limit`."
        )
    return float(interval.low), float(interval.high)


def check_sentences(n_sentences: int, what: str) -> None:
    """Refuse to resample fewer than 3 sentences; `what` begins the message."""
    if n_sentences < _MIN_SENTENCES:
        raise WordweightsError(
            f"{what} has {n_sentences} sentence(s) to resample, and needs at least "
            f"{_MIN_SENTENCES}. Give more sentences, or raise `limit`."
        )


def check_bootstrap(method: str, n_resamples: int) -> None:
    """Refuse an unknown method, and fewer resamples than an interval needs."""
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
