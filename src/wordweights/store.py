"""Results on disk: keyed by content, written whole or not at all, shared by every process.

A collection is a folder named by the digest of the settings that made its rows, so a changed
setting never finds an old result. Each finished batch is one parquet file, written under another
name and renamed, so a killed run leaves finished batches and nothing else, and two processes on the
same folder never write the same bytes twice to different effect.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.paths import RESULTS_VARIABLE, results_folder

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
    """

    folder: Path
    settings: Mapping[str, Any]

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

    def append(self, rows: pd.DataFrame) -> None:
        """Store finished rows, at once and for good.

        Parameters
        ----------
        rows : pd.DataFrame
            With a column ``key``; rows of the same key hold the same result.

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
                text = json.dumps(dict(self.settings), indent=2, sort_keys=True)
                write_atomically(about, text.encode())
            name = digest(sorted(rows["key"]))[:24]
            write_table(self.folder / f"batch-{name}.parquet", rows)
        except OSError as error:
            raise WordweightsError(
                f"Results cannot be written to {self.folder} ({error.strerror or error}). Earlier "
                f"results there are intact. Make room or make the folder writable, or name another "
                f"one in {RESULTS_VARIABLE}."
            ) from None

    def compact(self) -> None:
        """Make one file of many, when there are many. The old ones go only after the new one is."""
        files = self._files()
        if len(files) <= _MERGE_ABOVE:
            return
        tables = {path: _read_or_set_aside(path) for path in files}
        readable = {path: table for path, table in tables.items() if table is not None}
        if not readable:
            return
        self.append(pd.concat(readable.values(), ignore_index=True).drop_duplicates("key"))
        for path in readable:
            path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("batch-*.parquet"))


def open_collection(kind: str, settings: Mapping[str, Any]) -> Collection:
    """Find the collection of some settings in the results folder (it need not exist yet).

    Parameters
    ----------
    kind : str
        Name of the sub-folder, such as ``attributions``.
    settings : Mapping[str, Any]
        Everything that the rows depend on, JSON-able.

    Returns
    -------
    Collection
        The same folder for equal settings, another for others.
    """
    return Collection(results_folder() / kind / digest(dict(settings))[:24], settings)


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
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read_or_set_aside(path: Path) -> pd.DataFrame | None:
    """Read a batch; None if it is gone (another process merged it) or damaged (it is renamed)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, page_checksum_verification=True).to_pandas()
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError, ValueError) as error:
        aside = path.with_suffix(".damaged")
        path.rename(aside)
        warnings.warn(
            f"{path} is damaged ({str(error).splitlines()[0]}); it is kept as {aside.name} and "
            f"its rows are computed again.",
            stacklevel=4,
        )
        return None
