"""Read a shard as bounded blocks of text that begin and end between two words."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa

from wordweights.counting.corpus import Shard, list_shards, open_address, open_data_set
from wordweights.errors import WordweightsError, reason_of

BLOCK = 4 << 20
"""Bytes that are read at one time."""

_RECORD = 64  # a record of JSON may be so many blocks long
_ROWS = 64  # of a table at one time: a row may be a book
_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


@dataclass(frozen=True)
class Block:
    """Some text of a shard.

    Attributes
    ----------
    text : bytes
        UTF-8, as far as the file is.
    documents : int | None
        How many documents begin in it; None: every line that holds something is one.
    parted : bool
        Whether it may end inside a word, because no space was near.
    """

    text: bytes
    documents: int | None = None
    parted: bool = False


def read_blocks(shard: Shard, column: str, size: int = BLOCK) -> Iterator[Block]:
    """Read a shard.

    Parameters
    ----------
    shard : Shard
        What to read.
    column : str
        Where the text is in tables and records.
    size : int
        About how many bytes a block has; at most twice as many.

    Yields
    ------
    Block
        All text, in order.
    """
    if shard.kind == "dataset":
        data = open_data_set(shard.address).shard(num_shards=_of(shard), index=shard.start)
        rows = (batch.get(column) for batch in data.iter(batch_size=_ROWS))
        yield from _join(_check_rows(shard, column, rows, data), size)
        return
    with open_address(shard.address) as file:
        if shard.kind == "parquet":
            yield from _join(_parquet_rows(file, shard, column), size)
            return
        lines = _line_blocks(_text_stream(file, shard), size, whole=shard.kind == "jsonl")
        if not shard.start:
            lines = _without_mark(lines)
        if shard.kind == "text":
            yield from lines
        else:
            yield from _join(_json_rows(lines, shard, column), size)


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


def _of(shard: Shard) -> int:
    return int(open_data_set(shard.address).num_shards)


class _Range(io.RawIOBase):
    """The lines of a file that begin in a range of its bytes."""

    def __init__(self, file: Any, start: int, stop: int) -> None:
        self._file, self._left, self._ended = file, stop - start, False
        if start:
            # a line that begins with the range has its predecessor's end before it
            file.seek(start - 1)
            self._left += 1
            self._skip_line()

    def _skip_line(self) -> None:
        while chunk := self._file.read(1 << 20):
            end = chunk.find(b"\n") + 1
            self._left -= end or len(chunk)
            if end:
                self._file.seek(end - len(chunk), io.SEEK_CUR)
                break
        self._ended = self._left <= 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._ended:
            return b""
        chunk: bytes = self._file.read(size)
        self._left -= len(chunk)
        if self._left <= 0:
            # on to the end of the line that holds the last byte of the range
            end = chunk.find(b"\n", max(0, len(chunk) + self._left - 1)) + 1
            self._ended = bool(end) or not chunk
            return chunk[:end] if end else chunk
        self._ended = not chunk
        return chunk


def _text_stream(file: Any, shard: Shard) -> Any:
    if shard.compression:
        # it knows files of several members, and refuses one that is cut
        return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), shard.compression)
    return file if shard.stop is None else _Range(file, shard.start, shard.stop)


def _line_blocks(stream: Any, size: int, *, whole: bool) -> Iterator[Block]:
    """Read blocks that end with a line or, in a line longer than a block, behind a space.

    Parameters
    ----------
    stream : Any
        Bytes.
    size : int
        Of a block.
    whole : bool
        Whether a line must stay whole.

    Yields
    ------
    Block
        Of less than two sizes, unless lines stay whole.
    """
    parts: list[bytes] = []
    waiting = 0
    while chunk := stream.read(size):
        end = chunk.rfind(b"\n") + 1
        parted = False
        if not end:
            waiting += len(chunk)
            if whole and waiting > _RECORD * size:
                raise WordweightsError(
                    f"a line is longer than {_RECORD * size:,} bytes: a record of JSON is read at "
                    f"once; write smaller documents, or the text as plain lines."
                )
            if not whole:
                end, parted = _end_of_word(chunk)
        parts.append(chunk[:end] if end else chunk)
        if end:
            yield Block(b"".join(parts), parted=parted)
            parts = [chunk[end:]]
            waiting = len(parts[0])
    if rest := b"".join(parts):
        yield Block(rest)


def _without_mark(blocks: Iterator[Block]) -> Iterator[Block]:
    """Leave out a byte order mark where a file begins: it is no part of the text."""
    for first in islice(blocks, 1):
        yield replace(first, text=first.text.removeprefix(codecs.BOM_UTF8))
    yield from blocks


def _end_of_word(chunk: bytes) -> tuple[int, bool]:
    """Find where a chunk of one line may be parted, and whether a word is parted there."""
    end = max(chunk.rfind(space) for space in (b" ", b"\t", b"\r")) + 1
    if end:
        return end, False
    end = len(chunk)
    while end > max(1, len(chunk) - 4) and chunk[end - 1] & 0xC0 == 0x80:
        end -= 1
    if chunk[end - 1] >= 0xC0:
        end -= 1  # the character may go on in the next chunk
    return end or len(chunk), True


def _join(rows: Iterable[list[bytes]], size: int) -> Iterator[Block]:
    """Make blocks of documents, and several of a document that is longer than a block."""
    gathered: list[bytes] = []
    length = 0
    for documents in rows:
        for document in documents:
            if len(document) > size:
                yield from _parts_of(document, size)
                continue
            gathered.append(document)
            length += len(document)
            if length >= size:
                yield Block(b"\n".join(gathered), len(gathered))
                gathered, length = [], 0
    if gathered:
        yield Block(b"\n".join(gathered), len(gathered))


def _parts_of(document: bytes, size: int) -> Iterator[Block]:
    begins = 1
    for block in _line_blocks(io.BytesIO(document), size, whole=False):
        yield Block(block.text, begins, block.parted)
        begins = 0


def _parquet_rows(file: Any, shard: Shard, column: str) -> Iterator[list[bytes]]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
    names = table.schema_arrow.names
    if column not in names:
        raise _no_column(column, names)
    _check_type(column, table.schema_arrow.field(column).type)
    stop = table.num_row_groups if shard.stop is None else shard.stop
    for batch in table.iter_batches(
        _ROWS, row_groups=range(shard.start, stop), columns=[column], use_threads=False
    ):
        yield _bytes(batch.column(0))


def _bytes(texts: pa.Array) -> list[bytes]:
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    return texts.drop_null().cast(pa.large_binary()).to_pylist()


def _check_type(column: str, kind: pa.DataType) -> None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise WordweightsError(
            f"the column {column!r} is of type {kind}, not text: name a column of text."
        )


def _json_rows(blocks: Iterable[Block], shard: Shard, column: str) -> Iterator[list[bytes]]:
    from pyarrow import json as arrow_json

    schema = pa.schema([(column, pa.string())])
    parsing = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    # the lines before a range of a file are not counted
    after = f" after byte {shard.start}" if shard.start else ""
    line = 1
    for number, block in enumerate(blocks):
        reading = arrow_json.ReadOptions(use_threads=False, block_size=len(block.text) + 1)
        if number == 0 and not shard.start:
            # only where the file begins: whether it is refused must not depend on its shards
            _check_column(block.text, column)
        try:
            block.text.decode()  # Arrow would take any bytes for text
            source = pa.BufferReader(block.text)
            table = arrow_json.read_json(source, reading, parsing)
            yield _bytes(table[column].combine_chunks())
        except (pa.ArrowInvalid, UnicodeDecodeError):
            yield _json_texts(block.text, line, after, column)
        line += block.text.count(b"\n")


def _check_column(text: bytes, column: str) -> None:
    """Refuse a file if none of its first records has the column; any of them may be without."""
    names: dict[str, None] | None = None
    for _, record in _records(text, 1, ""):
        if column in record:
            return
        names = {**(names or {}), **dict.fromkeys(record)}
    if names is not None:
        raise _no_column(column, list(names))


def _json_texts(text: bytes, line: int, after: str, column: str) -> list[bytes]:
    """Read records one by one, to name the line that is wrong."""
    found = []
    for place, record in _records(text, line, after):
        value = record.get(column)
        if value is not None and not isinstance(value, str):
            raise WordweightsError(f"{place}: {column!r} is {str(value)[:50]!r}, not text.")
        if value is not None:
            found.append(_encode(value))
    return found


def _encode(text: str) -> bytes:
    """Write text as bytes; what is no character stays invalid, to be counted as such."""
    return _SURROGATE.sub("\udcff", text).encode(errors="surrogateescape")


def _records(text: bytes, line: int, after: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read the records of lines from a number on, each with its place for messages."""
    for number, record in enumerate(text.split(b"\n"), line):
        if not record.strip():
            continue
        place = f"line {number}{after}"
        try:
            value = json.loads(record.decode(errors="surrogateescape"))
        except ValueError as error:
            raise WordweightsError(f"{place} is not JSON ({error}).") from None
        if not isinstance(value, dict):
            raise WordweightsError(f"{place} is not a JSON object: write one a line.")
        yield place, value


def _check_rows(
    shard: Shard, column: str, rows: Iterable[list[Any] | None], data: Any
) -> Iterator[list[bytes]]:
    for texts in rows:
        if texts is None:
            raise _no_column(column, list(data.column_names or []))
        for text in texts:
            if text is not None and not isinstance(text, str):
                raise WordweightsError(f"{column!r} is {str(text)[:50]!r}, not text.")
        yield [_encode(text) for text in texts if text is not None]


def _no_column(column: str, columns: list[str]) -> WordweightsError:
    return WordweightsError(
        f"there is no column {column!r}; its columns are {', '.join(map(repr, columns)) or 'none'}."
    )
