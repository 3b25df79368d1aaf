"""Count shards in this process, in one process per core, or on the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from dask import system

from wordweights.counting.corpus import Shard
from wordweights.counting.engine import Settings, count_blocks
from wordweights.counting.reading import read_blocks
from wordweights.dask_client import await_workers, connected
from wordweights.errors import WordweightsError, reason_of
from wordweights.files import sha256, write_atomically

_TRIES = 3
_OLD = 24 * 3600.0  # seconds without a sign of life, after which a folder is of a killed run
# bytes: counting them takes about as long as starting processes, which import what they need
WORTH_PROCESSES = 256 << 20

Outcome = Path | str
"""Partial counts, or why a shard cannot be counted after several tries."""


def count_shard(shard: Shard, settings: Settings, work: Path, folder: Path) -> Outcome:
    """Count a shard in a folder for work, and move what is complete to another one."""
    reason = ""
    for _ in range(_TRIES):
        try:
            if settings.engine != duckdb.__version__:
                raise WordweightsError(
                    f"a worker has DuckDB {duckdb.__version__} where {settings.engine} is needed: "
                    f"install the same version everywhere"
                )
            part = work / f"{shard.key}-{uuid.uuid4().hex}"
            count_blocks(read_blocks(shard, settings.column), settings, part)
            return part.rename(folder / f"{shard.key}-{_digest(part)}.parquet")
        except WordweightsError as error:
            return str(error)  # it will be the same the next time
        except Exception as error:  # of a network, a disk, a damaged file
            reason = reason_of(error)
    return f"{reason}, {_TRIES} times"


def find_partials(shards: Sequence[Shard], folder: Path) -> dict[Shard, Path]:
    """Find the partial counts that are there and whole, and remove damaged ones."""
    wanted = {shard.key: shard for shard in shards}
    found = {}
    for path in folder.glob("*.parquet"):
        key, _, digest = path.stem.partition("-")
        with suppress(FileNotFoundError):  # another run has just finished with it
            if key in wanted and digest == _digest(path):
                found[wanted[key]] = path
            elif key in wanted:
                path.unlink()
    return found


def remove_old(folder: Path) -> None:
    """Remove what killed runs have left; what living ones are filling shows signs of life."""
    for path in folder.glob(".*"):
        with suppress(OSError):  # its run has just renamed or removed it
            touched = max(file.stat().st_mtime for file in [path, *path.rglob("*")])
            if time.time() - touched > _OLD:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def count_shards(
    shards: Sequence[Shard], settings: Settings, folder: Path, cluster: str | None
) -> Iterator[tuple[Shard, Outcome]]:
    """Count shards; partial counts are kept as soon as they are there."""
    if cluster is not None:
        yield from _count_on(cluster, shards, settings, folder)
        return
    with TemporaryDirectory(prefix=".", dir=folder) as work:
        where = settings, Path(work), folder
        if sum(shard.size for shard in shards) > WORTH_PROCESSES and system.CPU_COUNT > 1:
            yield from _count_in_processes(shards, *where)
        else:
            yield from ((shard, count_shard(shard, *where)) for shard in shards)


def _count_in_processes(shards: Sequence[Shard], *where: Any) -> Iterator[tuple[Shard, Outcome]]:
    # a process that is forked would share the locks of other threads
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(system.CPU_COUNT, mp_context=context)
    try:
        futures = {pool.submit(count_shard, shard, *where): shard for shard in shards}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool:
        raise WordweightsError(
            "A process of this run was killed, as happens when the machine's memory is not enough. "
            "What is counted is kept: run the same command again, or give it less memory."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _count_on(
    cluster: str, shards: Sequence[Shard], settings: Settings, folder: Path
) -> Iterator[tuple[Shard, Outcome]]:
    from distributed import as_completed as completed

    with connected(cluster) as client:
        await_workers(client)
        options = {"pure": False, "retries": _TRIES - 1}
        futures = {
            client.submit(count_remotely, shard, settings, **options): shard for shard in shards
        }
        for future in completed(futures, loop=client.loop):
            try:
                failure = future.exception()
                outcome = reason_of(failure) if failure else future.result()
            except (CancelledError, OSError):  # before or while a result is fetched
                raise WordweightsError(
                    f"The scheduler {client.scheduler.address} was lost. What is counted is kept: "
                    f"start a cluster and run the same command again, and only the rest is counted."
                ) from None
            future.release()
            if not isinstance(outcome, str):
                name, content = outcome
                outcome = folder / name
                write_atomically(outcome, content)
            yield futures[future], outcome


def count_remotely(shard: Shard, settings: Settings) -> tuple[str, bytes] | str:
    """Count a shard on a worker, which need not see the folder of the command."""
    from distributed import get_worker

    # of the worker, since a machine's folder for temporary files may be in memory
    folder = Path(get_worker().local_directory)
    outcome = count_shard(shard, settings, folder, folder)
    if isinstance(outcome, str):
        return outcome
    content = outcome.read_bytes()
    outcome.unlink()
    return outcome.name, content


def _digest(path: Path) -> str:
    return sha256(path)[:24]
