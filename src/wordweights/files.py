"""Where files are, and how they are written: whole or not at all."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wordweights.errors import WordweightsError

RESULTS_VARIABLE = "WORDWEIGHTS_RESULTS"
DATA_VARIABLE = "WORDWEIGHTS_DATA"
MEASURED_FILE = Path("book", "data", "measured.csv")  # in the checkout: numbers of `make measured`
SIMILARITY_FILE = MEASURED_FILE.with_name("similarity.csv")  # and these


def project_root(start: Path | None = None) -> Path | None:
    """Find the checkout: the nearest folder upwards that holds ``_config.yml`` and ``notebooks``.

    Parameters
    ----------
    start : Path | None
        Where to begin; None is the current folder.

    Returns
    -------
    Path | None
        None outside a checkout.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return None


def find_kept(file: Path) -> Path | None:
    """Find a file of the checkout.

    Parameters
    ----------
    file : Path
        Relative to the checkout.

    Returns
    -------
    Path | None
        None outside a checkout, which the installed package alone is, and where there is none.
    """
    root = project_root() or project_root(Path(__file__).parent)
    path = root / file if root else None
    return path if path is not None and path.is_file() else None


def results_folder() -> Path:
    """Name the folder of what is computed (it need not exist yet).

    Returns
    -------
    Path
        ``WORDWEIGHTS_RESULTS`` if it is set, else ``results`` in the checkout or in the current
        folder.

    Raises
    ------
    WordweightsError
        If ``WORDWEIGHTS_RESULTS`` is an address such as ``s3://bucket/path``.
    """
    named = os.environ.get(RESULTS_VARIABLE)
    if not named:
        return (project_root() or Path.cwd()) / "results"
    if "://" in named:
        raise WordweightsError(
            f"{RESULTS_VARIABLE} is {named!r}; results are kept in a folder of this machine: give "
            f"its path."
        )
    return expand_home(named)


def expand_home(path: str | Path) -> Path:
    """Take ``~`` for the home folder.

    Parameters
    ----------
    path : str | Path
        As a user writes it.

    Returns
    -------
    Path
        As it is where it names a user whom this machine does not know.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def package_folder(package: str) -> Path | None:
    """Find an installed package without importing it: only its data are wanted.

    Parameters
    ----------
    package : str
        Its name in an import.

    Returns
    -------
    Path | None
        None where it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under another name, flush it to the disk, and rename it.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    content : bytes
        What it will hold.
    """
    # not by tempfile, whose files only their owner may read: results are shared
    part = path.parent / f".part-{uuid.uuid4().hex}"
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """Refuse an output that cannot be written, before anything is computed for it.

    Parameters
    ----------
    path : Path
        The file to be.
    suffixes : Sequence[str]
        The kinds that can be written, such as ``".csv"``.

    Raises
    ------
    WordweightsError
        For any other kind, a folder that does not exist, and one that has the name.
    """
    if path.suffix not in suffixes:
        raise WordweightsError(f"Output {path} must end in {' or '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise WordweightsError(f"Output {path} cannot be written: its folder does not exist.")
    if path.is_dir():
        raise WordweightsError(f"Output {path} cannot be written: it is a folder.")


def flush_to_disk(path: Path) -> None:
    """Make sure that a file that was written outlives a loss of power.

    Parameters
    ----------
    path : Path
        The file, closed.
    """
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Name a JSON-able value by the SHA-256 of its canonical text.

    Parameters
    ----------
    value : Any
        Anything that JSON can hold.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
