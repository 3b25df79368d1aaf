"""What words are replaced by: a sentence that says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from torch import Tensor

BASELINES = ("pad", "mask", "zero", "mean")


def baseline_embeddings(encoder: Encoder, ids: Tensor, special: Tensor, kind: str) -> Tensor:
    """Look up word embeddings where special tokens keep theirs, and words get a neutral one.

    Parameters
    ----------
    encoder : Encoder
        Whose embeddings.
    ids : Tensor
        Wordpiece ids, shape (batch, tokens).
    special : Tensor
        True where a token is a special one, of the same shape; these then contribute nothing.
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
        For ``"mask"`` where the tokenizer has no [MASK].
    """
    import torch

    token = neutral_token(encoder, kind)
    if token is not None:
        neutral = encoder.embed(torch.tensor(token, device=encoder.device))
    elif kind == "zero":
        neutral = torch.zeros(encoder.hidden_size, dtype=encoder.dtype, device=encoder.device)
    else:
        neutral = encoder.embedding_matrix.mean(dim=0)
    return torch.where(special.to(ids.device).unsqueeze(-1), encoder.embed(ids), neutral)


def neutral_token(encoder: Encoder, kind: str) -> int | None:
    """Name the token whose embedding a baseline takes; None for a baseline that is no token's."""
    if kind not in ("pad", "mask"):
        return None
    token = getattr(encoder.tokenizer, f"{kind}_token_id")
    if token is None:
        raise WordweightsError(
            f"Baseline {kind!r} needs a [{kind.upper()}] token, and the tokenizer of encoder "
            f"{encoder.name!r} defines none; use another of "
            f"{', '.join(repr(known) for known in BASELINES if known != kind)}."
        )
    return int(token)
