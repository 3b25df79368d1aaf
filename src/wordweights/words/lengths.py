"""Sentences of given lengths, drawn from many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError
from wordweights.words.splitting import split_words


def count_words(sentences: Iterable[str]) -> NDArray[np.intp]:
    """Count the words of each sentence, punctuation marks among them, shape (sentences,)."""
    return np.array([len(split_words(sentence)) for sentence in sentences], dtype=np.intp)


def draw_by_length(
    sentences: Sequence[str], bounds: Sequence[int], n: int, seed: int = 0
) -> pd.DataFrame:
    """Draw sentences of every length, equally many from each group of lengths.

    Parameters
    ----------
    sentences : Sequence[str]
        To draw from.
    bounds : Sequence[int]
        The shortest length of each group in words, rising; the last one is the end of the last
        group, and in it.
    n : int
        Sentences of a group, at most.
    seed : int
        Of the draw.

    Returns
    -------
    pd.DataFrame
        Columns sentence_id (the place in `sentences`), sentence and n_words, by length.

    Raises
    ------
    WordweightsError
        For bounds that do not rise, and when no sentence has such a length.
    """
    if len(bounds) < 2 or any(b <= a for a, b in pairwise(bounds)):
        raise WordweightsError(
            f"The lengths {list(bounds)} are no bounds of groups: give at least two numbers of "
            f"words, rising, such as 4, 8, 13."
        )
    lows, last = list(bounds[:-1]), bounds[-1]
    wanted = dict.fromkeys(lows, n)
    found = []
    for place in np.random.default_rng(seed).permutation(len(sentences)).tolist():
        if not any(wanted.values()):
            break
        text = sentences[place]
        if len(text.split()) > last:  # longer than that, however it is split
            continue
        length = len(split_words(text))
        group = max((low for low in lows if low <= length <= last), default=None)
        if group is not None and wanted[group]:
            wanted[group] -= 1
            found.append((place, text, length))
    if not found:
        raise WordweightsError(
            f"None of the {len(sentences):,} sentences has {bounds[0]} to {last} words: give other "
            f"sentences, or other lengths."
        )
    table = pd.DataFrame(found, columns=["sentence_id", "sentence", "n_words"])
    return table.sort_values(["n_words", "sentence_id"], ignore_index=True)
