"""Where files are kept: a folder of this machine, or a store elsewhere that fsspec reaches.

A file is written whole or not at all: on this machine under another name, and renamed; in an object
store in one piece, for an object is not seen before it is complete.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from wordweights.errors import WordweightsError, reason_of
from wordweights.files import RESULTS_VARIABLE, local_path, results_folder, write_atomically

# Stores whose objects appear complete. Files of any other system are seen while they are written.
_WHOLE = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2", "memory"}
)


class Place(ABC):
    """Holds files by their names, and places in it. Its methods raise OSError when they fail."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The last part of the path or address."""

    @property
    @abstractmethod
    def parent(self) -> Place:
        """The place that this one is in."""

    @abstractmethod
    def __truediv__(self, name: str) -> Place: ...

    @abstractmethod
    def absolute(self) -> Place:
        """Name the same place for a process with another working folder."""

    @abstractmethod
    def names(self, pattern: str = "*") -> list[str]:
        """List the files, sorted; none where the place is not there yet."""

    @abstractmethod
    def places(self) -> list[Place]:
        """List the places in it, sorted."""

    @abstractmethod
    def size(self) -> int:
        """Sum up the bytes of its files."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Tell whether a file is there."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Read a file; FileNotFoundError where there is none."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; one of that name must have meant the same."""

    @abstractmethod
    def rename(self, name: str, other: str) -> None:
        """Give a file another name."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def remove_all(self) -> None:
        """Remove the place with all that it holds."""

    @abstractmethod
    def filling(self, name: str, last: str) -> AbstractContextManager[Path]:
        """Give a local folder to fill; then its files are put at `name`, `last` after the rest."""

    @abstractmethod
    def fetched(self, name: str) -> AbstractContextManager[Path | None]:
        """Give a local folder with the files of a place in it; None where there is none."""


@dataclass(frozen=True)
class _Local(Place):
    """A folder of this machine, or one that is mounted.

    Attributes
    ----------
    path : Path
        It need not exist.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parent(self) -> _Local:
        return _Local(self.path.parent)

    def __truediv__(self, name: str) -> _Local:
        return _Local(self.path / name)

    def absolute(self) -> _Local:
        return _Local(self.path.absolute())

    def names(self, pattern: str = "*") -> list[str]:
        return sorted(path.name for path in self.path.glob(pattern) if not path.is_dir())

    def places(self) -> list[Place]:
        return [_Local(path) for path in sorted(self.path.glob("*/"))]

    def size(self) -> int:
        total = 0
        for path in self.path.iterdir():
            with suppress(FileNotFoundError):  # a part that another process has finished meanwhile
                total += path.stat().st_size
        return total

    def exists(self, name: str) -> bool:
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / name, content)

    def rename(self, name: str, other: str) -> None:
        (self.path / name).rename(self.path / other)

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def remove_all(self) -> None:
        shutil.rmtree(self.path)

    @contextmanager
    def filling(self, name: str, last: str) -> Iterator[Path]:
        part = self.path / f".part-{uuid.uuid4().hex}"
        try:
            part.mkdir(parents=True)
            yield part
            part.rename(self.path / name)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    @contextmanager
    def fetched(self, name: str) -> Iterator[Path | None]:
        path = self.path / name
        yield path if path.is_dir() else None


