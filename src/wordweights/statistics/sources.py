"""What depends on where P(w) is from: laws of vocabularies, and correlations under each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.statistics.correlations import correlation
from wordweights.words.frequencies import Frequencies, look_up


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
        raise WordweightsError("A power law needs at least two different places to be fitted at.")
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


def correlations_by_source(
    tables: Mapping[str, pd.DataFrame],
    sources: Sequence[Frequencies],
    *,
    cluster: str = "sentence_id",
    n_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate contributions with information by each source, on the words that all of them know.

    A source that knows other words would be compared on other words; the correlation over all
    words that it knows itself stands beside.

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, with columns word, contribution and the cluster.
    sources : Sequence[Frequencies]
        Each of its own name.
    cluster : str
        Words that are resampled together.
    n_resamples : int
        Bootstrap resamples.
    seed : int
        Of the resamples; the same for every source.

    Returns
    -------
    pd.DataFrame
        One row an encoder and source: encoder, source, r, low, high and n_words on the common
        words; r_own and n_own on those that the source knows.

    Raises
    ------
    WordweightsError
        As :func:`wordweights.correlation`; and when the sources share no word.
    """
    rows = []
    for encoder, table in tables.items():
        nats = {s.source: look_up(table["word"], s)["information"].to_numpy() for s in sources}
        common = np.logical_and.reduce([~np.isnan(values) for values in nats.values()])
        if not common.any():
            raise WordweightsError(
                f"The sources {', '.join(nats)} have none of the words of {encoder!r} in common."
            )
        for name, values in nats.items():
            known = table.assign(information=values)
            found = correlation(
                known[common],
                "contribution",
                "information",
                cluster=cluster,
                n_resamples=n_resamples,
                seed=seed,
            )
            own = known[~np.isnan(values)]
            alone = own["contribution"].corr(own["information"])
            rows.append(
                {
                    **{"encoder": encoder, "source": name},
                    **{"r": found.r, "low": found.low, "high": found.high, "n_words": found.n},
                    **{"r_own": alone, "n_own": len(own)},
                }
            )
    return pd.DataFrame(rows)
