"""Where the path of Integrated Gradients begins: a sentence that says nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from wordweights.attribution.plan import one_of
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

BASELINES = ("pad", "mask", "zero", "mean")


def baseline_embeddings(encoder: Encoder, ids: Tensor, special: Tensor, kind: str) -> Tensor:
    """Word embeddings of the baseline: special tokens keep theirs, words get a neutral one.

    Parameters
    ----------
    encoder : Encoder
        Whose embeddings.
    ids : Tensor
        Wordpiece ids, shape (batch, tokens).
    special : Tensor
        True where a token is a special one; they then contribute exactly nothing.
    kind : str
        ``"pad"``: the embedding of [PAD], the paper's choice; ``"mask"``: that of [MASK];
        ``"zero"``: zeros; ``"mean"``: the mean of all word embeddings.

    Returns
    -------
    Tensor
        Shape (batch, tokens, d).

    Raises
    ------
    WordweightsError
        For an unknown kind, and ``"mask"`` where the tokenizer has no [MASK].
    """
    token = neutral_token(encoder, kind)
    if token is not None:
        neutral = encoder.embedding_matrix[token]
    elif kind == "zero":
        neutral = torch.zeros_like(encoder.embedding_matrix[0])
    else:
        neutral = encoder.embedding_matrix.mean(dim=0)
    return torch.where(special.to(ids.device).unsqueeze(-1), encoder.embed(ids), neutral)


def neutral_token(encoder: Encoder, kind: str) -> int | None:
    """Name the token whose embedding a baseline takes.

    Parameters
    ----------
    encoder : Encoder
        Whose tokenizer.
    kind : str
        As in :func:`baseline_embeddings`.

    Returns
    -------
    int | None
        Its id; None for baselines that are no token's.

    Raises
    ------
    WordweightsError
        For an unknown kind, and ``"mask"`` where the tokenizer has no [MASK].
    """
    one_of("baseline", kind, BASELINES)
    if kind == "mask" and encoder.tokenizer.mask_token_id is None:
        raise WordweightsError(
            f"Baseline 'mask' needs a [MASK] token, and the tokenizer of encoder {encoder.name!r} "
            f"defines none; use 'pad', 'zero' or 'mean'."
        )
    if kind in ("pad", "mask"):
        return int(getattr(encoder.tokenizer, f"{kind}_token_id"))
    return None
