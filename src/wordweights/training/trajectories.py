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
from wordweights.statistics.correlation_table import or_none, subset
from wordweights.words.classes import PARTS_OF_SPEECH, classify_words
from wordweights.words.frequencies import Frequencies, add_information

_COLUMNS = (
    *("r", "low", "high", "r_content", "r_content_low", "r_content_high", "norm_r"),
    *("rise", "rise_low", "rise_high", "rise_content", "rise_content_low", "rise_content_high"),
)
_EQUAL = 1e-6  # relative spread of lengths that are all one, but for rounding


def weigh_words(
    encoder: Encoder,
    sentences: pd.DataFrame,
    frequencies: Frequencies,
    method: Method | str,
    *,
    rule: str = PARTS_OF_SPEECH,
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
    rule : str
        How word classes are told apart: see :func:`wordweights.words.classes.classify_words`.
    cluster : str | None
        Address of a Dask scheduler; None computes on this machine.

    Returns
    -------
    pd.DataFrame
        One row per word: contribution, information (nats), probability, norm (the length of its
        embedding, that of [PAD] taken away), word_class, and what a bootstrap resamples
        (:func:`wordweights.statistics.add_units`).
    """
    words = attribute(encoder, sentences, method, progress=False, cluster=cluster)
    words = add_units(words, sentences).assign(
        norm=embedding_lengths(encoder, sentences["sentence"].tolist()),
        word_class=classify_words(words, rule),
    )
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
        One row per encoder, with the keys as index: r with its 95 % interval (low, high); r_content
        with r_content_low and r_content_high, over content words; norm_r, Pearson's r of norm and
        information (NaN when all norms are equal); rise and rise_content, the differences from the
        first row's r and r_content, with the ends _low and _high of a paired bootstrap (NaN in the
        first row). Over too few content words, what is of them is NaN.
    """
    drawing: dict[str, Any] = {"units": UNITS, "n_resamples": n_resamples, "seed": seed}
    first, rows = None, []
    for words in weighed.values():
        content = subset(words, "r_content")
        found = correlation(words, **drawing)
        row = {"r": found.r, "low": found.low, "high": found.high, "norm_r": _norm_r(words)}
        row |= or_none(correlation, content, **drawing).columns("r_content")
        if first is None:
            first = words, content
        else:
            row |= correlation_rise(first[0], words, **drawing).columns("rise")
            rise = or_none(correlation_rise, first[1], content, **drawing)
            row |= rise.columns("rise_content")
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(list(weighed)), columns=_COLUMNS)


def _norm_r(words: pd.DataFrame) -> float:
    norms = words["norm"]
    if np.ptp(norms) <= _EQUAL * norms.abs().max():
        return np.nan
    return float(np.corrcoef(norms, words["information"])[0, 1])
