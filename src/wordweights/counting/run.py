"""Count a corpus: its shards, then one table of all of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from wordweights.counting.corpus import Shard, list_shards
from wordweights.counting.engine import MEMORY, Settings, Tally, merge_partials, read_tally
from wordweights.counting.reading import BLOCK
from wordweights.counting.tasks import count_shards, find_partials, remove_old
from wordweights.errors import WordweightsError, reason_of
from wordweights.files import RESULTS_VARIABLE, check_output, digest, results_folder
from wordweights.words.frequencies import CORPUS_METADATA, COUNTED

FORMAT = 2
"""Of partial counts: another one finds none of an earlier version."""

_ROUNDS = 3  # of counting what another run has removed, or what is damaged
Say = Callable[[str], None]


@dataclass(frozen=True)
class Report:
    """What a corpus holds.

    Examples
    --------
    :func:`count_corpus` returns it:

    >>> from pathlib import Path
    >>> from wordweights.counting import count_corpus
    >>> Path("mine.txt").write_text("the dog saw the other dog run .")
    31
    >>> report = count_corpus(["mine.txt"], "counts.parquet")
    >>> report.tally.total, report.n_shards
    (8, 1)
    """

    output: Path
    tokens: str  # what was counted
    words: int  # distinct, in the table
    tally: Tally  # of all words, those left out by min_count too
    n_shards: int
    n_kept: int  # shards that an earlier run had counted
    repeated: tuple[str, ...]  # addresses named more than once, and counted once

    @property
    def summary(self) -> str:
        """Say in a few sentences what was found, and what was wrong with it."""
        tally = self.tally
        notes = [
            f"{tally.total:,} {COUNTED[self.tokens]}, {self.words:,} of them distinct in "
            f"{self.output}, in {tally.documents:,} documents of {tally.n_bytes:,} bytes."
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
    tokens: str = "words",
    column: str = "text",
    min_count: int = 1,
    memory: int = MEMORY,
    cluster: str | None = None,
    say: Say | None = None,
) -> Report:
    """Count the words of a corpus into a table that :func:`wordweights.load_frequencies` reads.

    The counts are exact. Each worker keeps to its memory by sorting on the disk what it has
    counted. What is counted of a shard is kept in the folder of results until the table is written,
    so that a run that was stopped goes on from there.

    Parameters
    ----------
    corpora : Sequence[str | Path]
        As for :func:`wordweights.counting.corpus.list_shards`. A file named twice is counted
        once.
    output : str | Path
        A .parquet file, written when all is counted: columns `word` and `count`, in its metadata
        the total, the number of documents, the settings and a digest of the list of files. Its rows
        are ordered by a hash, then by word: the same for the same corpus.
    tokens : str
        ``"words"``: what :func:`wordweights.attribute` weighs, see
        :func:`wordweights.words.splitting.split_words`, as it is looked up. ``"bert"``: the tokens
        of BERT-base-uncased before they become wordpieces. ``"spacy"``: spaCy's English tokens, in
        lower case.
    column : str
        Where the text is in CSV and TSV, parquet, JSON lines and data sets.
    min_count : int
        Leave words out that occur less often in the whole corpus; the total still counts them.
    memory : int
        Bytes that a worker may take, 480 MiB or more (384 MiB for ``"bert"``).
    cluster : str | None
        Address of a scheduler of Dask, such as ``tcp://host:8786``, whose workers read the corpus
        and return what they have counted; None counts on this machine, with as many processes as
        it has cores.
    say : Say | None
        Takes one line of progress at a time; None says nothing.

    Returns
    -------
    Report
        What was counted.

    Raises
    ------
    WordweightsError
        For wrong parameters, and when a shard cannot be counted: the others are kept, and the next
        run goes on from them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from wordweights import load_frequencies
    >>> from wordweights.counting import count_corpus
    >>> Path("mine.txt").write_text("the dog saw the other dog run .")
    31
    >>> report = count_corpus(["mine.txt"], "counts.parquet")
    >>> report.words
    6
    >>> float(load_frequencies("counts.parquet").probabilities["the"])
    0.25
    """
    say = say or (lambda _: None)
    output = Path(output)
    check_output(output, [".parquet"])
    if min_count < 1:
        raise WordweightsError(f"min_count is {min_count}: give a whole number from 1.")
    settings = Settings(tokens, column, memory)
    shards, repeated = list_shards([str(corpus) for corpus in corpora])
    for address in repeated:
        say(f"{address} is named more than once: it is counted once.")
    about = {"format": FORMAT, **settings.about}
    folder = results_folder().absolute() / "counts" / digest(about)[:24]
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_old(folder)
        partials = find_partials(shards, folder)
        n_kept = len(partials)
        if partials:
            say(f"{n_kept} of {len(shards)} shards are counted already.")
        for left in reversed(range(_ROUNDS)):
            partials = _count_rest(shards, partials, settings, folder, cluster=cluster, say=say)
            try:
                tally = sum(map(read_tally, partials.values()), Tally())
                metadata = about | _describe(shards, tally) | {"min_count": min_count}
                words = _write_table(partials, output, settings, folder, metadata)
                break
            except (OSError, duckdb.Error, pa.ArrowException):
                # another run that shares some files removes them when it ends
                partials = find_partials(shards, folder)
                if len(partials) == len(shards) or not left:
                    raise
                say("Partial counts are gone or damaged: these are counted again.")
        for path in partials.values():
            path.unlink(missing_ok=True)
    return Report(output, tokens, words, tally, len(shards), n_kept, tuple(repeated))


def _count_rest(
    shards: Sequence[Shard],
    partials: Mapping[Shard, Path],
    settings: Settings,
    folder: Path,
    *,
    cluster: str | None,
    say: Say,
) -> dict[Shard, Path]:
    """Count the shards that are not counted yet, and refuse to go on without one of them."""
    rest = [shard for shard in shards if shard not in partials]
    found, failures = dict(partials), []
    for i, (shard, outcome) in enumerate(count_shards(rest, settings, folder, cluster), 1):
        if isinstance(outcome, Path):
            found[shard] = outcome
            said = f", {read_tally(outcome).total:,} words."
        else:
            failures.append(f"{shard.name}: {outcome}")
            said = f" failed: {outcome}."
        say(f"{i} of {len(rest)} shards: {shard.name}{said}")
    if failures:
        more = f" and {len(failures) - 10} more" if len(failures) > 10 else ""
        raise WordweightsError(
            f"{len(failures)} of {len(shards)} shards could not be counted: "
            f"{'; '.join(sorted(failures)[:10])}{more}. The other {len(found)} are kept in "
            f"{folder}: mend or leave out what failed and run the same command again, and only the "
            f"rest is counted."
        )
    return found


def _write_table(
    partials: Mapping[Shard, Path],
    output: Path,
    settings: Settings,
    folder: Path,
    metadata: Mapping[str, Any],
) -> int:
    """Merge partial counts into a file of another name, and rename it when all words are there."""
    part = output.parent / f".part-{uuid.uuid4().hex}"
    content = {CORPUS_METADATA: json.dumps(metadata, sort_keys=True).encode()}
    least, total = metadata["min_count"], metadata["total"]
    paths = list(partials.values())
    try:
        with TemporaryDirectory(prefix=".", dir=folder) as work:
            words, merged = merge_partials(
                paths, part, settings, Path(work), min_count=least, metadata=content
            )
        if merged != total:
            raise OSError(f"{merged:,} of {total:,} words are there")
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    return words


def _describe(shards: Sequence[Shard], tally: Tally) -> dict[str, Any]:
    return {
        **asdict(tally),
        "n_files": len({shard.address for shard in shards}),
        "files": digest([[shard.address, shard.size, shard.version] for shard in shards]),
    }


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, duckdb.Error, pa.ArrowException) as error:
        raise WordweightsError(
            f"Counts cannot be written ({reason_of(error)}; partial ones go to {folder}). "
            f"Make room or make it writable, or name another folder in {RESULTS_VARIABLE}."
        ) from None
