"""Read a shard as bounded blocks of text that begin and end between two words."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from wordweights.counting.corpus import Shard, list_shards, open_address, open_data_set
from wordweights.errors import WordweightsError, reason_of
from wordweights.words.tables import DELIMITERS, find_delimiter

BLOCK = 1 << 20
"""About how many bytes a block has; at most twice as many."""

RECORD = 256 << 20
"""Bytes that a record of JSON may have."""

SPACES = b" \t\n\r"
"""White space of ASCII for BERT's tokenizer, which removes the other control characters."""

_ROWS = 64  # of a table at one time: a row may be a book
_FIRST = 1000  # records of a file, of which one must have the column
_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")

Documents = Iterator[tuple[bytes, int]]
"""Text in order, with the number of documents that begin in it."""


@dataclass(frozen=True)
class Block:
    """Some text of a shard."""

    text: bytes  # UTF-8, as far as the file is
    documents: int  # that begin in it
    parted: bool = False  # it ends inside a word, because no space was near


def read_blocks(shard: Shard, column: str) -> Iterator[Block]:
    """Read a shard."""
    if shard.kind == "dataset":
        yield from _to_blocks(_of_texts(_data_set_rows(shard, column)))
        return
    with open_address(shard.address) as file:
        if shard.kind == "parquet":
            yield from _to_blocks(_of_texts(_parquet_rows(file, shard, column)))
            return
        stream = io.BufferedReader(_decompressed(file, shard), BLOCK)
        if shard.kind in ("csv", "tsv"):
            yield from _to_blocks(_of_texts(_csv_rows(stream, shard, column)))
            return
        # by the mark, or the zero bytes of plain letters
        encoding = "utf-8" if shard.start else json.detect_encoding(stream.peek(4)[:4])
        if not encoding.startswith("utf-8"):
            code = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
            raise WordweightsError(
                f"it begins like text in {code}: write it in UTF-8, for instance by `iconv -f "
                f"{code} -t UTF-8`"
            )
        if shard.kind == "jsonl":
            yield from _to_blocks(_of_texts(_json_rows(stream, shard, column)))
        else:
            yield from _to_blocks(_of_lines(_read_range(stream, shard)))


def read_lines(corpora: Sequence[str]) -> Iterator[bytes]:
    """Read the lines of corpora, one after the other.

    Parameters
    ----------
    corpora : Sequence[str]
        As for :func:`wordweights.counting.corpus.list_shards`; text is in the column ``text``.

    Yields
    ------
    bytes
        A line without its end, or a part of a very long one.

    Raises
    ------
    WordweightsError
        For a corpus that cannot be read.
    """
    shards, _ = list_shards(corpora)
    for shard in shards:
        # whatever a network, a disk or a damaged file raises, it is said of which
        try:
            for block in read_blocks(shard, "text"):
                yield from block.text.split(b"\n")
        except WordweightsError as error:
            raise WordweightsError(f"{shard.name}: {error}") from None
        except Exception as error:
            raise WordweightsError(
                f"{shard.name} cannot be read ({reason_of(error)}): mend it or leave it out."
            ) from None


def _to_blocks(documents: Documents) -> Iterator[Block]:
    """Part text behind a line or, in a longer line, behind a space."""
    parts: list[bytes] = []
    length = begun = 0
    for some, number in documents:
        parts.append(some)
        length += len(some)
        begun += number
        if length < BLOCK:
            continue
        text = b"".join(parts)
        end = text.rfind(b"\n") + 1 or max(text.rfind(space) for space in (b" ", b"\t", b"\r")) + 1
        parted = not end
        if parted:
            end = len(text) - 1
            while end > len(text) - 4 and text[end] & 0xC0 == 0x80:
                end -= 1  # the character may go on in what follows
        yield Block(text[:end], begun, parted)
        parts, length, begun = [text[end:]], len(text) - end, 0
    if length:
        yield Block(b"".join(parts), begun)


def _of_texts(texts: Iterable[str | bytes]) -> Documents:
    """Take each text for a document; the parts of a long one follow each other."""
    for text in texts:
        content = text if isinstance(text, bytes) else _encode(text)
        yield content[:BLOCK], 1
        for start in range(BLOCK, len(content), BLOCK):
            yield content[start : start + BLOCK], 0
        yield b"\n", 0


def _of_lines(chunks: Iterable[bytes]) -> Documents:
    """Take each line that holds something for a document."""
    filled = False  # whether the line that goes on in a chunk holds something already
    for chunk in chunks:
        first, *others = map(bool, map(bytes.strip, chunk.split(b"\n")))
        yield chunk, (first and not filled) + sum(others)
        filled = others[-1] if others else filled or first


