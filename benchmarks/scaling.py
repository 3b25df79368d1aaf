"""Measure one and two workers of a Dask cluster on this machine, and compute what 64 would do.

    python benchmarks/scaling.py attribution [--workers 1 2] [--sentences 256]
    python benchmarks/scaling.py counting [--workers 1 2] [--megabytes 10 100]

The cluster is made of processes of this machine: a scheduler in this one, and workers of one thread
each. For each number of workers and each size the table shows

- the rate by the clock, without the time in which workers start and load what they need, and the
  rate by the processor time of the workers, which does not see what else the machine does;
- the peak memory of a worker;
- messages between scheduler, workers and client for each task, and what a task that does nothing
  costs the process of scheduler and client: the price of a cluster;
- the share of all processor time that is spent after the workers are done, in one process.

What follows the table is computed from it, by processor time, and says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster
from transformers import BertConfig, BertModel

from wordweights import attribute, load_encoder, load_frequencies
from wordweights.encoders import Encoder
from wordweights.files import RESULTS_VARIABLE

MANY = 64  # workers, on paper
CORPUS_WORDS = 3.3e9  # of Wikipedia and BooksCorpus, which BERT was trained on
SETTINGS = {"n_nodes": 12, "probes": 16}  # of the embedded profile
TASKS = 48
WORDS_IN_FILE = 2_000_000
VOCABULARY = 2_000_000
SHIFT, EXPONENT = 2.7, 1.05  # of Zipf and Mandelbrot: P(rank) ~ (rank + SHIFT) ** -EXPONENT


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    workers: int
    amount: float  # of work: sentences, or megabytes
    seconds: float
    tasks: int
    messages: int
    cpu: float  # seconds of processor time of all workers together
    idle_task: float  # such seconds of scheduler and client, for a task that has nothing to do
    after: float  # such seconds of one process, when the workers are done
    memory: float  # peak of a worker, in bytes


@dataclass
class Traffic:
    """Messages that a scheduler receives and sends."""

    count: int = 0
    tasks: int = 0  # that workers say they have finished

    def watch(self, scheduler: Any) -> None:
        """Count at every connection that is open now, and all that comes in."""
        for op, handler in list(scheduler.stream_handlers.items()):
            if not inspect.iscoroutinefunction(handler):  # of which there are a few, and rare
                scheduler.stream_handlers[op] = partial(self._received, op, handler)
        for comm in [*scheduler.stream_comms.values(), *scheduler.client_comms.values()]:
            comm.send = partial(self._sent, comm.send)

    def _received(self, op: str, handler: Any, *arguments: Any, **options: Any) -> Any:
        self.count += 1
        self.tasks += op == "task-finished"
        return handler(*arguments, **options)

    def _sent(self, send: Any, *messages: Any) -> None:
        self.count += len(messages)
        send(*messages)


def main() -> None:
    """Parse arguments, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("attribution", "counting"))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sentences", type=int, default=128)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 100])
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, {given.part}\n", flush=True)
    if given.part == "attribution":
        measure_attribution(given.workers, given.sentences)
    elif importlib.util.find_spec("wordweights.counting") is None:
        sys.exit("This version of wordweights does not count: wordweights.counting is missing.")
    else:
        measure_counting(given.workers, given.megabytes)


@contextmanager
def started(n: int, folder: Path) -> Iterator[tuple[LocalCluster, Client]]:
    """Start workers of one thread each, and keep the results to this run."""
    os.environ[RESULTS_VARIABLE] = str(folder / "results")
    cluster = LocalCluster(
        n_workers=n,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        local_directory=str(folder),
    )
    with cluster, Client(cluster) as client:
        yield cluster, client


def peak_memory() -> int:
    """Most memory that this process has had, in bytes, not counting what started it."""
    status = Path("/proc/self/status").read_text("utf-8")  # getrusage goes on from the parent's
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


# Attribution


def measure_attribution(workers: list[int], n: int) -> None:
    """Print the table of a tiny and of a real encoder, and what follows."""
    encoders = {
        "tiny": (tiny_encoder(), min(TASKS * 32, 16 * n)),
        "MiniLM": (load_encoder("all-MiniLM-L6-v2"), n),
    }
    rows = []
    print_head("sentences")
    for name, (encoder, amount) in encoders.items():
        for count in workers:
            row = attribution_row(name, encoder, amount, count)
            rows.append(row)
            print_row(row)
    real = [row for row in rows if row.name == "MiniLM"]
    print(f"\nComputed from these rows, not measured: {MANY} workers\n")
    idle = max(rows, key=lambda row: row.tasks).idle_task  # whatever the task is
    for row in (rows[0], real[0]):
        print(on_paper(replace(row, idle_task=idle), "sentences"))


