"""Real processes that have little memory or disk, are killed, or lose their workers."""

from __future__ import annotations

import contextlib
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from distributed.comm import CommClosedError
from plain_counts import bert_tokens, count_bert, read_counts

from wordweights.counting import tasks
from wordweights.errors import WordweightsError
from wordweights.files import results_folder

pytestmark = pytest.mark.slow

COMMAND = [
    sys.executable,
    "-c",
    "from wordweights.cli import main; main()",
    "count",
    "--tokens",
    "bert",
]
N_FILES = 8
MEASURE = """
import sys
from pathlib import Path
from wordweights.counting import count_corpus
tokens, memory = sys.argv[3], int(sys.argv[4])
report = count_corpus(sys.argv[1:2], sys.argv[2], tokens=tokens, memory=memory)
print(report.tally.total, report.words, "torch" in sys.modules)
print(Path("/proc/self/status").read_text())
import torch  # as well as ever
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files, each of which takes a moment: frequent words, and some of one file."""
    folder = tmp_path_factory.mktemp("corpus")
    for i in range(N_FILES):
        draw = random.Random(i)
        rows = (
            " ".join(
                [*(f"w{n}" for n in draw.choices(range(500), k=7)), f"{draw.getrandbits(20):x}."]
            )
            for _ in range(12_000)
        )
        (folder / f"part-{i:02d}.txt").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def undisturbed(corpus: Path) -> Counter[str]:
    """What is in it, by the tokenizer alone."""
    return sum((bert_tokens(path.read_text()) for path in corpus.iterdir()), Counter())


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start a count."""
    return subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, **options)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read what a process says until it says this."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if text in line:
            return
    raise AssertionError(said)


@pytest.mark.parametrize(
    ("tokens", "n", "bound"), [("bert", 2_500_000, 384 << 20), ("words", 200_000, 480 << 20)]
)  # of the second, spaCy takes the most; with PyTorch, which it imports where it can, twice that
def test_memory_stays_under_the_bound(tokens: str, n: int, bound: int, tmp_path: Path) -> None:
    """Every word is another one: counts larger than the memory go through the disk."""
    path = tmp_path / "text.txt"
    words = np.char.mod("%011x", np.random.default_rng(0).permutation(n) * 4_194_301)
    path.write_text("\n".join(map(" ".join, words.reshape(-1, 10))))
    command = [sys.executable, "-c", MEASURE, str(path), str(tmp_path / "c.parquet")]
    command += [tokens, str(bound)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split()[:3] == [str(n), str(n), "False"]
    peak = re.search(r"VmHWM:\s+(\d+) kB", run.stdout)
    assert peak is not None
    assert int(peak[1]) * 1024 < bound


def test_a_run_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, corpus: Path, undisturbed: Counter[str]
) -> None:
    output = tmp_path / "counts.parquet"
    with start(str(corpus), "-o", str(output)) as process:
        wait_for(process, "3 of 8 shards")
        os.kill(process.pid, signal.SIGKILL)
    assert not output.exists()
    for path in results_folder().rglob("*"):
        os.utime(path, (0, 0))  # as on a later day: what is touched now may be of a living run
    report = count_bert([corpus], output)
    assert read_counts(output) == undisturbed
    assert 3 <= report.n_kept < N_FILES
    # what the killed run had begun is gone, too
    assert [path for path in results_folder().rglob("*") if path.is_file()] == []


def test_a_disk_without_room(tmp_path: Path, corpus: Path) -> None:
    """No file may become larger than some kilobytes: the command says so, and goes on later."""
    output = tmp_path / "counts.parquet"
    arguments = [str(corpus / "part-00.txt"), "-o", str(output)]

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    with start(*arguments, preexec_fn=limit) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert "1 of 1 shards could not be counted: " in said
    assert "File too large" in said
    assert "Traceback" not in said
    assert not output.exists()
    with start(*arguments) as process:
        process.communicate()
    assert read_counts(output) == bert_tokens((corpus / "part-00.txt").read_text())


def test_processes_of_this_machine(
    tmp_path: Path, corpus: Path, undisturbed: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "WORTH_PROCESSES", 0)
    monkeypatch.setattr("dask.system.CPU_COUNT", 2)
    count_bert([corpus], tmp_path / "counts.parquet")
    assert read_counts(tmp_path / "counts.parquet") == undisturbed


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_of_this_machine_that_is_killed(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "WORTH_PROCESSES", 0)
    monkeypatch.setattr("dask.system.CPU_COUNT", 2)
    monkeypatch.setattr(tasks, "count_shard", _die)
    with pytest.raises(WordweightsError, match="A process of this run was killed"):
        count_bert([corpus], tmp_path / "counts.parquet")


# --- a cluster on this machine, whose workers do not share the folder of results


@contextlib.contextmanager
def dask(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a part of a cluster."""
    command = [sys.executable, "-m", "dask", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    elsewhere = str(folder / "elsewhere")
    environment = {**os.environ, "PYTHONPATH": path, "WORDWEIGHTS_RESULTS": elsewhere}
    with subprocess.Popen(command, text=True, env=environment, cwd=folder, **quiet) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def scheduling(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a scheduler; its address, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    with dask(folder, "scheduler", *options) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"tcp://127.0.0.1:{port}", process


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler."""
    with scheduling(tmp_path) as (address, _):
        yield address


def worker(folder: Path, address: str) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """A worker of one thread, without anyone who would start it again."""
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
    return dask(folder, "worker", address, *options)


def test_a_worker_that_is_killed_costs_its_shard_only(
    tmp_path: Path, corpus: Path, undisturbed: Counter[str], scheduler: str
) -> None:
    output = tmp_path / "counts.parquet"
    with worker(tmp_path, scheduler) as first, worker(tmp_path, scheduler):
        with start(str(corpus), "-o", str(output), "--cluster", scheduler) as process:
            wait_for(process, "2 of 8 shards")
            first.kill()
            assert process.stderr is not None
            said = process.stderr.read()
        assert process.returncode == 0, said
    assert read_counts(output) == undisturbed
    assert not (tmp_path / "elsewhere").exists()


def test_a_shard_that_kills_its_workers_is_named(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deadly.txt"
    path.write_text("a")
    monkeypatch.setattr(tasks, "count_remotely", _die)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(worker(tmp_path, scheduler))
        with pytest.raises(WordweightsError, match=r"1 of 1 .*deadly\.txt: KilledWorker"):
            count_bert([path], tmp_path / "counts.parquet", cluster=scheduler)


def test_a_scheduler_that_is_lost_while_it_hands_over_a_result(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_off(*_: Any, **__: Any) -> None:
        raise CommClosedError("Connection reset by peer")

    (tmp_path / "text.txt").write_text("a")
    monkeypatch.setattr(Client, "_gather", break_off)
    lost = pytest.raises(WordweightsError, match=r"The scheduler .* was lost\.")
    with worker(tmp_path, scheduler), lost:
        count_bert([tmp_path / "text.txt"], tmp_path / "counts.parquet", cluster=scheduler)


def test_a_scheduler_that_is_lost_costs_no_shard_that_is_counted(
    tmp_path: Path, corpus: Path, undisturbed: Counter[str]
) -> None:
    output = tmp_path / "counts.parquet"
    with (
        scheduling(tmp_path) as (address, process),
        worker(tmp_path, address),
        pytest.raises(WordweightsError, match=r"The scheduler .* was lost\. What is counted is"),
    ):
        count_bert([corpus], output, cluster=address, say=lambda _: process.kill())
    assert count_bert([corpus], output).n_kept > 0
    assert read_counts(output) == undisturbed
