"""Real processes that are killed, run at once, or find a folder they cannot write."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wordweights import attribute, load_encoder

WORDS = ["woman", "man", "dog", "dogs", "forest", "onion", "cutting", "running", "sleeping"]
N = 96

pytestmark = pytest.mark.slow

Start = Callable[..., subprocess.Popen[str]]
Here = Callable[[Path], pd.DataFrame]

# A run of its own: a random encoder from a folder, 96 sentences, a table at the end. Small batches
# and a pause after each make it long enough to be killed on the way.
PROGRAM = """
import sys, time
import pandas as pd
from wordweights import attribute, load_encoder
from wordweights.attribution import batches, store
from wordweights.attribution.store import Collection

batches.LONGEST = 4
store.MERGE_ABOVE = int(sys.argv[5])
pause, keep = float(sys.argv[4]), Collection.append

def slow(self, rows):
    name = keep(self, rows)
    time.sleep(pause)
    return name

Collection.append = slow
sentences = open(sys.argv[2]).read().splitlines()
frame = attribute(load_encoder(sys.argv[1], "mean"), sentences, n_nodes=3, probes=2, progress=False)
frame.to_parquet(sys.argv[3])
"""


@pytest.fixture
def sentences() -> list[str]:
    """As many as the program takes."""
    lines = [f"the {a} is on a {b} ." for a in WORDS for b in WORDS] + [
        f"there is the {a} and {b}" for a in WORDS[:4] for b in WORDS[:4]
    ]
    return lines[:N]


@pytest.fixture
def run(tiny_checkpoint: Path, tmp_path: Path, sentences: list[str]) -> Start:
    """Start the program on a results folder."""
    file = tmp_path / "sentences.txt"
    file.write_text("\n".join(sentences))

    def start(
        results: Path, output: Path, pause: float = 0.0, merge_above: int = 64
    ) -> subprocess.Popen[str]:
        settings = [str(pause), str(merge_above)]
        arguments = [str(tiny_checkpoint), str(file), str(output), *settings]
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            env={**os.environ, "WORDWEIGHTS_RESULTS": str(results), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def here(tiny_checkpoint: Path, sentences: list[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """Do what the program does, in this process: a process of its own takes seconds to start."""
    monkeypatch.setattr("wordweights.attribution.batches.LONGEST", 4)

    def attributed(results: Path) -> pd.DataFrame:
        monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(results))
        encoder = load_encoder(tiny_checkpoint, "mean")
        return attribute(encoder, sentences, n_nodes=3, probes=2, progress=False)

    return attributed


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def batches(results: Path) -> list[Path]:
    return sorted(results.rglob("batch-*.parquet"))


def test_a_killed_run_goes_on_from_its_last_batch(run: Start, here: Here, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    before = here(tmp_path / "undisturbed")
    process = run(killed, tmp_path / "b.parquet", pause=0.2)
    deadline = time.monotonic() + 60
    while len(batches(killed)) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = {path: path.stat().st_mtime_ns for path in batches(killed)}
    assert 5 <= len(done) < N / 4
    assert not (tmp_path / "b.parquet").exists()
    after = here(killed)
    # what was finished was not computed or written again
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert before["word"].tolist() == after["word"].tolist()
    np.testing.assert_allclose(after["contribution"], before["contribution"], rtol=1e-5)


def test_two_runs_at_once_both_finish_and_agree(run: Start, here: Here, tmp_path: Path) -> None:
    results = tmp_path / "shared"
    outputs = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    # both merge their files at the end, also those of the other
    processes = [run(results, output, pause=0.02, merge_above=3) for output in outputs]
    for process in processes:
        finish(process)
    first, second = (pd.read_parquet(output) for output in outputs)
    np.testing.assert_allclose(first["contribution"], second["contribution"], rtol=1e-5)
    assert len(first) == len(second)
    merged = {path: path.stat().st_mtime_ns for path in batches(results)}
    third = here(results)
    assert {path: path.stat().st_mtime_ns for path in batches(results)} == merged
    np.testing.assert_allclose(third["contribution"], first["contribution"], rtol=1e-5)
    assert not list(results.rglob(".part-*"))


def test_a_full_disk_keeps_earlier_results_and_says_so(
    run: Start, here: Here, tmp_path: Path
) -> None:
    """A limit on file size stands for the full disk: the write fails in the middle of a file."""
    results = tmp_path / "results"
    limit = (600, 600)
    process = run(results, tmp_path / "a.parquet", pause=0.05)
    deadline = time.monotonic() + 60
    while len(batches(results)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limit)
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "Results cannot be written to" in errors
    assert "Earlier results there are intact" in errors
    kept = batches(results)
    assert len(kept) >= 2
    assert all(len(pd.read_parquet(path)) == 4 for path in kept)
    assert not list(results.rglob(".part-*"))
    assert here(results)["sentence_id"].nunique() == N


def test_a_damaged_file_is_computed_again(here: Here, tmp_path: Path) -> None:
    results = tmp_path / "results"
    before = here(results)
    victim = batches(results)[3]
    victim.write_bytes(victim.read_bytes()[:-200])
    with pytest.warns(match="is damaged"):
        after = here(results)
    np.testing.assert_allclose(after["contribution"], before["contribution"], rtol=1e-5)
