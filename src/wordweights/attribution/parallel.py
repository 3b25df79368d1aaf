"""Independent pieces of work on the cores of the machine, each on one core.

The matrices of a few sentences are too small to share among cores: two threads in one product spend
half of their time waiting for each other (measured on all-MiniLM-L6-v2, two cores). Whole passes
are independent of one another, so each core takes passes of its own.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_all(tasks: Sequence[Callable[[], T]], threads: int | None) -> list[T]:
    """Run tasks side by side, each on one core: how many there are changes no bit of a result.

    Parameters
    ----------
    tasks : Sequence[Callable[[], T]]
        Safe to run at the same time.
    threads : int | None
        How many at a time. None: tasks that are not known to be safe run one after the other, on
        as many cores as torch likes.

    Returns
    -------
    list[T]
        Their results, in order. The first error of a task is raised, after all have ended.
    """
    import torch

    if threads is None:
        return [task() for task in tasks]
    before = torch.get_num_threads()
    try:
        if min(threads, len(tasks)) < 2:
            torch.set_num_threads(1)
            return [task() for task in tasks]
        with ThreadPoolExecutor(
            min(threads, len(tasks)), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            return list(pool.map(lambda task: task(), tasks))
    finally:
        torch.set_num_threads(before)  # what they set is also set for threads to come


def release_memory() -> None:
    """Give freed memory back to the system, where the C library is one that can be asked to.

    It keeps the memory of threads that have ended, a little more after each batch, so that a run of
    many sentences would take more than one of few.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
