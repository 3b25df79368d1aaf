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

import torch

T = TypeVar("T")


def run_all(tasks: Sequence[Callable[[], T]], threads: int) -> list[T]:
    """Run tasks side by side, each on one core; a single task runs where it is called.

    Parameters
    ----------
    tasks : Sequence[Callable[[], T]]
        Safe to run at the same time.
    threads : int
        How many at a time.

    Returns
    -------
    list[T]
        Their results, in order. The first error of a task is raised, after all have ended.
    """
    if min(threads, len(tasks)) < 2:
        return [task() for task in tasks]
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(
            min(threads, len(tasks)), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            return list(pool.map(lambda task: task(), tasks))
    finally:
        torch.set_num_threads(before)  # the workers' setting is also that of threads to come


def release_memory() -> None:
    """Give freed memory back to the system, where the C library is one that can be asked to.

    It keeps the memory of threads that have ended, a little more after each batch, so that a run of
    many sentences would take more than one of few.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
