"""Tasks side by side: in order, one core each, and the setting of threads as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from wordweights.attribution.parallel import run_all


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_and_threads_are_as_before() -> None:
    meet = threading.Barrier(2, timeout=30)

    def task(i: int) -> tuple[int, int]:
        meet.wait()  # both are under way at once
        return i, torch.get_num_threads()

    assert run_all([lambda: task(0), lambda: task(1)], 2) == [(0, 1), (1, 1)]
    assert torch.get_num_threads() == 2


def test_an_error_is_raised_and_threads_are_as_before() -> None:
    with pytest.raises(ZeroDivisionError):
        run_all([lambda: 1, lambda: 1 // 0], 2)
    assert torch.get_num_threads() == 2


def test_a_task_alone_stays_on_its_core_and_one_that_is_not_safe_has_all() -> None:
    assert run_all([torch.get_num_threads], 2) == [1]
    assert run_all([torch.get_num_threads] * 2, None) == [2, 2]
    assert torch.get_num_threads() == 2
