"""Explicit weights of words: information, inverse document frequency, SIF, stop words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from wordweights.errors import WordweightsError


def information(p: ArrayLike) -> NDArray[np.float64]:
    """Compute the information content -ln P of words (Shannon 1948).

    Parameters
    ----------
    p : ArrayLike
        Probabilities in (0, 1], any shape.

    Returns
    -------
    NDArray[np.float64]
        Same shape, in nats; finite and never negative.

    Raises
    ------
    WordweightsError
        For a probability outside (0, 1].
    """
    # 0 - ln 1 is 0, where -ln 1 would be -0
    return 0.0 - np.log(_check_probabilities(p))


def sif(p: ArrayLike, a: float = 1e-3) -> NDArray[np.float64]:
    """Compute the smooth inverse frequency a / (a + P) (Arora, Liang and Ma 2017).

    Parameters
    ----------
    p : ArrayLike
        Probabilities in (0, 1], any shape.
    a : float
        The probability at which the weight is one half, above 0. The authors advise 1e-3 to 1e-4.

    Returns
    -------
    NDArray[np.float64]
        Same shape, in (0, 1).

    Raises
    ------
    WordweightsError
        For a probability outside (0, 1], or `a` that is not a finite positive number.
    """
    if isinstance(a, bool) or not isinstance(a, int | float) or not 0 < a < np.inf:
        raise WordweightsError(f"a is {a!r}: give a finite number above 0, such as 1e-3.")
    return a / (a + _check_probabilities(p))


def idf(documents: Sequence[Sequence[str]]) -> pd.Series:
    """Compute the inverse document frequency ln(N / df) (Spärck Jones 1972, without smoothing).

    Parameters
    ----------
    documents : Sequence[Sequence[str]]
        Each a sequence of words; words are compared as they are, upper case and all.

    Returns
    -------
    pd.Series
        One value per word, in nats, from 0 (a word of every document) to ln N (a word of one);
        indexed by word, in alphabetical order.

    Raises
    ------
    WordweightsError
        If there is no document, or one is not a sequence of words.
    """
    if isinstance(documents, str) or len(documents) == 0:
        raise WordweightsError("documents must be a sequence of at least one list of words.")
    df: Counter[str] = Counter()
    for row, document in enumerate(documents):
        if isinstance(document, str) or not all(isinstance(word, str) for word in document):
            raise WordweightsError(
                f"Document {row} is {document!r}, not a list of words: split it, for instance with "
                f"wordweights.words.splitting.split_words."
            )
        df.update(set(document))
    counts = pd.Series(df, dtype=np.float64).sort_index().rename_axis("word")
    return (np.log(len(documents)) - np.log(counts)).rename("idf")


def distil(table: pd.DataFrame, information: pd.Series, penalty: float = 1.0) -> pd.Series:
    """Distil the weights that an encoder gives words into one weight per word.

    The weight of a word that the encoder has weighed is the mean over its occurrences of
    contribution / length: the factor by which its vector would be multiplied to contribute as much.
    Of any other word it is what a ridge regression of these weights on -ln P predicts, an
    occurrence a row (Hoerl and Kennard 1970), and at least the smallest weight of a weighed word.

    Parameters
    ----------
    table : pd.DataFrame
        One row per occurrence: word, contribution, length (of the word's embedding, above 0) and
        information (nats).
    information : pd.Series
        -ln P of the words that need a weight, in nats, indexed by word.
    penalty : float
        Of the ridge, on the slope over standardised information.

    Returns
    -------
    pd.Series
        Like `information`, in units of the sentence vector over those of the embedding.

    Raises
    ------
    WordweightsError
        If the encoder has weighed no word, or one of no length.
    """
    if table.empty or not (table["length"] > 0).all():
        raise WordweightsError(
            "Weights are distilled from occurrences of words whose embedding has a length: give at "
            "least one, and none of length 0."
        )
    weights = table["contribution"] / table["length"]
    scale = table["information"].std(ddof=0) or 1.0
    z = (table["information"] - table["information"].mean()) / scale
    slope = (z * weights).sum() / ((z**2).sum() + penalty)
    found = weights.groupby(table["word"]).mean()
    others = weights.mean() + slope * (information - table["information"].mean()) / scale
    others = others.clip(lower=found.min())
    return found.reindex(information.index).fillna(others).rename("distilled")


def is_stop_word(words: Sequence[str]) -> NDArray[np.bool_]:
    """Say which words are in spaCy's list of English stop words, whatever their case.

    Parameters
    ----------
    words : Sequence[str]
        Words; punctuation marks are no stop words.

    Returns
    -------
    NDArray[np.bool_]
        Shape (words,).

    Raises
    ------
    WordweightsError
        If `words` is one text instead of a sequence, or holds what is not text.
    """
    from spacy.lang.en.stop_words import STOP_WORDS

    if isinstance(words, str):
        raise WordweightsError(f"words is one text, {words!r}: give a list of words.")
    for word in words:
        if not isinstance(word, str):
            raise WordweightsError(f"words holds {word!r}, which is not text.")
    return np.array([word.lower() in STOP_WORDS for word in words], dtype=np.bool_)


def _check_probabilities(p: ArrayLike) -> NDArray[np.float64]:
    try:
        values = np.asarray(p, dtype=np.float64)
    except (TypeError, ValueError):
        raise WordweightsError(f"p is {p!r}: give probabilities, numbers in (0, 1].") from None
    wrong = values[~((values > 0) & (values <= 1))]  # NaN is neither
    if wrong.size:
        raise WordweightsError(
            f"p holds {wrong.size} value{'s' if wrong.size > 1 else ''} that "
            f"{'are' if wrong.size > 1 else 'is'} no probability, the first {wrong.flat[0]}: every "
            f"P must be in (0, 1]."
        )
    return values
