"""What else a model holds: the head that guesses words, and hidden states of every layer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from wordweights.encoders.encoder import Encoder
from wordweights.encoders.pretrained import quiet_transformers
from wordweights.encoders.registry import check_name, locate, split_name
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from torch import Tensor


def load_language_model(name: str) -> Any | None:
    """Load the masked language model of an encoder's checkpoint, with its head.

    Parameters
    ----------
    name : str
        A name, folder or hub id, as :func:`wordweights.load_encoder` takes it, of an encoder whose
        checkpoint lies at the top of its folder.

    Returns
    -------
    transformers.PreTrainedModel | None
        In evaluation mode and float32; None for a checkpoint that is no masked language model, such
        as that of most sentence encoders, and for a control with random weights.

    Raises
    ------
    WordweightsError
        For a name that is unknown.
    """
    check_name(name)
    named = split_name(name)
    path = locate(named.label) / "config.json"
    if not named.trained or not path.is_file():
        return None
    architectures = json.loads(path.read_text("utf-8")).get("architectures") or []
    if not any(str(kind).endswith("ForMaskedLM") for kind in architectures):
        return None
    import torch
    from transformers import AutoModelForMaskedLM

    with quiet_transformers():
        model, info = AutoModelForMaskedLM.from_pretrained(
            path.parent,
            local_files_only=True,
            trust_remote_code=False,
            weights_only=True,
            attn_implementation="eager",
            dtype=torch.float32,
            output_loading_info=True,
        )
    # a head that transformers has made up guesses nothing
    return None if info["missing_keys"] else model.eval().requires_grad_(False)


@dataclass(frozen=True)
class _EveryLayer(Encoder):
    """An encoder whose sentence vector is what it would pool after each layer, all joined."""

    @property
    def digest(self) -> str:
        """SHA-256 over all between a text and its vector: another one than the encoder's own."""
        return hashlib.sha256(f"every layer of {super().digest}".encode()).hexdigest()

    def as_stack(self) -> None:
        """Know no stack: one gives the last layer alone."""

    def _read(self, mask: Tensor, **inputs: Tensor) -> Tensor:
        import torch

        found = self.model(**inputs, attention_mask=mask, output_hidden_states=True)
        return torch.cat([self.pool(states, mask) for states in found.hidden_states], dim=1)


def every_layer(encoder: Encoder) -> Encoder:
    """Pool the hidden states after every layer as the encoder does after its last one.

    Parameters
    ----------
    encoder : Encoder
        Nothing stands behind its pooling.

    Returns
    -------
    Encoder
        With the same weights; its sentence vectors hold one vector per layer, each as wide as that
        of the encoder: of the embeddings with positions and LayerNorm first, of the last layer,
        which is the encoder's own, last. Shape (batch, (layers + 1) * width).

    Raises
    ------
    WordweightsError
        For an encoder with modules behind the pooling, a pooler or a vector that is cut, and one
        whose hidden states do not end with those that it pools.
    """
    if encoder.behind or encoder.pooling == "pooler" or encoder.truncate_dim is not None:
        raise WordweightsError(
            f"Encoder {encoder.name!r} has more behind its layers than a pooling, which was made "
            f"for the last layer alone: it is not measured layer by layer."
        )
    import torch

    about = {field.name: getattr(encoder, field.name) for field in fields(encoder)}
    # neither its name nor a commit leads others to it
    about |= {"name": f"{encoder.name}, every layer", "base": None, "commit": None}
    found = _EveryLayer(**about)
    x = encoder.embed(torch.arange(min(8, encoder.max_tokens), device=encoder.device)[None])
    with torch.no_grad():
        own, joined = encoder.vectors(x), found.vectors(x)
    layers, width = int(encoder.model.config.num_hidden_layers), own.shape[1]
    if joined.shape[1] != (layers + 1) * width or not joined[:, -width:].allclose(own, atol=1e-5):
        raise WordweightsError(
            f"Encoder {encoder.name!r} is not measured layer by layer: a model of the family "
            f"{encoder.model.config.model_type!r} does not give, after its embeddings, the hidden "
            f"states of {layers} layers of which it pools the last."
        )
    return found
