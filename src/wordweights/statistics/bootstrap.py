"""The bootstrap behind every interval: it draws units, and a statistic sees weights of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError

Array = NDArray[np.float64]

CONFIDENCE = 0.95
NORMAL_QUANTILE = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
"""Standard errors to either side that an interval of a normal estimate spans: 1.96."""

UNITS = ("sentence_unit", "word_type")
"""Columns that :func:`wordweights.statistics.add_units` makes, for ``units``."""

_PLAIN_UNITS = ("sentence_id", "word")

_MIN_UNITS = 3
_MIN_RESAMPLES = 100
_MOST_WITHOUT = 0.05  # of the resamples may have no statistic, as those of few words have
WEIGHTS_AT_ONCE = 2_000_000  # weights held at once: bounds memory whatever the table


class TooFewWordsError(WordweightsError):
    """Words so few or so alike that a statistic of theirs, or its interval, does not exist."""


class Resampling(TypedDict, total=False):
    """What every function that takes ``**resampling`` hands on to :func:`estimate`.

    Attributes
    ----------
    units : Sequence[str]
        The columns whose values are drawn, each by itself: by default sentence_id and word, so
        sentences and word types are resampled together. :data:`UNITS` also knows repeated
        sentences, pairs and ways to write a word. One column alone draws sentences alone.
    n_resamples : int
        Resamples, at least 100; by default 2000.
    seed : int
        Of the resamples; by default 0. One seed draws the same units for every statistic.
    """

    units: Sequence[str]
    n_resamples: int
    seed: int


@dataclass(frozen=True)
class Estimate:
    """A number over words, with its 95 % interval.

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
    n_units : int
        Number of the first units that were resampled: sentences, repeated ones once.
    n_types : int
        Number of the second: word types. 0 where sentences were resampled alone.
    """

    value: float
    low: float
    high: float
    n: int
    n_units: int
    n_types: int = 0

    @property
    def r(self) -> float:
        """The value, where it is a correlation."""
        return self.value

    def columns(self, name: str) -> dict[str, float]:
        """Write the value and its interval as columns of a table: name, name_low, name_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


NO_ESTIMATE = Estimate(np.nan, np.nan, np.nan, 0, 0)
"""What stands for a statistic of too few words."""


