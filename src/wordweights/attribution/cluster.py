"""Attribution on a Dask cluster: the batches of a run in one process, as tasks of workers.

The workers store what they compute, in the results folder that they share with this process. Only
counts come back through the scheduler, and the table is then read from the store like one that was
computed here. Whatever dies on the way, what is stored stays, and the same command goes on from it.
"""

from __future__ import annotations

import time
import uuid
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from wordweights.attribution.batches import Work
from wordweights.attribution.path import threads_for
from wordweights.attribution.shards import COPIES, Report, Shard, run_shard
from wordweights.dask_client import SHARED, await_workers, connected
from wordweights.encoders.copies import address_of, keep_copy
from wordweights.errors import WordweightsError
from wordweights.files import RESULTS_VARIABLE, digest

if TYPE_CHECKING:
    from distributed import Client, Future, KilledWorker

_GPU_BATCHES = 8  # in a shard for a worker with a GPU: a batch takes it less than the way to it
_IN_FLIGHT = 1000  # shards that the scheduler knows of at a time: bounds its memory
_TRIES = 2  # of a shard, after the first


@dataclass
class _Tally:
    """What the reports of a run add up to."""

    reports: list[Report] = field(default_factory=list)
    begun: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    def hear(self, event: tuple[Any, dict[str, Any]]) -> None:
        """Take the news that a worker begins with a shard; more than once is after a fault."""
        about = event[1]
        if self.begun[about["shard"]]:
            self.repeated += about["sentences"]
        self.begun[about["shard"]] += 1

    def account(self) -> dict[str, int]:
        return {
            "computed": sum(report.computed for report in self.reports),
            "found": sum(report.found for report in self.reports),
            "repeated": self.repeated,
            "shards": len(self.reports),
            "workers": len({report.worker for report in self.reports}),
        }


@dataclass(frozen=True)
class _Part:
    """The work with one encoder, as others see it."""

    work: Work
    common: Shard  # what its shards have in common
    tally: _Tally = field(default_factory=_Tally)
    merged: set[str] = field(default_factory=set)  # keys that were seen to be in a merged file

    def keep_copy(self) -> None:
        folder = self.common.collection.folder
        keep_copy(self.work.encoder, self.common.address, folder.parent.parent / COPIES)


def compute_on(
    cluster: Client | str, works: Sequence[Work], *, progress: bool
) -> list[dict[str, int]]:
    """Compute with several encoders at once on the workers of a cluster, which store the rows.

    Shards are sent in the order of the encoders, so that a worker changes its encoder once, and
    none waits while another is busy with the last of one encoder.

    Parameters
    ----------
    cluster : Client | str
        A client, or the address of a scheduler.
    works : Sequence[Work]
        What is to be computed; two that store the same in the same place are computed once.
    progress : bool
        Show a bar over sentences on standard error.

    Returns
    -------
    list[dict[str, int]]
        For each of them: numbers of sentences computed, found stored by another, and begun again
        after a fault; of shards; and of workers.

    Raises
    ------
    WordweightsError
        For a cluster that is not there, workers that do not see the folder of results, and work
        that cannot be finished.
    """
    parts: dict[str, _Part] = {}
    for work in works:
        if work.batches and str(work.collection.folder) not in parts:
            parts[str(work.collection.folder)] = _Part(work, _common(work))
    if parts:
        _compute(cluster, list(parts.values()), progress=progress)
    tallies = {folder: part.tally for folder, part in parts.items()}
    return [tallies.get(str(work.collection.folder), _Tally()).account() for work in works]


def _compute(cluster: Client | str, parts: list[_Part], *, progress: bool) -> None:
    for part in parts:
        if part.common.address.label is None:
            part.keep_copy()
    with connected(cluster) as client:
        workers = _await_workers(client)
        gpus = [name for name, about in workers.items() if about["resources"].get("GPU")]
        queue = _Queue(client, {"GPU": 1} if gpus else None)
        size = _GPU_BATCHES if gpus else 1
        shards = chain.from_iterable(_shards(part, size) for part in parts)
        of_run = {part.common.run: part for part in parts}
        for run, part in of_run.items():
            client.subscribe_topic(run, part.tally.hear)
        total = sum(part.work.sentences for part in parts)
        label = parts[0].work.encoder.name if len(parts) == 1 else f"{len(parts)} encoders"
        try:
            with tqdm(total=total, desc=label, unit="sentence", disable=not progress) as bar:
                for shard, report in queue.run(shards):
                    part = of_run[shard.run]
                    if report.lacks_encoder:
                        part.keep_copy()
                        queue.again(shard, because=f"{report.worker}: {report.lacks_encoder}")
                        continue
                    _check_shared(report, shard, part)
                    part.tally.reports.append(report)
                    bar.update(shard.sentences)
        finally:
            # the client may be the user's, who interrupts this and goes on with it
            queue.release()
            if client.status != "closed":  # as it is when the scheduler was lost
                for run in of_run:
                    client.unsubscribe_topic(run)


def _common(work: Work) -> Shard:
    """Say what the shards of one encoder have in common."""
    return Shard(
        name="",
        run=f"wordweights-{uuid.uuid4().hex}",
        address=address_of(work.encoder),
        settings=work.settings,
        collection=replace(work.collection, folder=work.collection.folder.absolute()),
        batches=(),
        memory=work.memory,
        split=threads_for(work.encoder.as_stack() or work.encoder, work.encoder.device),
        cores=torch.get_num_threads(),
    )


