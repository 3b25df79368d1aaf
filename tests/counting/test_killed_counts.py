"""Real processes that run out of memory, are killed, or lose their workers."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from distributed.comm import CommClosedError
from reference import bert_tokens, read_counts

from wordweights.counting import count_corpus
from wordweights.counting import run as run_module
from wordweights.errors import WordweightsError
from wordweights.files import results_folder

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from wordweights.cli import main; main()", "count"]
N_FILES = 12
PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
MEASURE = """
import re, sys
from pathlib import Path
from wordweights.counting import count_corpus
report = count_corpus(sys.argv[1:2], sys.argv[2], memory=int(sys.argv[3]))
print(report.tally.total, report.words, Path("/proc/self/status").read_text())
"""


def write_corpus(folder: Path, n_files: int = N_FILES, lines: int = 12_000) -> list[Path]:
    """Write files of words, some frequent and some of one file only."""
    folder.mkdir()
    paths = []
    for i in range(n_files):
        draw = random.Random(i)
        path = folder / f"part-{i:02d}.txt"
        common = [f"w{draw.randint(0, 500)}" for _ in range(7 * lines)]
        rows = (
            " ".join([*common[7 * row : 7 * row + 7], f"{draw.getrandbits(20):x}."])
            for row in range(lines)
        )
        path.write_text("\n".join(rows) + "\n")
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files, each of which takes a moment."""
    folder = tmp_path_factory.mktemp("corpus") / "files"
    write_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(corpus: Path) -> Counter[str]:
    """What is in it, by the tokenizer alone."""
    return sum((bert_tokens(path.read_text()) for path in corpus.iterdir()), Counter())


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a count."""
    return subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read what a process says until it says this."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if text in line:
            return said
    raise AssertionError(said)


def test_memory_stays_under_the_bound(tmp_path: Path) -> None:
    """Nearly every word is another one: all of them must go through the disk."""
    draw = random.Random(0)
    path = tmp_path / "text.txt"
    with path.open("w") as file:
        for _ in range(150_000):
            file.write(" ".join(f"{draw.getrandbits(44):x}" for _ in range(8)) + "\n")
    bound = 384 << 20
    command = [sys.executable, "-c", MEASURE, str(path), str(tmp_path / "c.parquet"), str(bound)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    total, words = map(int, run.stdout.split()[:2])
    assert total == 1_200_000
    assert words == len(set(path.read_text().split()))
    peak = PEAK.search(run.stdout)
    assert peak is not None
    assert int(peak[1]) * 1024 < bound


def test_a_run_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, corpus: Path, undisturbed: Counter[str]
) -> None:
    output = tmp_path / "counts.parquet"
    with start(str(corpus), "-o", str(output)) as process:
        wait_for(process, "3 of 12 shards")
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    for path in results_folder().rglob("*"):
        os.utime(path, (0, 0))  # as on a later day: what is touched now may be of a living run
    report = count_corpus([corpus], output)
    assert read_counts(output) == undisturbed
    assert 3 <= report.n_kept < N_FILES
    # what the killed run had begun is gone, too
    assert [path for path in results_folder().rglob("*") if path.is_file()] == []


def test_a_run_that_ends_takes_nothing_from_one_that_goes_on(tmp_path: Path, corpus: Path) -> None:
    files = {path.name: path for path in sorted(corpus.iterdir())[:2]}
    said: list[str] = []

    def say(line: str) -> None:
        """Let another count of the file that is done begin and end."""
        said.append(line)
        if len(said) == 1:
            (shared,) = (path for name, path in files.items() if name in line)
            with start(str(shared), "-o", str(tmp_path / "shared.parquet")) as other:
                assert other.stderr is not None
                assert "1 of 1 shards are counted already." in other.stderr.read()
            assert other.returncode == 0

    count_corpus([*files.values()], tmp_path / "both.parquet", say=say)
    assert said[0].startswith("1 of 2 shards")
    counts = [bert_tokens(path.read_text()) for path in files.values()]
    assert read_counts(tmp_path / "shared.parquet") in counts
    assert read_counts(tmp_path / "both.parquet") == counts[0] + counts[1]
    assert list(results_folder().rglob("*.*")) == []


def test_the_command_fails_when_a_shard_does(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("a dog\n")
    (tmp_path / "bad.txt.gz").write_text("no gzip")
    names = [str(tmp_path / "good.txt"), str(tmp_path / "bad.txt.gz")]
    with start(*names, "-o", str(tmp_path / "c.parquet")) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert "wordweights: 1 of 2 shards could not be counted" in said
    assert "Traceback" not in said


def test_processes_of_this_machine(
    tmp_path: Path, corpus: Path, undisturbed: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr("dask.system.CPU_COUNT", 2)
    count_corpus([corpus], tmp_path / "counts.parquet")
    assert read_counts(tmp_path / "counts.parquet") == undisturbed


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_of_this_machine_that_is_killed(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr("dask.system.CPU_COUNT", 2)
    monkeypatch.setattr(run_module, "count_shard", _die)
    with pytest.raises(WordweightsError, match="A process of this run was killed"):
        count_corpus([corpus], tmp_path / "counts.parquet")


# --- a cluster on this machine


@contextlib.contextmanager
def dask(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a part of a cluster."""
    command = [sys.executable, "-m", "dask", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, text=True, env=environment, **quiet) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def scheduling() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a scheduler; its address, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    with dask("scheduler", *options) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"tcp://127.0.0.1:{port}", process


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a scheduler."""
    with scheduling() as (address, _):
        yield address


def worker(address: str) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """A worker of one thread, without anyone who would start it again."""
    return dask("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")


def test_a_worker_that_is_killed_costs_its_shard_only(
    tmp_path: Path, corpus: Path, undisturbed: Counter[str], scheduler: str
) -> None:
    output = tmp_path / "counts.parquet"
    with worker(scheduler) as first, worker(scheduler):
        with start(str(corpus), "-o", str(output), "--cluster", scheduler) as process:
            wait_for(process, "2 of 12 shards")
            first.kill()
            assert process.stderr is not None
            said = process.stderr.read()
        assert process.returncode == 0, said
    assert read_counts(output) == undisturbed


def test_a_shard_that_kills_its_workers_is_named(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deadly.txt"
    path.write_text("a")
    monkeypatch.setattr(run_module, "count_shard", _die)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(worker(scheduler))
        with pytest.raises(WordweightsError, match=r"1 of 1 .*deadly\.txt: KilledWorker"):
            count_corpus([path], tmp_path / "counts.parquet", cluster=scheduler)


def test_a_cluster_without_workers(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.txt").write_text("a")
    monkeypatch.setattr("wordweights.dask_client.WAIT", 0.3)
    with pytest.raises(WordweightsError, match="No worker has joined"):
        count_corpus([tmp_path / "text.txt"], tmp_path / "counts.parquet", cluster=scheduler)


def test_a_scheduler_that_is_lost_while_it_hands_over_a_result(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_off(*_: Any, **__: Any) -> None:
        raise CommClosedError("Connection reset by peer")

    (tmp_path / "text.txt").write_text("a")
    monkeypatch.setattr(Client, "_gather", break_off)
    with worker(scheduler), pytest.raises(WordweightsError, match=r"The scheduler .* was lost\."):
        count_corpus([tmp_path / "text.txt"], tmp_path / "counts.parquet", cluster=scheduler)


def test_a_scheduler_that_is_lost_costs_no_shard_that_is_counted(
    tmp_path: Path, corpus: Path, undisturbed: Counter[str]
) -> None:
    output = tmp_path / "counts.parquet"
    with (
        scheduling() as (address, process),
        worker(address),
        pytest.raises(WordweightsError, match=r"The scheduler .* was lost\. What is counted is"),
    ):
        count_corpus([corpus], output, cluster=address, say=lambda _: process.kill())
    assert count_corpus([corpus], output).n_kept > 0
    assert read_counts(output) == undisturbed
