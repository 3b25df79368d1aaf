"""The bootstrap behind every interval: it draws units, and a statistic sees weights of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError

Array = NDArray[np.float64]

CONFIDENCE = 0.95
NORMAL_QUANTILE = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
"""Standard errors to either side that an interval of a normal estimate spans: 1.96."""

UNIT = "sentence_id"

_MIN_UNITS = 3
_MIN_RESAMPLES = 100
_BATCH_NUMBERS = 2_000_000  # weights held at once: bounds memory whatever the table


class Resampling(TypedDict, total=False):
    """What every function that takes ``**resampling`` hands on to :func:`estimate`.

    Attributes
    ----------
    unit : str
        The column that says which words are resampled together: their sentence (the default), or,
        where sentences are repeated, their text (:func:`wordweights.statistics.number_texts`).
    n_resamples : int
        Resamples, at least 100; by default 2000.
    seed : int
        Of the resamples; by default 0. One seed draws the same units for every statistic.
    """

    unit: str
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
        Number of units that were resampled: sentences, or texts.
    """

    value: float
    low: float
    high: float
    n: int
    n_units: int

    @property
    def r(self) -> float:
        """The value, where it is a correlation."""
        return self.value

    def columns(self, name: str) -> dict[str, float]:
        """Write the value and its interval as columns of a table: name, name_low, name_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def estimate(
    statistic: Callable[[Array], Array],
    table: pd.DataFrame,
    what: str,
    *,
    unit: str = UNIT,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Compute a statistic of the rows of a table, with a percentile interval over its units.

    The words of one sentence share a sentence vector, so they are not independent: a resample draws
    whole units, as many as there are, with replacement. The interval is the percentile one: in a
    simulation of correlated words its coverage equals that of BCa, it exists for r = ±1, where the
    bias correction of BCa is infinite, and it needs no jackknife, quadratic in the units.

    Parameters
    ----------
    statistic : Callable[[Array], Array]
        From weights of the rows, shape (resamples, rows), to one number a resample. The weight of
        a row is how often the resample holds it; a number that does not exist is NaN.
    table : pd.DataFrame
        One row per word.
    what : str
        The statistic in words, at the beginning of a message.
    unit : str
        The column that says which rows are resampled together.
    n_resamples : int
        At least 100.
    seed : int
        Of the resamples.

    Returns
    -------
    Estimate
        The statistic of all rows, each once, and its interval.

    Raises
    ------
    WordweightsError
        For fewer than 3 units or 100 resamples, units without a name, and a statistic that does
        not exist for some resamples: an interval is never NaN.
    """
    if n_resamples < _MIN_RESAMPLES:
        raise WordweightsError(
            f"n_resamples is {n_resamples}; a 95 % interval needs at least {_MIN_RESAMPLES}."
        )
    units = number_units(table, unit)
    n_units = int(units.max()) + 1
    if n_units < _MIN_UNITS:
        raise WordweightsError(
            f"{what} has {n_units} sentence(s) to resample (values of {unit!r}), and needs at "
            f"least {_MIN_UNITS}. Give more sentences, or raise `limit`."
        )
    value = float(statistic(np.ones((1, len(units))))[0])
    resampled = [statistic(weights) for weights in _row_weights(units, n_resamples, seed)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(resampled), [tail, 1 - tail])
    if not np.isfinite([low, high]).all():
        raise WordweightsError(
            f"{what} has no interval: some resamples of its {n_units} sentences ({len(units)} "
            f"words) leave a column constant. Give more sentences, or raise `limit`."
        )
    return Estimate(value, float(low), float(high), len(units), n_units)


def number_units(table: pd.DataFrame, unit: str = UNIT) -> NDArray[np.intp]:
    """Give every row the number of its unit, from 0; each must have one."""
    if unit not in table:
        raise WordweightsError(
            f"The table has no column {unit!r} to say which words belong to one sentence; it has "
            f"{', '.join(map(str, table.columns))}."
        )
    codes, _ = pd.factorize(table[unit])
    if (codes < 0).any():
        raise WordweightsError(
            f"Column {unit!r} is missing in {(codes < 0).sum()} rows; every word needs its "
            f"sentence."
        )
    return codes


def _row_weights(units: NDArray[np.intp], n_resamples: int, seed: int) -> Iterator[Array]:
    """Draw units, and yield how often each row was drawn: batches of shape (resamples, rows)."""
    n_units = int(units.max()) + 1
    rng = np.random.default_rng(seed)
    batch = max(1, _BATCH_NUMBERS // len(units))
    for start in range(0, n_resamples, batch):
        size = min(batch, n_resamples - start)
        drawn = rng.integers(0, n_units, (size, n_units))
        places = drawn + n_units * np.arange(size)[:, None]  # one histogram for all resamples
        counts = np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)
        yield counts[:, units].astype(np.float64)
