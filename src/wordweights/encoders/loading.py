"""Checkpoints, checked and loaded as encoders."""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wordweights.encoders.deferred import recall, remember
from wordweights.encoders.encoder import Encoder, check_pooling
from wordweights.encoders.hub import WEIGHT_FILES, commit_of, sha256
from wordweights.encoders.registry import (
    UNTRAINED,
    check_name,
    locate,
    registered,
    split_name,
)
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

# Heads and buffers that a checkpoint may carry although the encoder does not use them, by their
# place at the top: a layer somewhere below that is called so is none of them.
_UNUSED_KEYS = re.compile(
    r"(pooler|cls|lm_head|vocab_transform|vocab_layer_norm|vocab_projector|classifier|mlp)\."
    r"|embeddings\.position_ids$"
)
_UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, EOFError)
# how sentence-transformers, old and new, call the poolings known here
_POOLINGS = {"cls_token": "cls", "cls": "cls", "mean_tokens": "mean", "mean": "mean"}
_READ = (".json", ".txt", ".model", ".safetensors", ".bin")  # endings of files of a checkpoint


def load_encoder(
    name_or_path: str | Path,
    pooling: str | None = None,
    *,
    trained: bool = True,
    seed: int = 0,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
) -> Encoder:
    """Load a sentence encoder by its registered name, from a folder, or from the model hub.

    What has been loaded and checked once is remembered in the results folder by the digests of its
    files; the model itself is then loaded when it is first asked for.

    Parameters
    ----------
    name_or_path : str | Path
        A name of :func:`known_encoders`, a folder with a checkpoint, or ``owner/model`` on the
        hub. A folder or hub id may end in `` (CLS)``, `` (MEAN)`` or `` (pooler)`` to say its
        pooling, and any name in `` (untrained)`` for the control of that encoder.
    pooling : str | None
        ``"cls"``, ``"mean"`` or ``"pooler"``; None takes what the registry or the checkpoint's
        ``1_Pooling/config.json`` says. There is no silent default: SimCSE has no such file, and
        reading it by its mean would be another encoder.
    trained : bool
        False: the same architecture and tokenizer with random weights, the control that must not
        show the effect.
    seed : int
        Of the random weights.
    device : str
        A torch device; ``"auto"`` takes a GPU where there is one.
    dtype : torch.dtype | None
        Floating-point type of the weights; None is float32, whatever the checkpoint holds.

    Returns
    -------
    Encoder
        In evaluation mode, without gradients on its weights.

    Raises
    ------
    WordweightsError
        For an unknown name, a hub that cannot be reached, a checkpoint that is incomplete, altered
        or holds NaN, a tokenizer without special tokens, an unknown pooling.
    """
    name = str(name_or_path).removesuffix(UNTRAINED)
    if pooling is not None:
        check_pooling(pooling, name)
    check_name(str(name_or_path), pooling)
    label, pooling, named_trained = split_name(str(name_or_path), pooling)
    trained = trained and named_trained
    entry = registered().get(label, {})
    folder = locate(label)
    files = _digests(folder)
    if "sha256" in entry:
        _check_digest(folder, files, entry["sha256"], label)
    pooling = pooling or entry.get("pooling") or _pooling_of(folder, label)
    # only now: what is wrong so far is told in less time than these imports take
    import torch
    import transformers

    dtype = dtype or torch.float32
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    about = {
        "name": name if trained else name + UNTRAINED,
        "pooling": pooling,
        "tokenizer": _load_tokenizer(folder, label),
        "base": entry.get("base"),
        "trained": trained,
        "note": entry.get("note", "") if trained else "the same architecture with random weights",
        "commit": commit_of(folder),
    }

    def load() -> Encoder:
        model = _load_model(folder, label, trained=trained, seed=seed, pooler=pooling == "pooler")
        return Encoder(model=model.to(device=device, dtype=dtype), **about)

    read = [pooling, str(dtype), None if trained else seed]
    versions = [torch.__version__, transformers.__version__]
    made_of = [files, read, versions]
    deferred = recall(made_of, about, load, torch.device(device), dtype)
    if deferred is not None:
        return deferred
    encoder = load()
    _check_derivatives(encoder)
    remember(made_of, encoder)
    return encoder