def _encode(text: str) -> bytes:
    """Write text as bytes; what is no character stays invalid, to be counted as such."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\udcff", text).encode(errors="surrogateescape")


def _decompressed(file: Any, shard: Shard) -> Any:
    if shard.compression is None:
        return file
    import pyarrow as pa

    # it knows files of several members, and refuses one that is cut
    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), shard.compression)


def _seek(stream: io.BufferedReader, shard: Shard) -> int:
    """Go to the first line that begins in a range of a file's bytes; its place."""
    if shard.start:
        # a line that begins with the range has its predecessor's end before it
        stream.seek(shard.start - 1)
        while (line := stream.readline(BLOCK)) and not line.endswith(b"\n"):
            pass
        return stream.tell()
    if stream.peek(3)[:3] == codecs.BOM_UTF8:
        stream.read(3)  # it is no part of the text
    return 0


def _read_range(stream: io.BufferedReader, shard: Shard) -> Iterator[bytes]:
    """Read the lines that begin in the range of a shard, in chunks."""
    stop = float("inf") if shard.stop is None else shard.stop
    place = _seek(stream, shard)
    chunk = b"\n"
    while place < stop and (chunk := stream.read(int(min(BLOCK, stop - place)))):
        place += len(chunk)
        yield chunk
    # on to the end of the line that holds the last byte of the range
    while chunk and not chunk.endswith(b"\n") and (chunk := stream.readline(BLOCK)):
        yield chunk


def _json_rows(stream: io.BufferedReader, shard: Shard, column: str) -> Iterator[str]:
    stop = float("inf") if shard.stop is None else shard.stop
    place = _seek(stream, shard)
    # the lines before a range of a file are not counted
    after = f" after byte {shard.start}" if shard.start else ""
    number = 0
    # only where the file begins: whether it is refused must not depend on its shards
    names: dict[str, None] | None = None if shard.start else {}
    while place < stop and (line := stream.readline(RECORD + 1)):
        if len(line) > RECORD:
            raise WordweightsError(
                f"a line is longer than {RECORD:,} bytes: a record of JSON is read at once; write "
                f"smaller documents, or the text as plain lines."
            )
        number += 1
        place += len(line)
        if not line.strip():
            continue
        record = _parse(line, f"line {number}{after}")
        if names is not None:
            names |= dict.fromkeys(record)
            if column in names or number >= _FIRST:
                _check_column(column, list(names))
                names = None
        text = record.get(column)
        if text is not None:
            yield _check_text(text, column, f"line {number}{after}: ")
    if names:
        _check_column(column, list(names))


def _csv_rows(stream: io.BufferedReader, shard: Shard, column: str) -> Iterator[str]:
    encoding = json.detect_encoding(stream.peek(4)[:4])
    lines = io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="")
    first = [""]
    while not first[-1].strip() and (line := lines.readline()):  # blank lines may come before it
        first.append(line)
    delimiter = find_delimiter(first[-1], DELIMITERS[f".{shard.kind}"], [column])
    rows = csv.reader(chain(first[1:], lines), delimiter=delimiter, strict=True)
    try:
        if not (header := next(filter(None, rows), [])):
            return
        _check_column(column, header)
        for row in rows:
            if row and len(row) != len(header):
                raise WordweightsError(
                    f"the row that ends in line {rows.line_num} has {len(row)} cells, but "
                    f"{len(header)} in the first line: put text that holds the delimiter between "
                    f"double quotes"
                )
            if row:
                yield row[header.index(column)]
    except csv.Error as error:
        raise WordweightsError(f"line {rows.line_num}: {error}") from None
    finally:
        lines.detach()  # whoever has opened the file closes it


def _parse(line: bytes, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line.decode(errors="surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise WordweightsError(f"{place} is not JSON ({error}).") from None
    if not isinstance(record, dict):
        raise WordweightsError(f"{place} is not a JSON object: write one per line.")
    return record


def _parquet_rows(file: Any, shard: Shard, column: str) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
    _check_column(column, table.schema_arrow.names)
    kind = table.schema_arrow.field(column).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise WordweightsError(
            f"the column {column!r} is of type {kind}, not text: name a column of text."
        )
    groups = range(shard.start, table.num_row_groups if shard.stop is None else shard.stop)
    for batch in table.iter_batches(_ROWS, row_groups=groups, columns=[column], use_threads=False):
        # bytes: they need not be UTF-8
        yield from batch.column(0).drop_null().cast(kind).cast(pa.large_binary()).to_pylist()


def _data_set_rows(shard: Shard, column: str) -> Iterator[str]:
    data = open_data_set(shard.address)
    for batch in data.shard(data.num_shards, shard.start).iter(batch_size=_ROWS):
        _check_column(column, list(batch))
        for text in batch[column]:
            if text is not None:
                yield _check_text(text, column, "")


def _check_text(text: Any, column: str, place: str) -> str:
    if not isinstance(text, str):
        raise WordweightsError(f"{place}{column!r} is {str(text)[:50]!r}, not text.")
    return text


def _check_column(column: str, columns: list[str]) -> None:
    if column not in columns:
        names = ", ".join(map(repr, columns)) or "none"
        raise WordweightsError(
            f"there is no column {column!r}; its columns are {names}: name one of them as column."
        )
    if columns.count(column) > 1:
        raise WordweightsError(f"there is more than one column {column!r}: keep one.")
