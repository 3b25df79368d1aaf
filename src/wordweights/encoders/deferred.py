"""Encoders that were loaded and checked before, by the digests of their files.

To find stored results takes a tokenizer and three facts of an encoder, not its model, whose code
alone takes seconds to import. So the facts are kept in the results folder, and a model that was
loaded with the same files before is loaded when it is first used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wordweights.encoders.encoder import Encoder
from wordweights.errors import WordweightsError
from wordweights.files import digest, results_folder, write_atomically

if TYPE_CHECKING:
    import torch

_VERSION = 2  # raised by any change of what the facts mean
_FACTS = ("digest", "hidden_size", "vector_size", "max_tokens")


def recall(
    made_of: Any,
    about: Mapping[str, Any],
    load: Callable[[], Encoder],
    device: torch.device,
    dtype: torch.dtype,
) -> Encoder | None:
    """Make an encoder that was remembered, without its model; None for one that was not.

    `made_of` is all that it depends on, as JSON can hold it: files by their digests, how they are
    read, versions. `about` has its attributes but the model and the modules behind it, which `load`
    will load.
    """
    try:
        kept = json.loads(_record(made_of).read_bytes())
        facts = {name: kept[name] for name in _FACTS}
    except (OSError, ValueError, TypeError, KeyError):  # not there, or damaged
        return None
    encoder = object.__new__(_Deferred)
    facts |= {"device": device, "dtype": dtype}
    vars(encoder).update(about, _facts=facts, _load=load)
    return encoder


def remember(made_of: Any, encoder: Encoder) -> None:
    """Keep what :func:`recall` will need of an encoder that was loaded and checked."""
    record, facts = _record(made_of), {name: getattr(encoder, name) for name in _FACTS}
    with suppress(OSError):  # no room, or not ours to write
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(record, json.dumps(facts).encode())


def _record(made_of: Any) -> Path:
    return results_folder() / "encoders" / f"{digest([_VERSION, made_of])}.json"


class _Deferred(Encoder):
    """An encoder whose model is loaded when it is first used; until then facts stand for it."""

    _facts: Mapping[str, Any]
    _load: Callable[[], Encoder]

    def __getattr__(self, name: str) -> Any:
        if name not in ("model", "behind"):
            raise AttributeError(name)
        import torch

        with torch.inference_mode(False):  # whatever mode it is first used in
            loaded = self._load()
        if loaded.digest != self._facts["digest"]:
            raise WordweightsError(
                f"Encoder {self.name!r}: the files of its checkpoint have been changed since it "
                f"was asked for; load it again."
            )
        vars(self).update(model=loaded.model, behind=loaded.behind)
        return vars(self)[name]

    def __reduce__(self) -> tuple[Any, ...]:
        # to another process with its weights, not with a path of this machine
        return Encoder, tuple(getattr(self, field.name) for field in fields(self))

    @property
    def _waits(self) -> bool:
        return "model" not in vars(self)

    @property
    def digest(self) -> str:
        return self._facts["digest"] if self._waits else super().digest

    @property
    def hidden_size(self) -> int:
        return self._facts["hidden_size"] if self._waits else super().hidden_size

    @property
    def vector_size(self) -> int:
        return self._facts["vector_size"] if self._waits else super().vector_size

    @property
    def max_tokens(self) -> int:
        return self._facts["max_tokens"] if self._waits else super().max_tokens

    @property
    def device(self) -> torch.device:
        return self._facts["device"] if self._waits else super().device

    @property
    def dtype(self) -> torch.dtype:
        return self._facts["dtype"] if self._waits else super().dtype
