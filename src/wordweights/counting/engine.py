"""Count the words of one shard, exactly, within a bound of memory.

Pieces of text are counted block by block. When the distinct ones take too much memory, they become
words, and the words a sorted run on disk; nothing is thrown away. A run is one parquet file with a
row group for each partition, so that partitions can be merged apart from one another.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wordweights.counting.basic_tokens import TOKENS, add_up, cutting_of, to_words
from wordweights.counting.corpus import Shard
from wordweights.counting.pieces import checksums, count_lines, cut
from wordweights.counting.reading import BLOCK, Block, read_blocks
from wordweights.errors import WordweightsError
from wordweights.files import flush_to_disk, write_atomically

PARTITIONS = 16
"""Into how many parts words are divided, by a checksum of each."""

MEMORY = 1 << 30
"""Bytes of memory that a worker may take."""

_FIXED = 320 << 20  # bytes that Python, its packages and the blocks in work take
_TRIES = 3
_ABOUT = "about.json"
_OLD = 24 * 3600.0  # seconds without a sign of life, after which a folder is of a killed run


@dataclass(frozen=True)
class Settings:
    """What the counts of a shard depend on, and how much memory counting may take.

    Attributes
    ----------
    tokens : str
        ``"bert"`` or ``"spacy"``.
    column : str
        Where the text is in tables and records.
    memory : int
        Bytes that a worker may take; no count depends on it.
    """

    tokens: str = "bert"
    column: str = "text"
    memory: int = MEMORY

    def __post_init__(self) -> None:
        if self.tokens not in TOKENS:
            raise WordweightsError(f"tokens is {self.tokens!r}: give one of {', '.join(TOKENS)}.")
        least = _FIXED + (64 << 20)
        if self.memory < least:
            raise WordweightsError(
                f"memory is {self.memory:,} bytes: counting needs {least:,} (384 MiB) or more."
            )

    @property
    def table_bytes(self) -> int:
        """Bytes that a table of distinct pieces may have before it is written to disk.

        Adding up, sorting and writing take about ten times its size, as measured on a corpus in
        which no word occurs twice.
        """
        return (self.memory - _FIXED) // 16


@dataclass(frozen=True)
class Tally:
    """What was found in a shard, besides its words.

    Attributes
    ----------
    total : int
        Words, each occurrence counted.
    documents : int
        Lines of text that hold something, or rows that hold text.
    n_bytes : int
        Bytes of text, after decompression.
    n_invalid : int
        Sequences of bytes that are not UTF-8.
    n_parted : int
        Places without a space near, where a word may have been parted.
    """

    total: int = 0
    documents: int = 0
    n_bytes: int = 0
    n_invalid: int = 0
    n_parted: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(_fields(self), _fields(other), strict=True)))


def _fields(tally: Tally) -> tuple[int, ...]:
    return tuple(asdict(tally).values())


def count_shard(shard: Shard, settings: Settings, folder: Path, check: bool = False) -> Tally | str:
    """Count a shard into a folder of its own, which is there only when it is complete.

    Parameters
    ----------
    shard : Shard
        What to count.
    settings : Settings
        How.
    folder : Path
        Holds the folders of shards; all workers see it.
    check : bool
        Read what is kept of the shard, and count it again unless it is whole.

    Returns
    -------
    Tally | str
        What was found, or why the shard cannot be counted after several tries.
    """
    reason = ""
    for _ in range(_TRIES):
        try:
            kept = finished_tally(shard, folder)
            if kept and check and not _is_whole(runs_of(shard, folder), kept.total):
                clear_parts(shard, folder)
                kept = None
            return kept or _count_into(shard, settings, folder)
        except WordweightsError as error:
            return str(error)  # it will be the same the next time
        except Exception as error:  # of a network, a disk, a damaged file
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return f"{reason}, {_TRIES} times"


def finished_tally(shard: Shard, folder: Path) -> Tally | None:
    """Find what was found in a shard that is counted already.

    Parameters
    ----------
    shard : Shard
        Which.
    folder : Path
        Holds the folders of shards.

    Returns
    -------
    Tally | None
        None when the shard is not counted yet, or what is kept of it cannot be read.
    """
    try:
        return Tally(**json.loads((folder / shard.key / _ABOUT).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def runs_of(shard: Shard, folder: Path) -> list[Path]:
    """Name the sorted runs of a counted shard.

    Parameters
    ----------
    shard : Shard
        Which.
    folder : Path
        Holds the folders of shards.

    Returns
    -------
    list[Path]
        Parquet files of :data:`PARTITIONS` row groups.
    """
    return sorted((folder / shard.key).glob("run-*.parquet"))


def clear_parts(shard: Shard, folder: Path) -> None:
    """Remove what is kept of a shard.

    Parameters
    ----------
    shard : Shard
        Which.
    folder : Path
        Holds the folders of shards.
    """
    gone = _hidden(shard, folder)
    with suppress(OSError):
        # all of it at once: another run that needs it finds it whole or not at all
        (folder / shard.key).rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def clear_old(folder: Path) -> None:
    """Remove what killed runs have left; what living ones are filling shows signs of life.

    Parameters
    ----------
    folder : Path
        Holds the folders of shards, and those in which runs merge.
    """
    for path in [*folder.glob(".*"), *folder.glob("merge-*")]:
        with suppress(OSError):  # its run has just renamed or removed it
            touched = max(each.stat().st_mtime for each in [path, *path.iterdir()])
            if time.time() - touched > _OLD:
                shutil.rmtree(path, ignore_errors=True)


def _hidden(shard: Shard, folder: Path) -> Path:
    return folder / f".{shard.key}-{uuid.uuid4().hex}"


def _is_whole(runs: Sequence[Path], total: int) -> bool:
    """Tell whether runs can be read and hold so many words."""
    found = 0
    try:
        for path in runs:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches():
                    found += pc.sum(batch["count"]).as_py() or 0
    except (pa.ArrowException, OSError):
        return False
    return found == total


def _count_into(shard: Shard, settings: Settings, folder: Path) -> Tally:
    part = _hidden(shard, folder)
    part.mkdir(parents=True)
    try:
        tally = count_blocks(read_blocks(shard, settings.column), settings, part)
        write_atomically(part / _ABOUT, json.dumps(asdict(tally)).encode())
        try:
            part.rename(folder / shard.key)
        except OSError:
            if finished_tally(shard, folder) is None:
                clear_parts(shard, folder)  # damaged, as by a loss of power
                part.rename(folder / shard.key)
        return tally
    finally:
        shutil.rmtree(part, ignore_errors=True)  # renamed by now, or of no use


def count_blocks(blocks: Iterable[Block], settings: Settings, part: Path) -> Tally:
    """Count the words of blocks into sorted runs.

    Parameters
    ----------
    blocks : Iterable[Block]
        Text in order.
    settings : Settings
        How.
    part : Path
        The folder of the runs.

    Returns
    -------
    Tally
        What was found.
    """
    cutting = cutting_of(settings.tokens)
    counter = _Counter(settings, part)
    tally = Tally()
    open_line = False
    for block in blocks:
        pieces, starts = cut(block.text, cutting)
        documents = block.documents
        if documents is None:
            documents, open_line = count_lines(block.text, starts, open_line)
        tally += Tally(0, documents, len(block.text), 0, int(block.parted))
        counter.add(pieces)
        os.utime(part)  # a sign of life for `clear_old`: runs may be written hours apart
    counter.finish()
    return tally + Tally(total=counter.total, n_invalid=counter.n_invalid)


class _Counter:
    """Pieces of several blocks, then distinct pieces, then runs of words on disk."""

    def __init__(self, settings: Settings, part: Path) -> None:
        self.total = self.n_invalid = 0
        self._tokens, self._limit, self._part = settings.tokens, settings.table_bytes, part
        self._batch = min(self._limit // 4, 8 * BLOCK)
        self._pieces: list[pa.Array] = []
        self._counted: list[pa.Table] = []
        self._n_runs = 0

    def add(self, pieces: pa.Array) -> None:
        """Take the pieces of a block; many together share one table of what is known."""
        self._pieces.append(pieces)
        if sum(array.nbytes for array in self._pieces) < self._batch:
            return
        self._count()
        if self._size() > self._limit:
            if len(self._counted) > 1:
                self._counted = [add_up(pa.concat_tables(self._counted))]
            if self._size() > self._limit // 2:
                self._spill()

    def finish(self) -> None:
        """Count what is waiting, and write all of it."""
        self._count()
        self._spill()

    def _size(self) -> int:
        return sum(table.nbytes for table in self._counted)

    def _count(self) -> None:
        if self._pieces:
            values = pc.value_counts(pa.chunked_array(self._pieces))
            found = pa.table({"piece": values.field("values"), "count": values.field("counts")})
            self._counted.append(found)
            self._pieces = []
            _release()

    def _spill(self) -> None:
        if not self._counted:
            return
        pieces = self._counted[0]
        if len(self._counted) > 1:
            pieces = add_up(pa.concat_tables(self._counted))
        self._counted = []
        words, n_invalid = to_words(pieces, self._tokens)
        del pieces
        _release()
        write_run(words, self._part / f"run-{self._n_runs:05d}.parquet")
        self._n_runs += 1
        self.total += pc.sum(words["count"]).as_py() or 0
        self.n_invalid += n_invalid


def _release() -> None:
    """Give memory back that Arrow keeps for later: hash tables are large, and soon gone."""
    pa.default_memory_pool().release_unused()


def write_run(words: pa.Table, path: Path) -> None:
    """Write words as a sorted run: a row group for each partition, its words in order.

    Parameters
    ----------
    words : pa.Table
        Columns `word` and `count`, each word once.
    path : Path
        A parquet file.
    """
    words = words.sort_by("word").combine_chunks()
    parts = checksums(words["word"].combine_chunks()) % PARTITIONS
    order = np.argsort(parts, kind="stable")
    words = words.take(pa.array(order))
    ends = np.cumsum(np.bincount(parts, minlength=PARTITIONS))
    with pq.ParquetWriter(path, words.schema, compression="zstd", use_dictionary=False) as writer:
        for start, end in zip([0, *ends], ends, strict=False):
            # one row group, also when it is empty
            writer.write_table(words.slice(start, end - start), row_group_size=end - start + 1)
    flush_to_disk(path)
