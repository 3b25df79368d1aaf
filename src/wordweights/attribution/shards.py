"""What a worker of a cluster does: some batches of sentences, with an encoder that it keeps."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.computing import attribute_batch
from wordweights.attribution.settings import METHOD, Settings
from wordweights.attribution.store import Collection
from wordweights.encoders import Encoder
from wordweights.encoders.copies import EncoderAddress, find_encoder
from wordweights.errors import WordweightsError
from wordweights.files import RESULTS_VARIABLE
from wordweights.places import Place, results_place

COPIES = "encoders"
"""Name of the sub-folder of the results folder that holds copies of encoders."""

_KEPT = 2  # encoders that a worker keeps loaded, while
_SHARE = 1 / 4  # the weights of those before take no more than this share of its memory


@dataclass(frozen=True)
class Shard:
    """Batches that one worker computes, one after the other.

    Attributes
    ----------
    name : str
        The same for the same work.
    run : str
        Topic of the cluster's events on which the start of the work is told.
    address : EncoderAddress
        Of the encoder.
    settings : Settings
        What the rows depend on.
    collection : Collection
        Where they go, by the sender's paths.
    batches : tuple[dict[str, TokenisedSentence], ...]
        As a run in one process makes them.
    memory : int
        Bound on the memory of all passes together, in bytes.
    split : int
        For how many cores the sender would cut a batch into pieces.
    cores : int
        How many cores the sender would use.
    """

    name: str
    run: str
    address: EncoderAddress
    settings: Settings
    collection: Collection
    batches: tuple[dict[str, TokenisedSentence], ...]
    memory: int
    split: int
    cores: int

    @property
    def sentences(self) -> int:
        """How many sentences it has."""
        return sum(map(len, self.batches))


@dataclass(frozen=True)
class Report:
    """What became of a shard.

    Attributes
    ----------
    worker : str
        Address of the worker.
    folder : str
        The folder of results, as the worker calls it.
    files : tuple[str, ...]
        Names of the files that hold its batches.
    computed : int
        Sentences that were computed.
    found : int
        Sentences that were stored already.
    lacks_encoder : str
        Why nothing was computed: the worker finds no encoder of that digest. Empty where it does.
    """

    worker: str
    folder: str
    files: tuple[str, ...] = ()
    computed: int = 0
    found: int = 0
    lacks_encoder: str = ""


# Tasks of one process take turns: threads of a model in two tasks at once are not known to be safe,
# and the number of torch's threads is one for the whole process.
_turn = threading.Lock()
_loaded: OrderedDict[Any, tuple[Encoder, Callable[..., torch.Tensor]]] = OrderedDict()


def run_shard(shard: Shard) -> Report:
    """Compute the batches of a shard that are not stored, and store each as soon as it is done.

    Parameters
    ----------
    shard : Shard
        The work.

    Returns
    -------
    Report
        How much of it there was to do.

    Raises
    ------
    WordweightsError
        For another version of the library than the sender's, a folder that cannot be written, and
        what :func:`wordweights.attribute` raises.
    """
    from distributed import get_worker

    worker = get_worker()
    if shard.settings.method != METHOD:
        raise WordweightsError(
            f"The worker {worker.address} computes by the method {METHOD}, and this process by "
            f"{shard.settings.method}: install the same version of wordweights on both."
        )
    collection = here(shard.collection)
    report = Report(worker.address, str(collection.folder))
    with _turn:
        left = [batch for batch in shard.batches if not collection.holds(batch)]
        if left:
            sentences = sum(map(len, left))
            gpu = worker.state.total_resources.get("GPU", 0) > 0 and torch.cuda.is_available()
            device = "cuda" if gpu else "cpu"
            copies = collection.folder.parent.parent / COPIES
            memory = worker.memory_manager.memory_limit
            try:
                loaded = _encoder(shard.address, copies, device, memory)
            except WordweightsError as error:
                return replace(report, lacks_encoder=str(error))
            worker.log_event(shard.run, {"shard": shard.name, "sentences": sentences})
            with _at_most(shard.cores):
                for batch in left:
                    rows = attribute_batch(
                        *loaded, shard.settings, batch, memory=shard.memory, split=shard.split
                    )
                    collection.append(rows)
            report = replace(report, computed=sentences)
    files = tuple(collection.file_of(batch) for batch in shard.batches)
    return replace(report, files=files, found=shard.sentences - report.computed)


def here(collection: Collection) -> Collection:
    """Find the sender's collection on this machine.

    Parameters
    ----------
    collection : Collection
        By the sender's paths.

    Returns
    -------
    Collection
        In the folder that ``WORDWEIGHTS_RESULTS`` names on the worker, where it is set: the shared
        folder may have another path there.
    """
    if not os.environ.get(RESULTS_VARIABLE):
        return collection
    folder = collection.folder
    mine = results_place().absolute() / folder.parent.name / folder.name
    return replace(collection, folder=mine)


def _encoder(
    address: EncoderAddress, copies: Place, device: str, memory: int | None
) -> tuple[Encoder, Callable[..., torch.Tensor]]:
    """Load an encoder once, and keep it while there is room."""
    key = (address, device)
    if key not in _loaded:
        # before there is one more
        while len(_loaded) >= _KEPT or (memory and _bytes_loaded() > _SHARE * memory):
            _loaded.popitem(last=False)
        encoder = find_encoder(address, copies, device)
        _loaded[key] = encoder, encoder.as_stack() or encoder
    _loaded.move_to_end(key)
    return _loaded[key]


def _bytes_loaded() -> int:
    models = (encoder.model for encoder, _ in _loaded.values())
    return sum(t.nbytes for model in models for t in model.state_dict().values())


@contextmanager
def _at_most(cores: int) -> Iterator[None]:
    """Use no more cores than the sender would: with more, sums are rounded in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, cores))
    try:
        yield
    finally:
        torch.set_num_threads(before)
