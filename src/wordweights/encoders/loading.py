"""Checkpoints, checked and loaded as encoders."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wordweights.encoders.deferred import recall, remember
from wordweights.encoders.encoder import Encoder, check_pooling
from wordweights.encoders.hub import commit_of
from wordweights.encoders.modules import (
    Given,
    Reading,
    load_behind,
    make_reading,
    read_checkpoint,
    read_model,
    set_up_tokenizer,
)
from wordweights.encoders.parts import is_joined
from wordweights.encoders.pretrained import (
    ENCODER_CLASSES,
    load_model,
    load_tokenizer,
    without_pooler,
)
from wordweights.encoders.registry import (
    UNTRAINED,
    check_name,
    locate,
    registered,
    split_name,
)
from wordweights.errors import WordweightsError
from wordweights.files import sha256

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

LEFT_OUT = "its normalisation to length 1 is left out"
"""What the note of an encoder says where that is so."""

_PROBE = "A woman is cutting an onion."
# What models raise for what they cannot do.
_FAILURES = (RuntimeError, TypeError, AttributeError, ValueError, LookupError, AssertionError)
_KNOWN_FAMILIES = (
    "Families known to work: BERT, RoBERTa, XLM-R, MPNet, DistilBERT, ALBERT, ELECTRA, ConvBERT, "
    "DeBERTa, ModernBERT, NomicBert, the encoder of T5; Qwen3, Llama and Gemma 3."
)
_READ = (".json", ".txt", ".model", ".safetensors", ".bin")  # endings of files of a checkpoint


def load_encoder(
    name_or_path: str | Path,
    pooling: str | None = None,
    *,
    trained: bool = True,
    seed: int = 0,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    prompt_name: str | None = None,
    normalised: bool = False,
) -> Encoder:
    """Load a sentence encoder by its registered name, from a folder, or from the model hub.

    It does what sentence-transformers would do between a text and its vector, as the checkpoint's
    ``modules.json`` says: prompt, lower-casing, limit of length, pooling, what stands behind it,
    and truncation. Only a normalisation to length 1 at the end is left out unless it is asked for,
    because it hides how long the sentence vector is.

    What has been loaded and checked once is remembered in the results folder by the digests of its
    files; the model itself is then loaded when it is first asked for.

    Parameters
    ----------
    name_or_path : str | Path
        A name of :func:`known_encoders`, a folder with a checkpoint, or ``owner/model`` on the
        hub. A folder or hub id may end in `` (CLS)``, `` (MEAN)``, `` (pooler)`` or
        `` (lasttoken)`` to say its pooling; any name in `` (untrained)`` for the control of that
        encoder, in `` (prompt: query)`` for one of its prompts, and in `` (normalised)``.
    pooling : str | None
        ``"cls"``, ``"mean"``, ``"pooler"`` or another that :class:`Encoder` lists; None takes what
        the registry or the checkpoint's ``modules.json`` says. There is no silent default: SimCSE
        has no such file, and reading it by its mean would be another encoder.
    trained : bool
        False: the same architecture and tokenizer with random weights, the control that must not
        show the effect.
    seed : int
        Of the random weights.
    device : str
        A torch device; ``"auto"`` takes a GPU where there is one.
    dtype : torch.dtype | None
        Floating-point type of the weights; None is float32, whatever the checkpoint holds.
    prompt_name : str | None
        One of the prompts that the checkpoint names, such as ``"query"``; None takes its default
        prompt, if it has one.
    normalised : bool
        Keep a normalisation that the checkpoint has at its end.

    Returns
    -------
    Encoder
        In evaluation mode, without gradients on its weights.

    Raises
    ------
    WordweightsError
        For an unknown name, a hub that cannot be reached, a checkpoint that is incomplete, altered
        or holds NaN, an unknown pooling, prompt or module, and a family whose sentence vector
        cannot be computed from word embeddings.

    Examples
    --------
    >>> from wordweights import load_encoder
    >>> load_encoder("mini SBERT (MEAN)").base
    'mini-BERT (MEAN)'
    >>> load_encoder("mini SBERT (MEAN) (untrained)").trained
    False
    """
    name = str(name_or_path).replace(UNTRAINED, "")
    if pooling is not None:
        check_pooling(pooling, name)
    check_name(str(name_or_path), pooling)
    label, pooling, named_trained, named_prompt, named_normalised = split_name(
        str(name_or_path), pooling
    )
    trained = trained and named_trained
    entry = registered().get(label, {})
    folder = locate(label)
    given = read_checkpoint(folder, label)
    files = _digests(folder, given)
    if "sha256" in entry:
        _check_digest(folder, files, entry["sha256"], label)
    reading = make_reading(
        given,
        label,
        pooling or entry.get("pooling"),
        prompt_name=prompt_name or named_prompt,
        normalised=normalised or named_normalised,
    )
    # only now: what is wrong so far is told in less time than these imports take
    import torch
    import transformers

    dtype = dtype or torch.float32
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = load_tokenizer(folder / reading.transformer, label)
    set_up_tokenizer(tokenizer, reading)
    about = {
        "name": name if trained else _name_control(name, seed),
        "tokenizer": tokenizer,
        "base": entry.get("base"),
        "trained": trained,
        "note": _note(entry.get("note", ""), reading, trained=trained),
        "commit": commit_of(folder),
        **reading.settings,
    }

    def load() -> Encoder:
        model = load_model(
            folder / reading.transformer,
            label,
            trained=trained,
            seed=seed,
            pooler=reading.pooling == "pooler",
        )
        with torch.random.fork_rng(devices=[]):  # a module draws numbers before it reads them
            behind = load_behind(given, reading, folder, label)
            if not trained:
                _make_random(behind, seed)
        encoder = Encoder(
            model=model.to(dtype),
            behind=tuple(module.to(dtype) for module in behind),
            **about,
        )
        encoder.to(device)
        return encoder

    read = [str(dtype), None if trained else seed, asdict(reading)]
    versions = [torch.__version__, transformers.__version__]
    made_of = [files, read, versions]
    deferred = recall(made_of, about, load, torch.device(device), dtype)
    if deferred is not None:
        return deferred
    encoder = load()
    _check_reading(encoder)
    remember(made_of, encoder)
    return encoder


def as_encoder(
    model: Encoder | SentenceTransformer,
    *,
    prompt_name: str | None = None,
    normalised: bool = False,
) -> Encoder:
    """Take an encoder as it is, or one that sentence-transformers has loaded.

    The latter is read as :func:`load_encoder` reads the checkpoint that it would be saved as. The
    weights are copied, so the given model keeps its modes and gradients, and its attention
    implementation, which may lack the derivatives needed.

    Parameters
    ----------
    model : Encoder | SentenceTransformer
        Either.
    prompt_name : str | None
        One of the model's prompts; None takes its default prompt, if it has one.
    normalised : bool
        Keep a normalisation that the model has at its end.

    Returns
    -------
    Encoder
        The same one, or a frozen copy.

    Raises
    ------
    WordweightsError
        For another kind of model, and what :func:`load_encoder` refuses in one of this kind.

    Examples
    --------
    An encoder is taken as it is, so that functions accept either:

    >>> from wordweights import load_encoder
    >>> from wordweights.encoders import as_encoder
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> as_encoder(encoder) is encoder
    True
    """
    if isinstance(model, Encoder):
        return model
    modules: list[Any] = (
        list(model) if hasattr(model, "encode") and hasattr(model, "named_children") else []
    )
    if not modules:
        raise WordweightsError(
            f"An encoder was expected, from load_encoder() or sentence-transformers, not "
            f"{type(model).__name__}."
        )
    transformer = modules[0]
    inner = getattr(transformer, "auto_model", transformer)
    config = getattr(inner, "config", None)
    name = str(getattr(config, "_name_or_path", "") or type(inner).__name__)
    reading = make_reading(read_model(model), name, prompt_name=prompt_name, normalised=normalised)
    copied = copy.deepcopy(transformer.auto_model)
    copied.set_attn_implementation("eager")
    if without_pooler(copied.config):
        copied.pooler = None  # sentence-transformers makes one, and reads the states before it
    encoder = Encoder(
        name,
        tokenizer=copy.deepcopy(transformer.tokenizer),
        model=copied,
        note=_note("", reading, trained=True),
        behind=tuple(copy.deepcopy(modules[i]) for i in reading.behind),
        **reading.settings,
    )
    _check_reading(encoder)
    return encoder


def _name_control(name: str, seed: int) -> str:
    """Name a control, by its seed where that is not the one that the bare name has."""
    return name + (UNTRAINED.replace(")", f", seed {seed})") if seed else UNTRAINED)


def _note(about: str, reading: Reading, *, trained: bool) -> str:
    """Say in a line what is not plain about an encoder."""
    notes = [about] if trained else ["the same architecture with random weights"]
    if reading.normalisation_left_out:
        notes.append(LEFT_OUT)
    return "; ".join(note for note in notes if note)


def _digests(folder: Path, given: Given) -> dict[str, str]:
    """Compute the SHA-256 of all that may be read of a checkpoint."""
    folders = {folder, *(folder / part.path for part in given.parts)}
    files = sorted(
        path
        for some in folders
        if some.is_dir()
        for path in some.iterdir()
        if path.suffix in _READ and path.is_file()
    )
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def _check_reading(encoder: Encoder) -> None:
    """Refuse a model whose sentence vector no word embeddings give, with derivatives."""
    import torch

    family = encoder.model.config.model_type
    cannot = f"Encoder {encoder.name!r}: models of the family {family!r} cannot be attributed, for"
    if encoder.model.config.is_encoder_decoder and hasattr(encoder.model, "decoder"):
        raise WordweightsError(
            f"{cannot} they are encoders with decoders, and only {', '.join(ENCODER_CLASSES)} are "
            f"read without theirs. {_KNOWN_FAMILIES}"
        )
    encoded = encoder.tokenizer(
        encoder.prompt + _PROBE, truncation=True, max_length=encoder.max_tokens
    )
    if any(encoded.get("token_type_ids", ())):
        raise WordweightsError(
            f"{cannot} the tokenizer marks tokens by types other than 0, and only the embeddings "
            f"of words are read. {_KNOWN_FAMILIES}"
        )
    ids = torch.tensor([encoded["input_ids"]], device=encoder.device)
    try:
        _ = encoder.vector_size
        expected = encoder.encode([_PROBE], cut=True)
        with torch.enable_grad():
            x = encoder.embed(ids)
            encoder.activation_bytes(ids.shape[1])
            vector = torch.func.jvp(encoder.vectors, (x,), (torch.ones_like(x),))[0]
            outputs = encoder.vectors(x.requires_grad_())[0]
            # unequal parts of the outputs: the sum of what was normalised is constant
            parts = torch.arange(1, len(outputs) + 1, device=x.device) * outputs
            (gradient,) = torch.autograd.grad(parts.sum(), x)
    except _FAILURES as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WordweightsError(
            f"{cannot} they give no sentence vector with derivatives by word embeddings "
            f"({reason}). {_KNOWN_FAMILIES}"
        ) from None
    gap = float((vector - expected).norm() / expected.norm())
    if not gap <= torch.finfo(encoder.dtype).eps ** 0.5:
        raise WordweightsError(
            f"{cannot} their sentence vector from word embeddings is not the one from the tokens "
            f"(it is off by {gap:.2g} of its length): they do more with a token than to look up "
            f"its embedding. {_KNOWN_FAMILIES}"
        )
    if ids.shape[1] > 1 and not gradient[:, 1:].any():
        raise WordweightsError(
            f"Encoder {encoder.name!r}: its sentence vector is the same whatever the words are: "
            f"with the pooling {encoder.pooling!r}, a model of the family {family!r} has seen no "
            f"more than the first token."
        )


def _check_digest(folder: Path, files: Mapping[str, str], expected: str, label: str) -> None:
    path = folder / "model.safetensors"
    found = files.get(path.name)
    if found == expected:
        return
    fault = (
        f"has SHA-256 {found}, but the official file has {expected}: it was altered or cut, and is "
        f"not used"
        if found
        else "is missing"
    )
    advice = (
        f"Remove {folder}, which is joined anew from its packages; reinstall these if that fails"
        if is_joined(folder)
        else "Reinstall what carries it"
    )
    raise WordweightsError(
        f"Encoder {label!r}: {path} {fault}. {advice}, or load it by its "
        f"path if you mean to use this one."
    )


def _make_random(modules: Iterable[Any], seed: int) -> None:
    """Give the layers of modules the weights that they are made with."""
    import torch

    torch.manual_seed(seed)
    for module in modules:
        for layer in module.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
