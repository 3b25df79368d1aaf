"""A scheduler and workers of Dask as processes of this machine, each in a group that can be killed.

They listen on the loopback, and end by themselves when nothing talks to them: also when the tests
that started them were killed and could not stop them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SLOW = Path(__file__).with_name("slow_worker.py")
DEADLINE = 120.0


def wait_until(true: Callable[[], object], what: str) -> None:
    """Poll for something that another process does."""
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end, f"not within {DEADLINE:.0f} s: {what}"
        time.sleep(0.02)


class Processes:
    """A cluster whose parts can be started, killed and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.address = ""
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings}
        # a worker follows the sender's paths, unless it has one of its own
        self._environment.pop("WORDWEIGHTS_RESULTS", None)
        self._started = 0

    def start_scheduler(self) -> None:
        """Start a scheduler on a free port, or again on the one that it had."""
        port = self.address.rsplit(":", 1)[-1] or "0"
        about = self.folder / f"scheduler-{self._started}.json"
        options = ["--port", port, "--scheduler-file", str(about), "--idle-timeout", "180s"]
        self.scheduler = self._start("scheduler", ["scheduler", "--no-show", *options])
        wait_until(about.exists, "the scheduler's file")
        wait_until(lambda: self._read(about), "the scheduler's address")
        self.address = self._read(about)

    def start_worker(
        self,
        *options: str,
        before: float = 0.1,
        after: float = 0.1,
        preload: bool = True,
        nanny: bool = False,
    ) -> str:
        """Start a worker, and give the name that its log goes by."""
        name = f"worker-{self._started}"
        command = ["worker", self.address, "--nthreads", "1", "--death-timeout", "60s", "--name"]
        command += [name, "--local-directory", str(self.folder / name), *options]
        command += [] if nanny else ["--no-nanny"]
        command += ["--preload", str(SLOW)] if preload else []
        pauses = {"PAUSE_BEFORE": str(before), "PAUSE_AFTER": str(after)}
        self.workers[name] = self._start(name, command, **pauses)
        return name

    def ready(self, name: str) -> None:
        """Wait until a worker has registered."""
        wait_until(lambda: "Registered to" in self.log(name), f"{name}: {self.log(name)}")

    def have(self, n: int) -> list[str]:
        """Have n plain workers: those that live, and new ones if they are too few."""
        for name, process in list(self.workers.items()):
            if process.poll() is not None or len(self.workers) > n:
                self.kill(name)
        while len(self.workers) < n:
            self.start_worker()
        for name in self.workers:
            self.ready(name)
        return list(self.workers)

    def log(self, name: str) -> str:
        """What a process has said."""
        return (self.folder / f"{name}.log").read_text("utf-8")

    def kill(self, name: str) -> None:
        """Kill a worker with all that it has started (as by kill -9)."""
        self._kill(self.workers.pop(name))

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        if self.scheduler is not None:
            self._kill(self.scheduler)
        self.scheduler = None

    def close(self) -> None:
        """Kill everything that is left."""
        for name in list(self.workers):
            self.kill(name)
        self.kill_scheduler()

    def _start(self, name: str, command: list[str], **variables: str) -> subprocess.Popen[bytes]:
        self._started += 1
        options = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command, *options],
                cwd=self.folder,
                env={**self._environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):  # all of the group have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return str(json.loads(path.read_text("utf-8"))["address"])
        except ValueError:  # half written
            return ""
