from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wordweights.training.runs import snapshot_steps


@given(st.integers(1, 10_000), st.integers(2, 40))
def test_steps_to_look_at(total: int, n: int) -> None:
    steps = snapshot_steps(total, n)
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, total)
    assert len(steps) <= n
    assert total == 1 or steps[1] != 1, "the rate of the first update is zero"


def test_steps_to_look_at_lie_closer_at_first() -> None:
    assert snapshot_steps(8000, 21) == [0, 2, *(i**3 for i in range(2, 21))]
