"""Independent pieces of work on the cores of the machine, each on one core.

The matrices of a few sentences are too small to share among cores: two threads in one product spend
half of their time waiting for each other (measured on all-MiniLM-L6-v2, two cores). Whole passes
are independent of one another, so each core takes passes of its own.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_each(tasks: Sequence[Callable[[], T]], threads: int | None) -> Iterator[T]:
    """Run tasks side by side, each on one core: how many there are changes no bit of a result.

    Parameters
    ----------
    tasks : Sequence[Callable[[], T]]
        Safe to run at the same time: none changes what another one reads or changes.
    threads : int | None
        How many at a time. None: tasks that are not known to be safe run one after the other, on
        as many cores as torch likes.

    Yields
    ------
    T
        Their results, in the order of the tasks, each as soon as those before it are there. The
        first error of a task is raised, after all have ended.
    """
    import torch

    if threads is None:
        yield from (task() for task in tasks)
        return
    before = torch.get_num_threads()
    try:
        if min(threads, len(tasks)) < 2:
            torch.set_num_threads(1)
            yield from (task() for task in tasks)
            return
        with ThreadPoolExecutor(
            min(threads, len(tasks)), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield from pool.map(lambda task: task(), tasks)
    finally:
        torch.set_num_threads(before)  # what they set is also set for threads to come


def run_all(tasks: Sequence[Callable[[], T]], threads: int | None) -> list[T]:
    """Run tasks side by side, as :func:`run_each` does, and list their results."""
    return list(run_each(tasks, threads))


def release_memory() -> None:
    """Give freed memory back to the system, where the C library is one that can be asked to.

    It keeps the memory of threads that have ended, a little more after each batch, so that a run of
    many sentences would take more than one of few.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
