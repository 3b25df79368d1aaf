"""Sources of P(w): what they say of the same words, and laws of vocabularies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.words.frequencies import Frequencies, look_up


def information_by_source(words: Iterable[str], sources: Sequence[Frequencies]) -> pd.DataFrame:
    """Look words up in several frequency sources.

    Parameters
    ----------
    words : Iterable[str]
        Word occurrences; case does not matter.
    sources : Sequence[Frequencies]
        At least one, each of its own name.

    Returns
    -------
    pd.DataFrame
        Index: the distinct words in lower case; one column per source with -ln P(w) in nats, NaN
        where the source has never seen the word; column ``count`` with the occurrences.

    Raises
    ------
    WordweightsError
        For no words, and for two sources of one name.
    """
    counts = pd.Series([word.lower() for word in words], dtype=object).value_counts(sort=False)
    names = [source.source for source in sources]
    if counts.empty:
        raise WordweightsError("There are no words to look up.")
    if len(set(names)) < len(names):
        raise WordweightsError(f"A frequency source is named twice among {', '.join(names)}.")
    table = pd.DataFrame({"count": counts}).rename_axis("word")
    for source in sources:
        table[source.source] = look_up(table.index, source)["information"].to_numpy()
    return table


def coverage(information: pd.DataFrame) -> pd.DataFrame:
    """Count the words that each frequency source knows.

    Parameters
    ----------
    information : pd.DataFrame
        From :func:`information_by_source`.

    Returns
    -------
    pd.DataFrame
        One row per source: source, distinct and occurrences (the shares that it knows), n_unseen
        (distinct words) and unseen (the most frequent of them, at most ten).
    """
    counts = information["count"]
    rows = []
    for source in information.columns.drop("count"):
        unseen = information[source].isna()
        rows.append(
            {
                "source": source,
                "distinct": 1 - unseen.mean(),
                "occurrences": 1 - counts[unseen].sum() / counts.sum(),
                "n_unseen": int(unseen.sum()),
                "unseen": " ".join(counts[unseen].sort_values(ascending=False).index[:10]),
            }
        )
    return pd.DataFrame(rows)


def power_law(x: pd.Series, y: pd.Series) -> float:
    """Fit the exponent of a power law.

    Parameters
    ----------
    x : pd.Series
        Positive.
    y : pd.Series
        Positive.

    Returns
    -------
    float
        The slope of ln y over ln x, by least squares.

    Raises
    ------
    WordweightsError
        For fewer than two different x.
    """
    if x.nunique() < 2:
        raise WordweightsError("A power law needs at least two different x to be fitted to.")
    return float(np.polyfit(np.log(x.to_numpy(float)), np.log(y.to_numpy(float)), 1)[0])


def rank_probability(source: Frequencies, n_points: int = 60) -> pd.DataFrame:
    """Sort the words of a source by probability, and keep some at equal steps of log rank.

    Parameters
    ----------
    source : Frequencies
        A source of P(w).
    n_points : int
        How many to keep at most.

    Returns
    -------
    pd.DataFrame
        Columns word, rank (from 1) and probability.
    """
    # stable, by word among equals: the same on every machine
    ordered = source.probabilities.sort_index().sort_values(ascending=False, kind="stable")
    ranks = np.unique(np.geomspace(1, len(ordered), n_points).round().astype(int))
    chosen = ordered.iloc[ranks - 1]
    return pd.DataFrame({"word": chosen.index, "rank": ranks, "probability": chosen.to_numpy()})
