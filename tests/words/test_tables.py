"""Tables of the user: text as it is, and errors that name the place."""

from __future__ import annotations

import csv
import gzip
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordweights.errors import WordweightsError
from wordweights.words.tables import read_table, read_text, resolve_source

# anything that UTF-8 can hold; a lone surrogate is no text
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
AS_IT_IS = ["NA", "null", "1,000", "007", "a <b>bold</b> &amp; word", "two  blanks ", "nan", "True"]


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def message_of(path: Path) -> str:
    with pytest.raises(WordweightsError) as caught:
        read_table(path, ["text"], ["n"], numbers=["n"])
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".CSV", ".parquet"])
def test_text_stays_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    table = pd.DataFrame({"genre": "NA", "other": 1.5, "text": AS_IT_IS})
    if suffix == ".parquet":
        table.astype({"text": "category"}).to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    read = read_table(path, ["text"], ["genre", "n"])
    assert list(read.columns) == ["text", "genre"]
    assert list(read["text"]) == AS_IT_IS
    assert set(read["genre"]) == {"NA"}
    assert (read.index.name, read.index[0]) == (("row", 1) if "p" in suffix else ("line", 2))


@pytest.mark.parametrize("ending", [".csv.gz", ".tsv.GZ"])
def test_a_compressed_table_is_read_like_another(tmp_path: Path, ending: str) -> None:
    content = pd.DataFrame({"text": AS_IT_IS}).to_csv(index=False).encode()
    path = write(tmp_path, f"t{ending}", gzip.compress(content))
    assert read_table(path, ["text"])["text"].tolist() == AS_IT_IS
    path.write_bytes(gzip.compress(content)[:-9])
    assert "is no whole file of gzip (EOFError: " in message_of(path)
    path.write_bytes(content)
    assert "is no whole file of gzip (BadGzipFile: " in message_of(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_the_encoding_is_recognised(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "t.csv", "text,n\r\na caf\xe9,1\r\n".encode(encoding))
    assert read_table(path, ["text"])["text"].tolist() == ["a caf\xe9"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_are_parted_as_the_header_says(tmp_path: Path, suffix: str, delimiter: str) -> None:
    rows = [("n", "text"), ("1", "a; b, c\td"), ("2", "d")]
    with (tmp_path / f"t{suffix}").open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    read = read_table(tmp_path / f"t{suffix}", ["text"], ["n"])
    assert list(read.itertuples(index=False, name=None)) == [(text, n) for n, text in rows[1:]]


def test_a_table_of_one_column_has_the_delimiter_of_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "text\na; b\tc\n")
    assert read_table(path, ["text"])["text"].tolist() == ["a; b\tc"]


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.booleans(), st.booleans())
def test_any_text_survives_a_file(rows: list[tuple[str, str]], tabs: bool, quote_all: bool) -> None:
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("t.tsv" if tabs else "t.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if tabs else ",", quoting=quoting)
            writer.writerows([("text", "n"), *rows])
        read = read_table(path, ["text", "n"])
    assert list(read.itertuples(index=False, name=None)) == rows


def test_byte_order_mark_line_ends_blank_lines_and_quoted_line_breaks(tmp_path: Path) -> None:
    text = '\ufeffid,text\r\n1,"a ""big"" dog,\r\nit is"\r\n\r\n2,he said "no"\r\n\r\n'
    read = read_table(write(tmp_path, "t.csv", text), ["text"])
    assert read["text"].to_dict() == {2: 'a "big" dog,\r\nit is', 5: 'he said "no"'}


def test_a_cell_may_have_any_length(tmp_path: Path) -> None:
    limit = csv.field_size_limit(131_072)
    try:
        table = pd.DataFrame({"text": ["a " * 100_000], "n": "x"})
        table.to_csv(tmp_path / "t.csv", index=False)
        assert read_table(tmp_path / "t.csv", ["text"])["text"].tolist() == table["text"].tolist()
    finally:
        csv.field_size_limit(limit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("word,n\na dog,x\n", "no column 'text'; its columns are 'word', 'n'"),
        ("text,text\na,b\n", "more than one column 'text'"),
        (b"text\na dog\na caf\xe9\n", "line 3: byte 0xE9 (byte 17 of"),
        (
            b"\xff\xfea\x00\x00",
            "begins like text in UTF-16, but is none (truncated data at byte 5)",
        ),
        ('text\na\n"a dog\nb\n', "line 3: double quotes do not match"),
        ('text\n"a\nb"\n"a" dog\n', "line 4: double quotes do not match"),
        ('text,x\n"a\nb",1\na, dog,2\n', "line 4: the number of fields is 3, but 2 in the first"),
        ('text,x\n"a\nb",1\n\na\n', "line 5: the number of fields is 1, but 2 in the first"),
    ],
)
def test_wrong_files_are_named_with_their_line(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    assert said in message_of(write(tmp_path, "t.csv", text))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": [1, 2]}, "'text' is of type int64; it must be text."),
        ({"text": ["a", "b"], "n": [True, False]}, "of type bool; it must be text or numbers."),
        ({"word": ["a", "b"]}, "no column 'text'; its columns are 'word'"),
        (None, "is not a readable parquet file"),
    ],
)
def test_wrong_parquet(tmp_path: Path, columns: dict[str, Any] | None, said: str) -> None:
    path = write(tmp_path, "t.parquet", "no parquet")
    if columns is not None:
        pd.DataFrame(columns).to_parquet(path)
    assert said in message_of(path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "t.csv", "text\na\n")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(WordweightsError, match=r"t\.csv cannot be read \(Permission denied\)"):
        read_text(path)


def test_sources_are_names_or_files_that_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, "t.csv", "text\na\n")
    write(tmp_path, "t.docx", "x")
    write(tmp_path, "t.docx.gz", "x")
    (tmp_path / "folder.csv").mkdir()
    assert resolve_source("known", ["known"], [".csv"]) == "known"
    assert resolve_source("~/t.csv", ["known"], [".csv"]) == tmp_path / "t.csv"
    for source, said in {
        "knwon": "Unknown source 'knwon': known are known",
        "": "known are known",
        "n" * 300 + ".csv": "does not exist",
        "none.csv": rf"none.csv does not exist \(a relative path begins in {tmp_path}\)",
        "folder.csv": "is a folder",
        "t.docx": "files of kind '.docx' cannot be read: give a file that ends in .csv",
        "t.docx.gz": "files of kind '.gz' cannot be read",
    }.items():
        with pytest.raises(WordweightsError, match=said):
            resolve_source(source, ["known"], [".csv"])
