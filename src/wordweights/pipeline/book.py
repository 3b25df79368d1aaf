"""Build the book from executed chapters, and only from those that are present and current."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from wordweights.errors import WordweightsError
from wordweights.pipeline.browser import write_encoders
from wordweights.pipeline.packages import copy_packages
from wordweights.pipeline.profiles import known_chapters
from wordweights.pipeline.running import file_digests, read_manifest, source_digest


def build_book(root: Path, book: Path | None = None, *, static: bool = False) -> Path:
    """Build the Jupyter Book strictly, from a clean doctree.

    Parameters
    ----------
    root : Path
        The checkout.
    book : Path | None
        The folder of the book's pages, with executed chapters; None is ``book`` in the checkout.
        The result goes to its folder ``_build``.
    static : bool
        Leave out what moves, the explorer and the sliders, which take npm: their places hold
        pictures.

    Returns
    -------
    Path
        The book's ``index.html``.

    Raises
    ------
    WordweightsError
        When chapters are missing or stale, when npm cannot install what pages load, and when the
        build warns or fails.
    """
    book = book or root / "book"
    if problem := _problem(root, book / "chapters"):
        raise WordweightsError(f"{problem} Run 'wordweights run' first.")
    vendor = book / "scripts" / "vendor"  # what is not there, no page loads
    shutil.rmtree(vendor, ignore_errors=True) if static else copy_packages(root, vendor)
    shutil.rmtree(book / "_build", ignore_errors=True)
    command = [
        *(sys.executable, "-P", "-c", "from jupyter_book.cli.main import main; main()"),
        *("build", str(book)),
        *("--config", str(root / "_config.yml"), "--toc", str(book / "_toc.yml")),
        *("--path-output", str(book), "-n", "-W", "--keep-going", "--quiet"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    index = book / "_build" / "html" / "index.html"
    if result.returncode or not index.is_file():
        lines = (result.stdout + result.stderr).splitlines()
        shown = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-20:]
        raise WordweightsError(
            "The book was not built; every warning is an error:\n" + "\n".join(shown)
        )
    write_encoders(index.parent / "_static" / "your_sentence" / "encoders")
    return index


def _problem(root: Path, chapters: Path) -> str:
    """Say why there can be no book: chapters that are absent, stale, or contradict each other."""
    runs = read_manifest(chapters)
    known = known_chapters(root)
    missing = [n for n in known if n not in runs or not (chapters / f"{n}.ipynb").is_file()]
    if not missing and not (chapters / "status.md").is_file():
        missing = ["status"]
    if missing:
        return f"The book lacks the chapters {', '.join(missing)}."
    sources = {name: root / "notebooks" / f"{name}.ipynb" for name in known}
    stale = [name for name in known if runs[name].source != source_digest(sources[name])]
    if stale:
        return f"The chapters {', '.join(stale)} are older than their notebook or the library."
    values: dict[str, tuple[str, Any]] = {}
    for name in known:
        present = file_digests(runs[name].parameters)
        for file, digest in runs[name].files.items():
            if present.get(file) != digest:
                return (
                    f"{file!r}, a parameter of chapter {name}, is no longer what the chapter was "
                    f"run with, or is not there (a relative path begins in {Path.cwd()})."
                )
        for key, value in runs[name].parameters.items():
            first, other = values.setdefault(key, (name, value))
            if value != other:
                return (
                    f"Chapters {first} and {name} were run with different values of {key!r} "
                    f"({other!r} and {value!r}), and would contradict each other."
                )
    return ""
