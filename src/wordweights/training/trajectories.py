"""How an encoder weighs words, snapshot by snapshot or part by part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from wordweights.attribution import attribute
from wordweights.attribution.lengths import embedding_lengths
from wordweights.attribution.methods import Method
from wordweights.encoders import Encoder
from wordweights.statistics import UNITS, add_units, correlation, correlation_rise
from wordweights.words.frequencies import Frequencies, add_information

_COLUMNS = ("r", "low", "high", "norm_r", "rise", "rise_low", "rise_high")
_EQUAL = 1e-6  # relative spread of lengths that are all one, but for rounding


def weigh_words(
    encoder: Encoder,
    sentences: pd.DataFrame,
    frequencies: Frequencies,
    method: Method | str,
    *,
    cluster: str | None = None,
) -> pd.DataFrame:
    """Attribute sentences, and look their words up.

    Parameters
    ----------
    encoder : Encoder
        Whose contributions.
    sentences : pd.DataFrame
        From :func:`wordweights.filter_sentences`.
    frequencies : Frequencies
        The source of P(w); a word that it has never seen is left out, and so is one whose
        contribution is missing.
    method : Method | str
        As for :func:`wordweights.attribute`, such as ``IntegratedGradients(probes=16)``.
    cluster : str | None
        Address of a Dask scheduler; None computes on this machine.

    Returns
    -------
    pd.DataFrame
        One row per word: contribution, information (nats), probability, norm (the length of its
        embedding, that of [PAD] taken away), and what a bootstrap resamples
        (:func:`wordweights.statistics.add_units`).
    """
    words = attribute(encoder, sentences, method, progress=False, cluster=cluster)
    lengths = embedding_lengths(encoder, sentences["sentence"].tolist())
    words = add_units(words, sentences).assign(norm=lengths)
    return add_information(words.dropna(subset="contribution"), frequencies, unseen="drop")


def compare_correlations(
    weighed: Mapping[Any, pd.DataFrame], *, n_resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Correlate contribution and information by several encoders, and compare with the first.

    Parameters
    ----------
    weighed : Mapping[Any, pd.DataFrame]
        The same words by each encoder, from :func:`weigh_words`; the keys say which, such as steps
        of training, or where the parts of :func:`wordweights.training.swap_parts` are from.
    n_resamples : int
        Bootstrap resamples, of sentences and word types together.
    seed : int
        Of the resamples.

    Returns
    -------
    pd.DataFrame
        One row per encoder, with the keys as index: r with its 95 % interval (low, high); norm_r,
        Pearson's r of norm and information (NaN when all norms are equal); rise, rise_low and
        rise_high, the difference from the first row's r with the interval of a paired bootstrap
        (NaN in the first row).
    """
    drawing: dict[str, Any] = {"units": UNITS, "n_resamples": n_resamples, "seed": seed}
    first, rows = None, []
    for words in weighed.values():
        found = correlation(words, "contribution", "information", **drawing)
        row = {"r": found.r, "low": found.low, "high": found.high, "norm_r": _norm_r(words)}
        if first is None:
            first = words
        else:
            rise = correlation_rise(first, words, **drawing)
            row |= {"rise": rise.value, "rise_low": rise.low, "rise_high": rise.high}
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(list(weighed)), columns=_COLUMNS)


def _norm_r(words: pd.DataFrame) -> float:
    norms = words["norm"]
    if np.ptp(norms) <= _EQUAL * norms.abs().max():
        return np.nan
    return float(np.corrcoef(norms, words["information"])[0, 1])
