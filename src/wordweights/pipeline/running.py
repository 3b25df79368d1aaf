"""Execute notebooks with papermill, and keep a record of what each was made from."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wordweights.errors import WordweightsError
from wordweights.files import (
    MEASURED_FILE,
    RESULTS_VARIABLE,
    SIMILARITY_FILE,
    digest,
    expand_home,
    package_folder,
    results_folder,
    sha256,
    write_atomically,
)
from wordweights.pipeline.profiles import Profile, chapter_values
from wordweights.pipeline.repository import PLACEHOLDER, known_repository
from wordweights.pipeline.status import status_page

if TYPE_CHECKING:
    import pandas as pd

CLAIMS_FILE = Path("book", "chapters", "03_correlations-claims.csv")
"""The table of claims that a run leaves beside its executed chapter, for programs."""

MANIFEST = "run.json"
# what the package holds of code, tables and checkpoints
_SOURCES = (".py", ".toml", ".csv", ".json", ".txt", ".safetensors")
_TEXTS = (".csv", ".js")  # endings of glued text that becomes a file
_WEIGHING = {"sentences", "encoders", "method"}  # parameters of a chapter with the main table
_AT_ONCE = 2  # chapters side by side, each with a kernel that holds encoders in memory
_MEASURING = ("baseline", "n_nodes", "probes", "seed")  # those that the methods share out


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
) -> list[ChapterRun]:
    """Execute the chapters of a profile into the folder of the book.

    They are executed one after the other up to the one that computes the main table; those that
    read it, which keep about one core busy each, side by side.

    All earlier executions of these chapters are removed before the first one runs, so a run that
    fails leaves a book that cannot be built rather than one with stale chapters.

    Parameters
    ----------
    root : Path
        The checkout.
    profile : Profile
        What to run.
    overrides : Mapping[str, Any] | None
        Values that replace those of the profile.
    book : Path | None
        The folder of the book's pages; None is ``book`` in the checkout. The executed chapters
        and the status page go to its folder ``chapters``.

    Returns
    -------
    list[ChapterRun]
        One per chapter, in order.

    Raises
    ------
    WordweightsError
        For parameters that no chapter has or of another type, and for a chapter that fails: then
        with its cell and its error.
    """
    import nbformat

    values = chapter_values(root, profile, overrides)
    chapters = (book or root / "book") / "chapters"
    with _writing(chapters):
        chapters.mkdir(parents=True, exist_ok=True)
        manifest = {n: run for n, run in read_manifest(chapters).items() if n not in values}
        _write_manifest(chapters, manifest)
        (chapters / "status.md").unlink(missing_ok=True)
        for name in values:
            for pattern in (f"{name}.ipynb", *(f"{name}-*{kind}" for kind in (".png", *_TEXTS))):
                for path in chapters.glob(pattern):
                    path.unlink()
    for run, notebook in _execute_all(root, profile.name, values):
        manifest[run.chapter] = run
        with _writing(chapters):
            write_atomically(chapters / f"{run.chapter}.ipynb", nbformat.writes(notebook).encode())
            for file, content in _glued_files(notebook).items():
                write_atomically(chapters / f"{run.chapter}-{file}", content)
            _write_manifest(chapters, manifest)
    page = status_page([asdict(manifest[name]) for name in sorted(manifest)])
    with _writing(chapters):
        write_atomically(chapters / "status.md", page.encode())
    return [manifest[name] for name in values]


def count_run(
    root: Path, profile: Profile, overrides: Mapping[str, Any] | None = None
) -> dict[str, tuple[int, int]]:
    """Count the sentences of the main table of a run, and those of them that are stored.

    Controls, side studies and other methods that chapters compare weigh sentences of their own.

    Parameters
    ----------
    root : Path
        The checkout.
    profile : Profile
        What would be run.
    overrides : Mapping[str, Any] | None
        Values that replace those of the profile.

    Returns
    -------
    dict[str, tuple[int, int]]
        For each encoder the number of stored and of distinct sentences; empty when no chapter of
        the profile has a main table.
    """
    values = next(
        (v for v in chapter_values(root, profile, overrides).values() if set(v) >= _WEIGHING), None
    )
    if values is None:
        return {}
    from wordweights.attribution import count_stored, pick_method
    from wordweights.encoders import load_encoder
    from wordweights.words.sentences import filter_sentences, load_sentences

    method = pick_method(
        values["method"],
        **{name: values[name] for name in _MEASURING if name in values},
    )
    table = load_sentences(values["sentences"])
    models = {name: load_encoder(name) for name in values["encoders"]}
    tokenizers = [model.tokenizer for model in models.values()]
    table = filter_sentences(table, tokenizers, values.get("n_words"), values.get("limit"))
    return {name: count_stored(model, table, method) for name, model in models.items()}


def read_manifest(chapters: Path) -> dict[str, ChapterRun]:
    """Read the record of the executed chapters; without one, or of another version, it is empty."""
    try:
        runs = json.loads((chapters / MANIFEST).read_text("utf-8"))
        return {name: ChapterRun(**run) for name, run in runs.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # every chapter counts as missing


def read_claims(path: Path) -> pd.DataFrame:
    """Read the table of claims that a run has written, such as :data:`CLAIMS_FILE`."""
    import pandas as pd

    from wordweights.statistics.claims import NOT_SUPPORTED, NOT_TESTED, SUPPORTED

    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise WordweightsError(
            f"There are no claims in {path}: 'wordweights run 03' writes them beside the chapter."
        ) from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WordweightsError(f"The claims in {path} cannot be read: {reason}.") from None
    missing = [name for name in ("claim", "scope", "paper", "verdict") if name not in table]
    verdicts = (SUPPORTED, NOT_SUPPORTED, NOT_TESTED)
    if missing or not table["verdict"].isin(verdicts).all():
        wrong = f"it lacks the column {missing[0]!r}" if missing else "it has unknown verdicts"
        raise WordweightsError(
            f"{path} is no table of claims: {wrong}. Give a file that 'wordweights run' has "
            f"written, such as {CLAIMS_FILE}."
        )
    return table


def source_digest(notebook: Path) -> str:
    """Name what a chapter is made from: a digest of notebook, library and our measured numbers."""
    sha = hashlib.sha256(notebook.read_bytes())
    package = package_folder("wordweights") or Path()
    for path in sorted(package.rglob("*")):
        if path.suffix in _SOURCES:
            sha.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    for file in (MEASURED_FILE, SIMILARITY_FILE):  # chapters quote them
        measured = notebook.parents[1] / file
        if measured.is_file():
            sha.update(str(file).encode() + measured.read_bytes())
    return sha.hexdigest()


def file_digests(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Name by digests what the files and folders hold that parameters name.

    A value, or an item of a list, counts when it is the path of something that exists, as it is or
    as the name of an encoder, such as ``folder (CLS)``. Of a folder, which may hold gigabytes, the
    names, sizes and times of modification of its files are taken.
    """
    from wordweights.encoders.registry import split_name

    digests = {}
    for value in parameters.values():
        for item in value if isinstance(value, list) else [value]:
            path = isinstance(item, str) and (_existing(item) or _existing(split_name(item).label))
            if not path:
                continue
            try:
                digests[item] = _digest_of(path)
            except OSError as error:
                raise WordweightsError(
                    f"{path}, which a parameter names, cannot be read "
                    f"({error.strerror or error}): give a file or folder that you may read."
                ) from None
    return digests


