"""Execute notebooks with papermill, and keep a record of what each was made from."""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wordweights.errors import WordweightsError
from wordweights.files import MEASURED_FILE, RESULTS_VARIABLE, results_folder, write_atomically
from wordweights.pipeline.declared import declared_parameters, read_values
from wordweights.pipeline.profiles import Profile
from wordweights.pipeline.status import status_page

MANIFEST = "run.json"
# what the package holds of code, tables and checkpoints
_SOURCES = (".py", ".toml", ".csv", ".json", ".txt", ".safetensors")
Say = Callable[[str], None]


@dataclass(frozen=True)
class ChapterRun:
    """What an executed chapter was made from.

    Attributes
    ----------
    chapter : str
        Name of the notebook.
    profile : str
        Name of the profile.
    parameters : Mapping[str, Any]
        The values that it ran with, its defaults included.
    source : str
        SHA-256 of the notebook, of the library with its data, and of our measured numbers.
    files : Mapping[str, str]
        From each value of a parameter that names a file or folder to its digest before the run.
    seconds : float
        Wall-clock time of its execution.
    """

    chapter: str
    profile: str
    parameters: Mapping[str, Any]
    source: str
    files: Mapping[str, str]
    seconds: float


def run_chapters(
    root: Path,
    profile: Profile,
    overrides: Mapping[str, Any] | None = None,
    *,
    book: Path | None = None,
    say: Say = print,
) -> list[ChapterRun]:
    """Execute the chapters of a profile, one after the other, into the folder of the book.

    All earlier executions of these chapters are removed before the first one runs, so a run that
    fails leaves a book that cannot be built rather than one with stale chapters.

    Parameters
    ----------
    root : Path
        The checkout.
    profile : Profile
        What to run.
    overrides : Mapping[str, Any] | None
        Values that replace those of the profile; text is read by the type that the chapters
        declare: as it is for ``str``, as YAML for any other.
    book : Path | None
        The folder of the book's pages; None is ``book`` in the checkout. The executed chapters
        and the status page go to its folder ``chapters``.
    say : Say
        Takes one line of progress at a time.

    Returns
    -------
    list[ChapterRun]
        One a chapter, in order.

    Raises
    ------
    WordweightsError
        For parameters that no chapter declares or of another type, and for a chapter that fails:
        then with its cell and its error.
    """
    import nbformat

    notebooks = {name: root / "notebooks" / f"{name}.ipynb" for name in profile.chapters}
    declared = {name: declared_parameters(path) for name, path in notebooks.items()}
    given = read_values(root, profile, overrides or {}, declared)
    chapters = (book or root / "book") / "chapters"
    with _writing(chapters):
        chapters.mkdir(parents=True, exist_ok=True)
        manifest = read_manifest(chapters)
        (chapters / "status.md").unlink(missing_ok=True)
        for name in profile.chapters:
            manifest.pop(name, None)
        _write_manifest(chapters, manifest)
        for name in profile.chapters:
            glued = [path for kind in ("png", "csv") for path in chapters.glob(f"{name}-*.{kind}")]
            for path in (chapters / f"{name}.ipynb", *glued):
                path.unlink(missing_ok=True)
    runs = []
    for name, path in notebooks.items():
        values = {key: value for key, value in given.items() if key in declared[name]}
        parameters = {key: p.default for key, p in declared[name].items()} | values
        source = source_digest(path)
        files = file_digests(parameters)
        start = time.perf_counter()
        notebook = _execute(path, values)
        seconds = time.perf_counter() - start
        run = ChapterRun(name, profile.name, parameters, source, files, seconds)
        manifest[name] = run
        with _writing(chapters):
            write_atomically(chapters / path.name, nbformat.writes(notebook).encode())
            for file, content in _glued_files(notebook).items():
                write_atomically(chapters / f"{name}-{file}", content)
            _write_manifest(chapters, manifest)
        runs.append(run)
        say(f"Chapter {name} took {seconds:.0f} s.")
    page = status_page([asdict(manifest[name]) for name in sorted(manifest)])
    with _writing(chapters):
        write_atomically(chapters / "status.md", page.encode())
    return runs


