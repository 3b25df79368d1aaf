"""What the pages of the book load from npm: installed as the lock pins it, and copied."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from wordweights.errors import WordweightsError
from wordweights.files import sha256

FOLDER = "node_modules"
_PINS = ("package.json", "package-lock.json", ".npmrc")
_STATIC = "or build with 'wordweights book --static': pictures then take the place of what moves"


def install_packages(root: Path) -> Path:
    """Install the packages of ``package-lock.json``, unless they are there already.

    Parameters
    ----------
    root : Path
        The checkout.

    Returns
    -------
    Path
        Its folder ``node_modules``.

    Raises
    ------
    WordweightsError
        Where npm is not installed, or cannot install them.
    """
    folder = root / FOLDER
    pinned = sha256(root / "package-lock.json")
    if _installed(folder) == pinned:
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise WordweightsError(
            f"npm was not found: it installs what the explorer and the sliders of the book load, "
            f"once. Install Node.js (18 or newer), which brings npm, {_STATIC}."
        )
    # in a folder of its own, so that one that fails or runs beside another leaves nothing half done
    with tempfile.TemporaryDirectory(dir=root, prefix=".npm-") as name:
        fresh = Path(name)
        for file in _PINS:
            shutil.copy(root / file, fresh)
        result = subprocess.run(
            [npm, "ci", "--ignore-scripts"], cwd=fresh, capture_output=True, text=True, check=False
        )
        if result.returncode:
            said = [
                line for line in result.stderr.splitlines() if re.match(r"npm (error|ERR!)", line)
            ][:3]
            raise WordweightsError(
                f"npm could not install what the explorer and the sliders of the book load "
                f"({' '.join(said) or 'it does not say why'}). It needs its registry once: repeat "
                f"the command where that can be reached, {_STATIC}."
            )
        (fresh / FOLDER / ".installed").write_text(pinned)
        if folder.exists():
            folder.rename(fresh / "before")
        try:
            (fresh / FOLDER).rename(folder)
        except OSError:
            if _installed(folder) != pinned:  # by another process, meanwhile
                raise
    return folder


def copy_packages(root: Path, folder: Path) -> None:
    """Copy the files that ``package.json`` names under ``vendor``.

    Parameters
    ----------
    root : Path
        The checkout.
    folder : Path
        Where to; what it held is removed.
    """
    installed = install_packages(root)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in json.loads((root / "package.json").read_text("utf-8"))["vendor"]:
        shutil.copy(installed / file, folder)


def _installed(folder: Path) -> str:
    mark = folder / ".installed"
    return mark.read_text() if mark.is_file() else ""
