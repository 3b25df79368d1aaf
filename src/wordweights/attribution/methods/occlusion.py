"""Occlusion: how far the sentence vector moves when one word is replaced by the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.methods.method import Method, Row
from wordweights.encoders import Encoder

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Occlusion(Method):
    """c(w) = ||s(all) - s(w replaced by the baseline)||_2 (Zeiler and Fergus 2014; exact)."""

    name: ClassVar[str] = "occlusion"
    version: ClassVar[int] = 1

    def weigh(
        self, encoder: Encoder, sentences: Sequence[TokenisedSentence], memory: int
    ) -> list[Row]:
        """Weigh words; see :class:`Method`."""
        import torch

        from wordweights.attribution.path import lay_path

        path = lay_path(encoder, sentences, self.baseline, memory)
        # a point for each word, without it, and one with all of them: word -1
        pairs = [(i, word) for i, s in enumerate(sentences) for word in range(-1, len(s.words))]
        examples = np.array([example for example, _ in pairs])
        gone = torch.tensor(
            [[word >= 0 and owner == word for owner in sentences[i].word_of] for i, word in pairs],
            device=path.inputs.device,
        ).unsqueeze(-1)  # (points, rows, 1)

        def points(some: slice) -> Tensor:
            return torch.where(
                gone[some], path.baselines[examples[some]], path.inputs[examples[some]]
            )

        vectors = path.evaluate(examples, points).double().cpu().numpy()
        rows = []
        for i in range(len(sentences)):
            whole, *without = vectors[examples == i]
            lengths = np.array([np.linalg.norm(whole - vector) for vector in without])
            rows.append({"contribution": lengths, "standard_error": np.zeros_like(lengths)})
        return rows

    def passes(self, tokens: int, outputs: int) -> int:
        """Estimate the passes per sentence."""
        return tokens
