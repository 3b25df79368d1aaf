"""A corpus is read in shards and blocks of any size, and every word and document of it once."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_counts import bert_tokens

from wordweights.counting import reading
from wordweights.counting.corpus import Shard, list_shards
from wordweights.counting.reading import Block, read_blocks, read_lines
from wordweights.errors import WordweightsError


def read(path: Path, shard_size: int = 1 << 30, column: str = "text") -> list[Block]:
    """All blocks of all shards."""
    shards, _ = list_shards([str(path)], shard_size)
    return [block for shard in shards for block in read_blocks(shard, column)]


def text_of(blocks: list[Block]) -> str:
    return b"".join(block.text for block in blocks).decode()


@pytest.mark.parametrize("shard_size", [7, 64, 1000])
@pytest.mark.parametrize("block", [64, 1 << 20])
def test_ranges_of_a_file_hold_every_line_once(
    text_file: Path, lines: list[str], shard_size: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK", block)
    blocks = read(text_file, shard_size)
    assert text_of(blocks).encode() == text_file.read_bytes()
    assert sum(block.documents for block in blocks) == sum(bool(line.strip()) for line in lines)


@settings(max_examples=200, deadline=None)
@given(st.text("a. \t\n", max_size=40), st.integers(4, 20), st.integers(1, 50))
def test_lines_that_hold_something_are_documents(
    tmp_path_factory: pytest.TempPathFactory, text: str, block: int, shard_size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK", block)
        blocks = read(path, shard_size)
    assert text_of(blocks) == text
    assert sum(block.documents for block in blocks) == sum(
        map(bool, map(str.strip, text.split("\n")))
    )


def test_row_groups_are_shards(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": lines}), path, row_group_size=10)
    shards, _ = list_shards([str(path)], shard_size=2_000)
    assert len(shards) > 2
    assert shards[0].name == f"{path} (row groups 0 to {shards[0].stop})"
    assert text_of(read(path, 2_000)).split("\n") == [*lines, ""]


@pytest.mark.parametrize("size", [64, 100, 1000])
def test_a_line_longer_than_a_block_is_parted_between_words(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK", size)
    path = tmp_path / "long.txt"
    content = ("It's one line, in café №1 … " * 300 + "\nshort\n") * 2
    path.write_text(content)
    blocks = read(path)
    assert text_of(blocks) == content
    assert max(len(block.text) for block in blocks) < 2 * size
    assert not any(block.parted for block in blocks)
    assert sum((bert_tokens(b.text.decode()) for b in blocks), Counter()) == bert_tokens(content)


def test_a_word_longer_than_a_block_is_parted_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK", 101)
    path = tmp_path / "long.txt"
    path.write_text("ab" + "é" * 1000 + " end\n")
    blocks = read(path)
    assert max(len(block.text) for block in blocks) < 202
    assert sum(block.parted for block in blocks) > 10
    assert "".join(block.text.decode() for block in blocks) == path.read_text()


def test_a_long_document_of_a_table_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK", 64)
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"text": ["a b " * 100, "c", "d " * 200]}).to_parquet(path)
    blocks = read(path)
    assert sum(block.documents for block in blocks) == 3
    assert max(len(block.text) for block in blocks) <= 2 * 64


def test_lines_of_a_corpus(text_file: Path, lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("more")
    found = [line.decode() for line in read_lines([str(text_file), str(tmp_path / "more.txt")])]
    assert found == [*lines, "", "more"]
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(WordweightsError, match=r"broken\.parquet cannot be read \(ArrowInvalid: "):
        list(read_lines([str(tmp_path / "broken.parquet")]))


# --- JSON lines


def test_a_record_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.jsonl"
    path.write_text('{"text": "' + "a " * 4000 + '"}\n')
    assert len(read(path)) == 1
    monkeypatch.setattr(reading, "RECORD", 6400)
    with pytest.raises(WordweightsError, match="a line is longer than 6,400 bytes"):
        read(path)


@pytest.mark.parametrize("shard_size", [20, 50, 1000])
def test_records_may_lack_the_column_wherever_a_shard_begins(
    tmp_path: Path, shard_size: int
) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text('{"n": 1}\n{"text": "a"}\n{"text": null}\n' * 10)
    assert sum(block.documents for block in read(path, shard_size)) == 10
    with pytest.raises(WordweightsError, match="no column 'body'; its columns are 'n', 'text'"):
        read(path, column="body")


def test_a_wrong_record_is_found_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text('{"text": "a"}\n' * 10 + '{"text": 7}\n["a"]\n')
    shards, _ = list_shards([str(path)], 100)
    with pytest.raises(WordweightsError, match=r"^line 3 after byte 100: 'text' is '7', not text"):
        list(read_blocks(shards[1], "text"))
    with pytest.raises(WordweightsError, match=r"^line 11: 'text' is '7', not text"):
        read(path)


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".txt"])
def test_a_byte_order_mark_is_no_text(tmp_path: Path, ending: str) -> None:
    content = b"\xef\xbb\xbf" + (b"a dog\n" if ending == ".txt" else b'{"text": "a dog"}\n')
    path = tmp_path / f"marked{ending}"
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    assert text_of(read(path)) == "a dog\n"


def test_the_kind_of_an_address_is_told_before_its_query() -> None:
    shard = Shard("https://host/text.txt.gz?now=1.5", "text", 0, "")
    assert shard.compression == "gzip"
