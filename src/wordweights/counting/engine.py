"""Count the words of one shard, and merge counts: exactly, and within a bound of memory.

DuckDB counts the pieces of some hundred megabytes of text at a time, and sorts on disk what does
not fit. Each such portion becomes a run of words in a parquet file, sorted by a part that a hash
gives each word, so that files are merged some parts at a time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from threading import get_ident
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dask.system import CPU_COUNT

from wordweights.counting.basic_tokens import cut, forgetting
from wordweights.counting.reading import Block
from wordweights.errors import WordweightsError
from wordweights.files import flush_to_disk
from wordweights.words.splitting import SPLITS

MEMORY = 1 << 30
"""Bytes of memory that a worker may take."""

_TALLY = b"tally"  # in the metadata of partial counts
_PARTS = 256  # into which words are divided, by a hash of each
_WORDS = 20_000  # that are Python objects at one time
_ROWS = 1 << 16
# bytes that Python, its packages and the blocks in work take
_FIXED = {"words": 352 << 20, "bert": 256 << 20, "spacy": 352 << 20}
_SHARE = 0.8  # of the rest that DuckDB is given: it takes up to a fifth more for a while
_WORD = 100  # bytes of DuckDB for each word of which counts are added up
_SCHEMA = pa.schema([("word", pa.string()), ("count", pa.int64())])
_PART_SCHEMA = _SCHEMA.insert(0, pa.field("part", pa.uint8()))


@dataclass(frozen=True)
class Settings:
    """What the counts of a shard depend on, and how much memory counting may take."""

    tokens: str = "words"
    column: str = "text"  # where the text is in tables and records
    memory: int = MEMORY  # bytes; no count depends on it
    engine: str = duckdb.__version__  # by whose hash words are divided

    def __post_init__(self) -> None:
        if self.tokens not in SPLITS:
            raise WordweightsError(f"tokens is {self.tokens!r}: give one of {', '.join(SPLITS)}.")
        least = _FIXED[self.tokens] + (128 << 20)
        if self.memory < least:
            raise WordweightsError(
                f"memory is {self.memory:,} bytes: counting {self.tokens!r} needs "
                f"{least:,} ({least >> 20} MiB) or more."
            )

    @property
    def about(self) -> dict[str, Any]:
        """All that partial counts depend on."""
        return {name: value for name, value in asdict(self).items() if name != "memory"}

    @property
    def limit(self) -> int:
        """Bytes that DuckDB may take."""
        return int(_SHARE * (self.memory - _FIXED[self.tokens]))


@dataclass(frozen=True)
class Tally:
    """What was found in a shard, besides its words."""

    total: int = 0  # words, each occurrence counted
    documents: int = 0  # lines of text that hold something, or rows that hold text
    n_bytes: int = 0  # of text, after decompression
    n_invalid: int = 0  # sequences of bytes that are not UTF-8
    n_parted: int = 0  # places without a space near, where a word may have been parted

    def __add__(self, other: Tally) -> Tally:
        mine, others = asdict(self), asdict(other)
        return Tally(**{name: mine[name] + others[name] for name in mine})


def count_blocks(blocks: Iterator[Block], settings: Settings, path: Path) -> Tally:
    """Count the words of blocks into a file of partial counts."""
    tally, all_read = Tally(), False
    failure: Exception | None = None

    def pieces() -> Iterator[pa.RecordBatch]:
        nonlocal tally, all_read, failure
        left = settings.limit // 2  # so that words fit in, or nearly, even if all differ
        try:
            for block in blocks:
                text, n_invalid = _valid(block.text)
                tally += Tally(0, block.documents, len(block.text), n_invalid, int(block.parted))
                yield pa.record_batch([cut(text, settings.tokens)], ["piece"])
                left -= len(block.text)
                if left < 0:
                    return
            all_read = True
        except Exception as error:  # which DuckDB would tell in its own words
            failure = error
            raise

    with pq.ParquetWriter(path, _PART_SCHEMA, compression="zstd", use_dictionary=False) as writer:
        database = _database(settings, path.parent, get_ident())
        while not all_read:
            try:
                for batch in _count_pieces(database, pieces(), settings.tokens):
                    tally += Tally(total=pc.sum(batch["count"]).as_py())
                    writer.write_batch(batch)
            except duckdb.Error as error:
                raise failure or error from None
        writer.add_key_value_metadata({_TALLY: json.dumps(asdict(tally))})
    flush_to_disk(path)
    return tally


def read_tally(path: Path) -> Tally:
    """Read what was found in a shard."""
    return Tally(**json.loads(pq.read_metadata(path).metadata[_TALLY]))


def merge_partials(
    partials: Sequence[Path],
    output: Path,
    settings: Settings,
    folder: Path,
    *,
    min_count: int,
    metadata: Mapping[bytes, bytes],
) -> tuple[int, int]:
    """Add up partial counts into a table; how many words it has, and how many were counted."""
    rows = sum(pq.read_metadata(path).num_rows for path in partials)
    at_once = max(1, min(_PARTS, _PARTS * settings.limit // (_WORD * rows + 1)))
    words = total = 0
    schema = _SCHEMA.with_metadata(dict(metadata))
    with (
        pq.ParquetWriter(output, schema, compression="zstd", write_page_checksum=True) as writer,
        _connect(settings, folder, CPU_COUNT) as connection,
    ):
        for part in range(0, _PARTS, at_once):
            counted = connection.sql(
                "select word, sum(count)::bigint as count from read_parquet(?) "
                "where part between ? and ? group by part, word order by part, word",
                params=[list(map(str, partials)), part, part + at_once - 1],
            )
            for batch in counted.to_arrow_reader(_ROWS):
                total += pc.sum(batch["count"]).as_py()
                kept = batch.filter(pc.greater_equal(batch["count"], min_count))
                words += len(kept)
                writer.write_batch(kept.cast(schema))
    flush_to_disk(output)
    return words, total


def _count_pieces(
    database: duckdb.DuckDBPyConnection, pieces: Iterator[pa.RecordBatch], tokens: str
) -> Iterator[pa.RecordBatch]:
    """Count equal pieces, then the words that they hold."""
    schema = pa.schema([("piece", pa.string())])
    database.register("incoming", pa.RecordBatchReader.from_batches(schema, pieces))
    database.execute(
        "create or replace table pieces as select rtrim(piece, ' ') as piece, n from "
        "(select piece, count(*) as n from incoming group by piece)"
    )
    # of printable ASCII, a piece that was cut for BERT is a token already
    plain = "regexp_full_match(piece, '[!-~]+')" if tokens == "bert" else "false"
    database.execute("create or replace table others (word varchar, n bigint)")
    found = _quiet(database.cursor()).sql(f"select piece, n from pieces where not {plain}")
    for words in _split(found.to_arrow_reader(2048), tokens):
        database.register("incoming", words)
        database.execute("insert into others select * from incoming")
    counted = database.sql(
        f"select (hash(word) & {_PARTS - 1})::utinyint as part, word, n as count "
        f"from (select piece as word, n from pieces where {plain} union all from others) "
        f"order by part"
    )
    yield from counted.to_arrow_reader(_ROWS)
    database.execute("drop table pieces; drop table others")


def _split(pieces: Iterable[pa.RecordBatch], tokens: str) -> Iterator[pa.Table]:
    """Show distinct pieces to a tokenizer; give some words at a time, with their counts."""
    split = SPLITS[tokens]
    for batch in pieces:
        with forgetting(tokens):
            totals: dict[str, int] = {}
            for piece, n in zip(*batch.to_pydict().values(), strict=True):
                for word in split(piece):
                    totals[word] = totals.get(word, 0) + n
                if len(totals) > _WORDS:
                    yield _table(totals)
                    totals = {}
            yield _table(totals)


def _table(totals: dict[str, int]) -> pa.Table:
    words, counts = pa.array(totals, pa.string()), pa.array(totals.values(), pa.int64())
    return pa.table({"word": words, "n": counts})


def _valid(text: bytes) -> tuple[bytes, int]:
    """Replace what is not UTF-8 by U+FFFD, and count it."""
    try:
        pa.array([text], pa.binary()).cast(pa.string())  # checks by vector instructions
    except pa.ArrowInvalid:
        replaced = text.decode(errors="replace")
        return replaced.encode(), replaced.count("\ufffd") - text.count(b"\xef\xbf\xbd")
    return text, 0


def _connect(settings: Settings, folder: Path, threads: int = 1) -> duckdb.DuckDBPyConnection:
    """Open a database in memory, of which a folder of its own holds what does not fit."""
    database = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": f"{settings.limit >> 20}MiB",
            "temp_directory": str(folder / f"spill-{os.getpid()}"),
            "preserve_insertion_order": False,
        }
    )
    return _quiet(database)


def _quiet(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Keep a bar of progress out of what a command prints."""
    return connection.execute("set enable_progress_bar = false")


@lru_cache(maxsize=1)  # opening one takes longer than counting a small file
def _database(settings: Settings, folder: Path, _thread: int) -> duckdb.DuckDBPyConnection:
    return _connect(settings, folder)
