"""What a method is: a measure of how much each word weighs in a sentence vector."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.baselines import BASELINES, neutral_token
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

Row = dict[str, Any]
"""Of one sentence: `contribution` and `standard_error`, each with a value per word; one value of
each column of the method's certificate; and `vector`, with an array per word, where it has any."""


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """A measure of weight, with its settings as fields.

    Results are stored under the name, the version and the fields, so none may depend on anything
    else. A method of its own is a frozen dataclass that derives from this one.

    Attributes
    ----------
    name : str
        What it is asked for by (of the class).
    version : int
        Raised by any change that changes results, so that old ones are not read (of the class).
    certificate : Mapping[str, type]
        The columns by which a sentence says how exact it is, with their types (of the class).
    complete : bool
        Whether the vectors of the words sum to s(W) - s(B) (of the class).
    """

    name: ClassVar[str]
    version: ClassVar[int]
    certificate: ClassVar[Mapping[str, type]] = {}
    complete: ClassVar[bool] = False

    @abstractmethod
    def weigh(
        self, encoder: Encoder, sentences: Sequence[TokenisedSentence], memory: int
    ) -> list[Row]:
        """Weigh the words of sentences of equally many wordpieces.

        Parameters
        ----------
        encoder : Encoder
            In evaluation mode.
        sentences : Sequence[TokenisedSentence]
            At least one.
        memory : int
            Bound on the memory of all passes together, in bytes.

        Returns
        -------
        list[Row]
            One per sentence.
        """

    @abstractmethod
    def passes(self, tokens: int, outputs: int) -> int:
        """Estimate the passes through the encoder per sentence: long batches are cut by it."""

    def check(self, encoder: Encoder) -> None:  # noqa: B027 - most methods take any encoder
        """Refuse an encoder that does not fit the settings, by a WordweightsError."""

    def examine(  # noqa: B027 - most methods take any sentence
        self, sentences: Sequence[TokenisedSentence], ids: Sequence[int]
    ) -> None:
        """Refuse sentences that do not fit the settings; warn of what is done another way."""

    def content(self, encoder: Encoder) -> dict[str, Any]:
        """List everything that a result depends on besides its sentence, JSON-able."""
        return {
            "method": self.name,
            "version": self.version,
            **asdict(self),
            "encoder": encoder.digest,
            "pooling": encoder.pooling,
            "dtype": str(encoder.dtype).removeprefix("torch."),
        }

    def _take(self, name: str, value: Any) -> None:
        """Keep a setting in its plain form: a number of numpy is one of Python."""
        object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True)
class BaselineMethod(Method):
    """A method that compares words with a baseline.

    Attributes
    ----------
    baseline : str
        What words are compared with: ``"pad"`` (the paper's), ``"mask"``, ``"zero"`` or ``"mean"``.
    """

    baseline: str = "pad"

    def __post_init__(self) -> None:
        one_of("baseline", self.baseline, BASELINES)

    def check(self, encoder: Encoder) -> None:
        """Refuse an encoder that does not fit the settings, by a WordweightsError."""
        neutral_token(encoder, self.baseline)

    def content(self, encoder: Encoder) -> dict[str, Any]:
        """List everything that a result depends on besides its sentence, JSON-able."""
        return {
            **super().content(encoder),
            "neutral_id": neutral_token(encoder, self.baseline),
        }


def vectors_row(vectors: NDArray[np.float64], *, keep: bool) -> Row:
    """Weigh words exactly by the lengths of their vectors, (words, d), which may be kept."""
    lengths = np.linalg.norm(vectors, axis=1)
    row: Row = {"contribution": lengths, "standard_error": np.zeros_like(lengths)}
    return {**row, "vector": list(vectors)} if keep else row


def seed_words(seed: int, sentence: TokenisedSentence) -> list[int]:
    """Give a sentence seed words of its own: it draws the same numbers in any batch."""
    return [seed, *(int(sentence.key[i : i + 8], 16) for i in range(0, 32, 8))]


def one_of(name: str, value: Any, known: Sequence[str]) -> None:
    """Refuse a choice that is not known, by a WordweightsError that lists those that are."""
    if value not in known:
        raise WordweightsError(
            f"{name} {value!r} is not known; use one of {', '.join(map(repr, known))}."
        )


def whole(name: str, value: Any, least: int = 1) -> int:
    """Take a whole number, of Python or numpy; anything else is a WordweightsError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool | np.bool_) or number < least:
        raise WordweightsError(f"{name} is {value!r}; it must be a whole number from {least} on.")
    return number


def share(name: str, value: Any) -> float:
    """Take a number between 0 and 1; anything else is a WordweightsError."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 < value < 1):
        raise WordweightsError(
            f"{name} is {value!r}; it is a relative size, a number between 0 and 1."
        )
    return float(value)