class _Queue:
    """Shards on their way through the scheduler, not too many at a time."""

    def __init__(self, client: Client, resources: dict[str, float] | None) -> None:
        from distributed import as_completed

        self._client = client
        self._resources = resources
        self._running: dict[str, tuple[Shard, Future]] = {}
        self._tries: Counter[str] = Counter()
        self._done = as_completed(loop=client.loop)

    def run(self, shards: Iterator[Shard]) -> Iterator[tuple[Shard, Report]]:
        """Give every shard with its report, in the order in which they come."""
        for shard in islice(shards, _IN_FLIGHT):
            self._submit(shard)
        for future in self._done:
            shard, _ = self._running.pop(str(future.key))
            try:
                report = self._result(future, shard)
            finally:
                future.release()  # else its error is the answer to the same work once more
            if report is not None:
                yield shard, report
            for following in islice(shards, 1):
                self._submit(following)

    def release(self) -> None:
        """Wish for nothing more: what no other client wishes for is not computed."""
        # by itself a future is wished for until it is done, because `as_completed` holds it so long
        for _, future in self._running.values():
            future.release()
        self._running.clear()

    def again(
        self,
        shard: Shard,
        workers: list[str] | None = None,
        because: str = "their logs say why.",
    ) -> None:
        """Send a shard once more, preferably to some workers."""
        self._tries[shard.name] += 1
        if self._tries[shard.name] > _TRIES:
            raise WordweightsError(
                f"A shard of {shard.sentences} sentences was given up after {_TRIES} more tries on "
                f"workers of {self._client.scheduler.address}; {because}"
            )
        self._submit(shard, workers)

    def _submit(self, shard: Shard, workers: list[str] | None = None) -> None:
        # one name for the same work: two runs at once on one cluster share it
        key = f"attribute-{shard.name}" + "-again" * self._tries[shard.name]
        future = self._client.submit(
            run_shard,
            shard,
            key=key,
            resources=self._resources,
            workers=workers,
            allow_other_workers=workers is not None,
        )
        self._running[key] = shard, future
        self._done.add(future)

    def _result(self, future: Future, shard: Shard) -> Report | None:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        try:
            return future.result()
        except KilledWorker as error:
            self.again(shard, _roomier(self._client, shard, error))
            return None
        except (CancelledError, CommClosedError):  # the latter while a result is fetched
            raise WordweightsError(
                f"The scheduler {self._client.scheduler.address} was lost. What its workers had "
                f"finished is stored: start a cluster and repeat the command, and only the rest is "
                f"computed."
            ) from None


def _roomier(client: Client, shard: Shard, error: KilledWorker) -> list[str]:
    """Find workers with more memory than the one that a shard has killed as the last of several."""
    limit = error.last_worker.memory_limit or float("inf")
    workers = client.scheduler_info()["workers"]
    found = [
        name for name, about in workers.items() if (about["memory_limit"] or float("inf")) > limit
    ]
    if not found:
        size = f"{limit / 1e9:.2g} GB" if limit < float("inf") else "no bound"
        raise WordweightsError(
            f"A shard of {shard.sentences} sentences was lost with {error.allowed_failures + 1} "
            f"workers, one after the other (the last was {error.last_worker.address}, with "
            f"{size} of memory). Most often they run out of memory: start workers with more, or "
            f"pass a smaller memory= to attribute(). What was finished is stored, and the command "
            f"goes on from it."
        )
    return found


def _await_workers(client: Client) -> dict[str, dict[str, Any]]:
    """Wait for a worker, and say what is known of those that are there."""
    workers = await_workers(client)
    wide = [name for name, about in workers.items() if about["nthreads"] > 1]
    if wide:
        warnings.warn(
            f"{len(wide)} of {len(workers)} workers have several threads, such as {wide[0]}, but "
            f"one process computes one shard at a time: start workers with --nthreads 1, one for "
            f"each core.",
            stacklevel=4,
        )
    return workers


def _shards(part: _Part, size: int) -> Iterator[Shard]:
    """Make shards of batches, each named by all that its result depends on."""
    common, batches = part.common, part.work.batches
    about = {"folder": str(common.collection.folder), "encoder": common.address.copy_name}
    about |= {name: getattr(common, name) for name in ("memory", "split", "cores")}
    for start in range(0, len(batches), size):
        some = tuple(batches[start : start + size])
        name = digest({**about, "keys": [list(batch) for batch in some]})[:32]
        yield replace(common, name=name, batches=some)


def _check_shared(report: Report, shard: Shard, part: _Part) -> None:
    """Refuse a worker that stores where this process does not see it."""
    collection = shard.collection
    keys = set(chain.from_iterable(shard.batches))
    deadline = time.monotonic() + SHARED
    while not (keys <= part.merged or all(map(collection.folder.exists, report.files))):
        if time.monotonic() > deadline:
            # another run on the same folder may have merged the files, and those of other shards
            part.merged.update(collection.read(chain.from_iterable(part.work.batches)).index)
            if keys <= part.merged:
                return
            raise WordweightsError(
                f"The worker {report.worker} has stored results in {report.folder}, and they do "
                f"not appear in {collection.folder} of this machine. Both must be the same folder: "
                f"share it, and where a worker has it under another path, start that worker with "
                f"{RESULTS_VARIABLE} set to it."
            )
        time.sleep(0.1)
