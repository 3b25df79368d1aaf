"""Corpora of every kind give the same counts; what is wrong with one is said."""

from __future__ import annotations

import bz2
import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from plain_counts import bert_tokens, count_bert, read_counts

from wordweights.cli import app
from wordweights.counting import Report, count_corpus
from wordweights.counting.corpus import list_shards
from wordweights.counting.run import read_size
from wordweights.errors import WordweightsError
from wordweights.words.frequencies import load_frequencies


def count(tmp_path: Path, *corpora: Any, **options: Any) -> tuple[Counter[str], Report]:
    """Count tokens of BERT, and read the table."""
    output = tmp_path / "counts.parquet"
    report = count_bert(corpora, output, **options)
    found = read_counts(output)
    if options.get("min_count", 1) == 1:
        assert report.tally.total == found.total()
    assert report.words == len(found)
    return found, report


def write_zst(path: Path, content: bytes) -> None:
    """Compress by Zstandard."""
    with pa.CompressedOutputStream(path, "zstd") as file:
        file.write(content)


def expected(lines: list[str]) -> Counter[str]:
    """The tokens of all lines."""
    return bert_tokens("\n".join(lines))


@pytest.mark.parametrize("ending", [".txt", ".txt.gz", ".txt.bz2", ".txt.zst", ".log"])
def test_text_plain_and_compressed(tmp_path: Path, lines: list[str], ending: str) -> None:
    path = tmp_path / f"text{ending}"
    content = "\n".join(lines).encode()
    write = {
        ".gz": lambda: path.write_bytes(gzip.compress(content)),
        ".bz2": lambda: path.write_bytes(bz2.compress(content)),
        ".zst": lambda: write_zst(path, content),
    }.get(path.suffix, lambda: path.write_bytes(content))
    write()
    found, report = count(tmp_path, path)
    assert found == expected(lines)
    assert report.tally.documents == sum(bool(line.strip()) for line in lines)
    assert report.tally.n_bytes == len(content)


def test_a_file_of_several_compressed_members(tmp_path: Path) -> None:
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress(b"a dog\n") + gzip.compress(b"a cat\n"))
    assert count(tmp_path, path)[0] == {"a": 2, "dog": 1, "cat": 1}


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_parquet(tmp_path: Path, lines: list[str], kind: str) -> None:
    types = {
        "string": pa.string(),
        "large_string": pa.large_string(),
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
    }
    texts = pa.array([*lines, None]).cast(types[kind])
    table = pa.table({"n": range(len(texts)), "content": texts})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=50)
    found, report = count(tmp_path, tmp_path / "rows.parquet", column="content")
    assert found == expected(lines)
    assert report.tally.documents == len(lines)


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".ndjson.gz"])
def test_json_lines(tmp_path: Path, lines: list[str], ending: str) -> None:
    records = [json.dumps({"text": line, "n": [1, {"a": None}]}) for line in lines]
    records += ["", '{"text": null}', '{"text": "a\\nb \\ud800 \\udc80c"}']
    content = "\n".join(records).encode() + b'\n{"text": "caf\xe9"}\n'
    path = tmp_path / f"records{ending}"
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    found, report = count(tmp_path, path)
    assert found == expected([*lines, "a\nb", "c", "caf"])
    assert report.tally.n_invalid == 3
    assert report.tally.documents == len(lines) + 2


@pytest.mark.parametrize(
    ("name", "delimiter", "encoding"),
    [("t.csv", ",", "utf-8"), ("t.csv.gz", ";", "utf-8-sig"), ("t.tsv", "\t", "utf-16")],
)
def test_a_table_of_text_is_counted_by_its_column(
    tmp_path: Path, lines: list[str], name: str, delimiter: str, encoding: str
) -> None:
    texts = [*lines, 'a "quoted", long; line\nof\ttwo', "x\r\n" * 400]
    table = pd.DataFrame({"n": range(len(texts)), "body": texts, "other": "unwanted"})
    content = ("\n" + table.to_csv(sep=delimiter, index=False)).encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found, report = count(tmp_path, tmp_path / name, column="body")
    assert found == expected(texts)
    assert report.tally.documents == len(texts)
    assert report.n_shards == 1


