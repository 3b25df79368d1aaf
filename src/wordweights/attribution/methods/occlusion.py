"""One word against the others: how far the vector moves when it goes, or when it comes alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.coalitions import Sets, set_vectors
from wordweights.attribution.methods.method import BaselineMethod, Row, vectors_row
from wordweights.encoders import Encoder

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _OneWord(BaselineMethod):
    """The change of the sentence vector by one word, from one set of the others.

    Attributes
    ----------
    vectors : bool
        Also give each word's vector, in a column ``vector``.
    """

    sign: ClassVar[int]  # 1 where words come, -1 where they go

    vectors: bool = False

    @staticmethod
    @abstractmethod
    def sets(n: int) -> Sets:
        """List the set that words are compared with, and then those that differ by one word."""

    def weigh(
        self, encoder: Encoder, sentences: Sequence[TokenisedSentence], memory: int
    ) -> list[Row]:
        """Weigh words; see :class:`Method`."""
        sets = [self.sets(len(sentence.words)) for sentence in sentences]
        found = set_vectors(encoder, sentences, self.baseline, sets, memory)
        return [vectors_row(self.sign * (v[1:] - v[0]), keep=self.vectors) for v in found]

    def passes(self, tokens: int, outputs: int) -> int:
        """Estimate the passes per sentence."""
        return tokens


@dataclass(frozen=True, kw_only=True)
class Occlusion(_OneWord):
    """c(w) = ||s(all) - s(w replaced by the baseline)||_2 (Zeiler and Fergus 2014; exact).

    Examples
    --------
    The contribution of a word is how far the vector moves when the word is replaced:

    >>> from wordweights import attribute, load_encoder
    >>> from wordweights.attribution import Occlusion
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> words = attribute(encoder, ["a dog runs ."], Occlusion(baseline="mask"), progress=False)
    >>> both = encoder.encode(["a dog runs .", "a [MASK] runs ."])
    >>> bool(abs(words["contribution"][1] - (both[0] - both[1]).norm()) < 1e-4)
    True
    """

    name: ClassVar[str] = "occlusion"
    version: ClassVar[int] = 1
    sign: ClassVar[int] = -1

    @staticmethod
    def sets(n: int) -> Sets:
        """List the sentence, and the sets without one word."""
        return np.concatenate([np.ones((1, n), dtype=np.bool_), ~np.eye(n, dtype=np.bool_)])


@dataclass(frozen=True, kw_only=True)
class Alone(_OneWord):
    """c(w) = ||s(w alone) - s(baseline)||_2: one word where the others are the baseline; exact.

    Examples
    --------
    >>> from wordweights import attribute, load_encoder
    >>> from wordweights.attribution import Alone
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> words = attribute(encoder, ["a dog runs ."], Alone(vectors=True), progress=False)
    >>> words["vector"][0].shape == (encoder.vector_size,)
    True
    """

    name: ClassVar[str] = "alone"
    version: ClassVar[int] = 1
    sign: ClassVar[int] = 1

    @staticmethod
    def sets(n: int) -> Sets:
        """List the empty set, and those of one word."""
        return np.concatenate([np.zeros((1, n), dtype=np.bool_), np.eye(n, dtype=np.bool_)])