@dataclass(frozen=True)
class _Remote(Place):
    """A folder, or the beginning of the names of objects, of a file system that fsspec knows.

    Attributes
    ----------
    address : str
        Such as ``s3://bucket/path``.
    """

    address: str

    def __str__(self) -> str:
        return self.address

    @property
    def name(self) -> str:
        return self.address.rsplit("/", 1)[1]

    @property
    def parent(self) -> _Remote:
        return _remote(self.address.rsplit("/", 1)[0])

    def __truediv__(self, name: str) -> _Remote:
        return _Remote(self.address + "/" * (not self.address.endswith("/")) + name)

    def absolute(self) -> _Remote:
        return self

    def names(self, pattern: str = "*") -> list[str]:
        names = (name for name, about in self._entries() if about["type"] != "directory")
        return sorted(name for name in names if fnmatchcase(name, pattern))

    def places(self) -> list[Place]:
        folders = (name for name, about in self._entries() if about["type"] == "directory")
        return [self / name for name in sorted(folders)]

    def size(self) -> int:
        return sum(about["size"] or 0 for _, about in self._entries())

    def exists(self, name: str) -> bool:
        system, path = self._open()
        with as_os_error():
            return bool(system.exists(f"{path}/{name}"))

    def read(self, name: str) -> bytes:
        system, path = self._open()
        with as_os_error():
            return bytes(system.cat_file(f"{path}/{name}"))

    def write(self, name: str, content: bytes) -> None:
        system, path = self._open()
        with as_os_error():
            if self.address.partition("://")[0] in _WHOLE:
                system.pipe_file(f"{path}/{name}", content)
                return
            part = f"{path}/.part-{uuid.uuid4().hex}"
            system.makedirs(path, exist_ok=True)
            try:
                system.pipe_file(part, content)
                self._move(system, part, f"{path}/{name}")
            finally:
                if system.exists(part):
                    system.rm_file(part)

    def rename(self, name: str, other: str) -> None:
        system, path = self._open()
        with as_os_error():
            system.mv(f"{path}/{name}", f"{path}/{other}")

    def remove(self, name: str) -> None:
        system, path = self._open()
        with as_os_error(), suppress(FileNotFoundError):
            system.rm_file(f"{path}/{name}")

    def remove_all(self) -> None:
        system, path = self._open()
        with as_os_error():
            system.rm(path, recursive=True)

    @contextmanager
    def filling(self, name: str, last: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
            for file in sorted(Path(folder).iterdir(), key=lambda file: file.name == last):
                (self / name).write(file.name, file.read_bytes())

    @contextmanager
    def fetched(self, name: str) -> Iterator[Path | None]:
        place = self / name
        names = place.names()
        if not names:
            yield None
            return
        system, path = place._open()
        with tempfile.TemporaryDirectory() as folder:
            with as_os_error():
                for file in names:
                    system.get_file(f"{path}/{file}", str(Path(folder, file)))
            yield Path(folder)

    @staticmethod
    def _move(system: Any, part: str, path: str) -> None:
        """Rename; HDFS refuses that, with or without an error, where a file has the name."""
        try:
            system.mv(part, path)
        except OSError:
            if not system.exists(path):
                raise
        if not system.exists(path):
            raise OSError(f"{part} cannot be renamed")

    def _open(self) -> tuple[Any, str]:
        system, path = open_filesystem(self.address)
        system.invalidate_cache()  # what it remembers of a folder that others write to is old
        return system, path.rstrip("/")

    def _entries(self) -> list[tuple[str, dict[str, Any]]]:
        """List names with what is known of each."""
        system, path = self._open()
        with as_os_error():
            try:
                found = system.ls(path, detail=True)
            except FileNotFoundError:
                return []
        # an object store may list an empty object that stands for the folder itself
        named = [(about["name"].rstrip("/"), about) for about in found]
        return [(name.rsplit("/", 1)[-1], about) for name, about in named if name != path]


def place_at(address: str | Path) -> Place:
    """Find the place of a path or address.

    Parameters
    ----------
    address : str | Path
        A path, or an address that fsspec knows, such as ``s3://bucket/path``.

    Returns
    -------
    Place
        It need not exist.
    """
    path = local_path(address)
    if path is not None:
        return _Local(path)
    return _remote(str(address))


def results_place() -> Place:
    """Find the place of cached attributions.

    Returns
    -------
    Place
        What ``WORDWEIGHTS_RESULTS`` names, or the results folder.
    """
    return place_at(os.environ.get(RESULTS_VARIABLE) or results_folder())


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


def _remote(address: str) -> _Remote:
    bare = address.rstrip("/")
    return _Remote(f"{bare}//" if bare.endswith(":") else bare)


@contextmanager
def as_os_error() -> Iterator[None]:
    """Make one kind of error of what goes wrong elsewhere: each package has kinds of its own."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(reason_of(error)) from error