def test_a_folder_with_brackets_in_its_name(tmp_path: Path, lines: list[str]) -> None:
    folder = tmp_path / "corpus [2024] *"
    folder.mkdir()
    (folder / "a[1].txt").write_text("\n".join(lines))
    for corpus in (folder, folder / "a[1].txt"):
        assert count(tmp_path, corpus)[0] == expected(lines)


def test_folders_and_patterns(tmp_path: Path, text_file: Path, lines: list[str]) -> None:
    folder = tmp_path / "corpus" / "deep"
    folder.mkdir(parents=True)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_bytes(text_file.read_bytes())
    (folder / "c.jsonl").write_text('{"text": "more"}\n')
    for name in ("_SUCCESS", ".hidden.txt", "picture.png"):
        (folder / name).write_text("not counted")
    twice = Counter({word: 2 * n for word, n in expected(lines).items()})
    assert count(tmp_path, folder.parent)[0] == twice + Counter(more=1)
    assert count(tmp_path, f"{folder}/*.txt")[0] == twice
    assert count(tmp_path, folder / "a.txt", f"{folder}/[bc].*")[0] == twice + Counter(more=1)


def test_a_file_named_twice_is_counted_once(
    tmp_path: Path, text_file: Path, lines: list[str]
) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(text_file)
    said: list[str] = []
    found, report = count(tmp_path, text_file, link, f"{tmp_path}/te*.txt", say=said.append)
    assert found == expected(lines)
    assert report.repeated == (str(text_file), str(text_file))
    assert said[0] == f"{text_file} is named more than once: it is counted once."


def test_an_address_of_fsspec(tmp_path: Path, lines: list[str]) -> None:
    with fsspec.open("memory://corpus/text.txt.gz", "wb") as file:
        file.write(gzip.compress("\n".join(lines).encode()))
    for address in ("memory://corpus/text.txt.gz", "memory://corpus", "memory://corpus/*.gz"):
        assert count(tmp_path, address)[0] == expected(lines)


def test_a_data_set_by_its_name(tmp_path: Path, lines: list[str]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    half = len(lines) // 2
    for i, part in enumerate((lines[:half], lines[half:])):
        pd.DataFrame({"text": part}).to_parquet(folder / f"train-{i:05d}-of-00002.parquet")
    found, report = count(tmp_path, f"dataset:{folder}")
    assert found == expected(lines)
    assert report.n_shards == 2
    assert count(tmp_path, f"dataset:{folder}::train")[0] == expected(lines)
    with pytest.raises(WordweightsError, match="no column 'body'; its columns are 'text'"):
        count(tmp_path, f"dataset:{folder}", column="body")
    with pytest.raises(WordweightsError, match="cannot be loaded"):
        list_shards([f"dataset:{folder}::dev"])
    with pytest.raises(WordweightsError, match="must be dataset:name"):
        list_shards(["dataset:a:b:c:d"])


# --- the table


def test_the_table_says_what_was_counted(tmp_path: Path, text_file: Path) -> None:
    found, report = count(tmp_path, text_file, min_count=3)
    whole, _ = count(tmp_path, text_file)
    assert found == Counter({word: n for word, n in whole.items() if n >= 3})
    assert report.tally.total == whole.total()
    count(tmp_path, text_file, min_count=3)
    metadata = pq.read_schema(report.output).metadata[b"wordweights"]
    about = json.loads(metadata)
    assert about["total"] == whole.total()
    assert about["documents"] == 123
    assert (about["tokens"], about["column"], about["min_count"]) == ("bert", "text", 3)
    assert re.fullmatch("[0-9a-f]{64}", about["files"])
    source = load_frequencies(report.output)
    assert source.probabilities["the"] == pytest.approx(whole["the"] / whole.total(), rel=1e-12)
    assert source.probabilities.sum() < 0.99
    assert source.tokens == "bert"
    what = f"{whole.total():,} tokens of BERT's basic tokenizer"
    assert report.summary.startswith(f"{what}, {len(found)} of them distinct in ")
    assert f"{what} in 123 documents; what was counted less than 3 times" in source.note


def test_a_table_whose_total_is_too_small(tmp_path: Path, text_file: Path) -> None:
    _, report = count(tmp_path, text_file)
    table = pq.read_table(report.output)
    about = json.loads(table.schema.metadata[b"wordweights"])
    metadata = {b"wordweights": json.dumps({**about, "total": 5}).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), report.output)
    with pytest.raises(WordweightsError, match="more than the total of 5 in its metadata"):
        load_frequencies(report.output)


