"""What else a model holds: the head that guesses words, and hidden states of every layer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from wordweights.encoders.encoder import Encoder
from wordweights.encoders.pretrained import quiet_transformers
from wordweights.encoders.registry import check_name, locate, split_name
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from torch import Tensor

    from wordweights.encoders.stack import Stack


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

    plain: Encoder = field(kw_only=True, repr=False)  # the encoder itself

    @property
    def digest(self) -> str:
        """SHA-256 over all between a text and its vector: another one than the encoder's own."""
        return hashlib.sha256(f"every layer of {super().digest}".encode()).hexdigest()

    def as_stack(self) -> Stack:
        """Read the model as a stack of layers that gives the vectors after each."""
        found = self.plain.as_stack()
        if found is None:
            raise WordweightsError(
                f"Encoder {self.name!r} is not measured layer by layer: its layers are not known "
                f"here, or more stands behind them than a pooling (see the table of families with "
                f"derivatives of their own)."
            )
        return replace(found, every_layer=True)

    def vectors(self, embeddings: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute them from word embeddings, (batch, tokens, d), none of them padding."""
        if mask is not None and not mask.all():
            raise WordweightsError(f"Encoder {self.name!r} takes no padding.")
        return self.as_stack()(embeddings)

    def _vectors_of(self, ids: Tensor) -> Tensor:
        return self.as_stack()(self.embed(ids))


def every_layer(encoder: Encoder) -> Encoder:
    """Pool the hidden states after every layer as the encoder does after its last one.

    Parameters
    ----------
    encoder : Encoder
        Of a family whose layers are known (:meth:`Encoder.as_stack`), without a pooler.

    Returns
    -------
    Encoder
        With the same weights; its sentence vectors hold one vector per layer, each as wide as that
        of the encoder: of the embeddings with positions and LayerNorm first, of the last layer,
        which is the encoder's own, last. Shape (batch, (layers + 1) * width). Methods that need
        derivatives do not take it.

    Raises
    ------
    WordweightsError
        For any other encoder.
    """
    if encoder.pooling == "pooler":
        raise WordweightsError(
            f"Encoder {encoder.name!r} has a pooler behind its layers, which was made for the last "
            f"layer alone: it is not measured layer by layer."
        )
    about = {part.name: getattr(encoder, part.name) for part in fields(encoder)}
    # neither its name nor a commit leads others to it
    about |= {"name": f"{encoder.name}, every layer", "base": None, "commit": None}
    found = _EveryLayer(**about, plain=encoder)
    found.as_stack()  # refuses what has none
    return found
