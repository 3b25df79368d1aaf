"""The head that guesses words, where the checkpoint of an encoder has kept it; and cut encoders."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

from wordweights.encoders.encoder import Encoder
from wordweights.encoders.pretrained import quiet_transformers
from wordweights.encoders.registry import check_name, locate, split_name
from wordweights.errors import WordweightsError

_STACKS = ("encoder.layer", "transformer.layer", "layers", "encoder.layers")


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


def cut_after(encoder: Encoder, layer: int) -> Encoder:
    """Cut an encoder after some of its layers, and pool the hidden states there as it does.

    Parameters
    ----------
    encoder : Encoder
        Whose layers stand in one list, as those of BERT and its kin; nothing stands behind its
        pooling.
    layer : int
        How many layers are kept: 0 leaves the embeddings, with positions and LayerNorm.

    Returns
    -------
    Encoder
        A new one.

    Raises
    ------
    WordweightsError
        For an encoder without such layers, with modules behind the pooling or a pooler, or a number
        of layers that it has not.
    """
    model = copy.deepcopy(encoder.model)
    for path in _STACKS:
        parent, _, last = path.rpartition(".")
        try:
            owner = model.get_submodule(parent)
            layers = getattr(owner, last)
        except AttributeError:
            continue
        if not 0 <= layer <= len(layers):
            break
        if encoder.behind or encoder.pooling == "pooler":
            raise WordweightsError(
                f"Encoder {encoder.name!r} has more behind its layers than a pooling, which was "
                f"made for the last layer alone: it cannot be cut."
            )
        setattr(owner, last, layers[:layer])
        model.config.num_hidden_layers = layer
        return replace(encoder, name=f"{encoder.name}, layer {layer}", model=model, base=None)
    raise WordweightsError(
        f"Encoder {encoder.name!r} cannot be cut after layer {layer}: it has "
        f"{getattr(model.config, 'num_hidden_layers', 'unknown')} layers, and they must stand in "
        f"one list, as in BERT and its kin."
    )
