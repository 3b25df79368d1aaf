"""Encoders for the workers of a cluster: by name, or as tensors and text in the shared folder.

Nothing of an encoder is pickled. A worker reads a checkpoint of its own machine by the name that
the encoder was loaded by, or a copy of the weights that the sender has put into the results folder,
and takes it only if configuration and weights have the digest of the sender's. So it never computes
with another encoder, and never runs code that came with one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wordweights.encoders.encoder import Encoder
from wordweights.encoders.loading import (
    _UNREADABLE,
    _load_tokenizer,
    _without_pooler,
    load_encoder,
    quiet_transformers,
)
from wordweights.encoders.registry import registered, split_name
from wordweights.errors import WordweightsError, reason_of
from wordweights.places import Place

_ROLES = ("cls", "sep", "pad", "mask")
_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class EncoderAddress:
    """Where a worker finds an encoder, and how it knows that it is the one.

    Attributes
    ----------
    name : str
        The encoder's name.
    label : str or None
        What to load on the worker: a registered name, a folder or a hub id. None for an encoder
        that was not loaded by its name.
    pooling : str
        How the sentence vector is read.
    trained : bool
        False for the control with random weights.
    digest : str
        Of configuration and weights.
    dtype : str
        Floating-point type of the weights, as torch calls it.
    tokens : tuple[int or None, ...]
        Ids of [CLS], [SEP], [PAD] and [MASK].
    """

    name: str
    label: str | None
    pooling: str
    trained: bool
    digest: str
    dtype: str
    tokens: tuple[int | None, ...]

    @property
    def copy_name(self) -> str:
        """Name of the folder of its copy."""
        ids = "-".join(str(token) for token in self.tokens)
        return f"{self.digest[:24]}-{self.dtype}-{ids}"


def address_of(encoder: Encoder) -> EncoderAddress:
    """Say where others find an encoder.

    Parameters
    ----------
    encoder : Encoder
        Any.

    Returns
    -------
    EncoderAddress
        With a label where the name is registered, is a folder here, or is one of the hub that this
        encoder was loaded from.
    """
    label: str | None = split_name(encoder.name)[0]
    if label and Path(label).is_dir():
        label = str(Path(label).absolute())
    elif label not in registered() and encoder.commit is None:
        label = None  # it would be asked for at the hub, and means something else there
    return EncoderAddress(
        name=encoder.name,
        label=label,
        pooling=encoder.pooling,
        trained=encoder.trained,
        digest=encoder.digest,
        dtype=str(encoder.dtype).removeprefix("torch."),
        tokens=_tokens(encoder),
    )


def find_encoder(address: EncoderAddress, copies: Place, device: str) -> Encoder:
    """Load an encoder on a worker, if it is there.

    Parameters
    ----------
    address : EncoderAddress
        Made by :func:`address_of` on another machine.
    copies : Place
        Folder of copies, shared with the sender.
    device : str
        Where to put it.

    Returns
    -------
    Encoder
        The one that the sender has.

    Raises
    ------
    WordweightsError
        Where neither the checkpoint of that name nor a copy has the digest: with a reason for each.
    """
    reasons = []
    for load in (_load_named, _load_copy):
        try:
            encoder = load(address, copies)
        except WordweightsError as error:
            reasons.append(str(error))
        else:
            encoder.model.to(device)
            return encoder
    raise WordweightsError(" ".join(reasons))


def keep_copy(encoder: Encoder, address: EncoderAddress, copies: Place) -> None:
    """Write an encoder's tensors, configuration and tokenizer for workers to read.

    Parameters
    ----------
    encoder : Encoder
        Whose weights.
    address : EncoderAddress
        Its own.
    copies : Place
        Folder of copies, shared with the workers.

    Raises
    ------
    WordweightsError
        For a folder that cannot be written, and a model of a class that is not transformers' own:
        then only its own code could load it, and that is not sent.
    """
    from safetensors.torch import save_file

    folder = copies / address.copy_name
    if folder.exists(_WEIGHTS):
        return
    try:
        with copies.filling(address.copy_name, last=_WEIGHTS) as part, quiet_transformers():
            # each of its own memory: tied weights would be refused
            state = encoder.model.state_dict()
            tensors = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
            save_file(tensors, part / _WEIGHTS)
            encoder.model.config.save_pretrained(part)
            encoder.tokenizer.save_pretrained(part)
    except OSError as error:
        if not folder.exists(_WEIGHTS):  # or another process has just written the same
            raise WordweightsError(
                f"A copy of encoder {encoder.name!r} for the workers cannot be written to {copies} "
                f"({error.strerror or error}). Make room or make the folder writable."
            ) from None
    try:
        _load_copy(address, copies)
    except WordweightsError:
        with suppress(OSError):
            folder.remove_all()
        raise WordweightsError(
            f"Encoder {encoder.name!r} cannot be sent to workers: transformers makes another model "
            f"of its configuration. Save it as a checkpoint in a folder that every worker sees, "
            f"and load it from there."
        ) from None


def _load_named(address: EncoderAddress, copies: Place) -> Encoder:
    import torch

    if address.label is None:
        raise WordweightsError(f"Encoder {address.name!r} was not loaded by a name.")
    dtype = getattr(torch, address.dtype)
    encoder = load_encoder(address.label, address.pooling, trained=address.trained, dtype=dtype)
    return _checked(encoder, address, f"The checkpoint {address.label!r}")


def _load_copy(address: EncoderAddress, copies: Place) -> Encoder:
    place = copies / address.copy_name
    try:
        with copies.fetched(address.copy_name) as folder:
            if folder is None:
                raise WordweightsError(f"There is no copy in {place}.")
            encoder = _load_folder(address, folder)
    except OSError as error:  # removed meanwhile, or not to be had
        raise WordweightsError(
            f"The copy in {place} cannot be read ({reason_of(error)})."
        ) from None
    return _checked(encoder, address, f"The copy in {place}")


def _load_folder(address: EncoderAddress, folder: Path) -> Encoder:
    import torch
    import transformers
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModel

    try:
        tensors = load_file(folder / _WEIGHTS)
        with quiet_transformers():
            config = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            pooler = any(name.startswith("pooler.") for name in tensors)
            model = AutoModel.from_config(
                config,
                attn_implementation="eager",
                dtype=getattr(torch, address.dtype),
                trust_remote_code=False,
                **({} if pooler else _without_pooler(config)),
            )
            model.load_state_dict(tensors)
    except (*_UNREADABLE, SafetensorError) as error:
        raise WordweightsError(
            f"transformers {transformers.__version__} makes no model of the sender's copy "
            f"({reason_of(error)})."
        ) from None
    tokenizer: Any = _load_tokenizer(folder, address.name)
    return Encoder(address.name, address.pooling, tokenizer, model, trained=address.trained)


def _checked(encoder: Encoder, address: EncoderAddress, where: str) -> Encoder:
    """Refuse an encoder that is not the sender's."""
    import transformers

    if encoder.digest != address.digest or _tokens(encoder) != address.tokens:
        raise WordweightsError(
            f"{where} is not the sender's encoder: configuration, weights or special tokens "
            f"differ, as transformers {transformers.__version__} reads them."
        )
    return encoder


def _tokens(encoder: Encoder) -> tuple[int | None, ...]:
    return tuple(getattr(encoder.tokenizer, f"{role}_token_id") for role in _ROLES)