def estimate(
    statistic: Callable[[Array], Array],
    table: pd.DataFrame,
    what: str,
    *,
    units: Sequence[str] = _PLAIN_UNITS,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Compute a statistic of the rows of a table, with a percentile interval over its units.

    It is :func:`estimates` of one statistic, and raises what that raises.

    Parameters
    ----------
    statistic : Callable[[Array], Array]
        From weights of the rows, shape (resamples, rows), to one number per resample.
    table : pd.DataFrame
        One row per word.
    what : str
        The statistic in words, at the beginning of a message.
    units : Sequence[str]
        The columns that say which rows are drawn together, one or two: sentences first.
    n_resamples : int
        At least 100.
    seed : int
        Of the resamples.

    Returns
    -------
    Estimate
        The statistic of all rows, each once, and its interval.
    """
    (found,) = estimates(
        lambda weights: statistic(weights)[:, None],
        table,
        [what],
        units=units,
        n_resamples=n_resamples,
        seed=seed,
    )
    return found


def estimates(
    statistics: Callable[[Array], Array],
    table: pd.DataFrame,
    whats: Sequence[str],
    *,
    units: Sequence[str] = _PLAIN_UNITS,
    n_resamples: int = 2000,
    seed: int = 0,
) -> list[Estimate]:
    """Compute statistics of the rows of a table, with percentile intervals over its units.

    Words are crossed: those of one sentence share a sentence vector, and those of one type share a
    probability and much of their contribution. A few types are half of all tokens, so sentences
    alone vary too little. A resample draws sentences and types, as many as there are of each, with
    replacement, and a word counts as often as its sentence was drawn times its type was: the
    product of multinomial weights of McCullagh (2000), Owen's (2007) pigeonhole bootstrap, which is
    rather too wide than too narrow. The interval is the percentile one: it exists for r = ±1, where
    the bias correction of BCa is infinite, and needs no jackknife.

    Parameters
    ----------
    statistics : Callable[[Array], Array]
        From weights of the rows, shape (resamples, rows), to numbers of each resample, (resamples,
        statistics). The weight of a row is how often the resample holds it; a number that does not
        exist is NaN.
    table : pd.DataFrame
        One row per word.
    whats : Sequence[str]
        Each statistic in words, at the beginning of a message.
    units : Sequence[str]
        The columns that say which rows are drawn together, one or two: sentences first.
    n_resamples : int
        At least 100.
    seed : int
        Of the resamples.

    Returns
    -------
    list[Estimate]
        Each statistic of all rows, each once, and its interval.

    Raises
    ------
    TooFewWordsError
        For fewer than 3 of a unit, and a statistic that does not exist for one in twenty
        resamples; rarer ones are left out. An interval is never NaN.
    WordweightsError
        For fewer than 100 resamples, no unit, and rows without one.
    """
    if n_resamples < _MIN_RESAMPLES:
        raise WordweightsError(
            f"n_resamples is {n_resamples}; a 95 % interval needs at least {_MIN_RESAMPLES}."
        )
    if isinstance(units, str) or len(units) not in (1, 2):
        raise WordweightsError(
            f"units is {units!r}; give the names of one column or two, such as {list(UNITS)}."
        )
    drawn = [number_units(table, unit) for unit in units]
    counts = [int(numbers.max()) + 1 for numbers in drawn]
    for unit, n in zip(units, counts, strict=True):
        if n < _MIN_UNITS:
            raise TooFewWordsError(
                f"{whats[0]} has {n} value(s) of {unit!r} to resample, and needs at least "
                f"{_MIN_UNITS}. Give more sentences, or raise `limit`."
            )
    values = statistics(np.ones((1, len(table))))[0]
    weights = _row_weights(drawn, n_resamples, seed)
    resampled = np.concatenate([statistics(some) for some in weights])
    tail = (1 - CONFIDENCE) / 2
    found = []
    for what, value, column in zip(whats, values, resampled.T, strict=True):
        known = column[np.isfinite(column)]
        if not np.isfinite(value) or len(known) < (1 - _MOST_WITHOUT) * n_resamples:
            raise TooFewWordsError(
                f"{what} has no interval: too many resamples of its {counts[0]} sentences "
                f"({len(table)} words) leave a column constant. Give more sentences, or raise "
                f"`limit`."
            )
        low, high = np.quantile(known, [tail, 1 - tail])
        found.append(Estimate(float(value), float(low), float(high), len(table), *counts))
    return found


def mean_of(
    table: pd.DataFrame, column: str, what: str | None = None, **resampling: Unpack[Resampling]
) -> Estimate:
    """Average a column, with a 95 % bootstrap interval.

    Parameters
    ----------
    table : pd.DataFrame
        With the column and the units.
    column : str
        What to average.
    what : str | None
        The mean in words, at the beginning of a message; None names the column.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`estimate`.

    Returns
    -------
    Estimate
        The mean of all rows.
    """
    values = table[column].to_numpy(dtype=float)

    def mean(weights: Array) -> Array:
        total = weights.sum(axis=1)
        return weights @ values / np.where(total > 0, total, np.nan)

    return estimate(mean, table, what or f"The mean of {column!r}", **resampling)


def columns_of(found: Mapping[str, Estimate]) -> dict[str, float]:
    """Write several estimates as columns of a table: see :meth:`Estimate.columns`."""
    return {k: v for name, one in found.items() for k, v in one.columns(name).items()}


def number_units(table: pd.DataFrame, unit: str) -> NDArray[np.intp]:
    """Give every row the number of its unit, from 0; each must have one."""
    if unit not in table:
        raise WordweightsError(
            f"The table has no column {unit!r} to say which words are resampled together; it has "
            f"{', '.join(map(str, table.columns))}."
        )
    codes, _ = pd.factorize(table[unit])
    if (codes < 0).any():
        raise WordweightsError(
            f"Column {unit!r} is missing in {(codes < 0).sum()} rows; every word needs one."
        )
    return codes


def _row_weights(units: Sequence[NDArray[np.intp]], n_resamples: int, seed: int) -> Iterator[Array]:
    """Draw units, and yield how often each row was drawn: batches of shape (resamples, rows)."""
    # a stream of numbers for each unit: the size of a batch decides nothing
    streams = [np.random.default_rng([seed, i]) for i in range(len(units))]
    batch = max(1, WEIGHTS_AT_ONCE // len(units[0]))
    for start in range(0, n_resamples, batch):
        size = min(batch, n_resamples - start)
        weights = np.ones((size, len(units[0])))
        for rng, numbers in zip(streams, units, strict=True):
            weights *= _counts(rng, size, int(numbers.max()) + 1)[:, numbers]
        yield weights


def _counts(rng: np.random.Generator, size: int, n: int) -> NDArray[np.intp]:
    """Draw n of n units with replacement, and count each, shape (size, n)."""
    drawn = rng.integers(0, n, (size, n))
    places = drawn + n * np.arange(size)[:, None]  # one histogram for all resamples
    return np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)
