"""Results in any place: found again, whole or absent, damaged ones noticed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from webhdfs_server import serving

from wordweights.attribution.store import list_collections, open_collection, remove_collections
from wordweights.errors import WordweightsError
from wordweights.files import digest
from wordweights.places import Place

BATCHES = "batch-*.parquet"


@pytest.fixture(autouse=True, params=["folder", "memory", "http"])
def place(
    request: pytest.FixtureRequest, _own_results: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A folder, an object store and a file system elsewhere: the same is true of each."""
    if request.param == "memory":
        monkeypatch.setenv("WORDWEIGHTS_RESULTS", f"memory://{uuid.uuid4().hex}/results")
    if request.param != "http":
        yield
        return
    with serving() as server:
        monkeypatch.setenv("WORDWEIGHTS_RESULTS", server.address)
        yield


def rows(*keys: str) -> pd.DataFrame:
    return pd.DataFrame({"key": list(keys), "value": [[float(len(k)), 0.5] for k in keys]})


def test_what_is_stored_is_found_by_its_key() -> None:
    collection = open_collection("things", {"a": 1})
    assert len(collection.read(["x"])) == 0
    collection.append(rows("x", "yy"))
    collection.append(rows("zzz"))
    found = collection.read(["yy", "zzz", "absent"])
    assert sorted(found.index) == ["yy", "zzz"]
    assert list(found.loc["zzz", "value"]) == [3.0, 0.5]


def test_other_settings_are_another_collection() -> None:
    open_collection("things", {"a": 1}).append(rows("x"))
    assert len(open_collection("things", {"a": 2}).read(["x"])) == 0
    assert len(open_collection("things", {"a": 1}).read(["x"])) == 1


def test_the_digest_does_not_depend_on_order() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})


def test_a_damaged_file_is_set_aside_and_the_rest_still_read() -> None:
    collection = open_collection("things", {})
    collection.append(rows("x"))
    (whole,) = collection.folder.names(BATCHES)
    collection.append(rows("y"))
    content = collection.folder.read(whole)
    collection.folder.remove(whole)
    collection.folder.write(whole, content[: len(content) // 2])
    with pytest.warns(UserWarning, match="is damaged"):
        found = collection.read(["x", "y"])
    assert list(found.index) == ["y"]
    assert len(collection.folder.names("*.damaged")) == 1
    assert whole not in collection.folder.names()
    collection.append(rows("x"))
    assert sorted(collection.read(["x", "y"]).index) == ["x", "y"]


def test_an_altered_value_is_noticed() -> None:
    """One flipped byte in the data leaves a parquet file that reads, but for its checksum."""
    collection = open_collection("things", {})
    collection.append(pd.DataFrame({"key": ["x"] * 1, "value": [[0.1] * 400]}))
    (name,) = collection.folder.names(BATCHES)
    content = bytearray(collection.folder.read(name))
    content[40] ^= 0xFF
    collection.folder.remove(name)
    collection.folder.write(name, bytes(content))
    with pytest.warns(UserWarning, match="is damaged"):
        assert len(collection.read(["x"])) == 0


def test_many_files_become_one() -> None:
    collection = open_collection("things", {})
    keys = [f"k{i}" for i in range(70)]
    for key in keys:
        collection.append(rows(key))
    collection.compact()
    assert len(collection.folder.names(BATCHES)) == 1
    assert sorted(collection.read(keys).index) == sorted(keys)


def test_merging_keeps_a_file_that_held_everything_already() -> None:
    """Two processes on one folder leave such files: the merged one takes the whole one's name."""
    collection = open_collection("things", {})
    keys = [f"k{i}" for i in range(70)]
    collection.append(rows(*keys))
    for key in keys:
        collection.append(rows(key))
    collection.compact()
    assert len(collection.folder.names(BATCHES)) == 1
    assert sorted(collection.read(keys).index) == sorted(keys)


def test_a_merge_by_another_process_while_reading_hides_no_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection = open_collection("things", {})
    keys = [f"k{i}" for i in range(70)]
    for key in keys:
        collection.append(rows(key))
    place = type(collection.folder)
    listed = place.names

    def merged_after(self: Place, pattern: str = "*") -> list[str]:
        names = listed(self, pattern)
        monkeypatch.setattr(place, "names", listed)
        open_collection("things", {}).compact()
        return names

    monkeypatch.setattr(place, "names", merged_after)
    assert sorted(collection.read(keys).index) == sorted(keys)
    assert len(collection.folder.names(BATCHES)) == 1


def test_a_name_without_a_file_stops_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a link into nowhere: it is listed again and again."""
    collection = open_collection("things", {})
    collection.append(rows("x"))
    place = type(collection.folder)
    listed = place.names

    def ghost(self: Place, pattern: str = "*") -> list[str]:
        return ["batch-ghost.parquet", *listed(self, pattern)]

    monkeypatch.setattr(place, "names", ghost)
    assert list(collection.read(["x"]).index) == ["x"]


def test_a_file_that_cannot_be_read_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = open_collection("things", {})
    collection.append(rows("x"))

    def refuse(self: object, name: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(collection.folder), "read", refuse)
    with pytest.raises(WordweightsError, match="cannot be read"):
        collection.read(["x"])
    assert not collection.folder.names("*.damaged")


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands where the folder should be: that stops every user, root too."""
    (tmp_path / "taken").write_text("not a folder")
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "taken"))
    with pytest.raises(WordweightsError, match=r"taken.*WORDWEIGHTS_RESULTS"):
        open_collection("things", {}).append(rows("x"))


def test_what_is_kept_is_listed_and_removed() -> None:
    assert list_collections("things").empty
    open_collection("things", {"a": 1}, "first").append(rows("x"))
    open_collection("things", {"a": 2}, "second").append(rows("x", "y"))
    table = list_collections("things").set_index("label")
    assert table.loc["first", "settings"] == '{"a": 1}'
    assert (table["files"] == 1).all()
    assert (table["megabytes"] > 0).all()
    with pytest.raises(WordweightsError, match="'zzz' fits 0 of the 2"):
        remove_collections("things", [table.loc["first", "id"], "zzz"])
    assert len(list_collections("things")) == 2
    remove_collections("things", [table.loc["first", "id"][:10]] * 2)
    assert list_collections("things")["label"].tolist() == ["second"]
    assert len(open_collection("things", {"a": 2}).read(["x", "y"])) == 2