def test_the_same_corpus_gives_the_same_bytes(tmp_path: Path, text_file: Path) -> None:
    _, report = count(tmp_path, text_file)
    first = report.output.read_bytes()
    count(tmp_path, text_file)
    assert report.output.read_bytes() == first


# --- what is wrong


def bad_files(folder: Path) -> dict[str, str]:
    """Files that cannot be counted, and what is said of each."""
    (folder / "cut.txt.gz").write_bytes(gzip.compress(b"a dog\n" * 9999)[:60])
    write_zst(folder / "cut.txt.zst", b"".join(str(i).encode() for i in range(9999)))
    (folder / "cut.txt.zst").write_bytes((folder / "cut.txt.zst").read_bytes()[:-50])
    (folder / "wrong.txt.bz2").write_bytes(b"this is not compressed")
    (folder / "other.parquet").write_bytes(b"PAR1 or not")
    pd.DataFrame({"body": ["a"]}).to_parquet(folder / "column.parquet")
    pd.DataFrame({"text": [1]}).to_parquet(folder / "number.parquet")
    (folder / "column.jsonl").write_text('{"body": "a"}\n')
    (folder / "number.jsonl").write_text('{"text": "a"}\n{"text": 7}\n')
    (folder / "broken.jsonl").write_text('{"text": "a"}\n{"text": \n')
    (folder / "list.jsonl").write_text('{"text": "a"}\n\n["text"]\n')
    (folder / "column.csv").write_text("body;n\na;1\n")
    (folder / "twice.csv").write_text("text,text\na,b\n")
    (folder / "cells.csv").write_text("n,text\n1,a\n2,a, b\n")
    (folder / "quotes.tsv").write_text('n\ttext\n1\t"a" dog\n')
    (folder / "utf16.txt").write_text("a dog\n", "utf-16")
    (folder / "unmarked.txt").write_text("a dog\n", "utf-16-be")
    (folder / "unmarked.jsonl").write_text('{"text": "a"}\n', "utf-16-le")
    return {
        "cut.txt.gz": "OSError: Truncated compressed stream, 3 times",
        "cut.txt.zst": "OSError: Truncated compressed stream, 3 times",
        "wrong.txt.bz2": "3 times",
        "other.parquet": "3 times",
        "column.parquet": "there is no column 'text'; its columns are 'body'",
        "number.parquet": "the column 'text' is of type int64, not text",
        "column.jsonl": "there is no column 'text'; its columns are 'body'",
        "number.jsonl": "line 2: 'text' is '7', not text",
        "broken.jsonl": "line 2 is not JSON",
        "list.jsonl": "line 3 is not a JSON object",
        "column.csv": "there is no column 'text'; its columns are 'body', 'n': name one of them",
        "twice.csv": "there is more than one column 'text'",
        "cells.csv": "the row that ends in line 3 has 3 cells, but 2 in the first line",
        "quotes.tsv": "line 2: '\t' expected after",
        "utf16.txt": "it begins like text in UTF-16: write it in UTF-8",
        "unmarked.txt": "in UTF-16BE: write it in UTF-8, for instance by `iconv -f UTF-16BE",
        "unmarked.jsonl": "it begins like text in UTF-16LE: write it in UTF-8",
    }


