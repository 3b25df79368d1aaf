"""Sentences in batches: what is computed together, and stored as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.probes import ALL_PROBES
from wordweights.attribution.settings import AUTO_PROBES, Settings
from wordweights.attribution.store import Collection
from wordweights.encoders import Encoder

Batch = dict[str, TokenisedSentence]
"""Sentences of equally many wordpieces, by key."""

_WORK = 1e13  # operations of a batch, at most: about a minute on two cores
TYPICAL_STEPS = 12
"""Nodes of a sentence whose rule is chosen by a tolerance, about."""

_TYPICAL_PROBES = 64  # of "auto"


@dataclass(frozen=True)
class Work:
    """What there is to compute with one encoder.

    Attributes
    ----------
    encoder : Encoder
        Whose contributions.
    settings : Settings
        What they depend on.
    collection : Collection
        Where they go.
    batches : list[Batch]
        What is not stored.
    memory : int
        Bound on the memory of all passes of a process together, in bytes.
    """

    encoder: Encoder
    settings: Settings
    collection: Collection
    batches: list[Batch]
    memory: int

    @property
    def sentences(self) -> int:
        """How many sentences are not stored."""
        return sum(map(len, self.batches))


def batch_size(encoder: Encoder, settings: Settings, most: int, tokens: int) -> int:
    """Choose how many sentences are computed between two stores.

    What is not stored is lost when a run is killed, and a run that is interrupted ends with its
    batch, so a batch is to take about a minute at most.

    Parameters
    ----------
    encoder : Encoder
        Whose layers.
    settings : Settings
        How many passes a sentence takes.
    most : int
        Not more than so many.
    tokens : int
        Wordpieces of a sentence.

    Returns
    -------
    int
        At least 1.
    """
    weights = sum(
        weight.numel()
        for name, weight in encoder.model.named_parameters()
        if "embeddings" not in name
    )
    if settings.norm == "vector":
        probes = tokens
    elif settings.probes == ALL_PROBES:
        probes = encoder.hidden_size
    else:
        probes = _TYPICAL_PROBES if settings.probes == AUTO_PROBES else int(settings.probes)
    passes = probes * (settings.n_steps or TYPICAL_STEPS)
    return max(1, min(most, int(_WORK / (2 * tokens * weights * passes))))


def missing_batches(distinct: Batch, stored: set[str], size: Callable[[int], int]) -> list[Batch]:
    """Batch what is not stored: as if nothing were, where a batch is missing whole.

    So a run that was broken off goes on with the batches that it would have made, and ends with
    the result of one that was not.

    Parameters
    ----------
    distinct : Batch
        All sentences of a run, of any lengths.
    stored : set[str]
        Keys of those that are stored.
    size : Callable[[int], int]
        From a number of wordpieces to how many such sentences make a batch.

    Returns
    -------
    list[Batch]
        Nothing in them is padded.
    """
    whole: list[Batch] = []
    rest: Batch = {}
    for batch in _batches(distinct, size):
        left = {key: sentence for key, sentence in batch.items() if key not in stored}
        if len(left) == len(batch):
            whole.append(batch)
        else:
            rest |= left
    return [*whole, *_batches(rest, size)]


def split_batch(batch: Batch, n: int) -> list[Batch]:
    """Cut a batch into pieces of nearly equal size.

    Parameters
    ----------
    batch : Batch
        At least one sentence.
    n : int
        How many pieces, at most.

    Returns
    -------
    list[Batch]
        In order.
    """
    return list(_cut(batch, list(batch), -(-len(batch) // n)))


def _batches(sentences: Batch, size: Callable[[int], int]) -> Iterator[Batch]:
    by_length: dict[int, list[str]] = {}
    for key, sentence in sentences.items():
        by_length.setdefault(len(sentence.ids), []).append(key)
    for tokens, keys in sorted(by_length.items()):
        yield from _cut(sentences, keys, size(tokens))


def _cut(sentences: Batch, keys: list[str], size: int) -> Iterator[Batch]:
    for start in range(0, len(keys), size):
        yield {key: sentences[key] for key in keys[start : start + size]}
