"""Count a corpus: shards as tasks of Dask, then partitions, then one table."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wordweights.counting.compute import Compute, computing
from wordweights.counting.corpus import Shard, list_shards
from wordweights.counting.engine import (
    MEMORY,
    PARTITIONS,
    Settings,
    Tally,
    clear_old,
    clear_parts,
    count_shard,
    finished_tally,
    runs_of,
)
from wordweights.counting.merge import SCHEMA, merge_partition
from wordweights.counting.reading import BLOCK
from wordweights.dask_client import SHARED
from wordweights.errors import WordweightsError
from wordweights.files import RESULTS_VARIABLE, check_output, digest, flush_to_disk, results_folder
from wordweights.words.frequencies import CORPUS_METADATA

FORMAT = 1
"""Of partial counts: another one finds none of an earlier version."""

# bytes: counting them takes about as long as starting processes, which import what they need
_WORTH_PROCESSES = 256 << 20
Say = Callable[[str], None]


@dataclass(frozen=True)
class Report:
    """What a corpus holds.

    Attributes
    ----------
    output : Path
        The table of counts.
    words : int
        Distinct words in the table.
    tally : Tally
        Totals, words left out by `min_count` included.
    n_shards : int
        Parts in which it was counted.
    n_kept : int
        Parts of them that an earlier run had counted.
    repeated : tuple[str, ...]
        Addresses named more than once, and counted once.
    """

    output: Path
    words: int
    tally: Tally
    n_shards: int
    n_kept: int
    repeated: tuple[str, ...]

    @property
    def summary(self) -> str:
        """Say in a few sentences what was found, and what was wrong with it."""
        tally = self.tally
        notes = [
            f"{tally.total:,} words, {self.words:,} of them distinct in {self.output}, in "
            f"{tally.documents:,} documents of {tally.n_bytes:,} bytes."
        ]
        if tally.n_invalid:
            notes.append(f"{tally.n_invalid:,} sequences of bytes were not UTF-8 and left out.")
        if tally.n_parted:
            notes.append(
                f"{tally.n_parted:,} times no space was near for {BLOCK:,} bytes, and a word may "
                f"have been parted."
            )
        return " ".join(notes)


def read_size(text: str) -> int:
    """Read a number of bytes.

    Parameters
    ----------
    text : str
        Such as ``1GiB``, ``500MB`` or ``400000000``.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    WordweightsError
        For any other text.
    """
    from dask.utils import parse_bytes

    try:
        return int(parse_bytes(text))
    except ValueError:
        raise WordweightsError(
            f"{text!r} is not a size of memory: write it like 500MB or 1GiB."
        ) from None


def count_corpus(
    corpora: Sequence[str | Path],
    output: str | Path,
    *,
    tokens: str = "bert",
    column: str = "text",
    min_count: int = 1,
    memory: int = MEMORY,
    cluster: str | None = None,
    say: Say = lambda _: None,
) -> Report:
    """Count the words of a corpus into a table that :func:`wordweights.load_frequencies` reads.

    The counts are exact. Each worker keeps to its memory by writing what it has counted to the
    folder of results, which all workers must see; a run that was stopped goes on from there.

    Parameters
    ----------
    corpora : Sequence[str | Path]
        As for :func:`wordweights.counting.corpus.list_shards`. A file named twice is counted
        once.
    output : str | Path
        A .parquet file, written when all is counted: columns `word` and `count`, in its metadata
        the total, the number of documents, the settings and a digest of the list of files. Its rows
        are ordered by a checksum, then by word: the same for the same corpus.
    tokens : str
        ``"bert"``: the tokens of BERT-base-uncased before they become wordpieces. ``"spacy"``:
        spaCy's English tokens, in lower case.
    column : str
        Where the text is in parquet, JSON lines and data sets.
    min_count : int
        Leave words out that occur less often in the whole corpus; the total still counts them.
    memory : int
        Bytes that a worker may take, 384 MiB or more.
    cluster : str | None
        Address of a scheduler of Dask, such as ``tcp://host:8786``; None counts on this machine,
        with as many processes as it has cores.
    say : Say
        Takes one line of progress at a time.

    Returns
    -------
    Report
        What was counted.

    Raises
    ------
    WordweightsError
        For wrong parameters, and when a shard cannot be counted: the others are kept, and the next
        run goes on from them.
    """
    output = Path(output)
    check_output(output, [".parquet"])
    if min_count < 1:
        raise WordweightsError(f"min_count is {min_count}: give a whole number from 1.")
    settings = Settings(tokens, column, memory)
    shards, repeated = list_shards([str(corpus) for corpus in corpora])
    for address in repeated:
        say(f"{address} is named more than once: it is counted once.")
    about = {"format": FORMAT, "tokens": tokens, "column": column}
    folder = results_folder().absolute() / "counts" / digest(about)[:24]
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        clear_old(folder)
        many = sum(shard.size for shard in shards) > _WORTH_PROCESSES
        with computing(cluster, many=many) as compute:
            kept = {shard: tally for shard in shards if (tally := finished_tally(shard, folder))}
            if kept:
                say(f"{len(kept)} of {len(shards)} shards are counted already.")

            def attempt(kept: Mapping[Shard, Tally], *, check: bool) -> tuple[Tally, int]:
                tallies = _count_all(
                    shards, kept, settings, folder, check=check, compute=compute, say=say
                )
                with _merging_folder(folder) as merging:
                    runs = [path for shard in shards for path in runs_of(shard, folder)]
                    parts = _merge_all(runs, tallies.total, min_count, merging, compute)
                    content = _metadata(shards, tallies, about, min_count)
                    return tallies, _write_table(parts, content, output)

            try:
                tallies, words = attempt(kept, check=False)
            except _PartsError:
                say("Partial counts are gone or damaged: all are checked, and counted again if so.")
                if cluster is not None:
                    time.sleep(SHARED)
                tallies, words = attempt({}, check=True)
        for shard in shards:
            clear_parts(shard, folder)
    return Report(output, words, tallies, len(shards), len(kept), tuple(repeated))


class _PartsError(WordweightsError):
    """Partial counts are not what was counted: gone, damaged, or elsewhere."""


def _count_all(
    shards: Sequence[Shard],
    kept: Mapping[Shard, Tally],
    settings: Settings,
    folder: Path,
    *,
    check: bool,
    compute: Compute,
    say: Say,
) -> Tally:
    """Count the shards that are not counted yet, and refuse to go on without one of them."""
    left = [shard for shard in shards if shard not in kept]
    counted: dict[int, Tally] = {}
    failures: list[tuple[str, str]] = []

    def done(i: int, outcome: Tally | str) -> None:
        if isinstance(outcome, Tally):
            counted[i] = outcome
            said = f", {outcome.total:,} words."
        else:
            failures.append((left[i].name, outcome))
            said = f" failed: {outcome}."
        say(f"{len(counted) + len(failures)} of {len(left)} shards: {left[i].name}{said}")

    compute(count_shard, [(shard, settings, folder, check) for shard in left], done)
    if failures:
        shown = "; ".join(f"{name}: {reason}" for name, reason in sorted(failures)[:10])
        more = f" and {len(failures) - 10} more" if len(failures) > 10 else ""
        raise WordweightsError(
            f"{len(failures)} of {len(shards)} shards could not be counted: {shown}{more}. The "
            f"other {len(shards) - len(failures)} are kept in {folder}: mend or leave out what "
            f"failed and run the same command again, and only the rest is counted."
        )
    return sum([*kept.values(), *counted.values()], Tally())


@contextmanager
def _merging_folder(folder: Path) -> Iterator[Path]:
    merging = folder / f"merge-{uuid.uuid4().hex}"
    merging.mkdir()
    try:
        yield merging
    finally:
        shutil.rmtree(merging, ignore_errors=True)


def _merge_all(
    runs: Sequence[Path], total: int, min_count: int, merging: Path, compute: Compute
) -> list[Path]:
    """Merge all partitions, and refuse a sum that is not the number of words counted."""
    outputs = [merging / f"part-{i:03d}.parquet" for i in range(PARTITIONS)]
    tasks = [(runs, i, min_count, path) for i, path in enumerate(outputs)]
    outcomes: list[int | str] = []
    compute(merge_partition, tasks, lambda _, outcome: outcomes.append(outcome))
    failures = [outcome for outcome in outcomes if isinstance(outcome, str)]
    merged = sum(outcome for outcome in outcomes if isinstance(outcome, int))
    if failures or merged != total:
        reason = failures[0] if failures else f"{merged:,} of {total:,} words are there"
        raise _PartsError(
            f"The counts of the shards could not be merged ({reason}): another run of some of the "
            f"same files may have removed its own from {merging.parent}, or a worker does not "
            f"share that folder. Run the same command again, and it goes on from what is there."
        )
    return outputs


def _metadata(
    shards: Sequence[Shard], tally: Tally, about: Mapping[str, Any], min_count: int
) -> dict[str, Any]:
    return {
        **about,
        "min_count": min_count,
        **asdict(tally),
        "n_files": len({shard.address for shard in shards}),
        "files": digest([[shard.address, shard.size, shard.version] for shard in shards]),
    }


def _write_table(parts: Sequence[Path], content: Mapping[str, Any], output: Path) -> int:
    """Write the partitions one after the other into one file, under another name, and rename it."""
    metadata = {CORPUS_METADATA: json.dumps(content, sort_keys=True).encode()}
    part = output.parent / f".part-{uuid.uuid4().hex}"
    words = 0
    try:
        with pq.ParquetWriter(
            part, SCHEMA.with_metadata(metadata), compression="zstd", write_page_checksum=True
        ) as writer:
            for path in parts:
                with pq.ParquetFile(path) as file:
                    for batch in file.iter_batches(1 << 18):
                        table = pa.Table.from_batches([batch])
                        writer.write_table(table.cast(writer.schema))
                        words += len(table)
        flush_to_disk(part)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    return words


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WordweightsError(
            f"Counts cannot be written ({error.strerror or error}; partial ones go to {folder}). "
            f"Make room or make it writable, or name another folder in {RESULTS_VARIABLE}."
        ) from None
