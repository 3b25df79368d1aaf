"""Which words stand near a word: co-occurrences in a window, in two halves of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordweights.counting.reading import read_lines
from wordweights.counting.samples import corpus_files
from wordweights.errors import WordweightsError
from wordweights.words.splitting import as_meant, split_bert

_LONGEST = 100_000  # characters of a line that are split at once
_FEWEST = 2  # words that a distribution of neighbours needs
_LEAST_COVERED = 0.5  # of the occurrences of the words that are asked for


@dataclass(frozen=True)
class Contexts:
    """Neighbours of words, counted.

    Attributes
    ----------
    words : list[str]
        The words whose neighbours are counted, each in both halves.
    counts : NDArray[np.int64]
        How often each word of the vocabulary stands in the window of each word: shape (2 halves,
        words, vocabulary).
    vocabulary : NDArray[np.int64]
        How often each word of the vocabulary stands in any window, as a neighbour, at least 1:
        shape (2 halves, vocabulary).
    n_tokens : int
        Words of the corpus.
    wanted : int
        How many different words were asked for.
    occurrences : NDArray[np.int64]
        How often each of the words stands in the corpus, shape (words,).
    """

    words: list[str]
    counts: NDArray[np.int64]
    vocabulary: NDArray[np.int64]
    n_tokens: int
    wanted: int
    occurrences: NDArray[np.int64]


def count_contexts(
    corpus: str, wanted: Iterable[str], *, window: int = 5, min_count: int = 5
) -> Contexts:
    """Count the neighbours of words in a corpus, in the odd and in the even lines.

    Parameters
    ----------
    corpus : str
        As for :func:`wordweights.counting.corpus_files`. Words are BERT's tokens before wordpieces.
    wanted : Iterable[str]
        The words whose neighbours are counted, each as often as it matters; those that stand less
        than `min_count` times in either half are left out.
    window : int
        Words to either side, in the same line.
    min_count : int
        How often a word must stand in each half, to be counted or to be counted as a neighbour.

    Returns
    -------
    Contexts
        Counts of both halves.

    Raises
    ------
    WordweightsError
        For a corpus that cannot be read, one in which fewer than two words are left or less than
        half of what was asked for, and a window or count below 1.
    """
    if min(window, min_count) < 1:
        raise WordweightsError(
            f"window is {window} and min_count {min_count}: both must be at least 1."
        )
    ids: dict[str, int] = {}
    lines: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = ([], [])
    number = 0
    for line in read_lines(corpus_files(corpus)):
        text = line.decode(errors="replace")[:_LONGEST]
        if tokens := split_bert(text):
            lines[number % 2].append(
                np.array([ids.setdefault(token, len(ids)) for token in tokens], dtype=np.int64)
            )
            number += 1
    seen = np.stack([_frequencies(some, len(ids)) for some in lines])  # (halves, words)
    kept = np.asarray((seen >= min_count).all(axis=0))
    asked = Counter(as_meant(word) for word in wanted)
    words = [word for word in asked if word in ids and kept[ids[word]]]
    place = np.full(len(ids) + 1, -1)  # of each word in the vocabulary
    place[:-1][kept] = np.arange(kept.sum())
    row = np.full(len(ids) + 1, -1)
    row[[ids[word] for word in words]] = np.arange(len(words))
    sizes = len(words), int(kept.sum())
    counted = [_count(some, row, place, sizes, window) for some in lines]
    counts = np.stack([found for found, _ in counted])
    has = np.asarray((counts.sum(axis=2) > 0).all(axis=0))  # some word near it, in each half
    left = [word for word, kept_word in zip(words, has, strict=True) if kept_word]
    covered = sum(asked[word] for word in left) / max(asked.total(), 1)
    if len(left) < _FEWEST or covered < _LEAST_COVERED:
        raise WordweightsError(
            f"The corpus {corpus!r} is too small: of {len(asked)} words {len(left)} remain that "
            f"stand {min_count} times in each half of its {int(seen.sum()):,} words, "
            f"{100 * covered:.0f} % of the occurrences. Give a larger corpus, or a smaller "
            f"min_count."
        )
    return Contexts(
        left,
        counts[:, has],
        np.stack([np.maximum(total, 1) for _, total in counted]),
        int(seen.sum()),
        len(asked),
        seen.sum(axis=0)[[ids[word] for word in left]],
    )


def _frequencies(lines: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    return np.bincount(np.concatenate([np.zeros(0, np.int64), *lines]), minlength=n)


def _count(
    lines: Sequence[NDArray[np.int64]],
    row: NDArray[np.int64],
    place: NDArray[np.int64],
    sizes: tuple[int, int],
    window: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count neighbours of the words that have a row, and all neighbours."""
    n_words, n_vocabulary = sizes
    # lines are parted by as many words that are none as the window is wide
    gap = np.full(window, -1)
    stream = np.concatenate([part for line in lines for part in (line, gap)])
    rows, places = row[stream], place[stream]
    counts = np.zeros(n_words * n_vocabulary, dtype=np.int64)
    total = np.zeros(n_vocabulary, dtype=np.int64)
    for step in range(1, window + 1):
        for word, neighbour in (
            (slice(None, -step), slice(step, None)),
            (slice(step, None), slice(None, -step)),
        ):
            # one after which no line goes on is no neighbour
            near = (stream[word] >= 0) & (places[neighbour] >= 0)
            total += np.bincount(places[neighbour][near], minlength=n_vocabulary)
            near &= rows[word] >= 0
            pairs = rows[word][near] * n_vocabulary + places[neighbour][near]
            counts += np.bincount(pairs, minlength=len(counts))
    return counts.reshape(n_words, n_vocabulary), total
