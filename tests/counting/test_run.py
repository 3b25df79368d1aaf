"""Partial counts that are damaged, removed or of killed runs cost time, and never a word."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from plain_counts import bert_tokens, count_bert, read_counts

from wordweights.counting.corpus import list_shards
from wordweights.counting.engine import Settings
from wordweights.counting.tasks import count_shard
from wordweights.errors import WordweightsError
from wordweights.files import results_folder

DAY = 24 * 3600


@pytest.fixture
def kept(text_file: Path, tmp_path: Path) -> Path:
    """The counts of the text, kept because another file could not be counted."""
    bad = tmp_path / "bad.txt.gz"
    bad.write_bytes(b"no gzip")
    with pytest.raises(WordweightsError, match="1 of 2 shards could not be counted"):
        count_bert([text_file, bad], tmp_path / "counts.parquet")
    (path,) = results_folder().rglob("*.parquet")
    return path


def files_left() -> list[Path]:
    return [path for path in results_folder().rglob("*") if path.is_file()]


def test_what_is_kept_is_not_counted_again(tmp_path: Path, text_file: Path, kept: Path) -> None:
    (tmp_path / "more.txt").write_text("more words\n")
    said: list[str] = []
    report = count_bert(
        [text_file, tmp_path / "more.txt"], tmp_path / "counts.parquet", say=said.append
    )
    assert report.n_kept == 1
    assert said[:1] == ["1 of 2 shards are counted already."]
    assert said[1:] == [f"1 of 1 shards: {tmp_path / 'more.txt'}, 2 words."]
    expected = bert_tokens(text_file.read_text()) + bert_tokens("more words")
    assert read_counts(tmp_path / "counts.parquet") == expected
    assert files_left() == []


def test_a_file_that_was_changed_is_counted_again(
    tmp_path: Path, text_file: Path, kept: Path
) -> None:
    text_file.write_text("other words\n")
    assert count_bert([text_file], tmp_path / "counts.parquet").n_kept == 0
    assert read_counts(tmp_path / "counts.parquet") == {"other": 1, "words": 1}


def cut(content: bytes) -> bytes:
    return content[:-100]


def empty(_: bytes) -> bytes:
    """What a loss of power leaves of a file that was not flushed."""
    return b""


def altered(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 1]) + content[101:]


@pytest.mark.parametrize("damage", [cut, empty, altered])
def test_a_damaged_shard_is_counted_again(
    tmp_path: Path, text_file: Path, kept: Path, damage: Callable[[bytes], bytes]
) -> None:
    kept.write_bytes(damage(kept.read_bytes()))
    report = count_bert([text_file], tmp_path / "counts.parquet")
    assert report.n_kept == 0
    assert read_counts(tmp_path / "counts.parquet") == bert_tokens(text_file.read_text())
    assert files_left() == []


def test_a_run_that_ends_takes_nothing_from_one_that_goes_on(
    tmp_path: Path, text_file: Path
) -> None:
    """While two files are counted, another run counts the first of them, and removes its counts."""
    (tmp_path / "more.txt").write_text("more words\n")
    files = [text_file, tmp_path / "more.txt"]
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 1:
            shared = count_bert([text_file], tmp_path / "shared.parquet")
            assert shared.n_kept == 1

    count_bert(files, tmp_path / "both.parquet", say=say)
    assert "Partial counts are gone or damaged: these are counted again." in said
    expected = bert_tokens(text_file.read_text())
    assert read_counts(tmp_path / "shared.parquet") == expected
    assert read_counts(tmp_path / "both.parquet") == expected + bert_tokens("more words")
    assert files_left() == []


def test_only_what_killed_runs_have_left_is_removed(
    tmp_path: Path, text_file: Path, kept: Path
) -> None:
    now = time.time()
    living = {}
    for name, folder_age, file_age in (
        (".new", 0, 0),
        (".writing", 2 * DAY, 0),
        (".old", 2 * DAY, 2 * DAY),
    ):
        folder = kept.parent / name
        folder.mkdir()
        (folder / "part").touch()
        os.utime(folder / "part", (now, now - file_age))
        os.utime(folder, (now, now - folder_age))
        living[folder] = file_age == 0
    count_bert([text_file], tmp_path / "counts.parquet")
    assert {folder: folder.exists() for folder in living} == living


def test_a_worker_with_another_engine_is_refused(tmp_path: Path, text_file: Path) -> None:
    (shard,), _ = list_shards([str(text_file)])
    outcome = count_shard(shard, replace(Settings("bert"), engine="0.1"), tmp_path, tmp_path)
    assert "where 0.1 is needed" in str(outcome)
