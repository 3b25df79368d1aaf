"""What sentence-transformers does between a text and its vector, around the transformer.

A checkpoint says it in ``modules.json`` and the configurations that this names, a model in memory
by its modules. Both are brought into one form, and read by one function. What is not known here is
refused by its name. No torch here: stored results are found by a reading alone, without a model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wordweights.encoders.encoder import check_pooling
from wordweights.encoders.registry import SUFFIXES
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# The modules that may stand behind the pooling; Dropout does nothing in an encoder that is frozen.
_BEHIND = ("Dense", "LayerNorm", "Normalize", "Dropout")
# How configurations named the poolings before there was one entry, in the order of joined ones.
_OLD_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# Old checkpoints name the transformer's file by the family.
_FAMILIES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
# What may be said of the transformer, by the value that says nothing else than is done here.
_TEXT_ONLY = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
_USUAL = {
    "transformer_task": "feature-extraction",
    "modality_config": _TEXT_ONLY,
    "module_output_name": "token_embeddings",
}
_IDLE = ("max_seq_length", "do_lower_case", "unpad_inputs")  # read elsewhere, or changes nothing
_IDLE_ARGUMENTS = ("trust_remote_code", "torch_dtype", "dtype", "attn_implementation")


@dataclass(frozen=True)
class Part:
    """A module of sentence-transformers: its class, its configuration, its folder if any."""

    kind: str
    config: Mapping[str, Any]
    path: str = ""


@dataclass(frozen=True)
class Given:
    """All modules of a model, and what is set for all of them, such as its prompts."""

    parts: tuple[Part, ...] = ()
    settings: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Reading:
    """How an encoder reads a text, and goes on from the last hidden states to the vector."""

    pooling: str
    include_prompt: bool = True
    prompt: str = ""
    truncate_dim: int | None = None
    behind: tuple[int, ...] = ()  # positions of the modules that are run behind the pooling
    normalisation_left_out: bool = False
    max_seq_length: int | None = None
    lower_case: bool = False
    transformer: str = ""  # the transformer's folder inside the checkpoint's

    @property
    def settings(self) -> dict[str, Any]:
        """What of it is an attribute of an encoder."""
        return {
            "pooling": self.pooling,
            "prompt": self.prompt,
            "include_prompt": self.include_prompt,
            "truncate_dim": self.truncate_dim,
        }


def read_checkpoint(folder: Path, label: str) -> Given:
    """Read the modules of a checkpoint; there are none where it has no ``modules.json``."""
    if not (folder / "modules.json").is_file():
        return Given()
    listed = _read_json(folder / "modules.json", label, list)
    parts = []
    for entry in listed:
        about = entry if isinstance(entry, dict) else {}
        kind, path = str(about.get("type", "")), str(about.get("path", ""))
        if not kind or Path(path).is_absolute() or ".." in Path(path).parts:
            raise WordweightsError(
                f"Encoder {label!r}: {folder / 'modules.json'} has the entry {entry!r}; each must "
                f"name the type of a module, and its path inside the checkpoint."
            )
        names = [f"sentence_{family}_config.json" for family in _FAMILIES]
        if kind.rpartition(".")[2] != "Transformer":
            names = ["config.json"] if path else []  # of the root, it is the transformer's
        found = [folder / path / name for name in names if (folder / path / name).is_file()]
        parts.append(Part(kind, _read_json(found[0], label, dict) if found else {}, path))
    overall = folder / "config_sentence_transformers.json"
    return Given(tuple(parts), _read_json(overall, label, dict) if overall.is_file() else {})


def read_model(model: SentenceTransformer) -> Given:
    """Read the modules of a model that sentence-transformers has loaded."""
    parts = [
        Part(f"{type(module).__module__}.{type(module).__qualname__}", _config_of(module))
        for module in model
    ]
    names = ("prompts", "default_prompt_name", "truncate_dim", "model_type")
    return Given(tuple(parts), {name: getattr(model, name, None) for name in names})


def make_reading(
    given: Given,
    label: str,
    pooling: str | None = None,
    *,
    prompt_name: str | None = None,
    normalised: bool = False,
) -> Reading:
    """Read what is given; `pooling` takes the place of the one that is read."""
    if not given.parts:
        if pooling is None:
            raise WordweightsError(
                f"Encoder {label!r}: the checkpoint does not say how its sentence vector is pooled "
                f"(it has no modules.json); {_choices()}."
            )
        return Reading(pooling, prompt=_prompt({}, prompt_name, label))
    settings = given.settings or {}
    transformer, *others = (_class_of(part, label) for part in given.parts)
    if transformer != "Transformer" or others[:1] != ["Pooling"]:
        raise _unknown(label, f"begins with the modules {', '.join((transformer, *others[:1]))}")
    if (model_type := settings.get("model_type") or "SentenceTransformer") != "SentenceTransformer":
        raise _unknown(label, f"is a {model_type}")
    first, second = given.parts[:2]
    _check_transformer(first.config, label)
    known = {"pooling_mode", "include_prompt", "embedding_dimension", "word_embedding_dimension"}
    if unknown := set(second.config) - known - set(_OLD_MODES):
        raise _unknown(label, f"sets {', '.join(sorted(unknown))} of its Pooling")
    own = _pooling_of(second.config, label)
    behind = [i for i, kind in enumerate(others[1:], start=2) if kind != "Dropout"]
    for i in behind:
        _check_behind(given.parts[i], others[i - 1], label)
    trained_for_one = any(others[i - 1] != "Normalize" for i in behind)
    chosen = pooling or own
    if chosen is None or (own is None and trained_for_one):
        # behind modules a pooling that is passed would be a guess, too
        advice = (
            ", and the modules behind it were trained for one; write it there as pooling_mode"
            if trained_for_one
            else f"; {_choices()}"
        )
        raise WordweightsError(
            f"Encoder {label!r}: the configuration of its Pooling names no pooling{advice}."
        )
    if chosen != own and trained_for_one:
        raise WordweightsError(
            f"Encoder {label!r}: the pooling {pooling!r} was asked for, but the modules behind the "
            f"pooling of this checkpoint were trained for {own!r}, so the vector would be no "
            f"encoder's; leave the pooling out."
        )
    left_out = bool(behind) and others[behind[-1] - 1] == "Normalize" and not normalised
    prompt = _prompt(settings, prompt_name, label)
    return Reading(
        pooling=chosen,
        include_prompt=bool(second.config.get("include_prompt", True)) or not prompt,
        prompt=prompt,
        truncate_dim=_whole(settings.get("truncate_dim"), "truncate_dim", label),
        behind=tuple(behind[:-1] if left_out else behind),
        normalisation_left_out=left_out,
        max_seq_length=_whole(first.config.get("max_seq_length"), "max_seq_length", label),
        lower_case=bool(first.config.get("do_lower_case")),
        transformer=first.path,
    )


def set_up_tokenizer(tokenizer: Any, reading: Reading) -> None:
    """Cut and lower-case as sentence-transformers does, which sets both in the tokenizer itself."""
    if reading.max_seq_length is not None:
        tokenizer.model_max_length = reading.max_seq_length
    if reading.lower_case and getattr(tokenizer, "is_fast", False):
        from tokenizers import normalizers

        normalizer = tokenizer.backend_tokenizer.normalizer
        joined = isinstance(normalizer, normalizers.Sequence)
        steps: list[Any] = list(normalizer) if joined else [normalizer] if normalizer else []
        if not any(isinstance(step, normalizers.Lowercase) for step in steps):
            steps = [normalizers.Lowercase(), *steps]
            tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(steps)


def load_behind(given: Given, reading: Reading, folder: Path, label: str) -> tuple[Any, ...]:
    """Load the modules behind the pooling from a checkpoint, by their own classes."""
    if not reading.behind:
        return ()
    from sentence_transformers.sentence_transformer import modules

    loaded = []
    for part in (given.parts[i] for i in reading.behind):
        module_class = getattr(modules, part.kind.rpartition(".")[2])
        try:
            module = module_class.load(str(folder), subfolder=part.path, local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, AttributeError) as error:
            raise WordweightsError(
                f"Encoder {label!r}: the module {module_class.__name__} in {folder / part.path} "
                f"cannot be loaded ({' '.join(str(error).split())[:300]}). It must hold a "
                f"config.json that sentence-transformers wrote, and its weights."
            ) from None
        loaded.append(module)
    return tuple(loaded)


def _read_json(path: Path, label: str, kind: type) -> Any:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, kind):
        form = "list" if kind is list else "object"
        raise WordweightsError(
            f"Encoder {label!r}: {path} is no JSON {form}, so how its sentence vector is made is "
            f"unknown; fetch it again, or write it anew with sentence-transformers."
        )
    return content


def _config_of(module: Any) -> dict[str, Any]:
    return dict(module.get_config_dict()) if hasattr(module, "get_config_dict") else {}


def _class_of(part: Part, label: str) -> str:
    """Name the class of a module of sentence-transformers; the code of others is never run."""
    package, _, name = part.kind.rpartition(".")
    if package.partition(".")[0] != "sentence_transformers":
        raise _unknown(label, f"has a module of the class {part.kind}, which is code of its own")
    return name


def _check_transformer(config: Mapping[str, Any], label: str) -> None:
    """Refuse what would make the transformer read something else than a plain text."""
    for name, value in config.items():
        if name in _IDLE or value in (None, {}) or value == _USUAL.get(name):
            continue
        if name.endswith(("_args", "_kwargs")) and set(value) <= set(_IDLE_ARGUMENTS):
            continue
        if name == "modality_config" and "message" in value:
            raise _unknown(label, "puts texts into a chat template (modality_config, message)")
        raise _unknown(label, f"sets {name} of its Transformer to {value!r}")


def _check_behind(part: Part, name: str, label: str) -> None:
    if name not in _BEHIND:
        raise _unknown(label, f"has the module {name} behind its pooling")
    config = part.config
    for key in ("module_input_name", "module_output_name"):
        if config.get(key) not in (None, "sentence_embedding"):
            raise _unknown(label, f"has a module {name} with {key} {config[key]!r}")
    # sentence-transformers would take Tanh for it, and go on
    activation = str(config.get("activation_function") or "torch.nn.Identity")
    if not activation.startswith("torch."):
        raise _unknown(label, f"has a module {name} with the activation_function {activation}")


def _pooling_of(config: Mapping[str, Any], label: str) -> str | None:
    """Name the pooling of a configuration, with a plus where it joins several; None for none."""
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in _OLD_MODES.items() if config.get(key)]
    modes = [modes] if isinstance(modes, str) else list(modes)
    if not modes:
        return None
    pooling = "+".join(map(str, modes))
    check_pooling(pooling, label)
    return pooling


def _prompt(settings: Mapping[str, Any], name: str | None, label: str) -> str:
    """Give the text of a prompt; without a name that of the default one, if any."""
    prompts: Mapping[str, str | None] = settings.get("prompts") or {}
    if name is None:
        name = settings.get("default_prompt_name")
    if name is None:
        return ""
    if name not in prompts:
        raise WordweightsError(
            f"Encoder {label!r} has no prompt {name!r}; it has "
            f"{', '.join(map(repr, prompts)) or 'none'}."
        )
    return prompts[name] or ""


def _whole(value: Any, name: str, label: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise WordweightsError(
        f"Encoder {label!r}: {name} is {value!r} in its configuration; it must be a whole number "
        f"from 1 on."
    )


def _choices() -> str:
    suffixes = ", ".join(map(repr, SUFFIXES.values()))
    return (
        f"write behind its name one of {suffixes}, or pass pooling=: the one that the model was "
        f"trained with, for any other makes it another encoder"
    )


def _unknown(label: str, what: str) -> WordweightsError:
    return WordweightsError(
        f"Encoder {label!r} {what}, which is not read here, and to leave it out would make it "
        f"another encoder. An encoder is a Transformer and a Pooling of sentence-transformers, and "
        f"behind them any of {', '.join(_BEHIND)}."
    )
