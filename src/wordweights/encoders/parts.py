"""A checkpoint that several packages carry, since one may not be so large: joined once."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from wordweights.errors import WordweightsError, reason_of
from wordweights.files import results_folder

_PART = re.compile(r"\.zip\.\d+$")


def find_parts(packages: Sequence[str]) -> list[Path] | None:
    """Find the parts of an archive, one per package.

    Parameters
    ----------
    packages : Sequence[str]
        Names of distributions, in the order of their parts.

    Returns
    -------
    list[Path] | None
        None where one of the packages is not installed.
    """
    parts = []
    for package in packages:
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            return None
        parts += [Path(str(file.locate())) for file in files if _PART.search(file.name)]
    return parts


def join_parts(parts: Sequence[Path], folder: str, label: str) -> Path:
    """Join the parts of an archive and unpack a folder of it, once, into the folder of results.

    Parameters
    ----------
    parts : Sequence[Path]
        From :func:`find_parts`.
    folder : str
        Of the archive.
    label : str
        The encoder's name.

    Returns
    -------
    Path
        The folder, unpacked. It appears there whole or not at all.

    Raises
    ------
    WordweightsError
        For parts that make no archive, and where there is no room.
    """
    home = _home()
    target = home / folder
    if target.is_dir():
        return target
    try:
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=home) as archive, TemporaryDirectory(dir=home) as unpacked:
            for part in parts:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, archive)
            with zipfile.ZipFile(archive) as content:
                names = [name for name in content.namelist() if name.startswith(f"{folder}/")]
                content.extractall(unpacked, names)
            with suppress(FileExistsError):  # another process was quicker
                Path(unpacked, folder).rename(target)
    except (OSError, zipfile.BadZipFile) as error:
        raise WordweightsError(
            f"Encoder {label!r}: the {len(parts)} files of its packages cannot be joined in {home} "
            f"({reason_of(error)}). Make room there, or reinstall the packages."
        ) from None
    return target


def is_joined(folder: Path) -> bool:
    """Say whether a folder with a checkpoint is one that :func:`join_parts` has made."""
    return folder.parent == _home()


def _home() -> Path:
    return results_folder() / "checkpoints"
