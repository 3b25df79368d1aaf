"""Words of long and short sentences: relative weights, and what they are at equal information."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import pandas as pd

from wordweights.statistics.bootstrap import Resampling, columns_of, mean_of
from wordweights.statistics.columns import finite_values
from wordweights.statistics.correlation_table import or_none, subset
from wordweights.statistics.correlations import correlation, correlation_within

N_FIFTHS = 5


def relative_weights(words: pd.DataFrame, pieces: Sequence[int]) -> pd.DataFrame:
    """Scale the contributions of each sentence to a mean of 1, and say where each word stands.

    Parameters
    ----------
    words : pd.DataFrame
        From :func:`wordweights.attribute`, all words of each sentence.
    pieces : Sequence[int]
        The number of wordpieces of each word.

    Returns
    -------
    pd.DataFrame
        The same rows with relative (the word's share of the contributions of its sentence times
        the number of words that have one), length (words of the sentence), pieces (wordpieces of
        the word) and fifth (of the sentence that it stands in, from 1 to 5).
    """
    by_sentence = words.groupby("sentence_id")
    length = by_sentence["position"].transform("size")
    return words.assign(
        relative=words["contribution"] / by_sentence["contribution"].transform("mean"),
        length=length,
        pieces=np.asarray(pieces),
        fifth=1 + (N_FIFTHS * words["position"]) // length,
    )


def at_equal_information(words: pd.DataFrame) -> pd.DataFrame:
    """Take from relative weights what information says: a parabola in it, by least squares.

    Parameters
    ----------
    words : pd.DataFrame
        With columns relative and information (nats).

    Returns
    -------
    pd.DataFrame
        The same rows with beyond: the relative weight less that of words of equal information,
        whose mean is 0.
    """
    x, y = finite_values(words, "information"), finite_values(words, "relative")
    parabola = np.polynomial.Polynomial.fit(x, y, deg=2)
    return words.assign(beyond=y - parabola(x))


def correlations_by_length(
    words: pd.DataFrame, bounds: Sequence[int], **resampling: Unpack[Resampling]
) -> pd.DataFrame:
    """Correlate weights with information among sentences of similar length.

    Parameters
    ----------
    words : pd.DataFrame
        From :func:`relative_weights`, with information and word classes: through
        :func:`wordweights.statistics.join_information`.
    bounds : Sequence[int]
        The shortest length of each group; the last one is the end of the last group, and in it.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        One row per group that has sentences: low and high (words), n_sentences, n_words, and with
        intervals r_information (Pearson's r of relative weights), r_content (over content words
        alone) and rho_sentence (within sentences); NaN where words are too few.
    """
    rows = []
    ends = [*(bound - 1 for bound in bounds[1:-1]), bounds[-1]]
    for low, high in zip(bounds, ends, strict=False):
        some = words[words["length"].between(low, high)]
        if some.empty:
            continue
        content = subset(some, "r_content")
        found = {
            "r_information": or_none(correlation, some, x="relative", **resampling),
            "r_content": or_none(correlation, content, x="relative", **resampling),
            "rho_sentence": or_none(correlation_within, some, x="relative", **resampling),
        }
        sizes = {"n_sentences": some["sentence_id"].nunique(), "n_words": len(some)}
        rows.append({"low": low, "high": high, **sizes, **columns_of(found)})
    return pd.DataFrame(rows)


def beyond_information(
    words: pd.DataFrame, by: str, **resampling: Unpack[Resampling]
) -> pd.DataFrame:
    """Average what words weigh beyond their information, group by group.

    Parameters
    ----------
    words : pd.DataFrame
        From :func:`at_equal_information`.
    by : str
        A column that says which group a word is of, such as fifth or pieces.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        One row per group: the column `by`, n_words, information and relative (means), and beyond
        with its interval; the interval is NaN where words are too few.
    """
    rows = []
    for group, some in words.groupby(by):
        means = {name: some[name].mean() for name in ("information", "relative")}
        found = or_none(mean_of, some, column="beyond", **resampling).columns("beyond")
        rows.append({by: group, "n_words": len(some), **means, **found})
    return pd.DataFrame(rows)
