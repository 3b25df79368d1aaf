"""The distance of a word's embedding from the baseline: no layer of the encoder has a say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.baselines import baseline_embeddings
from wordweights.attribution.methods.method import BaselineMethod, Row, vectors_row
from wordweights.encoders import Encoder


@dataclass(frozen=True, kw_only=True)
class EmbeddingDistance(BaselineMethod):
    """c(w) = ||sum over the wordpieces of w of (W_i - B_i)||_2, before any layer.

    The null that other measures are held against: what they find beyond it is the layers' doing.

    Attributes
    ----------
    vectors : bool
        Also give each word's vector, in a column ``vector``.

    Examples
    --------
    A word has the same distance wherever it stands:

    >>> from wordweights import attribute, load_encoder
    >>> from wordweights.attribution import EmbeddingDistance
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> method = EmbeddingDistance(baseline="zero")
    >>> words = attribute(encoder, ["a dog , a dog ."], method, progress=False)
    >>> bool(words["contribution"][1] == words["contribution"][4])
    True
    """

    name: ClassVar[str] = "embedding-distance"
    version: ClassVar[int] = 1

    vectors: bool = False

    def weigh(
        self, encoder: Encoder, sentences: Sequence[TokenisedSentence], memory: int
    ) -> list[Row]:
        """Weigh words; see :class:`Method`."""
        import torch

        ids = torch.tensor([sentence.ids for sentence in sentences], device=encoder.device)
        special = torch.tensor([sentence.word_of for sentence in sentences]) < 0
        away = encoder.embed(ids) - baseline_embeddings(encoder, ids, special, self.baseline)
        return [
            vectors_row(sentence.membership.T @ rows, keep=self.vectors)
            for sentence, rows in zip(sentences, away.double().cpu().numpy(), strict=True)
        ]

    def passes(self, tokens: int, outputs: int) -> int:
        """Estimate the passes per sentence."""
        return 1