def attribution_row(name: str, encoder: Encoder, n: int, workers: int) -> Row:
    """Time sentences that no worker has seen, by workers that have loaded the encoder."""
    with (
        tempfile.TemporaryDirectory() as folder,
        started(workers, Path(folder)) as (cluster, client),
    ):
        compute = partial(attribute, encoder, cluster=client, progress=False, **SETTINGS)
        texts = sentences(n + 32 * workers)
        warm = compute(texts[n:])  # a batch for each worker
        traffic = Traffic()
        traffic.watch(cluster.scheduler)
        cpu = worker_time(client)
        seconds, _, table = timed(partial(compute, texts[:n]))
        cpu = worker_time(client) - cpu
        messages, tasks, account = traffic.count, traffic.tasks, table.attrs["cluster"]
        _, after, _ = timed(partial(compute, texts[:n]))  # all is stored: read, and put together
        memory = max(client.run(peak_memory).values())
        idle = no_op(client)
        assert warm.attrs["cluster"]["computed"] == 32 * workers
        assert account["computed"] == n
    return Row(name, workers, n, seconds, tasks, messages, cpu, idle, after, memory)


def tiny_encoder() -> Encoder:
    """Two layers, 16 wide, with random weights: its batches take as long as a task does."""
    import torch

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.2,
        attn_implementation="eager",
    )
    tokenizer = load_encoder("all-MiniLM-L6-v2").tokenizer
    return Encoder("tiny", "mean", tokenizer, BertModel(config, add_pooling_layer=False))


def sentences(n: int) -> list[str]:
    """Distinct sentences of nine wordpieces, special ones included."""
    nouns = ("woman", "man", "dog", "cat", "boy", "girl", "price", "key", "wine", "oil", "beach")
    verbs = ("is", "was", "has", "takes", "sees", "likes", "finds", "needs", "wants", "moves")
    made = [
        f"the {a} {v} the {b} {end}" for a in nouns for v in verbs for b in nouns for end in "!?;:"
    ]
    assert n <= len(made)
    order = np.random.default_rng(0).permutation(len(made))[:n]
    return [made[i] for i in order]


# Counting


def measure_counting(workers: list[int], sizes: list[int]) -> None:
    """Print the table of corpora of several sizes, and what follows."""
    rows = []
    with tempfile.TemporaryDirectory() as made:
        corpora = {size: make_corpus(Path(made) / str(size), size) for size in sizes}
        print_head("MB")
        for size, corpus in corpora.items():
            for count in workers:
                row = counting_row(corpus, size, count)
                rows.append(row)
                print_row(row)
        words = count_words(corpora[sizes[0]]) / sizes[0]
    print(f"\n{words / 1e6:.3f} million words in a megabyte")
    last = [row for row in rows if row.amount == max(sizes)]
    print(f"\nComputed from these rows, not measured: {MANY} workers, {CORPUS_WORDS:.2g} words\n")
    for row in last:
        print(on_paper(row, "MB", CORPUS_WORDS / words))


def counting_row(corpus: Path, megabytes: int, workers: int) -> Row:
    """Time the command, as a user would give it, on a corpus that is a folder of text files."""
    with (
        tempfile.TemporaryDirectory() as folder,
        started(workers, Path(folder)) as (cluster, client),
    ):
        count_once = partial(count, cluster.scheduler_address, Path(folder) / "counts.parquet")
        small = Path(folder) / "small"
        small.mkdir()
        (small / "one.txt").write_text("a few words\n" * 1000)
        start_up, _, _ = timed(partial(count_once, small))  # imports, here and on the workers
        children = child_time()
        count_once(small)
        children = child_time() - children
        traffic = Traffic()
        traffic.watch(cluster.scheduler)
        cpu, after = worker_time(client), child_time()
        seconds, _, _ = timed(partial(count_once, corpus))
        seconds = max(seconds - start_up, 1e-9)
        cpu = worker_time(client) - cpu
        after = max(0.0, child_time() - after - children)  # of the command, beyond its start
        tasks, messages = traffic.tasks, traffic.count
        memory = max(client.run(peak_memory).values())
        idle = no_op(client)
    name = f"{megabytes} MB"
    return Row(name, workers, megabytes, seconds, tasks, messages, cpu, idle, after, memory)


def count(address: str, output: Path, corpus: Path) -> None:
    """Run the command."""
    command = [sys.executable, "-c", "from wordweights.cli import main; main()", "count"]
    command += [str(corpus), "-o", str(output), "--tokens", "bert", "--cluster", address]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{' '.join(command[3:])} ended with {run.returncode}:\n{run.stderr}")


