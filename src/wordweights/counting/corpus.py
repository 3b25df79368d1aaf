"""What a corpus is made of: files of any place and kind, in shards that are counted one by one."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wordweights.errors import WordweightsError, reason_of
from wordweights.files import digest

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""How a file is compressed, by its last ending."""

DATA_SET = "dataset:"
"""What an address begins with that names a data set."""

_KINDS = {
    ".txt": "text",
    ".text": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
_SHARD = 256 << 20  # bytes of a file that are counted as one


@dataclass(frozen=True)
class Shard:
    """A part of a corpus that is counted by one task.

    Attributes
    ----------
    address : str
        A path, an address of fsspec, or ``dataset:name:config:split``.
    kind : str
        ``"text"``, ``"jsonl"``, ``"parquet"`` or ``"dataset"``.
    size : int
        Bytes of the file, 0 where nobody knows.
    version : str
        Changes when the content does: the time of a file.
    start : int
        The first byte, row group or shard of a data set.
    stop : int | None
        The end of these; None is the end of the file.
    """

    address: str
    kind: str
    size: int
    version: str
    start: int = 0
    stop: int | None = None

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
        """Name its content in the folder of partial counts."""
        return digest(asdict(self))[:24]

    @property
    def compression(self) -> str | None:
        """Say how the file is compressed, as Arrow names it."""
        return COMPRESSIONS.get(_endings(self.address)[-1])


def list_shards(corpora: Sequence[str], shard_size: int = _SHARD) -> tuple[list[Shard], list[str]]:
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
    if not corpora:
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
    """Open a file of any place for reading.

    Parameters
    ----------
    address : str
        A path, or an address of fsspec.

    Returns
    -------
    Any
        A binary file that can seek, where the place allows it.
    """
    filesystem, path = open_filesystem(address)
    return filesystem.open(path, "rb")


def open_filesystem(address: str) -> tuple[Any, str]:
    """Find the file system of an address, and the path there.

    Parameters
    ----------
    address : str
        A path, or an address that fsspec knows.

    Returns
    -------
    tuple[Any, str]
        A file system of fsspec, and the path by its rules.

    Raises
    ------
    WordweightsError
        For a protocol that nobody knows or whose package is not installed.
    """
    import fsspec

    if "://" not in address:
        # one name for one file, whatever folder or link it is reached by
        address = str(Path(address).expanduser().resolve())
    try:
        return fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise WordweightsError(
            f"The address {address} cannot be opened ({reason_of(error)}): install the package of "
            f"its protocol, such as s3fs for s3://, gcsfs for gs:// or aiohttp for http://, or "
            f"give a path of this machine."
        ) from None


@contextmanager
def as_os_error() -> Iterator[None]:
    """Make one kind of error of what goes wrong elsewhere: each package has kinds of its own."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(reason_of(error)) from error


def _find(corpus: str, shard_size: int) -> Iterator[tuple[str, list[Shard]]]:
    if corpus.startswith(DATA_SET):
        yield corpus, _data_set_shards(corpus)
        return
    filesystem, path = open_filesystem(corpus)
    try:
        with as_os_error():
            files = _files(filesystem, path)
    except OSError as error:
        raise WordweightsError(
            f"The corpus {corpus} cannot be listed ({reason_of(error)}): give an address that can "
            f"be read from here."
        ) from None
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
    if glob.has_magic(path):
        found = (file for file in filesystem.glob(path) if PurePosixPath(file).name[0] != ".")
        return sorted(file for file in found if filesystem.isfile(file))
    if not filesystem.isdir(path):
        return []
    files = (file for file in filesystem.find(path) if _kind(file, None))
    return sorted(file for file in files if PurePosixPath(file).name[0] not in "._")


def _kind(path: str, otherwise: str | None) -> str | None:
    """Tell the kind of a file by its ending, without that of its compression."""
    endings = _endings(path)
    return _KINDS.get(endings[-2] if endings[-1] in COMPRESSIONS else endings[-1], otherwise)


def _endings(address: str) -> list[str]:
    """Take the endings of a file's name, without what follows a question mark on the web."""
    on_web = address.startswith(("http://", "https://"))
    path = address.split("?", maxsplit=1)[0] if on_web else address
    return ["", "", *PurePosixPath(path.lower()).suffixes]


def _file_shards(filesystem: Any, path: str, address: str, shard_size: int) -> list[Shard]:
    try:
        with as_os_error():
            about = filesystem.info(path)
    except OSError as error:
        raise WordweightsError(
            f"{address} cannot be read ({reason_of(error)}): give a file that you may read."
        ) from None
    size = int(about.get("size") or 0)
    version = str(next((about[key] for key in _CHANGED if about.get(key)), ""))
    kind = str(_kind(path, "text"))
    compressed = _endings(path)[-1] in COMPRESSIONS
    if kind == "parquet" and not compressed:
        return [
            Shard(address, kind, size, version, start, stop)
            for start, stop in _row_groups(filesystem, path, address, shard_size)
        ]
    if compressed or size <= shard_size:
        return [Shard(address, kind, size, version)]
    starts = range(0, size, shard_size)
    return [Shard(address, kind, size, version, start, start + shard_size) for start in starts]


# what places call the time or the content of a file
_CHANGED = ("mtime", "LastModified", "last_modified", "ETag", "etag", "md5Hash", "updated")


def _row_groups(
    filesystem: Any, path: str, address: str, shard_size: int
) -> Iterator[tuple[int, int | None]]:
    """Gather row groups of a parquet file until they are a shard."""
    import pyarrow.parquet as pq

    try:
        with as_os_error(), filesystem.open(path, "rb") as file:
            about = pq.read_metadata(file)
            sizes = [about.row_group(i).total_byte_size for i in range(about.num_row_groups)]
    except OSError:
        yield 0, None  # it is reported when it is counted, with the others
        return
    if sum(sizes) <= shard_size:
        yield 0, None
        return
    start, gathered = 0, 0
    for i, size in enumerate(sizes):
        gathered += size
        if gathered >= shard_size or i == len(sizes) - 1:
            yield start, i + 1
            start, gathered = i + 1, 0


def _data_set_shards(address: str) -> list[Shard]:
    data = open_data_set(address)
    version = str(data.info.version or "")
    size = int(data.info.dataset_size or 0)
    return [Shard(address, "dataset", size, version, i, i + 1) for i in range(data.num_shards)]


def open_data_set(address: str) -> Any:
    """Open a data set by its name, without reading it.

    Parameters
    ----------
    address : str
        ``dataset:name``, ``dataset:name:config`` or ``dataset:name:config:split``.

    Returns
    -------
    Any
        An ``IterableDataset`` of the package datasets.

    Raises
    ------
    WordweightsError
        When it cannot be loaded.
    """
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
