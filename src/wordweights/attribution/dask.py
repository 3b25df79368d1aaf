"""Attribution on a Dask cluster: workers compute batches, and this process stores what they return.

Nothing is shared but the cluster. A worker loads an encoder by its name, and takes it only if
configuration and weights have the digest of the sender's; where it has no such encoder, the sender
scatters its own once. Whatever dies on the way, what is stored stays, and the same command goes on
from it.
"""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.batches import Batch, weigh_batch
from wordweights.attribution.methods import Method
from wordweights.attribution.parallel import release_memory
from wordweights.dask_client import await_workers, connected
from wordweights.encoders import Encoder, load_encoder, registered, split_name
from wordweights.errors import WordweightsError
from wordweights.files import digest

if TYPE_CHECKING:
    from distributed import Client, Future, KilledWorker

_IN_FLIGHT = 1000  # batches that the scheduler knows of at a time: bounds its memory
_TRIES = 2  # of a batch on roomier workers, after it has killed several
_LOST = "scheduler-connection-lost"  # as Dask calls it
_KEPT = 2  # encoders that a worker keeps loaded


@dataclass(frozen=True)
class Address:
    """Where a worker finds an encoder, and how it knows that it is the one.

    Attributes
    ----------
    label : str
        A registered name, a folder or a hub id; empty for an encoder that has none.
    pooling : str
        How the sentence vector is read.
    trained : bool
        False for the control with random weights.
    digest : str
        Of configuration and weights.
    dtype : str
        Floating-point type of the weights, as torch calls it.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """

    label: str
    pooling: str
    trained: bool
    digest: str
    dtype: str
    device: str

    @classmethod
    def of(cls, encoder: Encoder, device: str) -> Address:
        """Say where others find an encoder."""
        label = split_name(encoder.name).label
        if label and Path(label).is_dir():
            label = str(Path(label).absolute())
        elif label not in registered() and encoder.commit is None:
            label = ""  # it would be asked for at the hub, and means something else there
        dtype = str(encoder.dtype).removeprefix("torch.")
        return cls(label, encoder.pooling, encoder.trained, encoder.digest, dtype, device)


@dataclass(frozen=True)
class _Work:
    """A batch as it is sent: its encoder goes by address, or beside it."""

    method: Method
    version: int
    sentences: tuple[TokenisedSentence, ...]
    memory: int
    cores: int  # that the sender would use: with more, sums are rounded in another order
    address: Address


@dataclass(frozen=True)
class _Report:
    """What came of it: rows, or the reason why the worker needs the encoder sent."""

    worker: str
    rows: pd.DataFrame | None
    lacks_encoder: str = ""


def compute_on(
    cluster: Client | str, batches: Sequence[Batch]
) -> Generator[tuple[Batch, pd.DataFrame, str], None, None]:
    """Compute batches on the workers of a cluster.

    They are sent in their order, so that a worker changes its encoder seldom, and none waits while
    another is busy with the last of one encoder.

    Parameters
    ----------
    cluster : Client | str
        A client, or the address of a scheduler.
    batches : Sequence[Batch]
        What is to be computed.

    Yields
    ------
    tuple[Batch, pd.DataFrame, str]
        Each batch as it is finished, its rows, and the worker that has computed them.

    Raises
    ------
    WordweightsError
        For a cluster that is not there, and work that cannot be finished.
    """
    with connected(cluster) as client:
        workers = await_workers(client)
        wide = [name for name, about in workers.items() if about["nthreads"] > 1]
        if wide:
            warnings.warn(
                f"{len(wide)} of {len(workers)} workers have several threads, such as {wide[0]}, "
                f"but one process computes one batch at a time: start workers with --nthreads 1, "
                f"one for each core.",
                stacklevel=5,
            )
        queue = _Queue(client, any(about["resources"].get("GPU") for about in workers.values()))
        try:
            yield from queue.run(iter(batches))
        finally:
            queue.release()  # the client may be the user's, who interrupts this and goes on with it


