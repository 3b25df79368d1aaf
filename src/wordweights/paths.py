"""Where the project and its results are."""

from __future__ import annotations

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


def results_folder() -> Path:
    """Name the folder of cached results (it need not exist yet).

    Returns
    -------
    Path
        ``WORDWEIGHTS_RESULTS`` if set, else ``results`` in the checkout or in the current folder.
    """
    named = os.environ.get(RESULTS_VARIABLE)
    if named:
        return Path(named)
    return (project_root() or Path.cwd()) / "results"