def read_manifest(chapters: Path) -> dict[str, ChapterRun]:
    """Read the record of the executed chapters.

    Parameters
    ----------
    chapters : Path
        The folder that holds them.

    Returns
    -------
    dict[str, ChapterRun]
        By name; empty when there is no record, or one of another version.
    """
    path = chapters / MANIFEST
    if not path.is_file():
        return {}
    try:
        runs = json.loads(path.read_text("utf-8"))
        return {name: ChapterRun(**run) for name, run in runs.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # of another version, or no text: every chapter counts as missing


def source_digest(notebook: Path) -> str:
    """Name what a chapter is made from by a digest of notebook, library and our measured numbers.

    Parameters
    ----------
    notebook : Path
        The notebook's source.

    Returns
    -------
    str
        SHA-256, in hexadecimal digits.
    """
    package = Path(str(importlib.import_module("wordweights").__file__)).parent
    sha = hashlib.sha256(notebook.read_bytes())
    for path in sorted(package.rglob("*")):
        if path.suffix in _SOURCES:
            sha.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    measured = notebook.parents[1] / MEASURED_FILE
    if measured.is_file():  # chapters quote it
        sha.update(measured.read_bytes())
    return sha.hexdigest()


def file_digests(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Name what the files and folders hold that parameters name.

    Parameters
    ----------
    parameters : Mapping[str, Any]
        A value, or an item of a list, counts when it is the path of something that exists, as it
        is or as the name of an encoder, such as ``folder (CLS)``; a relative path begins in the
        working folder, as in the notebooks.

    Returns
    -------
    dict[str, str]
        From the value to a SHA-256 in hexadecimal digits: of a file's content; of the names, sizes
        and times of modification of the files in a folder, which may hold gigabytes.

    Raises
    ------
    WordweightsError
        For a file that cannot be read.
    """
    from wordweights.encoders.registry import split_name

    digests = {}
    for value in parameters.values():
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, str):
                continue
            path = _existing(item) or _existing(split_name(item)[0])
            if path is None:
                continue
            try:
                digests[item] = _digest(path)
            except OSError as error:
                raise WordweightsError(
                    f"{path}, which a parameter names, cannot be read "
                    f"({error.strerror or error}): give a file or folder that you may read."
                ) from None
    return digests


def _existing(name: str) -> Path | None:
    """Find the file or folder of a name, which may as well be any text."""
    try:
        path = Path(name).expanduser()
        return path if name and path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, no such home
        return None


def _digest(path: Path) -> str:
    if path.is_dir():
        sha = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            about = file.stat()
            name = file.relative_to(path).as_posix()
            sha.update(json.dumps([name, about.st_size, about.st_mtime_ns]).encode())
        return sha.hexdigest()
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _execute(path: Path, values: Mapping[str, Any]) -> Any:
    """Execute one notebook and return it when it is whole."""
    import nbformat

    # The kernel of this environment, whatever kernel of the same name the user has installed.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    # it does not see parameters that are annotated with a "|", and warns about each
    logging.getLogger("papermill").setLevel(logging.ERROR)
    folder = results_folder() / "running"
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        running = Path(tempfile.mkdtemp(prefix=f"{path.stem}-", dir=folder)) / path.name
    kept = f"The notebook as far as it ran is {running}."
    try:
        papermill.execute_notebook(
            *(_braces(path), _braces(running)),
            parameters=dict(values),
            kernel_name="python3",
            progress_bar={"desc": path.stem},
            stderr_file=sys.stderr,  # the bars over sentences, printed by the notebook's kernel
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except PapermillExecutionError as error:
        raise WordweightsError(
            f"Chapter {path.stem} failed in {_place(running, error)}: "
            f"{error.ename}: {error.evalue}\n{kept}"
        ) from None
    except DeadKernelError:
        raise WordweightsError(
            f"Chapter {path.stem} failed: its kernel died, which happens when the memory is not "
            f"enough. Give it fewer probes or a smaller encoder.\n{kept}"
        ) from None
    except (NoSuchKernel, RuntimeError) as error:  # none is installed, or it never answered
        raise WordweightsError(
            f"Chapter {path.stem} was not run, because its Jupyter kernel 'python3' did not start "
            f"({' '.join(str(error).split())}). Install ipykernel into the environment of "
            f"{sys.executable}; on a busy machine, run the chapter again."
        ) from None
    notebook = nbformat.read(running, as_version=4)
    notebook.metadata.pop("papermill", None)  # it names folders of this machine
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-input")  # papermill drops the tags of the original
    shutil.rmtree(running.parent)
    return notebook


def _glued_files(notebook: Any) -> dict[str, bytes]:
    """Find what a notebook glued for use elsewhere, by the name of its file.

    Pictures, which other pages show with a text of their own, and text whose key ends in ``.csv``:
    tables for programs.
    """
    files = {}
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        about = output.get("metadata", {}).get("scrapbook", {})
        key, text = about.get("name", ""), f"{about.get('mime_prefix', '')}text/plain"
        if key and "image/png" in output.data:
            files[f"{key}.png"] = base64.b64decode(output.data["image/png"])
        elif key.endswith(".csv"):
            files[key] = ast.literal_eval(output.data[text]).encode()
    return files


def _place(running: Path, error: Any) -> str:
    """Say where a notebook failed: the number of the cell, the heading above, its first line."""
    import nbformat

    lines = [line.strip() for line in error.source.splitlines() if line.strip()]
    first = next((line for line in lines if not line.startswith(("#", "%"))), "")
    place = f"cell [{error.exec_count}] ({first!r})"
    heading = ""
    for cell in nbformat.read(running, as_version=4).cells:
        if cell.cell_type == "code" and cell.source == error.source:
            break
        if cell.cell_type == "markdown":
            titles = [line for line in cell.source.splitlines() if line.startswith("#")]
            heading = titles[-1].lstrip("# ") if titles else heading
    return f"{place} under {heading!r}" if heading else place


def _braces(path: Path) -> str:
    """Write a path for papermill, which takes braces for places to fill in."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _write_manifest(chapters: Path, runs: Mapping[str, ChapterRun]) -> None:
    content = json.dumps({name: asdict(run) for name, run in runs.items()}, indent=1)
    write_atomically(chapters / MANIFEST, content.encode())


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WordweightsError(
            f"The folder {folder} cannot be written ({error.strerror or error}). Make room or make "
            f"it writable; {RESULTS_VARIABLE} names another folder for results."
        ) from None
