"""The length of a word's last hidden states: what a mean over tokens takes from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.methods.method import Method, Row, vectors_row
from wordweights.encoders import Encoder


@dataclass(frozen=True, kw_only=True)
class TokenNorm(Method):
    """c(w) = ||sum of the last hidden states of the wordpieces of w||_2 / tokens of the sentence.

    In a mean over all tokens this is the addend of w, and its length is what the author of
    sentence-transformers advises for the importance of a word (its issue 619). It knows no
    baseline: the hidden state of a word holds what the other words have put there. For another
    pooling it is no part of the sentence vector.

    Attributes
    ----------
    vectors : bool
        Also give each word's vector, in a column ``vector``.

    Examples
    --------
    >>> from wordweights import attribute, load_encoder
    >>> from wordweights.attribution import TokenNorm
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> words = attribute(encoder, ["a dog runs ."], TokenNorm(), progress=False)
    >>> bool((words["contribution"] > 0).all())
    True
    """

    name: ClassVar[str] = "token-norm"
    version: ClassVar[int] = 1

    vectors: bool = False

    def weigh(
        self, encoder: Encoder, sentences: Sequence[TokenisedSentence], memory: int
    ) -> list[Row]:
        """Weigh words; see :class:`Method`."""
        import torch

        ids = torch.tensor([sentence.ids for sentence in sentences], device=encoder.device)
        size = max(1, memory // encoder.activation_bytes(ids.shape[1]))
        with torch.no_grad():
            states = torch.cat(
                [
                    encoder.model(
                        inputs_embeds=encoder.embed(some), attention_mask=torch.ones_like(some)
                    ).last_hidden_state
                    for some in ids.split(size)
                ]
            )
        shares = states.double().cpu().numpy() / ids.shape[1]  # (sentences, tokens, width)
        return [
            vectors_row(sentence.membership.T @ rows, keep=self.vectors)
            for sentence, rows in zip(sentences, shares, strict=True)
        ]

    def passes(self, tokens: int, outputs: int) -> int:
        """Estimate the passes per sentence."""
        return 1