def child_time() -> float:
    """Processor time of commands that have ended: of the client, which also merges."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def no_op(client: Client) -> float:
    """Processor time, here, of a task that does nothing, one of many."""
    _, seconds, _ = timed(lambda: client.gather(client.map(int, range(1000), pure=False)))
    return seconds / 1000


def make_corpus(folder: Path, megabytes: int) -> Path:
    """Write text files: words of real shapes with the frequencies of Zipf and Mandelbrot."""
    folder.mkdir(parents=True)
    words = word_shapes()
    ranks = np.arange(1, len(words) + 1)
    shares = np.cumsum((ranks + SHIFT) ** -EXPONENT)
    generator = np.random.default_rng(megabytes)
    left, part = megabytes * 10**6, 0
    while left > 0:
        drawn = np.searchsorted(shares, generator.random(WORDS_IN_FILE) * shares[-1])
        text = " ".join(words[drawn].tolist())
        pieces = [text[i : i + 2000] for i in range(0, min(len(text), left), 2000)]
        content = "\n".join(pieces)[:left].encode("ascii", "ignore")
        (folder / f"part-{part:05d}.txt").write_bytes(content)
        left -= len(content)
        part += 1
    return folder


def word_shapes() -> np.ndarray:
    """Words by rank: those of spaCy's table, and then pairs of them, as rare words are made."""
    table = load_frequencies("spacy").probabilities
    known = [word for word in table.sort_values(ascending=False).index if word.isascii()]
    generator = np.random.default_rng(0)
    pairs = generator.integers(0, len(known), (VOCABULARY - len(known), 2))
    made = [known[a] + known[b] for a, b in pairs]
    return np.array(known + made, dtype=object)


def count_words(corpus: Path) -> int:
    """Count what stands between white space."""
    return sum(len(path.read_bytes().split()) for path in corpus.iterdir())


# Both


def timed(run: Any) -> tuple[float, float, Any]:
    """Seconds by the clock, processor time of this process, and result of a call."""
    clock, processor = time.perf_counter(), time.process_time()
    result = run()
    return time.perf_counter() - clock, time.process_time() - processor, result


def worker_time(client: Client) -> float:
    """Processor time that the workers have used, all together."""
    return float(sum(client.run(time.process_time).values()))


def print_head(unit: str) -> None:
    """Name the columns."""
    print(
        f"{'what':8} {'workers':>7} {unit:>9} {unit + '/s':>12} "
        f"{unit + '/CPU s':>15} {'tasks':>6} {'messages/task':>13} "
        f"{'idle ms/task':>12} {'after':>6} {'peak MB':>8}",
        flush=True,
    )


def print_row(row: Row) -> None:
    """Print one line."""
    print(
        f"{row.name:8} {row.workers:7} {row.amount:9.0f} {row.amount / row.seconds:12.1f} "
        f"{row.amount / row.cpu:15.1f} {row.tasks:6} {row.messages / row.tasks:13.1f} "
        f"{1e3 * row.idle_task:12.1f} "
        f"{row.after / (row.after + row.cpu):6.1%} {row.memory / 1e6:8.0f}",
        flush=True,
    )


def on_paper(row: Row, unit: str, amount: float | None = None) -> str:
    """Say what many workers would do if each went on as here, and what would stop them.

    The work is shared; the scheduler takes its time for each task, one after the other; and what
    comes after the workers is taken to grow with the amount, on one core: too much where it grows
    with the vocabulary.
    """
    task = row.cpu / row.tasks  # seconds of a worker
    rate = MANY * row.amount / row.cpu
    limit = row.amount / row.tasks / row.idle_task
    after = row.amount / row.after if row.after else float("inf")
    lines = [
        f"{row.name}, by the row of {row.workers}:",
        f"  workers: {MANY} of them at {row.amount / row.cpu:.3g} {unit}/s are {rate:.4g} {unit}/s",
        f"  scheduler: {1 / row.idle_task:.0f} tasks/s are {limit:.4g} {unit}/s, so it keeps "
        f"{task / row.idle_task:.0f} workers busy",
        f"  afterwards, on one core: {after:.4g} {unit}/s",
    ]
    if amount is not None:
        times = {
            "workers": amount / rate,
            "scheduler": amount / limit,
            "afterwards": amount / after,
        }
        total = max(times["workers"], times["scheduler"]) + times["afterwards"]
        listed = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in times.items())
        lines.append(f"  {amount:.4g} {unit}: {total:.0f} s in all ({listed})")
    slowest = min((rate, "the workers"), (limit, "the scheduler"), (after, "what comes afterwards"))
    lines.append(f"  the bottleneck would be {slowest[1]}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
