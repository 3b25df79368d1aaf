"""Results on disk: keyed by content, written whole or not at all, shared by every process.

A collection is a folder named by the digest of the settings that made its rows, so a changed
setting never finds an old result. Each finished batch is one parquet file, written under another
name and renamed, so a killed run leaves finished batches and nothing else, and two processes on the
same folder never write the same bytes twice to different effect.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.paths import RESULTS_VARIABLE, results_folder

ATTRIBUTIONS = "attributions"
"""Name of the sub-folder that holds the contributions of words."""

_MERGE_ABOVE = 64  # files in a collection before they are made one


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


@dataclass(frozen=True)
class Collection:
    """Rows computed under the same settings, each with a text column ``key``.

    Attributes
    ----------
    folder : Path
        Where its files are.
    settings : Mapping[str, Any]
        What made the rows; kept beside them as ``settings.json``.
    label : str
        For people who list the store, such as the encoder's name; nothing depends on it.
    """

    folder: Path
    settings: Mapping[str, Any]
    label: str = ""

    def read(self, keys: Iterable[str]) -> pd.DataFrame:
        """Read the stored rows of some keys; a file that cannot be read is set aside.

        Parameters
        ----------
        keys : Iterable[str]
            Which rows to look for.

        Returns
        -------
        pandas.DataFrame
            The rows found, indexed by key, one a key; empty when nothing is stored.
        """
        tables = [
            table for path in self._files() if (table := _read_or_set_aside(path)) is not None
        ]
        if not tables:
            return pd.DataFrame().rename_axis("key")
        rows = pd.concat(tables, ignore_index=True).drop_duplicates("key").set_index("key")
        return rows.loc[rows.index.intersection(pd.Index(sorted(set(keys))))]

    def append(self, rows: pd.DataFrame) -> Path:
        """Store finished rows, at once and for good.

        Parameters
        ----------
        rows : pd.DataFrame
            With a column ``key``; rows of the same key hold the same result.

        Returns
        -------
        Path
            The file that holds them.

        Raises
        ------
        WordweightsError
            When the folder cannot be written or the disk is full; what was stored before is
            untouched.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            about = self.folder / "settings.json"
            if not about.exists():
                content = {"label": self.label, "settings": dict(self.settings)}
                text = json.dumps(content, indent=2, sort_keys=True)
                write_atomically(about, text.encode())
            path = self.path_of(rows["key"])
            write_table(path, rows)
        except OSError as error:
            raise WordweightsError(
                f"Results cannot be written to {self.folder} ({error.strerror or error}). Earlier "
                f"results there are intact. Make room or make the folder writable, or name another "
                f"one in {RESULTS_VARIABLE}."
            ) from None
        return path

    def path_of(self, keys: Iterable[str]) -> Path:
        """Name the file of some rows that are stored together.

        Parameters
        ----------
        keys : Iterable[str]
            All of them, in any order.

        Returns
        -------
        Path
            It exists once they are stored, until it is merged with others.
        """
        return self.folder / f"batch-{digest(sorted(keys))[:24]}.parquet"

    def compact(self) -> None:
        """Make one file of many, when there are many. The old ones go only after the new one is."""
        files = self._files()
        if len(files) <= _MERGE_ABOVE:
            return
        tables = {path: _read_or_set_aside(path) for path in files}
        readable = {path: table for path, table in tables.items() if table is not None}
        if not readable:
            return
        merged = self.append(pd.concat(readable.values(), ignore_index=True).drop_duplicates("key"))
        for path in readable:
            if path != merged:  # a file that held every key already has the merged one's name
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("batch-*.parquet"))


def open_collection(kind: str, settings: Mapping[str, Any], label: str = "") -> Collection:
    """Find the collection of some settings in the results folder (it need not exist yet).

    Parameters
    ----------
    kind : str
        Name of the sub-folder, such as ``attributions``.
    settings : Mapping[str, Any]
        Everything that the rows depend on, JSON-able.
    label : str
        For people who list the store; nothing depends on it.

    Returns
    -------
    Collection
        The same folder for equal settings, another for others.
    """
    return Collection(results_folder() / kind / digest(dict(settings))[:24], settings, label)


def list_collections(kind: str) -> pd.DataFrame:
    """List what is stored.

    Parameters
    ----------
    kind : str
        Name of the sub-folder, such as ``attributions``.

    Returns
    -------
    pandas.DataFrame
        One row a collection: id, label, files, damaged, megabytes, settings (JSON text).
    """
    rows = []
    for folder in sorted((results_folder() / kind).glob("*/")):
        files = list(folder.glob("batch-*.parquet"))
        try:
            about = json.loads((folder / "settings.json").read_text("utf-8"))
        except (OSError, ValueError):
            about = {}
        rows.append(
            {
                "id": folder.name,
                "label": about.get("label", ""),
                "files": len(files),
                "damaged": len(list(folder.glob("*.damaged"))),
                "megabytes": sum(map(_size, folder.iterdir())) / 1e6,
                "settings": json.dumps(about.get("settings", {})),
            }
        )
    return pd.DataFrame(rows, columns=["id", "label", "files", "damaged", "megabytes", "settings"])


def remove_collections(kind: str, ids: Iterable[str]) -> list[str]:
    """Remove collections for good.

    Parameters
    ----------
    kind : str
        Name of the sub-folder.
    ids : Iterable[str]
        Their ids, or beginnings of them that fit only one.

    Returns
    -------
    list[str]
        The ids removed.

    Raises
    ------
    WordweightsError
        For an id that fits none or several; then nothing is removed.
    """
    known = list_collections(kind)["id"].tolist()
    chosen = []
    for given in ids:
        found = [name for name in known if name.startswith(given)] if given else []
        if len(found) != 1:
            raise WordweightsError(
                f"The id {given!r} fits {len(found)} of the {len(known)} stored collections in "
                f"{results_folder() / kind}; give one of {', '.join(known) or 'none: it is empty'}."
            )
        chosen += found
    chosen = list(dict.fromkeys(chosen))
    for name in chosen:
        folder = results_folder() / kind / name
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise WordweightsError(
                f"{folder} cannot be removed ({error.strerror or error}); make it writable."
            ) from None
    return chosen


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # a part that another process has finished meanwhile
        return 0


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a parquet file atomically, with checksums on its pages.

    Parameters
    ----------
    path : Path
        The file; what was there is replaced whole.
    table : pd.DataFrame
        Columns that Arrow can hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow, sink, write_page_checksum=True)
    write_atomically(path, sink.getvalue().to_pybytes())


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


def _read_or_set_aside(path: Path) -> pd.DataFrame | None:
    """Read a batch; None if it is gone (another process merged it) or damaged (it is renamed)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WordweightsError(
            f"The results in {path} cannot be read ({error.strerror or error}). Make the file "
            f"readable, or name another folder in {RESULTS_VARIABLE}."
        ) from None
    try:
        return pq.read_table(pa.BufferReader(content), page_checksum_verification=True).to_pandas()
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        aside = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:8]}.damaged")
        with contextlib.suppress(OSError):  # set aside by another process, or a read-only folder
            path.rename(aside)
        reason = " ".join(str(error).split())
        warnings.warn(
            f"{path} is damaged ({reason[:200]}); it is kept as {aside.name} and its rows are "
            f"computed again.",
            stacklevel=4,
        )
        return None
