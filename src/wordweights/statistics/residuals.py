"""What else weighs: models of ln c by all that is known of a word where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from math import comb
from typing import Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import (
    NORMAL_QUANTILE,
    UNITS,
    Array,
    Estimate,
    Resampling,
    TooFewWordsError,
    estimate,
    estimates,
    number_units,
)
from wordweights.statistics.columns import finite_values
from wordweights.statistics.correlation_table import subset

INFORMATION = "information"
GROUPS: Mapping[str, tuple[str, ...]] = {
    INFORMATION: ("information", "information_squared"),
    "part of speech": ("pos",),
    "dependency": ("relation", "depth"),
    "position": ("position", "position_squared"),
    "embedding length": ("log_length",),
    "surprisal": ("surprisal",),
    "information gain": ("gain",),
}
"""Columns by what they say of a word."""

Y = "log_contribution"
OTHER = "other"

_RARE = 10  # words of a category that stands alone
_RIDGE = 1e-8  # of standardised columns: parts of speech and relations say some things twice
_FOLDS = 10
_PREDICTED = "R² on sentences that were not used for the fit"


def add_predictors(words: pd.DataFrame, **columns: pd.Series | NDArray[np.float64]) -> pd.DataFrame:
    """Give words the columns that :data:`GROUPS` names.

    Parameters
    ----------
    words : pd.DataFrame
        One row per word: contribution, information (nats), length (of the embedding), position, and
        what is known of pos, relation, depth, surprisal and gain.
    **columns : pd.Series | NDArray[np.float64]
        More of these.

    Returns
    -------
    pd.DataFrame
        The rows of which every column is known and both contribution and length are above 0, with
        :data:`Y`. ``attrs["left_out"]`` counts the others.

    Raises
    ------
    WordweightsError
        If no row is left.
    """
    table = words.assign(**columns)
    known = (table["contribution"] > 0) & (table["length"] > 0)
    for column in {name for names in GROUPS.values() for name in names} & set(table):
        known &= table[column].notna()
    kept = table[known].copy()
    if kept.empty:
        raise WordweightsError(
            f"Of {len(table)} words none is left of which everything is known: give more "
            f"sentences, or a larger corpus."
        )
    kept[Y] = np.log(kept["contribution"])
    kept["log_length"] = np.log(kept["length"])
    for column in ("information", "position"):
        kept[f"{column}_squared"] = (kept[column] - kept[column].mean()) ** 2
    kept.attrs["left_out"] = len(table) - len(kept)
    return kept


def design(table: pd.DataFrame) -> dict[str, Array]:
    """Write the columns of each group as numbers.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`add_predictors`; a group of which it lacks a column is left out.

    Returns
    -------
    dict[str, Array]
        Per group a matrix, (rows, columns), each column of mean 0 and variance 1: a number as it
        is, a category as an indicator. Categories of less than ten words are one; a constant is
        left out, and so is a group of which nothing is left.
    """
    found = {}
    for group, names in GROUPS.items():
        if not set(names) <= set(table):
            continue
        columns = [matrix for name in names for matrix in _columns(table[name])]
        if columns:
            found[group] = np.stack(columns, axis=1)
    return found


def shares(table: pd.DataFrame, **resampling: Unpack[Resampling]) -> pd.DataFrame:
    """Share R² of ln c among the groups, by averaging over the orders in which they may enter.

    What a group adds to R² depends on what is in the model already; the mean over all orders
    (Lindeman, Merenda and Gold 1980), which is the Shapley value, sums to R² of all groups.

    R² of a resample, in which rows repeat, is larger than that of the words themselves. So an
    interval has the width of the percentiles of the resamples, but the share in its middle, cut at
    0 and 1.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`add_predictors`.
    **resampling : Unpack[Resampling]
        As for :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        One row per group: group, share with its 95 % interval, and alone (R² of the group alone).

    Raises
    ------
    TooFewWordsError
        Where nothing differs between the words, as between one and itself.
    """
    groups, y = design(table) if len(table) else {}, finite_values(table, Y)
    if not groups:
        raise TooFewWordsError(f"Nothing that is known differs between the {len(table)} words.")
    names = list(groups)
    x = np.concatenate([*groups.values()], axis=1)
    owner = np.repeat(np.arange(len(names)), [matrix.shape[1] for matrix in groups.values()])
    products = _products(x, y)

    def every(weights: Array) -> Array:
        return np.stack([_lmg(*_moments(row, products, x.shape[1]), owner) for row in weights])

    found = estimates(every, table, [f"The share of {name}" for name in names], **resampling)
    moments = _moments(np.ones(len(y)), products, x.shape[1])
    alone = [_r_squared(*moments, owner == i) for i in range(len(names))]
    return pd.DataFrame(
        [
            {"group": name, **_centred(share).columns("share"), "alone": r_squared}
            for name, share, r_squared in zip(names, found, alone, strict=True)
        ]
    )


def shares_of_content(table: pd.DataFrame, **resampling: Unpack[Resampling]) -> pd.DataFrame:
    """Share R² of ln c over all words, and over content words alone, fitted to them anew.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`add_predictors`, with a column word_class.
    **resampling : Unpack[Resampling]
        As for :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        As :func:`shares`, and share_content with its interval; NaN for a group that says nothing of
        content words, and where content words are too few.
    """
    found = shares(table, **resampling)
    try:
        content = shares(subset(table, "r_content"), **resampling)
    except TooFewWordsError:
        content = found.iloc[:0]
    names = {f"share{end}": f"share_content{end}" for end in ("", "_low", "_high")}
    content = content.drop(columns="alone").rename(columns=names)
    return found.merge(content, how="left", on="group")


def _centred(share: Estimate) -> Estimate:
    half = (share.high - share.low) / 2
    low, high = np.clip([share.value - half, share.value + half], 0, 1)
    return replace(share, low=low, high=high)


def out_of_sample(
    table: pd.DataFrame, *, unit: str = "sentence_unit", **resampling: Unpack[Resampling]
) -> pd.DataFrame:
    """Predict ln c of sentences from the others, with information alone and with all groups.

    The interval is that of the predictions: it resamples words, and fits no model again.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`add_predictors`.
    unit : str
        The column that says which words stand in one sentence: they are predicted together, from
        the words of the other nine tenths of the sentences.
    **resampling : Unpack[Resampling]
        As for :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        Two rows: model (``"information"`` and ``"all"``), and predicted with its 95 % interval: 1
        less the squared error over that of the mean of the other sentences.
    """
    groups, y = design(table), finite_values(table, Y)
    units = number_units(table, unit)
    folds = np.random.default_rng(0).permutation(units.max() + 1)[units] % _FOLDS
    models = {INFORMATION: groups[INFORMATION], "all": np.concatenate([*groups.values()], axis=1)}
    rows = []
    for name, x in models.items():
        errors, totals = np.empty((2, len(y)))
        for fold in np.unique(folds):
            held = folds == fold
            mean, slopes, intercept = y[~held].mean(), *_fit(x[~held], y[~held])
            errors[held] = (y[held] - intercept - x[held] @ slopes) ** 2
            totals[held] = (y[held] - mean) ** 2
        found = estimate(partial(_explained, errors, totals), table, _PREDICTED, **resampling)
        rows.append({"model": name, **found.columns("predicted")})
    return pd.DataFrame(rows)


def _explained(errors: Array, totals: Array, weights: Array) -> Array:
    """Compute R² of resamples from the squared errors of words, by a model and by a mean."""
    total = weights @ totals
    return 1 - weights @ errors / np.where(total > 0, total, np.nan)


def residuals_without(table: pd.DataFrame, left_out: Sequence[str]) -> Array:
    """Fit ln c by all groups but some, and give what is left.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`add_predictors`.
    left_out : Sequence[str]
        Names of :data:`GROUPS`.

    Returns
    -------
    Array
        Shape (rows,): in ln c, so 0.1 is about 10 % more than expected.
    """
    groups, y = design(table), finite_values(table, Y)
    x = np.concatenate([matrix for name, matrix in groups.items() if name not in left_out], axis=1)
    slopes, intercept = _fit(x, y)
    return np.asarray(y - intercept - x @ slopes)


@dataclass(frozen=True)
class Crossed:
    """A fitted model with random effects of two crossed factors.

    Attributes
    ----------
    slopes : Array
        Of the columns, shape (columns,).
    errors : Array
        Their standard errors.
    variances : Mapping[str, float]
        Of the effects of each factor, and of the ``"residual"``.
    """

    slopes: Array
    errors: Array
    variances: Mapping[str, float]


def crossed_effects(
    table: pd.DataFrame, x: Array, y: str = Y, factors: Sequence[str] = UNITS
) -> Crossed:
    """Fit y by columns, with a random effect of each sentence and of each word type.

    The words of one sentence share what the sentence does to them, and the occurrences of one word
    what the word does; neither is nested in the other. Variances maximise the restricted
    likelihood, profiled to the two ratios of standard deviations, by the penalised least squares of
    lme4 (Bates et al. 2015, section 3), with dense matrices: for some thousand words that takes a
    second, and no other package.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word.
    x : Array
        Columns of the fixed effects without a constant, shape (rows, columns); a constant is added.
    y : str
        The column that is explained.
    factors : Sequence[str]
        Two columns, each with the levels of a factor.

    Returns
    -------
    Crossed
        Slopes and variances.

    Raises
    ------
    WordweightsError
        For values that are missing or not finite, and columns of which one is made by the others.
    """
    from scipy.linalg import cho_factor, cho_solve, solve_triangular
    from scipy.optimize import minimize

    ys = finite_values(table, y)
    xs = np.concatenate([np.ones((len(ys), 1)), x], axis=1)
    if np.linalg.matrix_rank(xs) < xs.shape[1]:
        raise WordweightsError(
            "The fixed effects say the same twice: of their columns one is made by the others."
        )
    # the factor with more levels is eliminated: by itself it has a diagonal matrix
    levels = {factor: number_units(table, factor) for factor in factors}
    few, many = sorted(factors, key=lambda factor: levels[factor].max())
    n_few, n_many = (np.bincount(levels[factor]).astype(float) for factor in (few, many))
    both = np.zeros((len(n_few), len(n_many)))
    np.add.at(both, (levels[few], levels[many]), 1)
    columns, (n, k) = np.column_stack([xs, ys]), xs.shape
    sums_few, sums_many = (np.zeros((len(counts), k + 1)) for counts in (n_few, n_many))
    np.add.at(sums_few, levels[few], columns)
    np.add.at(sums_many, levels[many], columns)
    xx, xy, yy = xs.T @ xs, xs.T @ ys, float(ys @ ys)

    def solve(ratios: Array) -> tuple[float, Array, Array, float]:
        of_few, of_many = np.abs(ratios)
        pivots = 1 + of_many**2 * n_many
        gone = of_many * sums_many / np.sqrt(pivots)[:, None]
        between = of_few * of_many * both / np.sqrt(pivots)
        lower = np.linalg.cholesky(np.diag(1 + of_few**2 * n_few) - between @ between.T)
        kept = solve_triangular(lower, of_few * sums_few - between @ gone, lower=True)
        rest = np.concatenate([gone, kept])
        of_x, of_y = rest[:, :-1], rest[:, -1]
        normal = cho_factor(xx - of_x.T @ of_x, lower=True)
        right = xy - of_x.T @ of_y
        slopes = cho_solve(normal, right)
        squares = yy - of_y @ of_y - right @ slopes
        logs = np.log(pivots).sum() / 2
        logs += np.log(np.diag(lower)).sum() + np.log(np.diag(normal[0])).sum()
        deviance = 2 * logs + (n - k) * np.log(squares / (n - k))
        return float(deviance), slopes, cho_solve(normal, np.eye(k)), squares / (n - k)

    best = minimize(
        lambda ratios: solve(ratios)[0],
        np.ones(2) / 2,
        method="Nelder-Mead",
        options={"xatol": 1e-3, "fatol": 1e-4},
    )
    _, slopes, inverse, residual = solve(best.x)
    variances = {name: float(r**2 * residual) for name, r in zip((few, many), best.x, strict=True)}
    errors = np.sqrt(residual * np.diag(inverse))
    return Crossed(slopes[1:], errors[1:], {**variances, "residual": float(residual)})


def information_effects(table: pd.DataFrame, factors: Sequence[str] = UNITS) -> pd.DataFrame:
    """Ask by what factor a nat of information multiplies c, by itself and beside all else.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`add_predictors`.
    factors : Sequence[str]
        The columns of the random effects.

    Returns
    -------
    pd.DataFrame
        Two rows: model (``"information"`` and ``"all"``); factor with its 95 % interval, of a nat
        at the mean information; and sentence, word and residual: the shares of the variance that
        the fixed effects leave.
    """
    groups = design(table)
    sd = float(np.std(finite_values(table, "information")))
    rows = []
    for name, chosen in ((INFORMATION, [INFORMATION]), ("all", list(groups))):
        x = _independent(np.concatenate([groups[group] for group in chosen], axis=1))
        found = crossed_effects(table, x, factors=factors)
        slope, error = found.slopes[0] / sd, found.errors[0] / sd
        ends = slope - NORMAL_QUANTILE * error, slope + NORMAL_QUANTILE * error
        total = sum(found.variances.values())
        parts = dict(zip(("sentence", "word"), factors, strict=True)) | {"residual": "residual"}
        rows.append(
            {
                "model": name,
                "factor": float(np.exp(slope)),
                "factor_low": float(np.exp(ends[0])),
                "factor_high": float(np.exp(ends[1])),
                **{part: found.variances[key] / total for part, key in parts.items()},
            }
        )
    return pd.DataFrame(rows)


def _columns(values: pd.Series) -> list[Array]:
    if pd.api.types.is_numeric_dtype(values):
        columns = [values.to_numpy(dtype=float)]
    else:
        counts = values.value_counts()
        texts = values.where(values.map(counts) >= _RARE, OTHER)
        # the most frequent is what the others are compared with
        kinds = texts.value_counts().index[1:]
        columns = [(texts == kind).to_numpy(dtype=float) for kind in kinds]
    spreads = [(column, column.std()) for column in columns]
    return [(column - column.mean()) / spread for column, spread in spreads if spread > 0]


def _independent(x: Array) -> Array:
    """Leave out each column that those before it make."""
    _, upper = np.linalg.qr(x)
    return x[:, np.abs(np.diag(upper)) > np.sqrt(len(x)) * 1e-6]


def _products(x: Array, y: Array) -> Array:
    """Multiply all columns by all, row by row: (rows, (1 + columns + 1) squared)."""
    every = np.column_stack([np.ones(len(y)), x, y])
    return (every[:, :, None] * every[:, None, :]).reshape(len(y), -1)


def _moments(weights: Array, products: Array, k: int) -> tuple[Array, Array, float]:
    """Compute weighted covariances of columns, with y, and the variance of y."""
    sums = (weights @ products).reshape(k + 2, k + 2)
    if sums[0, 0] == 0:  # no word has been drawn
        sums = np.full_like(sums, np.nan)
    means = sums[0] / sums[0, 0]
    covariances = sums / sums[0, 0] - np.outer(means, means)
    return covariances[1:-1, 1:-1], covariances[1:-1, -1], float(covariances[-1, -1])


def _r_squared(xx: Array, xy: Array, yy: float, chosen: NDArray[np.bool_]) -> float:
    if not chosen.any() or not yy > 0:
        return 0.0 if yy > 0 else np.nan
    inner = xx[np.ix_(chosen, chosen)] + _RIDGE * np.eye(chosen.sum())
    return float(xy[chosen] @ np.linalg.solve(inner, xy[chosen]) / yy)


def _lmg(xx: Array, xy: Array, yy: float, owner: NDArray[np.intp]) -> Array:
    """Average what each group adds over all orders, shape (groups,)."""
    n = int(owner.max()) + 1
    subsets = [set(some) for size in range(n + 1) for some in combinations(range(n), size)]
    known = {
        frozenset(some): _r_squared(xx, xy, yy, np.isin(owner, list(some))) for some in subsets
    }
    found = np.zeros(n)
    for i in range(n):
        for some in subsets:
            if i not in some:
                added = known[frozenset(some | {i})] - known[frozenset(some)]
                found[i] += added / (n * comb(n - 1, len(some)))
    return found


def _fit(x: Array, y: Array) -> tuple[Array, float]:
    """Regress y on columns and a constant: the slopes, and the constant."""
    centred = x - x.mean(axis=0)
    inner = centred.T @ centred + _RIDGE * len(x) * np.eye(x.shape[1])
    slopes = np.linalg.solve(inner, centred.T @ (y - y.mean()))
    return slopes, float(y.mean() - x.mean(axis=0) @ slopes)