def _existing(name: str) -> Path | None:
    """Find the file or folder of a name, which may as well be any text."""
    try:
        path = expand_home(name)
        return path if name and path.exists() else None
    except (OSError, ValueError):  # too long, a null byte
        return None


def _digest_of(path: Path) -> str:
    if path.is_file():
        return sha256(path)
    files = {p.relative_to(path).as_posix(): p.stat() for p in path.rglob("*") if p.is_file()}
    return digest({name: [about.st_size, about.st_mtime_ns] for name, about in files.items()})


def _execute_all(
    root: Path, profile: str, values: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[ChapterRun, Any]]:
    """Execute chapters, and give each as it was made with its notebook."""

    def run(name: str) -> tuple[ChapterRun, Any]:
        path = root / "notebooks" / f"{name}.ipynb"
        source, files = source_digest(path), file_digests(values[name])
        start = time.perf_counter()
        notebook = _execute(path, values[name])
        seconds = time.perf_counter() - start
        return ChapterRun(name, profile, values[name], source, files, seconds), notebook

    def run_in_thread(name: str) -> tuple[ChapterRun, Any]:
        from jupyter_core.utils import ensure_event_loop

        try:
            return run(name)
        finally:
            ensure_event_loop().close()  # the client of the kernel makes one for each thread

    weighing = [name for name, parameters in values.items() if set(parameters) >= _WEIGHING]
    first = list(values).index(weighing[0]) + 1 if weighing else len(values)
    yield from map(run, list(values)[:first])
    # threads, which end with this process: what runs a chapter is a process of its own, its kernel
    with _shared_cores(), ThreadPool(_AT_ONCE) as pool:
        yield from pool.imap_unordered(run_in_thread, list(values)[first:])


