"""What transformers loads from a folder, a model or a tokenizer, and why it cannot."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wordweights.encoders.hub import WEIGHT_FILES
from wordweights.errors import WordweightsError

# Heads and buffers that a checkpoint may carry although the encoder does not use them, by their
# place at the top: a layer somewhere below that is called so is none of them.
_UNUSED_KEYS = re.compile(
    r"(pooler|cls|lm_head|vocab_transform|vocab_layer_norm|vocab_projector|classifier|mlp"
    r"|predictions|sop_classifier|generator_predictions|generator_lm_head"  # ALBERT, ELECTRA
    r"|discriminator_predictions|lm_predictions|mask_predictions"  # ELECTRA, DeBERTa
    r"|head|decoder|lm_loss)\."  # ModernBERT, T5, XLNet
    r"|embeddings\.position_ids$|final_logits_bias$"
)
# Of encoders with a decoder, those that sentence-transformers and we read without it.
ENCODER_CLASSES = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
# What transformers raises for files that it cannot read.
_UNREADABLE = (
    *(OSError, ValueError, KeyError, RuntimeError, EOFError),
    *(ImportError, TypeError, AttributeError),
)


def load_model(folder: Path, label: str, *, trained: bool, seed: int, pooler: bool) -> Any:
    """Load the model of a checkpoint, with its weights or with random ones.

    Parameters
    ----------
    folder : Path
        Of the checkpoint.
    label : str
        What messages call the encoder.
    trained : bool
        False gives the same architecture with random weights.
    seed : int
        Of these.
    pooler : bool
        Whether the model's own pooler is read.

    Returns
    -------
    Any
        A model of transformers, in float32 with eager attention.

    Raises
    ------
    WordweightsError
        If it cannot be loaded, or if weights are missing, left over or of another shape.
    """
    from pickle import UnpicklingError

    import torch
    import transformers
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel

    try:
        with quiet_transformers():
            # A folder, so transformers asks no service to convert a .bin; and code that comes
            # with a checkpoint is never run.
            config = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            encoder_class = ENCODER_CLASSES.get(config.model_type)
            options = {} if pooler else without_pooler(config)
            if not trained:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    if encoder_class is not None:
                        config._attn_implementation = "eager"
                        return getattr(transformers, encoder_class)(config)
                    return AutoModel.from_config(
                        config,
                        attn_implementation="eager",
                        dtype=torch.float32,
                        trust_remote_code=False,
                        **options,
                    )
            # eager attention: the others lack forward-mode or batched derivatives
            model, info = getattr(transformers, encoder_class or "AutoModel").from_pretrained(
                folder,
                local_files_only=True,
                **({} if encoder_class else {"trust_remote_code": False}),
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
        "weights that it lacks, which would be random": info["missing_keys"],
        "weights that have no place there": set(info["unexpected_keys"]).difference(unused),
        "weights of another shape": {key for key, *_ in info["mismatched_keys"]},
    }
    listed = "; ".join(f"{kind}: {_some(keys)}" for kind, keys in faults.items() if keys)
    if listed:
        raise WordweightsError(
            f"Encoder {label!r}: the checkpoint in {folder} does not fit the model that its "
            f"config.json describes, of the family {config.model_type!r}, so it is not used. There "
            f"are {listed}."
        )
    return model


def _some(keys: Iterable[str], most: int = 8) -> str:
    """List keys, but no more than a reader can take."""
    found = sorted(keys)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def without_pooler(config: Any) -> dict[str, bool]:
    """Leave out a pooler that is not read, where the family lets us say so."""
    from transformers import AutoModel

    model_class: Any = AutoModel._model_mapping.get(type(config), None)
    # of Funnel there are several, and of an encoder alone there is none
    known = inspect.signature(model_class).parameters if isinstance(model_class, type) else {}
    return {"add_pooling_layer": False} if "add_pooling_layer" in known else {}


def load_tokenizer(folder: Path, label: str) -> Any:
    """Load the tokenizer of a checkpoint.

    Parameters
    ----------
    folder : Path
        Of the checkpoint.
    label : str
        What messages call the encoder.

    Returns
    -------
    Any
        A tokenizer of transformers, a fast one where there is one.

    Raises
    ------
    WordweightsError
        If it cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            return AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_fast=True
            )
    except _UNREADABLE as error:
        pieces = [path.name for path in folder.glob("*.model")]
        has_json = (folder / "tokenizer.json").is_file()
        if pieces and not has_json and find_spec("sentencepiece") is None:
            # transformers would advise another package, which is no help
            raise WordweightsError(
                f"Encoder {label!r}: the tokenizer in {folder} is {pieces[0]} without a "
                f"tokenizer.json, and to convert it takes packages that are not installed here: "
                f"pip install sentencepiece protobuf, or use a checkpoint with tokenizer.json."
            ) from None
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
