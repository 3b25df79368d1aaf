"""A frozen sentence encoder, split where attribution needs it.

An encoder maps the word embeddings W of a sentence (before positions, token types and LayerNorm are
added) to its sentence vector s = M(W).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from wordweights.encoders.stack import Stack

POOLINGS = ("cls", "mean", "pooler")

# Entries of a configuration that say where a checkpoint came from, not what it computes.
_IDLE_SETTINGS = ("architectures", "dtype", "torch_dtype", "transformers_version", "name_or_path")


@dataclass(frozen=True)
class Encoder:
    """A frozen sentence encoder.

    Attributes
    ----------
    name : str
        The name it was loaded by.
    pooling : str
        ``"cls"``: the last hidden state of the first token; ``"mean"``: the mean of the last
        hidden states of all tokens, special ones included; ``"pooler"``: the hyperbolic tangent of
        the checkpoint's own dense layer on the last hidden state of the first token.
    tokenizer : PreTrainedTokenizerBase
        A fast tokenizer (it knows character offsets).
    model : PreTrainedModel
        In evaluation mode, every parameter without gradient.
    base : str or None
        The encoder this one was fine-tuned from, when known.
    trained : bool
        False for the control with random weights.
    note : str
        One line about it.
    commit : str or None
        The commit of the hub repository that it was loaded from, when it was.
    """

    name: str
    pooling: str
    tokenizer: Any = field(repr=False)
    model: Any = field(repr=False)
    base: str | None = None
    trained: bool = True
    note: str = ""
    commit: str | None = None

    def __post_init__(self) -> None:
        check_pooling(self.pooling, self.name)
        if self.pooling == "pooler":
            _check_pooler(self.model, self.name)
        _check_tokenizer(self.tokenizer, self.model, self.name)
        _check_finite(self.model, self.name)
        self.model.eval()
        self.model.requires_grad_(False)

    @property
    def hidden_size(self) -> int:
        """Width d of the word embeddings, in the known families that of the sentence vector too."""
        return int(self.embedding_matrix.shape[1])

    @property
    def embedding_matrix(self) -> Tensor:
        """Word embeddings, shape (vocabulary, d)."""
        return self.model.get_input_embeddings().weight

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding_matrix.device

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the weights."""
        return self.embedding_matrix.dtype

    @property
    def max_tokens(self) -> int:
        """Longest sentence it can read, in wordpieces with the special tokens."""
        config = self.model.config
        positions = int(config.max_position_embeddings)
        if config.model_type in ("roberta", "mpnet", "xlm-roberta", "camembert"):
            # these families number positions from padding_idx + 1
            positions -= int(config.pad_token_id) + 1
        return min(positions, int(self.tokenizer.model_max_length))

    @property
    def digest(self) -> str:
        """SHA-256 over configuration and weights: what makes two encoders compute the same."""
        import torch

        # not remembered: the weights of a model can be changed in place, and its type too
        config = {
            name: value
            for name, value in self.model.config.to_dict().items()
            if name not in _IDLE_SETTINGS and not name.startswith("_")
        }
        sha = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            sha.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
        return sha.hexdigest()

    def activation_bytes(self, tokens: int) -> int:
        """Estimate the memory that one sentence takes between its forward and backward passes.

        Parameters
        ----------
        tokens : int
            Length of the sentence in wordpieces.

        Returns
        -------
        int
            Bytes: about 14 vectors of the hidden and 3 of the inner width for each token and
            layer, and the attention weights before and after the softmax and its mask.
        """
        config = self.model.config
        layers = int(config.num_hidden_layers)
        inner = int(getattr(config, "intermediate_size", 4 * self.hidden_size))
        numbers = 14 * self.hidden_size + 3 * inner + 3 * tokens * int(config.num_attention_heads)
        return layers * tokens * numbers * self.dtype.itemsize

    def embed(self, ids: Tensor) -> Tensor:
        """Look up the word embeddings of wordpiece ids: (..., tokens) to (..., tokens, d)."""
        return self.embedding_matrix[ids]

    def vectors(self, embeddings: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute M: from word embeddings to sentence vectors.

        Parameters
        ----------
        embeddings : Tensor
            Shape (batch, tokens, d).
        mask : Tensor | None
            Shape (batch, tokens), 1 for real tokens; None when nothing is padded.

        Returns
        -------
        Tensor
            Shape (batch, d).
        """
        import torch

        if mask is None:
            mask = torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device)
        hidden = self.model(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
        return self._pool(hidden, mask)

    def __call__(self, embeddings: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute :meth:`vectors`: an encoder is a model from embeddings to vectors."""
        return self.vectors(embeddings, mask)

    def as_stack(self) -> Stack | None:
        """Read the model as a stack of layers that brings its own derivatives.

        Returns
        -------
        Stack | None
            Of the weights as they are now; None for a family whose layers are not known here, and
            for a model that computes something else than such layers would.
        """
        import torch

        from wordweights.encoders import post_norm, pre_norm

        about = self.model, self.pooling
        stack = post_norm.stack_of(*about) or pre_norm.stack_of(*about)
        if stack is None:
            return None
        # tokens from all over the vocabulary, for not every tokenizer has special ones; more than
        # see each other in a window
        tokens = 8 + (getattr(self.model.config, "sliding_window", None) or 0)
        ids = torch.linspace(0, len(self.embedding_matrix) - 1, min(tokens, self.max_tokens))
        x = self.embed(ids.long()[None].to(self.device))
        expected = self.vectors(x)
        # what is near zero in one encoder is large in another
        size = expected.abs() + expected.abs().mean()
        close = (stack(x) - expected).abs() <= 1e-3 * size
        return stack if close.all() else None

    def _pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Read the sentence vectors, (batch, d), from the last hidden states."""
        if self.pooling == "mean":
            weights = mask.to(hidden.dtype).unsqueeze(-1)  # (batch, tokens, 1)
            return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
        first = hidden[:, 0]
        return first if self.pooling == "cls" else self.model.pooler.dense(first).tanh()

    def encode(self, sentences: Sequence[str], *, cut: bool = False) -> Tensor:
        """Sentence vectors of texts.

        Parameters
        ----------
        sentences : Sequence[str]
            At least one.
        cut : bool
            Whether a sentence that is too long is read as far as :attr:`max_tokens` goes.

        Returns
        -------
        Tensor
            Shape (sentences, d).
        """
        import torch

        limit: dict[str, Any] = {"truncation": True, "max_length": self.max_tokens} if cut else {}
        batch = self.tokenizer(list(sentences), padding=True, return_tensors="pt", **limit)
        ids, mask = (batch[name].to(self.device) for name in ("input_ids", "attention_mask"))
        with torch.no_grad():
            # from ids, not embeddings: some families number positions by the ids of padding
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            return self._pool(hidden, mask)


def check_pooling(pooling: str, label: str) -> None:
    """Refuse a pooling that is not known, by a WordweightsError that names the encoder."""
    if pooling not in POOLINGS:
        raise WordweightsError(
            f"Encoder {label!r}: pooling {pooling!r} is not known; use one of "
            f"{', '.join(map(repr, POOLINGS))}."
        )


def _check_tokenizer(tokenizer: Any, model: Any, label: str) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise WordweightsError(
            f"Encoder {label!r}: its tokenizer is not a fast one, so words cannot be aligned with "
            f"wordpieces by character offsets; use a checkpoint with tokenizer.json or vocab.txt."
        )
    roles = {"[PAD]": "pad_token_id", "[CLS]": "cls_token_id", "[SEP]": "sep_token_id"}
    absent = [role for role, name in roles.items() if getattr(tokenizer, name, None) is None]
    if absent:
        raise WordweightsError(
            f"Encoder {label!r}: its tokenizer defines no {', '.join(absent)} token. The baseline "
            f"is made of [PAD] embeddings between [CLS] and [SEP], so all three are needed; add "
            f"them to tokenizer_config.json."
        )
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise WordweightsError(
            f"Encoder {label!r}: the tokenizer has {len(tokenizer)} entries but the model embeds "
            f"only {rows}; they belong to different checkpoints."
        )


def _check_pooler(model: Any, label: str) -> None:
    # ALBERT's, for one, is no such layer and is not read here
    if not hasattr(getattr(model, "pooler", None), "dense"):
        raise WordweightsError(
            f"Encoder {label!r}: pooling 'pooler' needs a pooler in the model, a dense layer on "
            f"the first token (weights pooler.dense.weight and pooler.dense.bias), and this model "
            f"of the family {model.config.model_type!r} has none; use 'cls' or 'mean'."
        )


def _check_finite(model: Any, label: str) -> None:
    import torch

    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise WordweightsError(
                f"Encoder {label!r}: weight {name!r} holds {bad} NaN or infinite values of "
                f"{tensor.numel()}; the checkpoint is broken. Fetch it again, or convert it from a "
                f"type with a wider range."
            )