@contextmanager
def _shared_cores() -> Iterator[None]:
    """Give each of the chapters side by side its part of the cores: threads wait for none."""
    variable, cores = "OMP_NUM_THREADS", os.cpu_count() or 1
    before = os.environ.get(variable)
    os.environ[variable] = before or str(max(1, cores // _AT_ONCE))
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]


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
    repository = known_repository() or PLACEHOLDER
    folder = results_folder() / "running"
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        running = Path(tempfile.mkdtemp(prefix=f"{path.stem}-", dir=folder)) / path.name
    kept = f"The notebook as far as it ran is {running}."
    # papermill takes braces for places to fill in
    source, target = (str(p).replace("{", "{{").replace("}", "}}") for p in (path, running))
    try:
        papermill.execute_notebook(
            source,
            target,
            parameters=dict(values),
            kernel_name="python3",
            progress_bar={"desc": path.stem},
            stderr_file=sys.stderr,  # the bars over sentences, printed by the notebook's kernel
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            shutdown_kernel="immediate",  # it takes seconds to end by itself, and has no more to do
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
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace(PLACEHOLDER, repository)
        if "parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-input")  # what was used stands below the defaults
    shutil.rmtree(running.parent)
    return notebook


def _glued_files(notebook: Any) -> dict[str, bytes]:
    """Find what a notebook glued for use elsewhere, by the name of its file."""
    # pictures, which other pages show with a text of their own; tables for programs; scripts
    files = {}
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        about = output.get("metadata", {}).get("scrapbook", {})
        key, text = about.get("name", ""), f"{about.get('mime_prefix', '')}text/plain"
        if key and "image/png" in output.data:
            files[f"{key}.png"] = base64.b64decode(output.data["image/png"])
        elif key.endswith(_TEXTS):
            files[key] = ast.literal_eval(output.data[text]).encode()
    return files


def _place(running: Path, error: Any) -> str:
    """Say where a notebook failed: the number of the cell, the heading above, its first line."""
    import nbformat

    lines = [line.strip() for line in error.source.splitlines() if line.strip()]
    first = next((line for line in lines if not line.startswith(("#", "%"))), "")
    heading = ""
    for cell in nbformat.read(running, as_version=4).cells:
        if cell.cell_type == "code" and cell.source == error.source:
            break
        if cell.cell_type == "markdown":
            titles = [line for line in cell.source.splitlines() if line.startswith("#")]
            heading = titles[-1].lstrip("# ") if titles else heading
    return f"cell [{error.exec_count}] ({first!r})" + (f" under {heading!r}" if heading else "")


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
