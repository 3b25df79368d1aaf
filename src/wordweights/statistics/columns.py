"""Reading columns that statistics can be computed on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError

Array = NDArray[np.float64]


def finite_values(table: pd.DataFrame, column: str) -> Array:
    """Read a numeric column whose every value is finite.

    Parameters
    ----------
    table : pd.DataFrame
        One row a word.
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
        raise WordweightsError(f"Column {column!r} is empty: there are no words to use.")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise WordweightsError(
            f"Column {column!r} holds {len(bad)} NaN or infinite values of {len(values)}, the "
            f"first at row {table.index[bad[0]]}; drop those words or give them a value first."
        )
    return values


def clusters(table: pd.DataFrame, cluster: str) -> NDArray[np.intp]:
    """Give every row the number of its sentence, from 0.

    Parameters
    ----------
    table : pd.DataFrame
        One row a word.
    cluster : str
        The column that names its sentence.

    Returns
    -------
    NDArray[np.intp]
        Shape (rows,).

    Raises
    ------
    WordweightsError
        For a missing column or missing names.
    """
    if cluster not in table:
        raise WordweightsError(
            f"The table has no column {cluster!r} to say which words belong to one sentence; it "
            f"has {', '.join(map(str, table.columns))}."
        )
    codes, _ = pd.factorize(table[cluster])
    if (codes < 0).any():
        raise WordweightsError(
            f"Column {cluster!r} is missing in {(codes < 0).sum()} rows; every word needs its "
            f"sentence."
        )
    return codes


def number_texts(table: pd.DataFrame) -> NDArray[np.intp]:
    """Give every row the number of its text, from 0: repeated sentences have one number.

    The same sentence twice has the same contributions twice, and says nothing new: a bootstrap that
    took both for independent would promise too much. These numbers are the units to resample.

    Parameters
    ----------
    table : pd.DataFrame
        One row a word in the order of the sentences, with columns sentence_id and word.

    Returns
    -------
    NDArray[np.intp]
        Shape (rows,). Upper and lower case are the same text, as they are for the encoders here.
    """
    lower = table["word"].str.lower()
    text = lower.groupby(table["sentence_id"], sort=False).agg(tuple)
    codes, _ = pd.factorize(table["sentence_id"].map(text))
    return codes
