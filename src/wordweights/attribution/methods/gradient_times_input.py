"""Gradient times input: what Integrated Gradients integrates, at the sentence itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.methods.jacobian import JacobianMethod
from wordweights.attribution.methods.method import Row
from wordweights.attribution.quadrature import Rule
from wordweights.encoders import Encoder

_END = Rule(np.ones(1), np.ones(1))


@dataclass(frozen=True, kw_only=True)
class GradientTimesInput(JacobianMethod):
    """(W - B) times the derivative at W: the integrand of Integrated Gradients at alpha = 1.

    Shrikumar et al. (2016), for a vector of outputs and relative to a baseline. It is not complete:
    the sum over words is not s(W) - s(B).

    Examples
    --------
    >>> from wordweights import attribute, load_encoder
    >>> from wordweights.attribution import GradientTimesInput
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> method = GradientTimesInput(norm="vector")
    >>> words = attribute(encoder, ["a dog runs ."], method, progress=False)
    >>> words["word"].tolist()
    ['a', 'dog', 'runs', '.']
    """

    name: ClassVar[str] = "gradient-times-input"
    version: ClassVar[int] = 1

    def weigh(
        self, encoder: Encoder, sentences: Sequence[TokenisedSentence], memory: int
    ) -> list[Row]:
        """Weigh words; see :class:`Method`."""
        from wordweights.attribution.integral import Integral
        from wordweights.attribution.path import lay_path

        path = lay_path(encoder, sentences, self.baseline, memory)
        integral = Integral(path, (_END,) * len(sentences), encoder.vector_size)
        memberships = [sentence.membership for sentence in sentences]
        found = self.measure(integral, memberships, self.seeds(sentences))
        return [self.row(weights) for weights in found]

    def passes(self, tokens: int, outputs: int) -> int:
        """Estimate the passes per sentence."""
        return self.directions(tokens, outputs)
