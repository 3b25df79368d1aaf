"""Tasks side by side: in order, one core each, and the setting of threads as it was."""

from __future__ import annotations

import threading

import pytest
import torch

from wordweights.attribution.parallel import cores, run_all


@pytest.fixture(autouse=True)
def _two_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_and_threads_are_as_before() -> None:
    meet = threading.Barrier(2, timeout=30)

    def task(i: int) -> tuple[int, int, int]:
        meet.wait()  # both are under way at once
        return i, torch.get_num_threads(), cores()

    assert run_all([lambda: task(0), lambda: task(1)], 2) == [(0, 1, 1), (1, 1, 1)]
    assert torch.get_num_threads() == cores() == 2


def test_a_task_within_a_task_stays_on_its_core() -> None:
    def outer() -> set[int]:
        return set(run_all([threading.get_ident] * 3, cores())) | {threading.get_ident()}

    first, second = run_all([outer, outer], 2)
    assert len(first) == len(second) == 1


def test_an_error_is_raised_and_threads_are_as_before() -> None:
    with pytest.raises(ZeroDivisionError):
        run_all([lambda: 1, lambda: 1 // 0], 2)
    assert torch.get_num_threads() == 2
