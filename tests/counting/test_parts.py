"""Partial counts that are damaged, removed or elsewhere cost time, and never a word."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from reference import bert_tokens, read_counts

from wordweights.counting import count_corpus, engine
from wordweights.counting import run as run_module
from wordweights.counting.corpus import Shard
from wordweights.counting.engine import Settings, Tally, count_shard
from wordweights.errors import WordweightsError
from wordweights.files import results_folder

DAY = 24 * 3600


@pytest.fixture
def kept(text_file: Path, tmp_path: Path) -> Path:
    """The folder with the counts of the text, kept because another file could not be counted."""
    bad = tmp_path / "bad.txt.gz"
    bad.write_bytes(b"no gzip")
    with pytest.raises(WordweightsError, match="1 of 2 shards could not be counted"):
        count_corpus([text_file, bad], tmp_path / "counts.parquet")
    (about,) = results_folder().rglob("about.json")
    return about.parent


def empty(folder: Path) -> None:
    """What a loss of power leaves of a file that was not flushed."""
    (folder / "about.json").write_bytes(b"")


def other_content(folder: Path) -> None:
    (folder / "about.json").write_text('{"words": 7}')


def without_about(folder: Path) -> None:
    (folder / "about.json").unlink()


def cut(folder: Path) -> None:
    run = folder / "run-00000.parquet"
    run.write_bytes(run.read_bytes()[:-100])


def without_run(folder: Path) -> None:
    (folder / "run-00000.parquet").unlink()


def other_run(folder: Path) -> None:
    """A run of other words, as when two counts of a shard with other memory were mixed."""
    run = folder / "run-00000.parquet"
    file = pq.ParquetFile(run)
    groups = [file.read_row_group(i) for i in range(file.num_row_groups)]
    with pq.ParquetWriter(run, groups[0].schema) as writer:
        for group in groups:
            writer.write_table(group.slice(1), row_group_size=len(group) + 1)


@pytest.mark.parametrize(
    "damage", [empty, other_content, without_about, cut, without_run, other_run]
)
def test_a_damaged_shard_is_counted_again(
    tmp_path: Path, text_file: Path, lines: list[str], kept: Path, damage: Callable[[Path], None]
) -> None:
    damage(kept)
    output = tmp_path / "counts.parquet"
    report = count_corpus([text_file], output)
    assert read_counts(output) == bert_tokens("\n".join(lines))
    assert report.tally.total == read_counts(output).total()
    assert list(results_folder().rglob("*.*")) == []


def test_shards_that_are_whole_are_not_counted_again(
    tmp_path: Path, text_file: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more.txt").write_text("more words\n")
    counted = []
    read = engine.read_blocks

    def noting(shard: Shard, column: str) -> object:
        counted.append(Path(shard.address).name)
        return read(shard, column)

    monkeypatch.setattr(engine, "read_blocks", noting)
    cut(kept)
    count_corpus([text_file, tmp_path / "more.txt"], tmp_path / "counts.parquet")
    assert counted == ["more.txt", text_file.name]


def test_a_worker_that_does_not_share_the_folder_is_an_error(
    tmp_path: Path, text_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()

    def count_elsewhere(shard: Shard, settings: Settings, _: Path, *more: bool) -> Tally | str:
        return count_shard(shard, settings, tmp_path / "elsewhere", *more)

    monkeypatch.setattr(run_module, "count_shard", count_elsewhere)
    with pytest.raises(WordweightsError, match=r"\(0 of \d+ words are there\).* not share"):
        count_corpus([text_file], tmp_path / "counts.parquet")
    assert not (tmp_path / "counts.parquet").exists()


def test_partial_counts_are_flushed_before_they_appear(
    tmp_path: Path, text_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = set()
    flush = os.fsync

    def noting(descriptor: int) -> None:
        flushed.add(os.fstat(descriptor).st_ino)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    shard = Shard(str(text_file), "text", 0, "")
    assert isinstance(count_shard(shard, Settings(), tmp_path), Tally)
    files = list((tmp_path / shard.key).iterdir())
    assert {file.name for file in files} == {"about.json", "run-00000.parquet"}
    assert {file.stat().st_ino for file in files} <= flushed


def test_only_what_killed_runs_have_left_is_removed(
    tmp_path: Path, text_file: Path, kept: Path
) -> None:
    folder = kept.parent
    now = time.time()
    names = {}
    for name, folder_age, file_age in (
        (f".{kept.name}-new", 0, 0),
        (f".{kept.name}-old", 2 * DAY, 2 * DAY),
        ("merge-writing", 2 * DAY, 0),
        ("merge-old", 2 * DAY, 2 * DAY),
    ):
        (folder / name).mkdir()
        (folder / name / "run-00000.parquet").touch()
        os.utime(folder / name / "run-00000.parquet", (now, now - file_age))
        os.utime(folder / name, (now, now - folder_age))
        names[name] = min(folder_age, file_age) == 0
    count_corpus([text_file], tmp_path / "counts.parquet")
    assert {name: (folder / name).exists() for name in names} == names
    assert not kept.exists()


def test_a_shard_that_is_being_counted_shows_signs_of_life(tmp_path: Path, text_file: Path) -> None:
    part = tmp_path / ".part"
    part.mkdir()
    os.utime(part, (0, 0))
    blocks = engine.read_blocks(Shard(str(text_file), "text", 0, ""), "text", 64)
    ages = []

    def watched() -> object:
        for block in blocks:
            ages.append(time.time() - part.stat().st_mtime)
            yield block

    engine.count_blocks(watched(), Settings(), part)
    assert ages[0] > DAY
    assert max(ages[1:]) < DAY
