"""What a corpus is made of: files of any place and kind, in shards that are counted one by one."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from wordweights.errors import WordweightsError, reason_of
from wordweights.files import digest, expand_home

DATA_SET = "dataset:"
"""What an address begins with that names a data set."""

SHARD = 256 << 20
"""Bytes of a file without compression that are counted as one."""

_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}  # as Arrow names them
_KINDS = {
    ".txt": "text",
    ".text": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
# what places call the time or the content of a file
_CHANGED = ("mtime", "LastModified", "last_modified", "ETag", "etag", "md5Hash", "updated")


@dataclass(frozen=True)
class Shard:
    """A part of a corpus that is counted by one task."""

    address: str  # a path, an address of fsspec, or dataset:name:config:split
    kind: str  # text, jsonl, csv, tsv, parquet or dataset
    size: int  # bytes of the file, 0 where nobody knows
    version: str  # changes when the content does: the time of a file
    start: int = 0  # the first byte, row group or shard of a data set
    stop: int | None = None  # None: the end of the file

    @property
    def name(self) -> str:
        """Say which it is, for people."""
        if self.start == 0 and self.stop is None:
            return self.address
        what = {"parquet": "row groups", "dataset": "shards"}.get(self.kind, "bytes")
        end = "the end" if self.stop is None else self.stop
        return f"{self.address} ({what} {self.start} to {end})"

    @property
    def key(self) -> str:
        """Name its content among the partial counts."""
        return digest(asdict(self))[:24]

    @property
    def compression(self) -> str | None:
        """Say how the file is compressed, as Arrow names it."""
        return _COMPRESSIONS.get(_endings(self.address)[-1])


def list_shards(corpora: Sequence[str], shard_size: int = SHARD) -> tuple[list[Shard], list[str]]:
    """List the shards of a corpus, each file once.

    Parameters
    ----------
    corpora : Sequence[str]
        Paths of files and folders, patterns such as ``data/*.txt.gz``, addresses of fsspec such as
        ``s3://bucket/folder``, and ``dataset:name``, ``dataset:name:config`` or
        ``dataset:name:config:split`` for a data set that the package datasets can load.
    shard_size : int
        Bytes of a file without compression that are counted as one.

    Returns
    -------
    tuple[list[Shard], list[str]]
        The shards in order, and the addresses that were named more than once.

    Raises
    ------
    WordweightsError
        For an address at which there is nothing, or that cannot be reached.
    """
    if not corpora or not all(map(str, corpora)):  # an empty path would be the current folder
        raise WordweightsError("No corpus is named: give at least one file, folder or address.")
    shards: dict[str, list[Shard]] = {}
    repeated: list[str] = []
    for corpus in corpora:
        for address, found in _find(str(corpus), shard_size):
            if address in shards:
                repeated.append(address)
            shards.setdefault(address, found)
    return [shard for found in shards.values() for shard in found], repeated


def open_address(address: str) -> Any:
    """Open a file of any place for reading."""
    filesystem, path = _open_filesystem(address)
    return filesystem.open(path, "rb")


def open_data_set(address: str) -> Any:
    """Open a data set by its name, without reading it."""
    import datasets

    name, config, split, *more = [*address.removeprefix(DATA_SET).split(":"), "", ""]
    if not name or any(more):
        raise WordweightsError(
            f"The data set {address!r} must be dataset:name, dataset:name:config or "
            f"dataset:name:config:split, such as dataset:wikimedia/wikipedia:20231101.en:train."
        )
    # whatever the network or a loader raises is for the user one thing: no data set
    try:
        return datasets.load_dataset(name, config or None, split=split or "train", streaming=True)
    except Exception as error:
        raise WordweightsError(
            f"The data set {address!r} cannot be loaded ({reason_of(error)}): check its name, its "
            f"configuration and its split."
        ) from None


def _find(corpus: str, shard_size: int) -> Iterator[tuple[str, list[Shard]]]:
    if corpus.startswith(DATA_SET):
        data = open_data_set(corpus)
        about = int(data.info.dataset_size or 0), str(data.info.version or "")
        yield corpus, [Shard(corpus, "dataset", *about, i, i + 1) for i in range(data.num_shards)]
        return
    filesystem, path = _open_filesystem(corpus)
    with _refused(f"The corpus {corpus} cannot be listed"):
        files = _files(filesystem, path)
    if not files:
        raise WordweightsError(
            f"The corpus {corpus} holds no file to count: give the path of a file, a pattern, or a "
            f"folder with files that end in {', '.join(_KINDS)}, compressed or not. A data set is "
            f"named dataset:name."
        )
    for file in files:
        address = filesystem.unstrip_protocol(file).removeprefix("file://")
        yield address, _file_shards(filesystem, file, address, shard_size)


def _files(filesystem: Any, path: str) -> list[str]:
    if filesystem.isfile(path):
        return [path]
    if glob.has_magic(path) and not filesystem.isdir(path):
        found = (file for file in filesystem.glob(path) if PurePosixPath(file).name[0] != ".")
        return sorted(file for file in found if filesystem.isfile(file))
    if not filesystem.isdir(path):
        return []
    files = (file for file in filesystem.find(path) if _kind(file))
    return sorted(file for file in files if PurePosixPath(file).name[0] not in "._")


def _kind(path: str) -> str | None:
    """Tell the kind of a file by its ending, without that of its compression."""
    endings = _endings(path)
    return _KINDS.get(endings[-2] if endings[-1] in _COMPRESSIONS else endings[-1])


def _endings(address: str) -> list[str]:
    """Take the endings of a file's name, without what follows a question mark on the web."""
    on_web = address.startswith(("http://", "https://"))
    path = address.split("?", maxsplit=1)[0] if on_web else address
    return ["", "", *PurePosixPath(path.lower()).suffixes]


def _file_shards(filesystem: Any, path: str, address: str, shard_size: int) -> list[Shard]:
    with _refused(f"{address} cannot be read"):
        about = filesystem.info(path)
    size = int(about.get("size") or 0)
    version = str(next((about[key] for key in _CHANGED if about.get(key)), ""))
    whole = Shard(address, _kind(path) or "text", size, version)
    # a quoted cell may hold the end of a line, so nobody knows where in a CSV a row begins
    if whole.compression or whole.kind in ("csv", "tsv") or size <= shard_size:
        return [whole]
    stops: Sequence[int] = range(shard_size, size + shard_size, shard_size)
    if whole.kind == "parquet":
        try:
            stops = _row_groups(filesystem, path, shard_size)
        except Exception:  # it is reported when it is counted, with the others
            return [whole]
    starts = [0, *stops[:-1]]
    return [
        Shard(address, whole.kind, size, version, *ends) for ends in zip(starts, stops, strict=True)
    ]


def _row_groups(filesystem: Any, path: str, shard_size: int) -> list[int]:
    """Gather row groups of a parquet file until they are a shard; the end of each."""
    import pyarrow.parquet as pq

    with filesystem.open(path, "rb") as file:
        about = pq.read_metadata(file)
    stops, gathered = [], 0
    for i in range(about.num_row_groups):
        gathered += about.row_group(i).total_byte_size
        if gathered >= shard_size or i == about.num_row_groups - 1:
            stops.append(i + 1)
            gathered = 0
    return stops


def _open_filesystem(address: str) -> tuple[Any, str]:
    """Find the file system of an address, and the path by its rules."""
    import fsspec

    if "://" not in address:
        # one name for one file, whatever folder or link it is reached by
        address = str(expand_home(address).resolve())
    try:
        return fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise WordweightsError(
            f"The address {address} cannot be opened ({reason_of(error)}): install the package of "
            f"its protocol, such as s3fs for s3://, gcsfs for gs:// or aiohttp for http://, or "
            f"give a path of this machine."
        ) from None


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Make one kind of error of what goes wrong elsewhere: each package has kinds of its own."""
    try:
        yield
    except Exception as error:
        raise WordweightsError(
            f"{what} ({reason_of(error)}): give an address that can be read from here."
        ) from None