def as_encoder(model: Encoder | SentenceTransformer) -> Encoder:
    """Take an encoder as it is, or one that sentence-transformers has loaded.

    Of the latter, the transformer and its pooling are read; a normalisation after them is not part
    of the sentence vector here. The weights are copied, so the given model keeps its modes and
    gradients, and its attention implementation, which may lack the derivatives needed.

    Parameters
    ----------
    model : Encoder | SentenceTransformer
        Either.

    Returns
    -------
    Encoder
        The same one, or a frozen copy.

    Raises
    ------
    WordweightsError
        For another kind of model, and a pooling that is not known here.
    """
    if isinstance(model, Encoder):
        return model
    modules: list[Any] = (
        list(model) if hasattr(model, "encode") and hasattr(model, "__iter__") else []
    )
    if len(modules) < 2 or not hasattr(modules[0], "auto_model"):
        raise WordweightsError(
            f"An encoder was expected, from load_encoder() or sentence-transformers with a "
            f"transformer and a pooling module, not {type(model).__name__}."
        )
    transformer, pooling = modules[:2]
    mode = getattr(pooling, "pooling_mode", None)
    copied = copy.deepcopy(transformer.auto_model)
    copied.set_attn_implementation("eager")
    name = str(getattr(copied.config, "_name_or_path", "") or type(copied).__name__)
    return Encoder(name, _POOLINGS.get(str(mode), str(mode)), transformer.tokenizer, copied)


def _digests(folder: Path) -> dict[str, str]:
    """Compute the SHA-256 of all that transformers may read of a checkpoint."""
    files = sorted(path for path in folder.iterdir() if path.suffix in _READ and path.is_file())
    return {path.name: sha256(path) for path in files}


