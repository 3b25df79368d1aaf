"""The encoders known by name, and what a name of an encoder says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from wordweights.encoders.hub import cached_commit, fetch
from wordweights.errors import WordweightsError
from wordweights.files import expand_home, package_folder

if TYPE_CHECKING:
    import pandas as pd

UNTRAINED = " (untrained)"

_SUFFIXES = {"cls": " (CLS)", "mean": " (MEAN)", "pooler": " (pooler)"}


def known_encoders() -> pd.DataFrame:
    """List the registered encoders.

    Returns
    -------
    pandas.DataFrame
        One row an encoder: name, pooling, hub_id and revision (missing where no hub has it), base,
        note.
    """
    import pandas as pd

    rows = [
        {
            "name": name,
            "pooling": entry["pooling"],
            "hub_id": entry.get("hub"),
            "revision": entry.get("revision"),
            "base": entry.get("base"),
            "note": entry["note"],
        }
        for name, entry in registered().items()
    ]
    return pd.DataFrame(rows, columns=["name", "pooling", "hub_id", "revision", "base", "note"])


@cache
def registered() -> Mapping[str, Mapping[str, str]]:
    """Read the table of the registered encoders.

    Returns
    -------
    Mapping[str, Mapping[str, str]]
        By name; ``data/encoders.toml`` explains the keys.
    """
    text = resources.files("wordweights").joinpath("data/encoders.toml").read_text("utf-8")
    return tomllib.loads(text)


def split_name(name: str) -> tuple[str, str | None, bool]:
    """Take a name apart: `` (untrained)`` and, where it is not registered so, its pooling.

    Parameters
    ----------
    name : str
        Registered, a folder, or a hub id, with the suffixes that say how to read it.

    Returns
    -------
    tuple[str, str | None, bool]
        The name without what is taken from it, the pooling that it gives, and whether the weights
        are the trained ones.
    """
    trained = not name.endswith(UNTRAINED)
    name = name.removesuffix(UNTRAINED)
    if name not in registered():
        for pooling, suffix in _SUFFIXES.items():
            if name.endswith(suffix):
                return name.removesuffix(suffix), pooling, trained
    return name, None, trained


def locate(label: str) -> Path:
    """Find the folder of a checkpoint: an installed package, a local folder, or the hub's cache.

    Parameters
    ----------
    label : str
        A name without suffixes.

    Returns
    -------
    Path
        The folder; what is not on this machine is downloaded.

    Raises
    ------
    WordweightsError
        For a name that is nothing of these, a package that is not installed and has no hub in its
        place, and a download that fails.
    """
    entry = registered().get(label, {})
    if not entry:
        local = expand_home(label)
        if local.is_dir():
            return local
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", label) or local.exists():
            raise WordweightsError(
                f"Encoder {label!r} is neither a known name, nor a folder with a checkpoint, nor a "
                f"hub id of the form owner/model. Known names: {', '.join(registered())}; each "
                f"also with the suffix {UNTRAINED!r}."
            )
        return fetch(label, None, label)
    folder = _carried(entry)
    if folder is None and "hub" not in entry:
        raise WordweightsError(
            f"Encoder {label!r} is carried by the package {entry['package']!r} alone, which is not "
            f"installed here; install it."
        )
    return folder or fetch(entry["hub"], entry["revision"], label)


def describe_source(name: str) -> str:
    """Say where an encoder's checkpoint comes from, by the commit where it is the hub's.

    Parameters
    ----------
    name : str
        As :func:`wordweights.load_encoder` takes it.

    Returns
    -------
    str
        A package, a folder, or a hub repository with the commit that this machine's cache holds for
        its revision. Nothing is downloaded.
    """
    label, _, _ = split_name(name)
    entry = registered().get(label, {})
    if _carried(entry) or (entry and "hub" not in entry):
        return f"package {entry['package']}"
    local = expand_home(label)
    if not entry and local.is_dir():
        return f"folder {local.name}"
    hub_id, revision = entry.get("hub", label), entry.get("revision")
    commit = cached_commit(hub_id, revision)
    return f"{hub_id}, commit {commit}" if commit else f"{hub_id}, not in the cache"


def _carried(entry: Mapping[str, str]) -> Path | None:
    """Find the checkpoint that an installed package carries."""
    folder = package_folder(entry["package"]) if "package" in entry else None
    return folder and folder / entry["folder"]
