"""Sentences in batches: what is computed together, and stored as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.methods import Method
from wordweights.attribution.store import Collection
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

LONGEST = 32
"""Sentences of a batch, at most."""

_WORK = 1e13  # operations of a batch, at most: about a minute on two cores


@dataclass(frozen=True)
class Batch:
    """Sentences of equally many wordpieces, and how their words are weighed.

    Attributes
    ----------
    encoder : Encoder
        Whose sentence vectors.
    method : Method
        The measure.
    sentences : tuple[TokenisedSentence, ...]
        At least one.
    memory : int
        Bound on the memory of all passes together, in bytes.
    collection : Collection
        Where the rows go.
    """

    encoder: Encoder
    method: Method
    sentences: tuple[TokenisedSentence, ...]
    memory: int
    collection: Collection


def weigh_batch(
    encoder: Encoder, method: Method, sentences: Sequence[TokenisedSentence], memory: int
) -> pd.DataFrame:
    """Weigh the words of sentences of equally many wordpieces.

    Parameters
    ----------
    encoder : Encoder
        In evaluation mode.
    method : Method
        The measure.
    sentences : Sequence[TokenisedSentence]
        At least one.
    memory : int
        Bound on the memory of all passes together, in bytes.

    Returns
    -------
    pandas.DataFrame
        One row per sentence, by its key, with lists over its words.

    Raises
    ------
    WordweightsError
        For a contribution that is not finite.
    """
    rows = method.weigh(encoder, sentences, memory)
    if not all(np.isfinite(row["contribution"]).all() for row in rows):
        raise WordweightsError(
            f"A contribution by encoder {encoder.name!r} is NaN or infinite: the model overflowed "
            f"on the path. Use float32 or float64 weights."
        )
    return pd.DataFrame(
        [{"key": sentence.key, **row} for sentence, row in zip(sentences, rows, strict=True)]
    )


def in_batches(
    sentences: Mapping[str, TokenisedSentence], stored: set[str], size: Callable[[int], int]
) -> list[tuple[TokenisedSentence, ...]]:
    """Batch what is not stored: as if nothing were, where a batch is missing whole.

    So a run that was broken off goes on with the batches that it would have made, and ends with
    the result of one that was not.

    Parameters
    ----------
    sentences : Mapping[str, TokenisedSentence]
        All sentences of a run by key, of any lengths.
    stored : set[str]
        Keys of those that are stored.
    size : Callable[[int], int]
        From a number of wordpieces to how many such sentences make a batch.

    Returns
    -------
    list[tuple[TokenisedSentence, ...]]
        Those of a batch have equally many wordpieces: nothing is padded.
    """
    found: list[dict[str, TokenisedSentence]] = []
    rest: dict[str, TokenisedSentence] = {}
    for batch in _cut(sentences, size):
        left = {key: sentence for key, sentence in batch.items() if key not in stored}
        if len(left) == len(batch):
            found.append(batch)
        else:
            rest |= left
    return [tuple(batch.values()) for batch in [*found, *_cut(rest, size)]]


def batch_size(encoder: Encoder, method: Method) -> Callable[[int], int]:
    """Choose how many sentences are computed between two stores.

    What is not stored is lost when a run is killed, and a run that is interrupted ends with its
    batch, so a batch is to take about a minute at most.

    Parameters
    ----------
    encoder : Encoder
        Whose layers.
    method : Method
        How many passes a sentence takes.

    Returns
    -------
    Callable[[int], int]
        From a number of wordpieces to a number of sentences.
    """
    parameters = encoder.model.named_parameters()
    weights = sum(weight.numel() for name, weight in parameters if "embeddings" not in name)

    def size(tokens: int) -> int:
        work = 2 * tokens * weights * method.passes(tokens, encoder.vector_size)
        return max(1, min(LONGEST, int(_WORK / work)))

    return size


def _cut(
    sentences: Mapping[str, TokenisedSentence], size: Callable[[int], int]
) -> Iterator[dict[str, TokenisedSentence]]:
    """Cut sentences of equal length into batches, shorter ones first."""
    by_length: dict[int, list[str]] = {}
    for key, sentence in sentences.items():
        by_length.setdefault(len(sentence.ids), []).append(key)
    for tokens, keys in sorted(by_length.items()):
        n = size(tokens)
        for start in range(0, len(keys), n):
            yield {key: sentences[key] for key in keys[start : start + n]}
