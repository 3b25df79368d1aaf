from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from wordweights.training.runs import _last_checkpoint, snapshot_steps

PROGRAM = """
import sys
from pathlib import Path
from wordweights.encoders import load_encoder
from wordweights.training import FineTuning, fine_tune

base = load_encoder(sys.argv[1], pooling="cls")
settings = FineTuning(sys.argv[4], steps=40, batch=8, snapshots=6)
fine_tune(base, sys.argv[2], sys.argv[2], settings, Path(sys.argv[3]))
"""


@given(st.integers(1, 10_000), st.integers(2, 40))
def test_steps_to_look_at(total: int, n: int) -> None:
    steps = snapshot_steps(total, n)
    assert steps == sorted(set(steps))
    assert steps[0] == 0
    assert steps[-1] == total
    assert len(steps) <= n
    assert total == 1 or steps[1] != 1, "the rate of the first update is zero"


def test_steps_to_look_at_lie_closer_at_first() -> None:
    assert snapshot_steps(8000, 21) == [0, 2, *(i**3 for i in range(2, 21))]


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["unsup-simcse", "sbert"])  # the loss of one learns, too
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    tiny_checkpoint: Path, tmp_path: Path, objective: str
) -> None:
    words = ("dog", "woman", "man", "forest", "onion")
    lines = [f"the {a} is in a {b} ." for a in words for b in words]
    if objective == "sbert":
        labels = ("entailment", "neutral", "contradiction")
        pairs = zip(lines, reversed(lines), strict=True)
        rows = [f"{labels[i % 3]}\t{a}\t{b}" for i, (a, b) in enumerate(pairs)]
        lines = ["label\tpremise\thypothesis", *rows]
    text = tmp_path / "text.tsv"
    text.write_text("\n".join(lines))

    def start(folder: Path) -> subprocess.Popen[bytes]:
        arguments = [tiny_checkpoint, text, folder, objective]
        command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole).wait() == 0

    process = start(killed)
    deadline = time.monotonic() + 120
    while not list(killed.glob("checkpoints/checkpoint-*/trainer_state.json")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "done").exists()
    assert start(killed).wait() == 0

    snapshots = sorted(path.name for path in (whole / "snapshots").iterdir())
    assert snapshots == sorted(path.name for path in (killed / "snapshots").iterdir())
    for name in snapshots:
        ours, theirs = (load_file(folder / "snapshots" / name) for folder in (whole, killed))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    steps = [line.split(",")[0] for line in (killed / "log.csv").read_text().split()]
    assert steps == [line.split(",")[0] for line in (whole / "log.csv").read_text().split()]


def test_a_checkpoint_that_was_not_finished_is_passed_over(tmp_path: Path) -> None:
    for step, state in ((9, "{}"), (20, "{}"), (100, '{"global_st'), (200, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert _last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-20")
    assert _last_checkpoint(tmp_path / "none") is None
