"""Where the project, its results and what packages bring are."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

RESULTS_VARIABLE = "WORDWEIGHTS_RESULTS"
DATA_VARIABLE = "WORDWEIGHTS_DATA"
MEASURED_FILE = Path("book", "data", "measured.csv")  # in the checkout: numbers of `make measured`


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


def local_path(address: str | Path) -> Path | None:
    """Find the path of this machine that an address names.

    Parameters
    ----------
    address : str | Path
        A path, or an address that fsspec knows.

    Returns
    -------
    Path | None
        None for an address elsewhere, such as ``s3://bucket/path``.
    """
    text = str(address)
    for protocol in ("file://", "local://"):
        text = text.removeprefix(protocol)
    return None if "://" in text else Path(text)


def results_folder() -> Path:
    """Name the local folder of what is computed (it need not exist yet).

    Cached attributions alone may be elsewhere: see :func:`wordweights.places.results_place`.

    Returns
    -------
    Path
        ``WORDWEIGHTS_RESULTS`` if it is set to a folder of this machine, else ``results`` in the
        checkout or in the current folder.
    """
    named = os.environ.get(RESULTS_VARIABLE)
    path = local_path(named) if named else None
    return path or (project_root() or Path.cwd()) / "results"


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
