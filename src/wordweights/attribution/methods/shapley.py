"""Shapley values of the sentence vector: what a word adds, over all orders in which words come."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.coalitions import Sets, all_sets, set_vectors, shapley_values
from wordweights.attribution.methods.method import (
    BaselineMethod,
    Row,
    seed_words,
    vectors_row,
    whole,
)
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.words.tables import name_places

Array = NDArray[np.float64]

EXACT_WORDS = 10
"""Words of a sentence whose 2^n sets are all computed; of a longer one, orders are drawn."""


@dataclass(frozen=True, kw_only=True)
class Shapley(BaselineMethod):
    """c(w) = ||phi(w)||_2, the Shapley value of w in the game v(S) = s(words of S, else baseline).

    phi is a vector, for the game has a vector of outcomes (Shapley 1953, output by output): the
    mean over all orders of the words of what w adds when it comes. The vectors sum to
    s(W) - s(B). Up to ten words they are exact, from all 2^n sets. Beyond, orders are drawn in
    pairs, each with its reverse, and c(w)^2 is corrected for what their spread adds to it.

    Attributes
    ----------
    permutations : int
        Orders that are drawn for a sentence of more than ten words: even, at least 4.
    seed : int
        Of the orders. Each sentence draws its own, whatever its neighbours.
    vectors : bool
        Also give each word's vector phi, in a column ``vector``.
    distances : bool
        Also give, for all sets of the words of a sentence (at most ten), how far v(S) is from
        s(W) and from s(B): the columns ``from_all`` and ``from_none``, in the order of
        :mod:`wordweights.attribution.coalitions`, the same for all words of a sentence.

    Examples
    --------
    The vectors of the words sum to what all words do together:

    >>> import numpy as np
    >>> from wordweights import attribute, load_encoder
    >>> from wordweights.attribution import Shapley
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> method = Shapley(baseline="mask", vectors=True)
    >>> words = attribute(encoder, ["a dog runs ."], method, progress=False)
    >>> both = encoder.encode(["a dog runs .", "[MASK] [MASK] [MASK] [MASK]"])
    >>> bool(np.allclose(words["vector"].sum(), both[0] - both[1], atol=1e-4))
    True
    """

    name: ClassVar[str] = "shapley"
    version: ClassVar[int] = 2
    complete: ClassVar[bool] = True

    permutations: int = 64
    seed: int = 0
    vectors: bool = False
    distances: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        number = whole("permutations", self.permutations, least=4)
        if number % 2:
            raise WordweightsError(
                f"permutations is {number}; orders are drawn in pairs, each with its reverse: give "
                f"an even number."
            )
        self._take("permutations", number)
        self._take("seed", whole("seed", self.seed, least=0))

    def examine(self, sentences: Sequence[TokenisedSentence], ids: Sequence[int]) -> None:
        """Refuse sentences too long for the distances of all sets; warn of those estimated."""
        pairs = zip(ids, sentences, strict=True)
        words = {i: len(s.words) for i, s in pairs if len(s.words) > EXACT_WORDS}
        if not words:
            return
        places = name_places(pd.Index(words, name="Sentence"))
        longest = f"{max(words.values())} words"
        if self.distances:
            raise WordweightsError(
                f"{places}: up to {longest}, and distances=True computes all sets of words, of "
                f"{EXACT_WORDS} at most. Leave out what is longer."
            )
        warnings.warn(
            f"{places}: up to {longest}, too many for all sets of words. Where there are more than "
            f"{EXACT_WORDS}, Shapley values are estimated from {self.permutations} orders of the "
            f"words; the column standard_error says how well.",
            stacklevel=5,
        )

    def weigh(
        self, encoder: Encoder, sentences: Sequence[TokenisedSentence], memory: int
    ) -> list[Row]:
        """Weigh words; see :class:`Method`."""
        numbers = [len(sentence.words) for sentence in sentences]
        orders = [
            None if n <= EXACT_WORDS else self._draw(n, sentence)
            for n, sentence in zip(numbers, sentences, strict=True)
        ]
        sets = [
            all_sets(n) if drawn is None else _prefixes(drawn)
            for n, drawn in zip(numbers, orders, strict=True)
        ]
        found = set_vectors(encoder, sentences, self.baseline, sets, memory)
        return [
            self._exact(v) if drawn is None else self._estimate(v, drawn)
            for v, drawn in zip(found, orders, strict=True)
        ]

    def passes(self, tokens: int, outputs: int) -> int:
        """Estimate the passes per sentence."""
        n = max(1, tokens - 2)  # words of one wordpiece between two special tokens
        return 2**n if n <= EXACT_WORDS else self.permutations * n

    def _draw(self, n: int, sentence: TokenisedSentence) -> NDArray[np.intp]:
        """Draw orders of n words, each followed by its reverse, shape (permutations, n)."""
        rng = np.random.default_rng(seed_words(self.seed, sentence))
        drawn = rng.permuted(np.tile(np.arange(n), (self.permutations // 2, 1)), axis=1)
        return np.stack([drawn, drawn[:, ::-1]], axis=1).reshape(self.permutations, n)

    def _exact(self, vectors: Array) -> Row:
        row = vectors_row(shapley_values(vectors), keep=self.vectors)
        if self.distances:
            for name, end in (("from_all", vectors[-1]), ("from_none", vectors[0])):
                row[name] = np.linalg.norm(vectors - end, axis=1)
        return row

    def _estimate(self, vectors: Array, orders: NDArray[np.intp]) -> Row:
        """Average what each word adds when it comes, over pairs of orders.

        `vectors` are those of the sets of :func:`_prefixes`, (sets, d).
        """
        (n_orders, n), d = orders.shape, vectors.shape[1]
        none, everything, rest = vectors[0], vectors[1], vectors[2:].reshape(n_orders, n - 1, d)
        total, pairs = np.zeros((n, d)), n_orders // 2
        added = np.empty((pairs, n, d))  # by word, the mean of the two orders of a pair
        for pair in range(pairs):
            both = np.zeros((n, d))
            for order in (2 * pair, 2 * pair + 1):
                walk = np.concatenate([none[None], rest[order], everything[None]])
                both[orders[order]] += np.diff(walk, axis=0) / 2
            added[pair] = both
            total += both
        mean = total / pairs
        spread = added.var(axis=0, ddof=1).sum(axis=1) / pairs  # of the mean, (words,)
        lengths = np.linalg.norm(mean, axis=1)
        # along the mean, which is where its length changes
        along = np.einsum("pnd,nd->pn", added, mean) / np.where(lengths > 0, lengths, 1)
        error = along.std(axis=0, ddof=1) / np.sqrt(pairs)  # of the length
        without = np.sqrt(np.maximum(lengths**2 - spread, 0))
        # d sqrt(L^2 - v) = L dL / sqrt(L^2 - v), and at 0 all that is known is below sqrt(v)
        steep = error * lengths / np.where(without > 0, without, 1)
        row: Row = {
            "contribution": without,
            "standard_error": np.where(without > 0, steep, np.sqrt(spread)),
        }
        return {**row, "vector": list(mean)} if self.vectors else row


def _prefixes(orders: NDArray[np.intp]) -> Sets:
    """List no word and all words, and then for each order its first 1 to n - 1 words."""
    n_orders, n = orders.shape
    come = np.argsort(orders, axis=1)  # when each word comes, (orders, words)
    inside = come[:, None, :] < np.arange(1, n)[:, None]  # (orders, n - 1, words)
    ends = np.array([[False] * n, [True] * n])
    return np.concatenate([ends, inside.reshape(n_orders * (n - 1), n)])
