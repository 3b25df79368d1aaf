"""How long the word embeddings are that an encoder reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wordweights.attribution.alignment import tokenise
from wordweights.attribution.baselines import neutral_token
from wordweights.encoders import Encoder


def embedding_lengths(encoder: Encoder, sentences: Sequence[str]) -> NDArray[np.float64]:
    """Measure the distance of each word's embedding from that of [PAD], over all its wordpieces.

    Parameters
    ----------
    encoder : Encoder
        Whose embeddings.
    sentences : Sequence[str]
        Texts.

    Returns
    -------
    NDArray[np.float64]
        Shape (words of all sentences,), in the order of :func:`wordweights.attribute`; 0 for a word
        that no wordpiece stands for.

    Raises
    ------
    WordweightsError
        For sentences that cannot be tokenised, and a tokenizer without [PAD].
    """
    import torch

    pad = torch.tensor(neutral_token(encoder, "pad"), device=encoder.device)
    away = encoder.embedding_matrix - encoder.embed(pad)
    squares = away.double().square().sum(dim=1).cpu().numpy()  # (vocabulary,)
    found = [np.zeros(0)]
    for sentence in tokenise(encoder, sentences):
        pieces = squares[np.array(sentence.ids)]
        found.append(np.sqrt(sentence.membership.T @ pieces))
    return np.concatenate(found)
