"""Results that are kept: keyed by content, written whole or not at all, shared by every process.

A collection is a folder named by the digest of the settings that made its rows, so a changed
setting never finds an old result. Each finished batch is one parquet file that appears whole, so a
killed run leaves finished batches and nothing else, and two processes on the same folder never
write the same bytes twice to different effect.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.files import RESULTS_VARIABLE, digest, results_folder, write_atomically

_ABOUT = "settings.json"
MERGE_ABOVE = 64  # files in a collection before they are made one


@dataclass(frozen=True)
class Collection:
    """Rows computed under the same settings, each with a text column ``key``.

    Attributes
    ----------
    folder : Path
        Where its files are; it need not exist yet.
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
            The rows found, indexed by key, one per key; empty when nothing is stored.
        """
        tables = self._tables()
        if not tables:
            return pd.DataFrame().rename_axis("key")
        rows = pd.concat(tables.values(), ignore_index=True).drop_duplicates("key").set_index("key")
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
        path = self.folder / f"batch-{digest(sorted(rows['key']))[:24]}.parquet"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / _ABOUT).exists():
                content = {"label": self.label, "settings": dict(self.settings)}
                text = json.dumps(content, indent=2, sort_keys=True)
                write_atomically(self.folder / _ABOUT, text.encode())
            write_atomically(path, _parquet(rows))
        except OSError as error:
            raise WordweightsError(
                f"Results cannot be written to {self.folder} ({error.strerror or error}). Earlier "
                f"results there are intact. Make room or make the folder writable, or name another "
                f"one in {RESULTS_VARIABLE}."
            ) from None
        return path

    def compact(self) -> None:
        """Make one file of many, when there are many. The old ones go only after the new one is."""
        if len(self._files()) <= MERGE_ABOVE:
            return
        tables = self._tables()
        if not tables:
            return
        merged = self.append(pd.concat(tables.values(), ignore_index=True).drop_duplicates("key"))
        for path in tables:
            if path != merged:  # a file that held every key already has the merged one's name
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("batch-*.parquet"))

    def _tables(self) -> dict[Path, pd.DataFrame]:
        """Read all batches, but for damaged ones."""
        tables: dict[Path, pd.DataFrame | None] = {}
        gone: set[Path] = set()
        while True:
            before = len(gone)
            for path in self._files():
                if path not in tables:
                    try:
                        tables[path] = _read(path)
                    except FileNotFoundError:
                        gone.add(path)
            # what is gone, another process has merged into a file that may not have been listed
            if len(gone) == before:
                return {path: table for path, table in tables.items() if table is not None}


def open_collection(settings: Mapping[str, Any], label: str = "") -> Collection:
    """Find the collection of some settings in the results folder (it need not exist yet).

    Parameters
    ----------
    settings : Mapping[str, Any]
        Everything that the rows depend on, JSON-able.
    label : str
        For people who list the store; nothing depends on it.

    Returns
    -------
    Collection
        The same folder for equal settings, another for others.
    """
    return Collection(_root() / digest(dict(settings))[:24], settings, label)


def list_collections() -> pd.DataFrame:
    """List what is stored.

    Returns
    -------
    pandas.DataFrame
        One row per collection: id, label, files, damaged, megabytes, settings (JSON text).
    """
    rows = [_describe(folder) for folder in sorted(_root().glob("*/"))]
    return pd.DataFrame(rows, columns=["id", "label", "files", "damaged", "megabytes", "settings"])


def remove_collections(ids: Iterable[str]) -> list[str]:
    """Remove collections for good.

    Parameters
    ----------
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
    known = list_collections()["id"].tolist()
    chosen = []
    for given in ids:
        found = [name for name in known if name.startswith(given)] if given else []
        if len(found) != 1:
            raise WordweightsError(
                f"The id {given!r} fits {len(found)} of the {len(known)} stored collections in "
                f"{_root()}; give one of {', '.join(known) or 'none: it is empty'}."
            )
        chosen += found
    chosen = list(dict.fromkeys(chosen))
    for name in chosen:
        try:
            shutil.rmtree(_root() / name)
        except OSError as error:
            raise WordweightsError(
                f"{_root() / name} cannot be removed ({error.strerror or error}); make it writable."
            ) from None
    return chosen


def _root() -> Path:
    return results_folder() / "attributions"


def _describe(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / _ABOUT).read_bytes())
    except (OSError, ValueError):
        about = {}
    sizes = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process has finished it meanwhile
            sizes.append(path.stat().st_size)
    return {
        "id": folder.name,
        "label": about.get("label", ""),
        "files": len(list(folder.glob("batch-*.parquet"))),
        "damaged": len(list(folder.glob("*.damaged"))),
        "megabytes": sum(sizes) / 1e6,
        "settings": json.dumps(about.get("settings", {})),
    }


def _read(path: Path) -> pd.DataFrame | None:
    """Read a batch; None if it is damaged (and renamed), FileNotFoundError if it is gone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise WordweightsError(
            f"The results in {path} cannot be read ({error.strerror or error}). Make them "
            f"readable, or name another folder in {RESULTS_VARIABLE}."
        ) from None
    try:
        file = pa.BufferReader(content)
        return pq.read_table(file, page_checksum_verification=True).to_pandas()
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        aside = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:8]}.damaged")
        with contextlib.suppress(OSError):  # set aside by another process, or read-only
            path.rename(aside)
        reason = " ".join(str(error).split())
        warnings.warn(
            f"{path} is damaged ({reason[:200]}); it is kept as {aside.name} and its rows are "
            f"computed again.",
            stacklevel=4,
        )
        return None


def _parquet(table: pd.DataFrame) -> bytes:
    """Make a parquet file, with checksums on its pages."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow, sink, write_page_checksum=True)
    return bytes(sink.getvalue())
