"""Reading columns that statistics can be computed on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import Array, TooFewWordsError


def finite_values(table: pd.DataFrame, column: str) -> Array:
    """Read a numeric column whose every value is finite.

    Parameters
    ----------
    table : pd.DataFrame
        Any.
    column : str
        Its name.

    Returns
    -------
    Array
        Shape (rows,).

    Raises
    ------
    WordweightsError
        For a missing or empty column, values that are not numbers, NaN and infinite values.
    """
    if column not in table:
        raise WordweightsError(
            f"The table has no column {column!r}; it has {', '.join(map(str, table.columns))}."
        )
    try:
        values = table[column].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise WordweightsError(
            f"Column {column!r} holds values that are not numbers; it must be numeric."
        ) from None
    if not len(values):
        raise TooFewWordsError(f"Column {column!r} is empty: the table has no rows.")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise WordweightsError(
            f"Column {column!r} holds {len(bad)} NaN or infinite values of {len(values)}, the "
            f"first at row {table.index[bad[0]]}; drop those rows or give them a value first."
        )
    return values


def standardised(table: pd.DataFrame, column: str) -> Array:
    """Read a numeric column, centred, of standard deviation 1; a constant is an error."""
    values = finite_values(table, column)
    scale = np.abs(values).max()
    scaled = values / scale if scale > 0 else values
    # a spread of a few rounding errors is a constant that went through arithmetic
    if np.ptp(scaled) <= 8 * np.finfo(float).eps:
        raise TooFewWordsError(
            f"Column {column!r} is constant over all {len(values)} words, so it has no correlation "
            f"with anything; give words that differ in it."
        )
    centred = scaled - scaled.mean()
    return centred / centred.std()
