"""Results that are kept: keyed by content, written whole or not at all, shared by every process.

A collection is a folder named by the digest of the settings that made its rows, so a changed
setting never finds an old result. Each finished batch is one parquet file that appears whole, so a
killed run leaves finished batches and nothing else, and two processes on the same folder never
write the same bytes twice to different effect. The folder may be of this machine or elsewhere:
:mod:`wordweights.places` knows the difference.
"""

from __future__ import annotations

import contextlib
import json
import uuid
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.files import RESULTS_VARIABLE, digest
from wordweights.places import Place, results_place

ATTRIBUTIONS = "attributions"
"""Name of the sub-folder that holds the contributions of words."""

_ABOUT = "settings.json"
_BATCHES = "batch-*.parquet"
_MERGE_ABOVE = 64  # files in a collection before they are made one


@dataclass(frozen=True)
class Collection:
    """Rows computed under the same settings, each with a text column ``key``.

    Attributes
    ----------
    folder : Place
        Where its files are.
    settings : Mapping[str, Any]
        What made the rows; kept beside them as ``settings.json``.
    label : str
        For people who list the store, such as the encoder's name; nothing depends on it.
    """

    folder: Place
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
        tables = self._tables()
        if not tables:
            return pd.DataFrame().rename_axis("key")
        rows = pd.concat(tables.values(), ignore_index=True).drop_duplicates("key").set_index("key")
        return rows.loc[rows.index.intersection(pd.Index(sorted(set(keys))))]

    def append(self, rows: pd.DataFrame) -> str:
        """Store finished rows, at once and for good.

        Parameters
        ----------
        rows : pd.DataFrame
            With a column ``key``; rows of the same key hold the same result.

        Returns
        -------
        str
            Name of the file that holds them.

        Raises
        ------
        WordweightsError
            When the folder cannot be written or the disk is full; what was stored before is
            untouched.
        """
        name = self.file_of(rows["key"])
        try:
            if not self.folder.exists(_ABOUT):
                content = {"label": self.label, "settings": dict(self.settings)}
                text = json.dumps(content, indent=2, sort_keys=True)
                self.folder.write(_ABOUT, text.encode())
            self.folder.write(name, _parquet(rows))
        except OSError as error:
            raise WordweightsError(
                f"Results cannot be written to {self.folder} ({error.strerror or error}). Earlier "
                f"results there are intact. Make room or make the folder writable, or name another "
                f"one in {RESULTS_VARIABLE}."
            ) from None
        return name

    def holds(self, keys: Iterable[str]) -> bool:
        """Tell whether some rows are stored, together and in a file of their own.

        Parameters
        ----------
        keys : Iterable[str]
            All of them, in any order.

        Returns
        -------
        bool
            False also once they are merged with others.
        """
        return self.folder.exists(self.file_of(keys))

    def file_of(self, keys: Iterable[str]) -> str:
        """Name the file of some rows that are stored together.

        Parameters
        ----------
        keys : Iterable[str]
            All of them, in any order.

        Returns
        -------
        str
            It exists once they are stored, until it is merged with others.
        """
        return f"batch-{digest(sorted(keys))[:24]}.parquet"

    def compact(self) -> None:
        """Make one file of many, when there are many. The old ones go only after the new one is."""
        if len(self._files()) <= _MERGE_ABOVE:
            return
        tables = self._tables()
        if not tables:
            return
        merged = self.append(pd.concat(tables.values(), ignore_index=True).drop_duplicates("key"))
        for name in tables:
            if name != merged:  # a file that held every key already has the merged one's name
                self.folder.remove(name)

    def _files(self) -> list[str]:
        try:
            return self.folder.names(_BATCHES)
        except OSError as error:
            raise _unreadable(self.folder, error) from None

    def _tables(self) -> dict[str, pd.DataFrame]:
        """Read all batches by the names of their files, but for damaged ones."""
        tables: dict[str, pd.DataFrame | None] = {}
        gone: set[str] = set()
        while True:
            before = len(gone)
            for name in self._files():
                if name not in tables:
                    try:
                        tables[name] = self._table(name)
                    except FileNotFoundError:
                        gone.add(name)
            # what is gone, another process has merged into a file that may not have been listed
            if len(gone) == before:
                return {name: table for name, table in tables.items() if table is not None}

    def _table(self, name: str) -> pd.DataFrame | None:
        """Read a batch; None if it is damaged (and renamed), FileNotFoundError if it is gone."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / name
        try:
            content = self.folder.read(name)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unreadable(path, error) from None
        try:
            file = pa.BufferReader(content)
            return pq.read_table(file, page_checksum_verification=True).to_pandas()
        except (pa.ArrowInvalid, OSError, ValueError) as error:
            aside = f"{name.removesuffix('.parquet')}-{uuid.uuid4().hex[:8]}.damaged"
            with contextlib.suppress(OSError):  # set aside by another process, or read-only
                self.folder.rename(name, aside)
            reason = " ".join(str(error).split())
            warnings.warn(
                f"{path} is damaged ({reason[:200]}); it is kept as {aside} and its rows are "
                f"computed again.",
                stacklevel=4,
            )
            return None


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
    return Collection(results_place() / kind / digest(dict(settings))[:24], settings, label)


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
    root = results_place() / kind
    try:
        rows = [_describe(folder) for folder in root.places()]
    except OSError as error:
        raise _unreadable(root, error) from None
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
                f"{results_place() / kind}; give one of {', '.join(known) or 'none: it is empty'}."
            )
        chosen += found
    chosen = list(dict.fromkeys(chosen))
    for name in chosen:
        folder = results_place() / kind / name
        try:
            folder.remove_all()
        except OSError as error:
            raise WordweightsError(
                f"{folder} cannot be removed ({error.strerror or error}); make it writable."
            ) from None
    return chosen


def _describe(folder: Place) -> dict[str, Any]:
    try:
        about = json.loads(folder.read(_ABOUT))
    except (OSError, ValueError):
        about = {}
    return {
        "id": folder.name,
        "label": about.get("label", ""),
        "files": len(folder.names(_BATCHES)),
        "damaged": len(folder.names("*.damaged")),
        "megabytes": folder.size() / 1e6,
        "settings": json.dumps(about.get("settings", {})),
    }


def _unreadable(place: Place, error: OSError) -> WordweightsError:
    return WordweightsError(
        f"The results in {place} cannot be read ({error.strerror or error}). Make them readable, "
        f"or name another folder in {RESULTS_VARIABLE}."
    )


def _parquet(table: pd.DataFrame) -> bytes:
    """Make a parquet file, with checksums on its pages."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow, sink, write_page_checksum=True)
    return bytes(sink.getvalue())
