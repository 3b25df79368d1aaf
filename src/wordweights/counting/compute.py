"""Compute tasks with Dask: in this process, in one process a core, or on a cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from wordweights.dask_client import await_workers, connected
from wordweights.errors import WordweightsError, reason_of

Done = Callable[[int, Any], None]
"""Takes the place of a task and its result, as soon as it is there."""

Compute = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]], Done], None]


@contextmanager
def computing(cluster: str | None, *, many: bool) -> Iterator[Compute]:
    """Give a function that computes tasks.

    Parameters
    ----------
    cluster : str | None
        Address of a scheduler of Dask; None is this machine.
    many : bool
        Whether there is enough to do on this machine that it is worth starting processes.

    Yields
    ------
    Compute
        Takes a function, the arguments of each task, and what is told of each result. A task whose
        worker dies again and again has a sentence for its result.
    """
    if cluster is None:
        with _local_pool(many=many) as scheduler:
            yield lambda function, tasks, done: _here(function, tasks, done, scheduler)
        return
    with connected(cluster) as client:
        await_workers(client)
        yield lambda function, tasks, done: _there(client, function, tasks, done)


@contextmanager
def _local_pool(*, many: bool) -> Iterator[dict[str, Any]]:
    """Start a process for each core, for all that is computed; or none."""
    from dask import system

    if not many or system.CPU_COUNT < 2:
        yield {"scheduler": "synchronous"}
        return
    # a process that is forked would share the locks of Arrow's threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(system.CPU_COUNT, mp_context=context) as pool:
        # a task at a time: they are long, and Dask would give six of them to one process
        yield {"scheduler": "processes", "pool": pool, "chunksize": 1}


def _here(
    function: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    done: Done,
    scheduler: dict[str, Any],
) -> None:
    import dask
    from dask.callbacks import Callback

    names = {f"task-{i}": i for i in range(len(tasks))}
    delayed = [
        dask.delayed(function, traverse=False)(*task, dask_key_name=name)
        for name, task in zip(names, tasks, strict=True)
    ]

    def tell(key: str, result: Any, *_: Any) -> None:
        if key in names:
            done(names[key], result)

    try:
        with Callback(posttask=tell):
            dask.compute(*delayed, **scheduler)
    except BrokenProcessPool:
        raise WordweightsError(
            "A process of this run was killed, as happens when the machine's memory is not enough. "
            "What is counted is kept: run the same command again, or give it less memory."
        ) from None


def _there(
    client: Any, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], done: Done
) -> None:
    from distributed import as_completed

    futures = {
        client.submit(function, *task, pure=False, retries=2): i for i, task in enumerate(tasks)
    }
    for future in as_completed(futures, loop=client.loop):
        try:
            failure = future.exception()
            result = reason_of(failure) if failure else future.result()
        except (CancelledError, OSError):  # before or while a result is fetched
            raise WordweightsError(
                f"The scheduler {client.scheduler.address} was lost. What is counted is kept: "
                f"start a cluster and run the same command again, and only the rest is counted."
            ) from None
        done(futures[future], result)
        future.release()