def _check_derivatives(encoder: Encoder) -> None:
    """Refuse a family whose sentence vector cannot be computed, or derived, from embeddings."""
    import torch

    ids = torch.tensor([[encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id]])
    try:
        with torch.enable_grad():
            x = encoder.embed(ids.to(encoder.device))
            encoder.activation_bytes(2)
            torch.func.jvp(encoder.vectors, (x,), (torch.ones_like(x),))
            torch.autograd.grad(encoder.vectors(x.requires_grad_()).sum(), x)
    except (RuntimeError, TypeError, AttributeError, ValueError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WordweightsError(
            f"Encoder {encoder.name!r}: models of the family {encoder.model.config.model_type!r} "
            f"cannot be attributed, for they give no derivatives by word embeddings ({reason}). "
            f"Families known to work: BERT, RoBERTa, MPNet, DistilBERT."
        ) from None


def _check_digest(folder: Path, files: Mapping[str, str], expected: str, label: str) -> None:
    path = folder / "model.safetensors"
    found = files.get(path.name)
    if found is None:
        raise WordweightsError(f"Encoder {label!r}: {path} is missing; reinstall its package.")
    if found != expected:
        raise WordweightsError(
            f"Encoder {label!r}: {path} has SHA-256 {found}, but the official file has {expected}. "
            f"The file was altered or cut; it is not used. Reinstall what carries it, or load it "
            f"by its path if you mean to use this one."
        )


def _pooling_of(folder: Path, label: str) -> str:
    """Read the pooling that sentence-transformers recorded beside a checkpoint."""
    path = folder / "1_Pooling" / "config.json"
    choices = f"write {label + ' (CLS)'!r} or {label + ' (MEAN)'!r}, or pass pooling="
    if not path.is_file():
        raise WordweightsError(
            f"Encoder {label!r}: the checkpoint does not say how its sentence vector is pooled "
            f"({path.name} of 1_Pooling is missing), and guessing would make it another encoder; "
            f"{choices}."
        )
    try:
        config = dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise WordweightsError(
            f"Encoder {label!r}: {path} is no JSON object, so its pooling is unknown; {choices}."
        ) from None
    prefix = "pooling_mode_"
    modes = {key.removeprefix(prefix) for key in config if key.startswith(prefix) and config[key]}
    modes |= {str(config["pooling_mode"])} if "pooling_mode" in config else set()
    found = {_POOLINGS.get(mode) for mode in modes}
    if len(found) != 1 or None in found:
        raise WordweightsError(
            f"Encoder {label!r}: {path} names a pooling not known here; {choices}."
        )
    return str(found.pop())


def _load_model(folder: Path, label: str, *, trained: bool, seed: int, pooler: bool) -> Any:
    from pickle import UnpicklingError

    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel

    try:
        with quiet_transformers():
            # A folder, so transformers asks no service to convert a .bin; and code that comes
            # with a checkpoint is never run.
            config = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            options = {} if pooler else _without_pooler(config)
            if not trained:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    return AutoModel.from_config(
                        config,
                        attn_implementation="eager",
                        dtype=torch.float32,
                        trust_remote_code=False,
                        **options,
                    )
            # eager attention: the others lack forward-mode or batched derivatives
            model, info = AutoModel.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,  # of a .bin: tensors, whatever else is pickled in it
                attn_implementation="eager",
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # listed and refused below, with their names
                **options,
            )
    except (*_UNREADABLE, SafetensorError, UnpicklingError) as error:
        raise WordweightsError(
            f"Encoder {label!r}: the checkpoint in {folder} cannot be loaded ({_why(error)}). It "
            f"must hold config.json, the tokenizer's files and {' or '.join(WEIGHT_FILES)} of a "
            f"model family that transformers knows."
        ) from None
    prefix = f"{model.base_model_prefix}."
    unused = (
        key for key in info["unexpected_keys"] if _UNUSED_KEYS.match(key.removeprefix(prefix))
    )
    faults = {
        "missing weights": info["missing_keys"],
        "weights with no place": set(info["unexpected_keys"]).difference(unused),
        "weights of another shape": {key for key, *_ in info["mismatched_keys"]},
    }
    if any(faults.values()):
        listed = "; ".join(
            f"{kind}: {', '.join(sorted(keys)) or 'none'}" for kind, keys in faults.items()
        )
        raise WordweightsError(
            f"Encoder {label!r}: the checkpoint in {folder} does not fit its architecture; "
            f"{listed}. Missing weights would be random, so it is not used."
        )
    return model


def _without_pooler(config: Any) -> dict[str, bool]:
    """Leave out a pooler that is not read, where the family lets us say so."""
    from transformers import AutoModel

    model_class: Any = AutoModel._model_mapping[type(config)]
    known = inspect.signature(model_class).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in known else {}


def _load_tokenizer(folder: Path, label: str) -> Any:
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            return AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_fast=True
            )
    except _UNREADABLE as error:
        raise WordweightsError(
            f"Encoder {label!r}: the tokenizer in {folder} cannot be loaded ({_why(error)}). It "
            f"must hold tokenizer.json, or vocab.txt with tokenizer_config.json."
        ) from None


def _why(error: BaseException) -> str:
    """Say why a checkpoint cannot be loaded."""
    from pickle import UnpicklingError

    reason = " ".join(str(error).split())[:300]
    if isinstance(error, UnpicklingError):
        # torch's own words advise to read it all the same
        return "the pickle holds other things than tensors, and reading them could run code"
    if "trust_remote_code" in reason or "custom code" in reason:
        return "it needs code that comes with it, which is never run here"
    return reason


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep load reports and bars of transformers away: what matters in them is checked here."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