def test_shards_that_fail_are_named_and_the_others_kept(
    tmp_path: Path, text_file: Path, lines: list[str]
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    said: list[str] = []
    reasons = bad_files(folder)
    (tmp_path / "empty.txt").touch()
    with pytest.raises(WordweightsError) as caught:
        count(tmp_path, text_file, folder, tmp_path / "empty.txt", say=said.append)
    message = str(caught.value)
    assert message.startswith("17 of 19 shards could not be counted: ")
    assert message.count(f"{folder}/") == 10
    assert " and 7 more. The other 2 are kept" in message
    for name, reason in reasons.items():
        (line,) = (line for line in said if f"{name} failed" in line)
        assert reason in line
    assert not (tmp_path / "counts.parquet").exists()
    # mended: what was counted is not counted again
    for name in reasons:
        (folder / name).unlink()
    (folder / "mended.txt").write_text("mended")
    found, report = count(tmp_path, text_file, folder, tmp_path / "empty.txt")
    assert found == expected([*lines, "mended"])
    assert (report.n_shards, report.n_kept) == (3, 2)


def test_an_empty_corpus(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "blank.txt").write_text(" \n\n\x00")
    found, report = count(tmp_path, tmp_path / "empty.txt", tmp_path / "blank.txt")
    assert not found
    assert report.tally.documents == 1  # a line that holds something, though no word
    with pytest.raises(WordweightsError, match="has a header but no word"):
        load_frequencies(report.output)


@pytest.mark.parametrize(
    ("corpora", "options", "message"),
    [
        ([], {}, "No corpus is named"),
        (["here.txt", ""], {}, "No corpus is named"),
        (["none.txt"], {}, "none.txt holds no file to count"),
        (["none/*.txt"], {}, r"none/\*.txt holds no file to count"),
        (["nonsense://a/b"], {}, "nonsense://a/b cannot be opened .*install the package"),
        (["here.txt"], {"tokens": "letters"}, "tokens is 'letters'"),
        (["here.txt"], {"min_count": 0}, "min_count is 0"),
        (["here.txt"], {"memory": 1 << 20}, r"counting 'words' needs \S+ \(\d+ MiB\) or more"),
        (["here.txt"], {"output": "counts.csv"}, r"must end in \.parquet"),
        (["here.txt"], {"output": "no/counts.parquet"}, "its folder does not exist"),
        (["here.txt"], {"cluster": "tcp://127.0.0.1:1"}, "no Dask scheduler at"),
    ],
)
def test_wrong_parameters(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    corpora: list[str],
    options: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wordweights.dask_client.CONNECT", 0.5)
    (tmp_path / "here.txt").write_text("a")
    with pytest.raises(WordweightsError, match=message):
        count_corpus(corpora, options.pop("output", "counts.parquet"), **options)


def test_a_protocol_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(WordweightsError, match=r"Install s3fs .*such as s3fs for s3://"):
        list_shards(["s3://bucket/text.txt"])


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("isdir", r"refused cannot be listed \("),
        ("info", r"rows\.txt cannot be read \("),
        ("open", r"1 of 1 shards could not be counted: memory:///?refused/rows\.txt: NoCred"),
    ],
)
def test_a_place_that_refuses_is_one_paragraph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, message: str
) -> None:
    """Packages of object stores raise errors of their own, such as botocore's."""

    class NoCredentialsError(Exception):
        pass

    def refuse(*_: Any, **__: Any) -> None:
        raise NoCredentialsError("Unable to locate credentials")

    with fsspec.open("memory://refused/rows.txt", "wb") as file:
        file.write(b"a")
    place = fsspec.get_filesystem_class("memory")
    if method == "info":  # the folder asks for it, too
        monkeypatch.setattr(place, "isfile", lambda *_: True)
    monkeypatch.setattr(place, method, refuse)
    address = "memory://refused/rows.txt" if method == "info" else "memory://refused"
    with pytest.raises(WordweightsError, match=f"{message}.*Unable to locate credentials"):
        count_bert([address], tmp_path / "counts.parquet")


def test_sizes_of_memory() -> None:
    assert [read_size(text) for text in ("1GiB", "500 MB", "7")] == [1 << 30, 500_000_000, 7]
    with pytest.raises(WordweightsError, match="'much' is not a size"):
        read_size("much")


def test_the_command(tmp_path: Path, text_file: Path, lines: list[str]) -> None:
    output = tmp_path / "counts.parquet"
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    command = ["count", str(text_file), str(tmp_path / "latin.txt"), "-o", str(output)]
    command += ["--tokens", "bert"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    total = expected(lines).total() + 1
    assert f"{total:,} tokens of BERT" in result.stdout
    assert "1 sequences of bytes were not UTF-8" in result.stdout
    assert "of 2 shards" in result.stderr
    assert read_counts(output) == expected([*lines, "caf"])
