"""A frozen sentence encoder, split where attribution needs it.

An encoder maps the word embeddings W of a sentence (before positions, token types and LayerNorm are
added) to its sentence vector s = M(W).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from wordweights.encoders.stack import Stack

POOLINGS = ("cls", "mean", "pooler", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")

# Entries of a configuration that say where a checkpoint came from, not what it computes.
_IDLE_SETTINGS = (
    "architectures",
    "dtype",
    "torch_dtype",
    "transformers_version",
    "name_or_path",
    "use_cache",
)
_UNBOUNDED = 2**31  # tokens that a model without a limit can take


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
        the checkpoint's own dense layer on the last hidden state of the first token; ``"max"``,
        ``"mean_sqrt_len_tokens"``, ``"weightedmean"`` and ``"lasttoken"`` as sentence-transformers
        defines them. Several are joined by ``+``, such as ``"cls+mean"``.
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
    prompt : str
        Text that is put before every sentence. Its tokens are no words: like special tokens they
        keep their embeddings in the baseline.
    include_prompt : bool
        Whether the tokens of the prompt are pooled with the others.
    truncate_dim : int or None
        How many of the numbers of the sentence vector are kept, from the first; None keeps all.
    behind : tuple
        Modules of sentence-transformers that are run behind the pooling, such as a ``Dense``.

    Examples
    --------
    >>> from wordweights import load_encoder
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> encoder.pooling, encoder.trained
    ('mean', True)
    >>> encoder.embedding_matrix.shape == (len(encoder.tokenizer), encoder.hidden_size)
    True
    """

    name: str
    pooling: str
    tokenizer: Any = field(repr=False)
    model: Any = field(repr=False)
    base: str | None = None
    trained: bool = True
    note: str = ""
    commit: str | None = None
    prompt: str = ""
    include_prompt: bool = True
    truncate_dim: int | None = None
    behind: tuple[Any, ...] = field(default_factory=tuple, repr=False)

    def __post_init__(self) -> None:
        check_pooling(self.pooling, self.name)
        if self.pooling == "pooler":
            _check_pooler(self.model, self.name)
        _check_tokenizer(self.tokenizer, self.model, self.name)
        for part in (self.model, *self.behind):
            _check_finite(part, self.name)
            part.eval()
            part.requires_grad_(False)

    @property
    def hidden_size(self) -> int:
        """Width d of the word embeddings; some families go on with another width."""
        return int(self.model.get_input_embeddings().weight.shape[1])

    @cached_property
    def vector_size(self) -> int:
        """Numbers in a sentence vector."""
        import torch

        token = torch.zeros((1, 1), dtype=torch.long, device=self.device)
        with torch.no_grad():
            return int(self.vectors(self.embed(token)).shape[1])

    @property
    def embedding_matrix(self) -> Tensor:
        """Word embeddings as the model takes them in, shape (vocabulary, d)."""
        import torch

        layer = self.model.get_input_embeddings()
        if type(layer) is torch.nn.Embedding:
            return layer.weight
        # Gemma's, for one, scales its rows
        return self.embed(torch.arange(len(layer.weight), device=self.device))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.get_input_embeddings().weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the weights."""
        return self.model.get_input_embeddings().weight.dtype

    @property
    def max_tokens(self) -> int:
        """Longest sentence it can read, in wordpieces with the special tokens and the prompt."""
        limits = [_UNBOUNDED, int(self.tokenizer.model_max_length or _UNBOUNDED)]
        positions = getattr(self.model.config, "max_position_embeddings", None)
        if positions is not None and positions > 0:  # it is -1 where positions have no end
            embeddings = getattr(self.model, "embeddings", None)
            table = getattr(embeddings, "position_embeddings", None)
            # RoBERTa and its kin number positions from that of padding + 1
            first = getattr(table, "padding_idx", None)
            limits.append(positions if first is None else positions - first - 1)
        return min(limits)

    @property
    def digest(self) -> str:
        """SHA-256 over all between a text and its vector: two encoders that share it are one."""
        import torch

        # not remembered: the weights of a model can be changed in place, and its type too
        config = {
            name: value
            for name, value in self.model.config.to_dict().items()
            if name not in _IDLE_SETTINGS and not name.startswith("_")
        }
        around = [
            *(self.pooling, self.prompt, self.include_prompt, self.truncate_dim, self.max_tokens),
            *((type(module).__name__, module.get_config_dict()) for module in self.behind),
        ]
        sha = hashlib.sha256(json.dumps([config, around], sort_keys=True, default=str).encode())
        sha.update(_reading_of(self.tokenizer).encode())
        for part in (self.model, *self.behind):
            for name, tensor in sorted(part.state_dict().items()):
                sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                sha.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
        return sha.hexdigest()

    def to(self, device: torch.device | str) -> None:
        """Move the weights to a device.

        Parameters
        ----------
        device : torch.device | str
            Such as ``"cuda"``.

        Examples
        --------
        >>> from wordweights import load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> encoder.to("cpu")
        >>> encoder.device
        device(type='cpu')
        """
        for part in (self.model, *self.behind):
            part.to(device)

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

        Examples
        --------
        >>> from wordweights import load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> encoder.activation_bytes(20) > 2 * encoder.activation_bytes(10)
        True
        """
        config = self.model.config
        layers, width = int(config.num_hidden_layers), int(config.hidden_size)
        inner = int(getattr(config, "intermediate_size", 4 * width))
        heads = int(getattr(config, "num_attention_heads", 0))
        numbers = 14 * width + 3 * inner + 3 * tokens * heads
        return layers * tokens * numbers * self.dtype.itemsize

    def embed(self, ids: Tensor) -> Tensor:
        """Look up the word embeddings of wordpiece ids.

        Parameters
        ----------
        ids : Tensor
            Shape (..., tokens).

        Returns
        -------
        Tensor
            Shape (..., tokens, d).

        Examples
        --------
        >>> from wordweights import load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> ids = encoder.tokenizer("a dog runs .", return_tensors="pt")["input_ids"]
        >>> encoder.embed(ids).shape == (*ids.shape, encoder.hidden_size)
        True
        """
        return self.model.get_input_embeddings()(ids)

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
            Shape (batch, vector size).

        Examples
        --------
        >>> from wordweights import load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> ids = encoder.tokenizer("a dog runs .", return_tensors="pt")["input_ids"]
        >>> vectors = encoder.vectors(encoder.embed(ids))
        >>> vectors.shape == (1, encoder.vector_size)
        True
        >>> vectors.allclose(encoder.encode(["a dog runs ."]), atol=1e-5)
        True
        """
        import torch

        if mask is None:
            mask = torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device)
        hidden = self.model(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
        return self.pool(hidden, mask)

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

        Examples
        --------
        >>> from wordweights import load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> stack = encoder.as_stack()
        >>> ids = encoder.tokenizer("a dog runs .", return_tensors="pt")["input_ids"]
        >>> x = encoder.embed(ids)
        >>> stack(x).allclose(encoder.vectors(x), atol=1e-4)
        True
        """
        import torch

        from wordweights.encoders import post_norm, pre_norm

        if self.behind or self.truncate_dim is not None or not self.include_prompt:
            return None
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

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Go on from last hidden states to sentence vectors.

        Parameters
        ----------
        hidden : Tensor
            Shape (batch, tokens, width).
        mask : Tensor
            Shape (batch, tokens), 1 for real tokens.

        Returns
        -------
        Tensor
            Shape (batch, vector size).

        Examples
        --------
        >>> import torch
        >>> from wordweights import load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> hidden = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [9.0, 9.0]]])
        >>> encoder.pool(hidden, mask=torch.tensor([[1, 1, 0]]))
        tensor([[2., 0.]])
        """
        first = hidden[:, 0]
        if self.pooling == "pooler":
            vectors = self.model.pooler.dense(first).tanh()
        elif self.pooling == "cls" and self.include_prompt:
            vectors = first
        elif self.pooling == "mean" and self.include_prompt:
            weights = mask.to(hidden.dtype).unsqueeze(-1)  # (batch, tokens, 1)
            vectors = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
        else:
            vectors = self._pool_otherwise(hidden, mask)
        features = {"sentence_embedding": vectors}
        for module in self.behind:
            features = module(features)
        return features["sentence_embedding"][:, : self.truncate_dim]

    def _pool_otherwise(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Pool by sentence-transformers, whose import takes longer than that of the model."""
        from sentence_transformers.sentence_transformer.modules import Pooling

        modes: Any = self.pooling.split("+")
        module = Pooling(hidden.shape[-1], modes, include_prompt=self.include_prompt)
        features: dict[str, Any] = {"token_embeddings": hidden, "attention_mask": mask}
        features |= {} if self.include_prompt else {"prompt_length": self._prompt_tokens}
        pooled: Tensor = module(features)["sentence_embedding"]
        return pooled

    @cached_property
    def _prompt_tokens(self) -> int:
        """Count the tokens up to the end of the prompt, as sentence-transformers does."""
        ids = self.tokenizer(self.prompt)["input_ids"]
        return len(ids) - (ids[-1] in self.tokenizer.all_special_ids)

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
            Shape (sentences, vector size).

        Examples
        --------
        >>> from wordweights import load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> vectors = encoder.encode(["a dog runs .", "a woman is cutting an onion ."])
        >>> vectors.shape == (2, encoder.vector_size)
        True
        """
        import torch

        limit: dict[str, Any] = {"truncation": True, "max_length": self.max_tokens} if cut else {}
        texts = [self.prompt + sentence for sentence in sentences]
        ids = self.tokenizer(texts, **limit)["input_ids"]
        vectors: dict[int, Tensor] = {}
        with torch.no_grad():
            for rows in rows_by_length(ids):
                some = torch.tensor([ids[row] for row in rows], device=self.device)
                vectors.update(zip(rows, self._vectors_of(some), strict=True))
        return torch.stack([vectors[row] for row in range(len(ids))])

    def _vectors_of(self, ids: Tensor) -> Tensor:
        """Compute sentence vectors of wordpiece ids, (batch, tokens), none of them padding."""
        import torch

        mask = torch.ones_like(ids)
        return self.pool(self.model(input_ids=ids, attention_mask=mask).last_hidden_state, mask)


def rows_by_length(ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """Put the rows of equal length together: some families see the padding of others."""
    by_length: dict[int, list[int]] = {}
    for row, tokens in enumerate(ids):
        by_length.setdefault(len(tokens), []).append(row)
    return list(by_length.values())


def check_pooling(pooling: str, label: str) -> None:
    """Refuse a pooling that is not known, by a WordweightsError that names the encoder."""
    modes = pooling.split("+")
    if not set(modes) <= set(POOLINGS) or ("pooler" in modes and len(modes) > 1):
        raise WordweightsError(
            f"Encoder {label!r}: pooling {pooling!r} is not known; use one of "
            f"{', '.join(map(repr, POOLINGS))}, or several but 'pooler' joined by '+'."
        )


def _reading_of(tokenizer: Any) -> str:
    """Write down how a tokenizer reads a text."""
    backend = tokenizer.backend_tokenizer
    # left by the last call, and set anew by the next one
    backend.no_truncation()
    backend.no_padding()
    return str(backend.to_str())


def _check_tokenizer(tokenizer: Any, model: Any, label: str) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise WordweightsError(
            f"Encoder {label!r}: its tokenizer is not a fast one, so words cannot be aligned with "
            f"wordpieces by character offsets; use a checkpoint with tokenizer.json or vocab.txt."
        )
    try:
        rows = model.get_input_embeddings().weight.shape[0]
    except (AttributeError, NotImplementedError):
        raise WordweightsError(
            f"Encoder {label!r}: models of the family {model.config.model_type!r} have no table "
            f"of word embeddings, which attribution begins with."
        ) from None
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
            f"of the family {model.config.model_type!r} has none."
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
