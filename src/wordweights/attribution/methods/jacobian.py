"""What methods share that measure a word by its part of an integrated Jacobian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.methods.method import (
    BaselineMethod,
    Row,
    one_of,
    seed_words,
    share,
    whole,
)
from wordweights.attribution.norms import (
    AUTO_PROBES,
    NORMS,
    Weights,
    frobenius_norms,
    vector_norms,
)
from wordweights.attribution.probes import ALL_PROBES
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from wordweights.attribution.integral import Integral

_TYPICAL_PROBES = 64  # of "auto"


@dataclass(frozen=True, kw_only=True)
class JacobianMethod(BaselineMethod):
    """A method that reduces a matrix per word, (its input columns, outputs), to one number.

    Attributes
    ----------
    norm : str
        ``"frobenius"``, the paper's measure; or ``"vector"``, the length of the word's own share of
        the sentence vector, which is exact without probes.
    probes : int | str
        For the Frobenius norm: ``"all"`` is exact; a number m estimates from m random orthogonal
        probes; ``"auto"`` draws more until every word's standard error is within `max_error` of
        its contribution.
    max_error : float
        Relative standard error to reach with ``probes="auto"``.
    seed : int
        Of the probes. Each sentence draws its own, whatever its neighbours.
    vectors : bool
        With ``norm="vector"``: also give each word's vector, in a column ``vector``.
    """

    norm: str = "frobenius"
    probes: int | str = 16
    max_error: float = 0.05
    seed: int = 0
    vectors: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("norm", self.norm, NORMS)
        if self.probes not in (ALL_PROBES, AUTO_PROBES):
            self._take("probes", _number_of_probes(self.probes))
        self._take("max_error", share("max_error", self.max_error))
        self._take("seed", whole("seed", self.seed, least=0))
        if self.vectors and self.norm != "vector":
            raise WordweightsError(
                "vectors=True needs norm='vector': only that norm gives each word a vector of its "
                "own."
            )

    def check(self, encoder: Encoder) -> None:
        """Refuse an encoder that does not fit the settings, by a WordweightsError."""
        super().check(encoder)
        self.check_outputs(encoder.vector_size)

    def check_outputs(self, outputs: int) -> None:
        """Refuse more probes than there are outputs, by a WordweightsError."""
        if self.norm == "frobenius" and isinstance(self.probes, int) and self.probes > outputs:
            raise WordweightsError(
                f"probes is {self.probes}; it must be {ALL_PROBES!r}, {AUTO_PROBES!r}, or a whole "
                f"number from 1 to the number of output dimensions, {outputs}."
            )

    def measure(
        self,
        integral: Integral,
        memberships: Sequence[NDArray[np.float64]],
        seeds: Sequence[list[int]],
    ) -> list[Weights]:
        """Reduce the matrices of some examples.

        Parameters
        ----------
        integral : Integral
            Of the examples.
        memberships : Sequence[NDArray[np.float64]]
            Per example 1 where a row belongs to a word, shape (rows, words).
        seeds : Sequence[list[int]]
            Per example the seed words of its probes.

        Returns
        -------
        list[Weights]
            One per example.
        """
        if self.norm == "vector":
            return vector_norms(integral, memberships)
        return frobenius_norms(integral, memberships, seeds, self.probes, self.max_error)

    def seeds(self, sentences: Sequence[TokenisedSentence]) -> list[list[int]]:
        """Give each sentence seed words of its own: it draws the same probes in any batch."""
        return [seed_words(self.seed, sentence) for sentence in sentences]

    def row(self, weights: Weights) -> Row:
        """Write down what words weigh."""
        row: Row = {
            "contribution": weights.contribution,
            "standard_error": weights.standard_error,
        }
        if self.vectors and weights.vectors is not None:
            row["vector"] = list(weights.vectors)
        return row

    def directions(self, tokens: int, outputs: int) -> int:
        """Estimate the passes per node."""
        if self.norm == "vector":
            return tokens
        if isinstance(self.probes, int):
            return self.probes
        return outputs if self.probes == ALL_PROBES else _TYPICAL_PROBES


def _number_of_probes(value: object) -> int:
    try:
        return whole("probes", value)
    except WordweightsError:
        raise WordweightsError(
            f"probes is {value!r}; it must be {ALL_PROBES!r}, {AUTO_PROBES!r}, or a whole number "
            f"from 1 on."
        ) from None
