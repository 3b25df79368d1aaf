"""Places: a file is whole or absent, and what goes wrong elsewhere is said in one way."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from webhdfs_server import serving

from wordweights.attribution.store import list_collections, open_collection
from wordweights.errors import WordweightsError
from wordweights.files import results_folder, write_atomically
from wordweights.places import Place, place_at, results_place


def somewhere() -> Place:
    """An object store that is empty."""
    return place_at(f"memory://{uuid.uuid4().hex}")


def test_an_address_of_this_machine_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in (tmp_path, str(tmp_path), f"file://{tmp_path}", f"local://{tmp_path}"):
        assert place_at(address) == place_at(tmp_path)
    assert place_at(tmp_path) / "a" == place_at(tmp_path / "a")
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", f"file://{tmp_path}")
    assert results_folder() == tmp_path


def test_what_needs_a_folder_gets_one_when_results_are_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", "memory://bucket/path/")
    assert results_folder() == tmp_path / "results"
    assert str(results_place() / "attributions") == "memory://bucket/path/attributions"


def test_places_of_places() -> None:
    for address, inside in (("memory://", "memory://a"), ("s3://b/c/", "s3://b/c/a")):
        place = place_at(address) / "a"
        assert (str(place), place.name, place.parent) == (inside, "a", place_at(address))


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_a_folder_that_is_sent_and_fetched(where: str, tmp_path: Path) -> None:
    place = place_at(tmp_path / "store") if where == "folder" else somewhere()
    with place.fetched("copy") as found:
        assert found is None
    with place.filling("copy", last="b") as folder:
        for name in "abc":
            (folder / name).write_text(name)
        assert not (place / "copy").exists("a")
    with place.fetched("copy") as found:
        assert found is not None
        assert {path.name: path.read_text() for path in found.iterdir()} == {c: c for c in "abc"}
    (place / "copy").remove_all()
    assert place.names() == []
    assert place.places() == []


def test_the_last_file_of_a_folder_says_that_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    place, written = somewhere(), []
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", lambda _, path, __: written.append(path))
    with place.filling("copy", last="a") as folder:
        for name in "abc":
            (folder / name).touch()
    assert [path[-1] for path in written] == ["b", "c", "a"]


def test_a_file_that_is_there_already_stays() -> None:
    """Two processes write the same; the second finds the first one's file, and leaves no part."""
    with serving() as server:
        place = place_at(server.address)
        place.write("file", b"content")
        place.write("file", b"content")
        assert place.read("file") == b"content"
        assert [path.rsplit("/", 1)[1] for path in server.files] == ["file"]


def test_what_a_package_raises_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class BucketError(Exception):
        """As those of botocore and gcsfs, of no common kind."""

    def refuse(*_: object, **__: object) -> None:
        raise BucketError("no such credentials")

    for method in ("ls", "pipe_file", "cat_file", "rm"):
        monkeypatch.setattr(MemoryFileSystem, method, refuse)
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", "memory://bucket")
    collection = open_collection("things", {})
    with pytest.raises(WordweightsError, match=r"memory://bucket/things.*be read \(BucketError"):
        collection.read(["x"])
    with pytest.raises(WordweightsError, match=r"memory://bucket/things.*be read \(BucketError"):
        list_collections("things")
    rows = pd.DataFrame({"key": ["x"]})
    with pytest.raises(WordweightsError, match=r"written to memory://bucket/things.*no such cred"):
        collection.append(rows)


def test_a_store_that_is_full_or_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        monkeypatch.setenv("WORDWEIGHTS_RESULTS", server.address)
        collection = open_collection("things", {})
        collection.append(pd.DataFrame({"key": ["x"]}))
        server.full = True
        with pytest.raises(WordweightsError, match=r"written to webhdfs.*The quota is exceeded"):
            collection.append(pd.DataFrame({"key": ["y"]}))
        assert collection.read(["x", "y"]).index.tolist() == ["x"]
        assert len(server.files) == 2  # no part is left
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", "webhdfs://127.0.0.1:9/results")  # nothing is there
    with pytest.raises(WordweightsError, match=r"results in webhdfs://.* cannot be read"):
        open_collection("things", {}).read(["x"])


def test_a_protocol_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", "s3://bucket/path")
    with pytest.raises(WordweightsError, match=r"s3://bucket/path.* Install s3fs"):
        open_collection("things", {}).read(["x"])


PROGRAM = """
import sys
import pandas as pd
from wordweights.attribution.store import open_collection

open_collection("things", {"a": 1}, "shared").append(pd.DataFrame({"key": [sys.argv[1]]}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["file", "http"])
def test_two_processes_share_an_address(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        address = f"file://{tmp_path}/results" if where == "file" else server.address
        monkeypatch.setenv("WORDWEIGHTS_RESULTS", address)
        collection = open_collection("things", {"a": 1})
        for known, key in enumerate("xy"):
            assert len(collection.read("xy")) == known  # nothing of it is remembered
            subprocess.run([sys.executable, "-c", PROGRAM, key], check=True, timeout=120)
        assert sorted(collection.read("xy").index) == ["x", "y"]
        assert list_collections("things")["label"].tolist() == ["shared"]


def test_a_failed_write_leaves_the_old_file_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_others_may_read_what_is_stored(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "file", b"content")
    modes = [(tmp_path / name).stat().st_mode for name in ("plain", "file")]
    assert modes[0] == modes[1]
