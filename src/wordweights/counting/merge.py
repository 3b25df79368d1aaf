"""Merge sorted runs of words, a piece of each at a time, whatever their length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wordweights.counting.basic_tokens import add_up
from wordweights.errors import reason_of

SCHEMA = pa.schema([("word", pa.string()), ("count", pa.int64())])

_AT_ONCE = 64  # runs; more are merged in several rounds
_ROWS = 1 << 19  # of all runs together at one time


def merge_partition(
    runs: Sequence[Path], partition: int, min_count: int, output: Path
) -> int | str:
    """Add up the counts of one partition of all runs.

    Parameters
    ----------
    runs : Sequence[Path]
        Parquet files with a row group for each partition.
    partition : int
        Which.
    min_count : int
        Words with fewer occurrences in the whole corpus are left out.
    output : Path
        A parquet file with the words in order; its name may be taken again by another try.

    Returns
    -------
    int | str
        Occurrences of all its words, those left out too; or why it cannot be merged, such as a run
        that is gone or damaged.
    """
    try:
        return _merge(runs, partition, min_count, output)
    except (OSError, pa.ArrowException) as error:
        return reason_of(error)


def _merge(runs: Sequence[Path], partition: int, min_count: int, output: Path) -> int:
    sources = _read_all(runs, partition)
    rounds = 0
    while len(sources) > _AT_ONCE:
        merged = []
        for i in range(0, len(sources), _AT_ONCE):
            path = output.with_suffix(f".{rounds}-{i}.parquet")
            _write(merge_sorted(sources[i : i + _AT_ONCE]), path)
            merged.append(path)
        sources = _read_all(merged, None)
        rounds += 1
    totals: list[int] = []

    def kept() -> Iterator[pa.Table]:
        for table in merge_sorted(sources):
            totals.append(pc.sum(table["count"]).as_py())
            yield table.filter(pc.greater_equal(table["count"], min_count))

    _write(kept(), output)
    return sum(totals)


def merge_sorted(sources: Sequence[Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """Merge sorted tables of words.

    Parameters
    ----------
    sources : Sequence[Iterator[pa.Table]]
        Each gives its words in order, a table at a time, and no word twice.

    Yields
    ------
    pa.Table
        All words in order, each once, with the sum of its counts.
    """
    heads = {i: table for i, source in enumerate(sources) if (table := next(source, None))}
    while heads:
        # up to here every source has given all that it holds
        limit = min(table["word"][-1].as_py() for table in heads.values())
        ready = []
        for i, table in list(heads.items()):
            n = pc.sum(pc.less_equal(table["word"], limit)).as_py()
            ready.append(table.slice(0, n))
            rest = table.slice(n) if n < len(table) else next(sources[i], None)
            if rest is None:
                del heads[i]
            else:
                heads[i] = rest
        yield add_up(pa.concat_tables(ready)).sort_by("word")


def _read_all(paths: Sequence[Path], partition: int | None) -> list[Iterator[pa.Table]]:
    rows = _ROWS // min(max(len(paths), 8), _AT_ONCE)
    return [_read(path, partition, rows) for path in paths]


def _read(path: Path, partition: int | None, rows: int) -> Iterator[pa.Table]:
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16) as file:
        groups = None if partition is None else [partition]
        for batch in file.iter_batches(rows, row_groups=groups, use_threads=False):
            if len(batch):
                yield pa.Table.from_batches([batch])


def _write(tables: Iterator[pa.Table], path: Path) -> None:
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", use_dictionary=False) as writer:
        for table in tables:
            if len(table):
                writer.write_table(table.cast(SCHEMA))