class _Queue:
    """Batches on their way through the scheduler, not too many at a time."""

    def __init__(self, client: Client, gpu: bool) -> None:
        from distributed import as_completed

        self._client = client
        self._gpu = gpu
        self._running: dict[str, tuple[Batch, Future]] = {}
        self._tries: Counter[str] = Counter()
        self._addresses: dict[int, Address] = {}
        self._sent: dict[int, Future] = {}  # encoders that were scattered
        self._done = as_completed(loop=client.loop)

    def run(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, pd.DataFrame, str]]:
        """Give every batch with its rows, in the order in which they come."""
        for batch in islice(batches, _IN_FLIGHT):
            self._submit(batch)
        for future in self._done:
            batch, _ = self._running.pop(str(future.key))
            try:
                report = self._result(future, batch)
            finally:
                future.release()  # else its error is the answer to the same work once more
            if report is not None and report.rows is not None:
                yield batch, report.rows, report.worker
            elif report is not None:
                if id(batch.encoder) not in self._sent:
                    self._scatter(batch.encoder)
                self._again(batch, f"{report.worker}: {report.lacks_encoder}")
                continue
            for following in islice(batches, 1):
                self._submit(following)

    def release(self) -> None:
        """Wish for nothing more: what no other client wishes for is not computed."""
        # by itself a future is wished for until it is done, because `as_completed` holds it so long
        for _, future in self._running.values():
            future.release()
        self._running.clear()
        for future in self._sent.values():
            future.release()

    @staticmethod
    def _name(batch: Batch) -> str:
        keys = [sentence.key for sentence in batch.sentences]
        return digest([batch.collection.folder.name, batch.memory, torch.get_num_threads(), keys])

    def _submit(self, batch: Batch, workers: list[str] | None = None) -> None:
        address = self._address(batch.encoder)
        work = _Work(
            batch.method,
            batch.method.version,
            batch.sentences,
            batch.memory,
            torch.get_num_threads(),
            address,
        )
        sent = self._sent.get(id(batch.encoder))
        # one name for the same work: two runs at once on one cluster share it
        name = self._name(batch)
        key = f"attribute-{name}" + "-again" * self._tries[name] + (f"-{sent.key}" if sent else "")
        future = self._client.submit(
            compute,
            work,
            sent,
            key=key,
            resources={"GPU": 1} if self._gpu else None,
            workers=workers,
            allow_other_workers=workers is not None,
        )
        self._running[key] = batch, future
        self._done.add(future)

    def _again(self, batch: Batch, because: str, workers: list[str] | None = None) -> None:
        """Send a batch once more, preferably to some workers."""
        name = self._name(batch)
        self._tries[name] += 1
        if self._tries[name] > _TRIES:
            raise WordweightsError(
                f"A batch of {len(batch.sentences)} sentences was given up after {_TRIES} more "
                f"tries on workers of {self._client.scheduler.address}; {because}"
            )
        self._submit(batch, workers)

    def _address(self, encoder: Encoder) -> Address:
        if id(encoder) not in self._addresses:
            address = Address.of(encoder, "cuda" if self._gpu else "cpu")
            self._addresses[id(encoder)] = address
            if not address.label:
                self._scatter(encoder)
        return self._addresses[id(encoder)]

    def _scatter(self, encoder: Encoder) -> None:
        """Send an encoder to a worker, from which the others take it."""
        self._sent[id(encoder)] = self._client.scatter(encoder, hash=False)

    def _result(self, future: Future, batch: Batch) -> _Report | None:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        try:
            report: _Report = future.result()
            return report
        except KilledWorker as error:
            self._again(batch, "their logs say why.", _roomier(self._client, batch, error))
            return None
        except (CancelledError, CommClosedError) as error:  # the latter while a result is fetched
            sent = self._sent.get(id(batch.encoder))
            # what was scattered is lost with the workers that held it
            if getattr(error, "reason", "") != _LOST and self._client.status == "running" and sent:
                if sent.cancelled() or sent.status == "lost":
                    self._scatter(batch.encoder)
                self._submit(batch)
                return None
            raise WordweightsError(
                f"The scheduler {self._client.scheduler.address} was lost. What its workers had "
                f"returned is stored: start a cluster and repeat the command, and only the rest is "
                f"computed."
            ) from None


def compute(work: _Work, sent: Encoder | None) -> _Report:
    """Compute a batch on a worker.

    Parameters
    ----------
    work : _Work
        The batch.
    sent : Encoder | None
        The sender's encoder, where it was scattered.

    Returns
    -------
    _Report
        The rows, or why this worker cannot compute them by itself.

    Raises
    ------
    WordweightsError
        For another version of the method than the sender's, and what the method raises.
    """
    from distributed import get_worker

    worker = get_worker().address
    if work.method.version != work.version:
        raise WordweightsError(
            f"The worker {worker} computes by version {work.method.version} of the method "
            f"{work.method.name!r}, and this process by version {work.version}: install the same "
            f"version of wordweights on both."
        )
    with _turn:
        try:
            encoder = _checked(sent, work.address) if sent else _load(work.address)
        except WordweightsError as error:
            if sent:
                raise
            return _Report(worker, None, str(error))
        before = torch.get_num_threads()
        torch.set_num_threads(min(before, work.cores))
        try:
            rows = weigh_batch(encoder, work.method, work.sentences, work.memory)
        finally:
            torch.set_num_threads(before)
            release_memory()
    return _Report(worker, rows)


# Tasks of one process take turns: threads of a model in two tasks at once are not known to be safe,
# and the number of torch's threads is one for the whole process.
_turn = threading.Lock()


@lru_cache(maxsize=_KEPT)
def _load(address: Address) -> Encoder:
    """Load a checkpoint of the worker's own, if it is the sender's."""
    dtype = getattr(torch, address.dtype)
    encoder = load_encoder(address.label, address.pooling, trained=address.trained, dtype=dtype)
    return _checked(encoder, address)


def _checked(encoder: Encoder, address: Address) -> Encoder:
    """Refuse an encoder that is not the sender's."""
    if encoder.digest != address.digest:
        raise WordweightsError(
            f"The checkpoint {address.label!r} is not the sender's encoder: configuration or "
            f"weights differ."
        )
    encoder.to(address.device)
    return encoder


def _roomier(client: Client, batch: Batch, error: KilledWorker) -> list[str]:
    """Find workers with more memory than the one that a batch has killed as the last of several."""
    limit = error.last_worker.memory_limit or float("inf")
    workers = client.scheduler_info()["workers"]
    found = [
        name for name, about in workers.items() if (about["memory_limit"] or float("inf")) > limit
    ]
    if not found:
        size = f"{limit / 1e9:.2g} GB" if limit < float("inf") else "no bound"
        raise WordweightsError(
            f"A batch of {len(batch.sentences)} sentences was lost with "
            f"{error.allowed_failures + 1} workers, one after the other (the last was "
            f"{error.last_worker.address}, with {size} of memory). Most often they run out of "
            f"memory: start workers with more, or pass a smaller memory= to attribute(). What was "
            f"finished is stored, and the command goes on from it."
        )
    return found
