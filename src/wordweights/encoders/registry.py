"""The encoders known by name, and what a name of an encoder says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wordweights.encoders.hub import cached_commit, fetch
from wordweights.encoders.parts import find_parts, join_parts
from wordweights.errors import WordweightsError
from wordweights.files import expand_home, package_folder

if TYPE_CHECKING:
    import pandas as pd

UNTRAINED = " (untrained)"
SUFFIXES = {
    "cls": " (CLS)",
    "mean": " (MEAN)",
    "pooler": " (pooler)",
    "lasttoken": " (lasttoken)",
}
"""Poolings, by what stands for them behind a name."""

_NORMALISED = " (normalised)"
_PROMPT = re.compile(r" \(prompt: ([^()]+)\)$")


class Named(NamedTuple):
    """What a name says.

    Examples
    --------
    >>> from wordweights.encoders import Named
    >>> Named("all-MiniLM-L6-v2").trained
    True
    """

    label: str  # a registered name, a folder, or a repository of the hub
    pooling: str | None = None
    trained: bool = True
    prompt_name: str | None = None
    normalised: bool = False


def known_encoders() -> pd.DataFrame:
    """List the registered encoders.

    Returns
    -------
    pandas.DataFrame
        One row per encoder: name, pooling, hub_id and revision (missing where no hub has it), base,
        note.

    Examples
    --------
    >>> from wordweights import known_encoders
    >>> table = known_encoders()
    >>> list(table.columns)
    ['name', 'pooling', 'hub_id', 'revision', 'base', 'note']
    >>> "all-MiniLM-L6-v2" in set(table["name"])
    True
    """
    import pandas as pd

    columns = ["name", "pooling", "hub", "revision", "base", "note"]
    rows = [{"name": name, **entry} for name, entry in registered().items()]
    table = pd.DataFrame(rows, columns=columns)
    return table.rename(columns={"hub": "hub_id"})


@cache
def registered() -> Mapping[str, Mapping[str, str]]:
    """Read the registered encoders by name; ``data/encoders.toml`` explains the keys.

    Returns
    -------
    Mapping[str, Mapping[str, str]]
        From the name of each to its entries.

    Examples
    --------
    >>> from wordweights.encoders import registered
    >>> registered()["mini SBERT (MEAN)"]["pooling"]
    'mean'
    """
    text = resources.files("wordweights").joinpath("data/encoders.toml").read_text("utf-8")
    return tomllib.loads(text)


def split_name(name: str, pooling: str | None = None) -> Named:
    """Take a name apart; what stands behind it in brackets may come in any order.

    A pooling that stands behind a registered name is part of it; where one is given, nothing of the
    name is taken for it, for a folder may be called so. ``~`` is the home.

    Parameters
    ----------
    name : str
        As :func:`wordweights.load_encoder` takes it.
    pooling : str | None
        A pooling that is given beside the name.

    Returns
    -------
    Named
        Its parts.

    Examples
    --------
    >>> from wordweights.encoders import split_name
    >>> split_name("owner/model (CLS) (untrained)")
    Named(label='owner/model', pooling='cls', trained=False, prompt_name=None, normalised=False)
    """
    trained, prompt_name, normalised = True, None, False
    before = ""
    while before != name:
        before = name
        if name.endswith(UNTRAINED):
            name, trained = name.removesuffix(UNTRAINED), False
        elif name.endswith(_NORMALISED):
            name, normalised = name.removesuffix(_NORMALISED), True
        elif found := _PROMPT.search(name):
            name, prompt_name = name[: found.start()], found[1]
        elif pooling is None and name not in registered():
            for known, suffix in SUFFIXES.items():
                if name.endswith(suffix):
                    name, pooling = name.removesuffix(suffix), known
    name = str(expand_home(name)) if name.startswith("~") else name
    return Named(name, pooling, trained, prompt_name, normalised)


def check_name(name: str, pooling: str | None = None) -> None:
    """Refuse a name of an encoder that can be none, before anything heavy is imported.

    Parameters
    ----------
    name : str
        As :func:`wordweights.load_encoder` takes it.
    pooling : str | None
        A pooling that is given beside the name.

    Raises
    ------
    WordweightsError
        For what is neither a known name nor a folder nor of the form ``owner/model``.

    Examples
    --------
    >>> from wordweights.encoders import check_name
    >>> check_name("mini SBERT (MEAN)")
    >>> check_name("mini SBERT")
    Traceback (most recent call last):
        ...
    wordweights.errors.WordweightsError: Encoder 'mini SBERT' is neither a known name, nor ...
    """
    label = split_name(name, pooling).label
    if label in registered() or Path(label).is_dir():
        return
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", label) or Path(label).exists():
        raise WordweightsError(
            f"Encoder {label!r} is neither a known name, nor a folder with a checkpoint, nor a hub "
            f"id of the form owner/model. Known names: {', '.join(registered())}; each also with "
            f"the suffix {UNTRAINED!r}."
        )


def locate(label: str) -> Path:
    """Find the folder of a checkpoint: of an installed package, a local one, or in the hub's cache.

    What is not on this machine is downloaded; what cannot be had is a WordweightsError.
    """
    entry = registered().get(label)
    if entry is None:
        return Path(label) if Path(label).is_dir() else fetch(label, None, label)
    folder = _carried(entry)
    if folder is None and "hub" not in entry:
        raise WordweightsError(
            f"Encoder {label!r} is carried by the package {entry['package']!r} alone, which is not "
            f"installed here; install it."
        )
    if folder is None and (parts := find_parts(entry.get("parts", "").split())):
        folder = join_parts(parts, entry["folder"], label)
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

    Examples
    --------
    >>> from wordweights.encoders import describe_source
    >>> describe_source("mini SBERT (MEAN)")
    'package wordweights'
    """
    label = split_name(name).label
    entry = registered().get(label, {})
    if _carried(entry) or (entry and "hub" not in entry):
        return f"package {entry['package']}"
    if find_parts(entry.get("parts", "").split()):
        return f"packages {entry['parts']}"
    if not entry and Path(label).is_dir():
        return f"folder {Path(label).name}"
    hub_id, revision = entry.get("hub", label), entry.get("revision")
    commit = cached_commit(hub_id, revision)
    return f"{hub_id}, commit {commit}" if commit else f"{hub_id}, not in the cache"


def _carried(entry: Mapping[str, str]) -> Path | None:
    """Find the checkpoint that an installed package carries."""
    folder = package_folder(entry["package"]) if "package" in entry else None
    return folder and folder / entry["folder"]
