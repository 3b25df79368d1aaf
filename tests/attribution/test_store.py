"""Results: found again, whole or absent, damaged ones noticed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from wordweights.attribution.store import (
    Collection,
    list_collections,
    open_collection,
    remove_collections,
)
from wordweights.errors import WordweightsError

MANY = [f"k{i}" for i in range(70)]


def rows(*keys: str) -> pd.DataFrame:
    return pd.DataFrame({"key": list(keys), "value": [[float(len(k)), 0.5] for k in keys]})


def files(collection: Collection) -> list[Path]:
    return sorted(collection.folder.glob("batch-*.parquet"))


def test_what_is_stored_is_found_by_its_key() -> None:
    collection = open_collection({"a": 1})
    assert len(collection.read(["x"])) == 0
    collection.append(rows("x", "yy"))
    collection.append(rows("zzz"))
    found = collection.read(["yy", "zzz", "absent"])
    assert sorted(found.index) == ["yy", "zzz"]
    assert list(found.loc["zzz", "value"]) == [3.0, 0.5]


def test_other_settings_are_another_collection() -> None:
    open_collection({"a": 1, "b": 2}).append(rows("x"))
    assert len(open_collection({"a": 2, "b": 2}).read(["x"])) == 0
    assert len(open_collection({"b": 2, "a": 1}).read(["x"])) == 1


def test_a_damaged_file_is_set_aside_and_the_rest_still_read() -> None:
    collection = open_collection({})
    whole = collection.append(rows("x"))
    collection.append(rows("y"))
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="is damaged"):
        found = collection.read(["x", "y"])
    assert list(found.index) == ["y"]
    assert len(list(collection.folder.glob("*.damaged"))) == 1
    collection.append(rows("x"))
    assert sorted(collection.read(["x", "y"]).index) == ["x", "y"]


def test_an_altered_value_is_noticed() -> None:
    """One flipped byte in the data leaves a parquet file that reads, but for its checksum."""
    collection = open_collection({})
    path = collection.append(pd.DataFrame({"key": ["x"], "value": [[0.1] * 400]}))
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged"):
        assert len(collection.read(["x"])) == 0


@pytest.mark.parametrize("whole_too", [False, True])
def test_many_files_become_one(whole_too: bool) -> None:
    """Also beside a file that has them all, as a second run leaves: the merged one has its name."""
    collection = open_collection({})
    if whole_too:
        collection.append(rows(*MANY))
    for key in MANY:
        collection.append(rows(key))
    collection.compact()
    assert len(files(collection)) == 1
    assert sorted(collection.read(MANY).index) == sorted(MANY)


def test_a_merge_by_another_process_while_reading_hides_no_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection = open_collection({})
    for key in MANY:
        collection.append(rows(key))
    glob = Path.glob

    def merged_after(self: Path, pattern: str) -> list[Path]:
        found = list(glob(self, pattern))
        monkeypatch.setattr(Path, "glob", glob)
        collection.compact()
        return found

    monkeypatch.setattr(Path, "glob", merged_after)
    assert sorted(collection.read(MANY).index) == sorted(MANY)
    assert len(files(collection)) == 1


def test_a_name_without_a_file_stops_no_reader() -> None:
    collection = open_collection({})
    collection.append(rows("x"))
    (collection.folder / "batch-ghost.parquet").symlink_to("nowhere")
    assert list(collection.read(["x"]).index) == ["x"]


def test_a_file_that_cannot_be_read_is_no_damage() -> None:
    collection = open_collection({})
    path = collection.append(rows("x"))
    path.unlink()
    path.mkdir()  # which no user can read, root neither
    with pytest.raises(WordweightsError, match="cannot be read"):
        collection.read(["x"])
    assert not list(collection.folder.glob("*.damaged"))


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands where the folder should be: that stops every user, root too."""
    (tmp_path / "taken").write_text("not a folder")
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "taken"))
    with pytest.raises(WordweightsError, match=r"taken.*WORDWEIGHTS_RESULTS"):
        open_collection({}).append(rows("x"))


def test_what_is_kept_is_listed_and_removed() -> None:
    assert list_collections().empty
    open_collection({"a": 1}, "first").append(rows("x"))
    open_collection({"a": 2}, "second").append(rows("x", "y"))
    table = list_collections().set_index("label")
    assert table.loc["first", "settings"] == '{"a": 1}'
    assert (table["files"] == 1).all()
    assert (table["megabytes"] > 0).all()
    with pytest.raises(WordweightsError, match="'zzz' fits 0 of the 2"):
        remove_collections([table.loc["first", "id"], "zzz"])
    assert len(list_collections()) == 2
    remove_collections([table.loc["first", "id"][:10]] * 2)
    assert list_collections()["label"].tolist() == ["second"]
