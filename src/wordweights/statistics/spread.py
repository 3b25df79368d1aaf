"""Whether the spread of contributions grows with information: a test of heteroscedasticity."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError
from wordweights.statistics.columns import Array, clusters, finite_values
from wordweights.statistics.correlations import (
    CONFIDENCE,
    Difference,
    check_bootstrap,
    check_sentences,
)

_DEGREE = 2  # of the mean: a curve taken for a line would look like spread at its ends
_ROUNDING = 1e-12
_BATCH_NUMBERS = 2_000_000  # numbers held at once


def spread_growth(
    table: pd.DataFrame,
    x: str = "information",
    y: str = "contribution",
    *,
    cluster: str = "sentence_id",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """Test whether the spread of one column grows with another (Glejser's test).

    Glejser (1969) regresses the absolute residuals on x: a slope above 0 is a spread that grows.
    His own standard error is not valid here, for the words of a sentence depend on one another and
    contributions are skewed, which also makes the slope depend on the errors of the fitted mean
    (Godfrey 1996). So the interval is that of a bootstrap that draws whole sentences and repeats
    both regressions on each resample. The mean is a parabola in x, fitted by least squares.

    Parameters
    ----------
    table : pd.DataFrame
        One row a word.
    x : str
        What the spread may grow with.
    y : str
        Whose spread.
    cluster : str
        The column that says which rows belong together.
    n_resamples : int
        Bootstrap resamples, at least 100.
    seed : int
        Of the resamples.

    Returns
    -------
    Difference
        The slope of the absolute residuals, relative to their mean: the share by which the spread
        grows with each unit of x, so that encoders of different scales can be compared.

    Raises
    ------
    WordweightsError
        For a missing column, NaN or infinite values, a constant x, a y that is a parabola in x,
        and fewer than 3 sentences.
    """
    check_bootstrap("pearson", n_resamples)
    xs, ys, sentences = finite_values(table, x), finite_values(table, y), clusters(table, cluster)
    n_sentences = int(sentences.max()) + 1
    what = f"The spread of {y!r} against {x!r}"
    check_sentences(n_sentences, what)
    unit = float(xs.std())
    if unit <= _ROUNDING * np.abs(xs).max():
        raise WordweightsError(
            f"Column {x!r} is constant over all {len(xs)} words, so nothing can grow with it; give "
            f"words that differ in it."
        )
    z = (xs - xs.mean()) / unit  # well-conditioned powers
    scale = float(np.abs(ys).max()) or 1.0
    (slope,), (mean,) = _slopes(z, ys / scale, np.ones((1, len(xs))))
    if mean <= _ROUNDING:
        raise WordweightsError(
            f"{what} cannot be tested: {y!r} is a smooth function of {x!r}, without any spread. "
            f"Give more words."
        )
    rng = np.random.default_rng(seed)
    slopes = []
    batch = max(1, _BATCH_NUMBERS // len(xs))
    for start in range(0, n_resamples, batch):
        drawn = rng.integers(0, n_sentences, (min(batch, n_resamples - start), n_sentences))
        slopes.append(_slopes(z, ys / scale, _counts(drawn)[:, sentences])[0])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(slopes), [tail, 1 - tail])
    if not np.isfinite([low, high]).all():
        raise WordweightsError(
            f"{what} has no interval: some resamples of its {n_sentences} sentences leave {x!r} "
            f"constant. Give more sentences, or raise `limit`."
        )
    share = mean * unit
    return Difference(
        float(slope / share), float(low / share), float(high / share), len(xs), n_sentences
    )


def _counts(drawn: NDArray[np.int64]) -> Array:
    """Count how often each sentence was drawn: (resamples, sentences) of numbers, to counts."""
    n_resamples, n_sentences = drawn.shape
    places = drawn + n_sentences * np.arange(n_resamples)[:, None]
    counts = np.bincount(places.ravel(), minlength=drawn.size)
    return counts.reshape(drawn.shape).astype(float)


def _slopes(z: Array, y: Array, weights: Array) -> tuple[Array, Array]:
    """Regress absolute residuals on z, once for each row of weights, (resamples, words).

    Returns the slopes and the means of the absolute residuals, both of shape (resamples,).
    """
    powers = np.stack([z**k for k in range(_DEGREE + 1)], axis=1)  # (words, powers)
    products = powers[:, :, None] * powers[:, None, :]
    normal = np.einsum("rw,wij->rij", weights, products, optimize=True)
    right = (weights * y) @ powers
    # a resample of few words can leave the parabola free: the smallest one then
    coefficients = (np.linalg.pinv(normal, hermitian=True) @ right[:, :, None])[:, :, 0]
    spread = np.abs(y - coefficients @ powers.T)  # (resamples, words)
    total = weights.sum(axis=1)
    mean_z, mean = weights @ z / total, (weights * spread).sum(axis=1) / total
    variance = weights @ z**2 / total - mean_z**2
    covariance = (weights * spread) @ z / total - mean_z * mean
    slope = covariance / np.where(variance > _ROUNDING, variance, np.nan)
    return slope, mean
