"""Correlations of two columns of words, and what they differ by, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import (
    Array,
    Estimate,
    Resampling,
    TooFewWordsError,
    estimate,
    number_units,
)
from wordweights.statistics.columns import finite_values, standardised

METHODS = ("pearson", "spearman")

POWERS = tuple(np.linspace(-1, 1, 21).round(1).tolist())
"""Exponents of P(w) that :func:`correlation_by_power` compares: 1 is P itself, 0 the logarithm."""

_ROUNDING = 1e-12
_ERROR_DRAWS = 20


def correlation(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    *,
    method: str = "pearson",
    **resampling: Unpack[Resampling],
) -> Estimate:
    """Correlate two columns, with a 95 % interval from a bootstrap of sentences and word types.

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
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The coefficient over all words (``r``), its interval, the numbers of words and units.

    Raises
    ------
    WordweightsError
        For a missing column, NaN or infinite values, a constant column, fewer than 3 units, or an
        unknown method: a correlation is never NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from wordweights import correlation
    >>> draw = np.random.default_rng(0)
    >>> words = pd.DataFrame({"sentence_id": np.repeat(range(20), 5), "word": range(100)})
    >>> words["information"] = draw.uniform(2, 12, 100)  # nats
    >>> words["contribution"] = words["information"] + draw.normal(0, 2, 100)
    >>> found = correlation(words, "contribution", "information", n_resamples=100)
    >>> found.low < found.r < found.high
    True
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
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The second r less the first.

    Raises
    ------
    WordweightsError
        As for :func:`correlation`, and for tables of different words.
    """
    same = ["sentence_id", *(unit for unit in resampling.get("units", ()) if unit in before)]
    if not (
        np.array_equal(finite_values(after, y), finite_values(before, y))
        and all(
            np.array_equal(number_units(after, unit), number_units(before, unit)) for unit in same
        )
    ):
        raise WordweightsError(
            f"The two encoders are not compared over the same words: their sentences or {y!r} "
            f"differ. Attribute the same sentences with both, and give both the same source of "
            f"frequencies."
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
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

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


def correlation_within(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    *,
    sentence: str = "sentence_id",
    **resampling: Unpack[Resampling],
) -> Estimate:
    """Compute the mean over sentences of Spearman's correlation among the words of each.

    What differs from sentence to sentence has no part in it. Words keep the standardised ranks of
    their sentence, z; the mean is that of the products of z over the words of each sentence, and a
    resample divides it by the root of the mean squares of both z, which are 1 for all words.
    Sentences in which a column is constant have no correlation, and are left out.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word.
    x : str
        A numeric column.
    y : str
        Another numeric column.
    sentence : str
        The column that says which words stand in one sentence.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The mean, its interval, the numbers of words and units.

    Raises
    ------
    TooFewWordsError
        For no sentence with a correlation, and fewer than 3 units.
    WordweightsError
        For a missing column, and NaN or infinite values.
    """
    for column in (x, y):
        finite_values(table, column)
    kept, products = _products_of_ranks(table, x, y, sentence)
    what = f"The correlation of {x!r} with {y!r} within sentences"
    if kept.empty:
        raise TooFewWordsError(
            f"{what} does not exist: in no sentence do words differ in both. Give longer sentences."
        )

    def mean(weights: Array) -> Array:
        xx, yy, xy = (weights @ products).T
        scale = np.sqrt(xx * yy)
        return xy / np.where(scale > 0, scale, np.nan)

    return estimate(mean, kept, what, **resampling)


def correlation_within_error(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    error: str = "standard_error",
    *,
    sentence: str = "sentence_id",
) -> float:
    """Estimate the standard error of :func:`correlation_within` that comes from errors of x.

    Ranks have no derivatives, so normal errors are drawn, 20 times, for each word by itself.

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
    sentence : str
        The column that says which words stand in one sentence.

    Returns
    -------
    float
        0 for exact x, NaN where a standard error is NaN.
    """
    errors = table[error].to_numpy(dtype=float)
    if np.isnan(errors).any():
        return np.nan
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_ERROR_DRAWS):
        moved = table.assign(**{x: table[x] + errors * rng.standard_normal(len(table))})
        kept, products = _products_of_ranks(moved, x, y, sentence)
        found.append(products[:, 2].sum() / kept[sentence].nunique())
    return float(np.std(found, ddof=1))


def _products_of_ranks(
    table: pd.DataFrame, x: str, y: str, sentence: str
) -> tuple[pd.DataFrame, Array]:
    """Standardise ranks within sentences: the words that have some, and xx, yy, xy over lengths."""
    ranks = table.groupby(sentence)[[x, y]].rank()
    by_sentence = ranks.groupby(table[sentence])
    varied = (by_sentence.transform("max") > by_sentence.transform("min")).all(axis=1)
    z = (ranks - by_sentence.transform("mean"))[varied]
    kept = table[varied]
    z /= (z**2).groupby(kept[sentence]).transform("mean") ** 0.5
    lengths = kept.groupby(sentence)[x].transform("size").to_numpy()
    zx, zy = z[x].to_numpy(), z[y].to_numpy()
    return kept, np.stack([zx * zx, zy * zy, zx * zy], axis=1) / lengths[:, None]


def correlation_by_power(
    table: pd.DataFrame, powers: Sequence[float] = POWERS, x: str = "contribution"
) -> pd.DataFrame:
    """Correlate a column with powers of P(w), (P^λ - 1) / λ (Box and Cox 1964).

    Parameters
    ----------
    table : pd.DataFrame
        One row per word, with a column probability.
    powers : Sequence[float]
        The exponents λ; at 0 the transformation is the logarithm.
    x : str
        The other column.

    Returns
    -------
    pd.DataFrame
        One row per exponent: power, and r, the absolute value of Pearson's.
    """
    xs, transformed = standardised(table, x), _powers_of_probability(table, powers)
    everything = np.ones((1, len(table)))
    rs = [float(abs(_pearson(everything, xs, values))[0]) for values in transformed]
    return pd.DataFrame({"power": list(powers), "r": rs})


def best_power(
    table: pd.DataFrame,
    powers: Sequence[float] = POWERS,
    x: str = "contribution",
    **resampling: Unpack[Resampling],
) -> Estimate:
    """Find the power of P(w) with which a column correlates most strongly.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word, with a column probability.
    powers : Sequence[float]
        The exponents to choose from, as for :func:`correlation_by_power`.
    x : str
        The column.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The exponent of the largest absolute r; its interval is that of the best of each resample.
    """
    xs, transformed = standardised(table, x), _powers_of_probability(table, powers)
    grid = np.asarray(powers, dtype=float)

    def best(weights: Array) -> Array:
        r = np.stack([abs(_pearson(weights, xs, values)) for values in transformed], axis=1)
        unknown = np.isnan(r).any(axis=1)
        return np.where(unknown, np.nan, grid[np.nan_to_num(r).argmax(axis=1)])

    return estimate(best, table, f"The best power of P(w) for {x!r}", **resampling)


def _powers_of_probability(table: pd.DataFrame, powers: Sequence[float]) -> list[Array]:
    """Transform P(w) by each exponent, standardised, rising with P."""
    logs = np.log(finite_values(table, "probability"))
    columns = [logs if power == 0 else np.expm1(power * logs) / power for power in powers]
    return [standardised(pd.DataFrame({"P(w)": values}), "P(w)") for values in columns]


def correlation_error(
    table: pd.DataFrame,
    x: str = "contribution",
    y: str = "information",
    error: str = "standard_error",
    *,
    sentence: str = "sentence_id",
) -> float:
    """Bound the standard error of Pearson's r that comes from errors of x, not from the sample.

    To first order, an error e of x changes r by the sum of g e over words, with the derivatives
    g = (z_y - r z_x) / (n sd_x). Errors of different sentences are independent; those of one share
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
    sentence : str
        The column that says whose errors go together: repeated sentences have the same errors.

    Returns
    -------
    float
        An upper bound of the standard error: 0 for exact x, NaN where a standard error is NaN.
    """
    z_x, z_y = standardised(table, x), standardised(table, y)
    sd_x = finite_values(table, x).std()
    derivatives = (z_y - (z_x * z_y).mean() * z_x) / (len(table) * sd_x)
    shifts = np.abs(derivatives) * table[error].to_numpy(dtype=float)
    sentences, _ = pd.factorize(table[sentence], use_na_sentinel=False)
    return float(np.sqrt((np.bincount(sentences, weights=shifts) ** 2).sum()))


def _pearson(weights: Array, x: Array, y: Array) -> Array:
    """Compute r under each row of weights: (resamples, rows), (rows,), (rows,) -> (resamples,)."""
    parts = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    n, sum_x, sum_y, sum_xx, sum_yy, sum_xy = (weights @ parts).T
    n = np.where(n > 0, n, np.nan)  # no word has been drawn
    covariance = sum_xy - sum_x * sum_y / n
    variance_x, variance_y = sum_xx - sum_x * sum_x / n, sum_yy - sum_y * sum_y / n
    # A resample can be constant though the table is not. What is left of its variance is rounding,
    # so its r is NaN, which the bootstrap refuses, and not a quotient of roundings.
    varies = (variance_x > _ROUNDING * sum_xx) & (variance_y > _ROUNDING * sum_yy)
    scale = np.where(varies, np.sqrt(np.abs(variance_x * variance_y)), np.nan)
    return np.clip(covariance / scale, -1.0, 1.0)
