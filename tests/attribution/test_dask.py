"""Attribution by real workers of a Dask cluster: the same table, whatever dies on the way."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from dask_processes import Processes, wait_until
from distributed import Client
from distributed.comm import CommClosedError
from families import random_bert
from transformers import PreTrainedTokenizerFast

from wordweights import WordweightsError, attribute, dask_client, load_encoder
from wordweights.attribution import Shapley, attribute_all, batches
from wordweights.attribution.methods import METHODS
from wordweights.attribution.store import Collection
from wordweights.encoders import Encoder
from wordweights.encoders.heads import every_layer

pytestmark = pytest.mark.slow

NOUNS = ["woman", "man", "dog", "dogs", "forest", "onion", "cutting", "running", "sleeping"]
SENTENCES = [f"the {a} is on a {b} ." for a in NOUNS for b in NOUNS[:6]] + [
    f"there is the {a} and {b}" for a in NOUNS for b in NOUNS[:2]
]
N, BATCH = len(SENTENCES), 4
BATCHES = 14 + 5  # of 54 sentences of one length and of 18 of another
QUICK: dict[str, Any] = {"n_nodes": 3, "probes": 2, "progress": False}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A scheduler, with the workers that the tests leave alive."""
    processes = Processes(tmp_path_factory.mktemp("cluster"))
    try:
        processes.start_scheduler()
        yield processes
    finally:
        processes.close()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches small enough that a run has many."""
    monkeypatch.setattr(batches, "LONGEST", BATCH)


@pytest.fixture
def encoder(tiny_checkpoint: Path) -> Encoder:
    """A random encoder from a folder."""
    return load_encoder(tiny_checkpoint, "mean")


@pytest.fixture
def undisturbed(encoder: Encoder, tmp_path: Path) -> pd.DataFrame:
    """What a run in this process computes, in a results folder of its own."""
    with results_in(tmp_path / "undisturbed"):
        return attribute(encoder, SENTENCES, **QUICK)


@contextmanager
def results_in(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORDWEIGHTS_RESULTS", str(folder))
        yield


def stored(results: Path) -> dict[Path, int]:
    """The batches that are stored, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in results.rglob("batch-*.parquet")}


class Disturbance:
    """Does something once a few batches are stored; remembers which those were."""

    def __init__(self, results: Path, act: Callable[[], None]) -> None:
        self._results, self._act = results, act
        self.before: dict[Path, int] = {}
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        wait_until(lambda: len(stored(self._results)) >= 4, "the first batches")
        self._act()
        self.before = stored(self._results)

    def __enter__(self) -> Disturbance:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.join()
        assert 4 <= len(self.before) < BATCHES, "the disturbance came too late"
        # nothing that was stored was computed, or written, again
        now = stored(self._results)
        assert {path: now.get(path) for path in self.before} == self.before


def test_the_table_is_that_of_a_run_in_one_process(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(2)
    found = attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert found.attrs["cluster"] == {"stored": 0, "computed": N, "workers": 2}
    assert found.attrs["settings"] == undisturbed.attrs["settings"]
    before = stored(tmp_path / "results")
    with Client(cluster.address, set_as_default=False) as client:
        again = attribute(encoder, SENTENCES, cluster=client, **QUICK)
    assert again.attrs["cluster"] == {"stored": N, "computed": 0, "workers": 0}
    assert stored(tmp_path / "results") == before
    pd.testing.assert_frame_equal(again, undisturbed, check_exact=True)


def test_several_encoders_are_computed_at_once_and_those_without_a_name_are_sent(
    cluster: Processes, encoder: Encoder, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    cluster.have(2)
    models = {"named": encoder, "sent": tiny_encoder, "named again": encoder}
    options = {**QUICK, "method": "integrated-gradients", "norm": "vector", "vectors": True}
    found = attribute_all(models, SENTENCES, cluster=cluster.address, **options)
    with results_in(tmp_path / "local"):
        local = attribute_all(models, SENTENCES, **options)
        alone = {name: attribute(model, SENTENCES, **options) for name, model in models.items()}
    assert list(found) == list(local) == list(models)
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, local[name], check_exact=True)
        pd.testing.assert_frame_equal(table, alone[name], check_exact=True)
        assert table.attrs["settings"] == alone[name].attrs["settings"]
        assert table.attrs["cluster"]["computed"] == N
    # what two names want is computed once
    assert len(stored(tmp_path / "results")) == len(stored(tmp_path / "local")) == 2 * BATCHES


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_computed_there(
    cluster: Processes, encoder: Encoder, tmp_path: Path, method: str
) -> None:
    cluster.have(2)
    found = attribute(encoder, SENTENCES[:8], method, cluster=cluster.address, progress=False)
    with results_in(tmp_path / "local"):
        local = attribute(encoder, SENTENCES[:8], method, progress=False)
    pd.testing.assert_frame_equal(found, local, check_exact=True)


def test_an_encoder_of_every_layer_is_sent_and_not_loaded_by_the_name_of_its_checkpoint(
    cluster: Processes, encoder: Encoder, tmp_path: Path
) -> None:
    cluster.have(2)
    joined, method = every_layer(replace(encoder, commit="0" * 40)), Shapley(vectors=True)
    found = attribute(joined, SENTENCES[:8], method, cluster=cluster.address, progress=False)
    with results_in(tmp_path / "local"):
        local = attribute(joined, SENTENCES[:8], method, progress=False)
    pd.testing.assert_frame_equal(found, local, check_exact=True)
    assert len(found["vector"].iloc[0]) == 3 * encoder.vector_size


def test_a_run_that_was_broken_off_goes_on_with_its_own_batches(
    encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    """Also in process: sentences share passes with the same others, so the bits are the same."""
    shutil.copytree(tmp_path / "undisturbed", tmp_path / "results", dirs_exist_ok=True)
    for path in sorted(stored(tmp_path / "results"))[::3]:
        path.unlink()
    left = stored(tmp_path / "results")
    found = attribute(encoder, SENTENCES, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    now = stored(tmp_path / "results")
    assert {path: now[path] for path in left} == left
    assert {path.name for path in now} == {path.name for path in stored(tmp_path / "undisturbed")}


def test_a_sender_with_more_cores_gets_its_own_bits(
    cluster: Processes, encoder: Encoder, tmp_path: Path
) -> None:
    cluster.have(1)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        found = attribute(encoder, SENTENCES[:12], cluster=cluster.address, **QUICK)
        with results_in(tmp_path / "local"):
            local = attribute(encoder, SENTENCES[:12], **QUICK)
    finally:
        torch.set_num_threads(before)
    pd.testing.assert_frame_equal(found, local, check_exact=True)


def test_another_checkpoint_under_the_name_is_not_used(
    cluster: Processes,
    encoder: Encoder,
    tiny_checkpoint: Path,
    tiny_tokenizer: PreTrainedTokenizerFast,
    undisturbed: pd.DataFrame,
) -> None:
    cluster.have(1)
    shutil.rmtree(tiny_checkpoint)
    random_bert(tiny_tokenizer, seed=6).save_pretrained(tiny_checkpoint)
    tiny_tokenizer.save_pretrained(tiny_checkpoint)
    found = attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert found.attrs["cluster"]["computed"] == N


@pytest.mark.parametrize("named", [True, False])
def test_workers_are_killed_and_new_ones_started(
    cluster: Processes, encoder: Encoder, tiny_encoder: Encoder, tmp_path: Path, named: bool
) -> None:
    """All of them, with whatever had been sent to them."""
    model = encoder if named else tiny_encoder
    cluster.have(1)

    def replace_all() -> None:
        for name in list(cluster.workers):
            cluster.kill(name)
        cluster.start_worker()

    with Disturbance(tmp_path / "results", replace_all):
        found = attribute(model, SENTENCES, cluster=cluster.address, **QUICK)
    with results_in(tmp_path / "local"):
        local = attribute(model, SENTENCES, **QUICK)
    pd.testing.assert_frame_equal(found, local, check_exact=True)


def test_a_worker_is_killed(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    victim, _ = cluster.have(2)
    with Disturbance(tmp_path / "results", lambda: cluster.kill(victim)):
        found = attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)


def test_the_scheduler_is_restarted_and_the_command_repeated(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(1)
    with (
        Disturbance(tmp_path / "results", cluster.kill_scheduler),
        pytest.raises(WordweightsError, match=r"scheduler tcp://.* was lost.*repeat the command"),
    ):
        attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    for name in list(cluster.workers):
        cluster.kill(name)
    cluster.start_scheduler()
    cluster.ready(cluster.start_worker())
    kept = len(stored(tmp_path / "results"))
    found = attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert found.attrs["cluster"]["stored"] >= BATCH * (kept - 2)


def test_a_scheduler_that_is_lost_while_it_hands_over_rows(
    cluster: Processes, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_off(*_: Any, **__: Any) -> None:
        raise CommClosedError("Connection reset by peer")

    cluster.have(1)
    monkeypatch.setattr(Client, "_gather", break_off)
    with pytest.raises(WordweightsError, match=r"scheduler tcp://.* was lost.*repeat the command"):
        attribute(encoder, SENTENCES[:BATCH], cluster=cluster.address, **QUICK)


def interrupt_here(*_: object) -> None:
    """Stand for Ctrl-C: it reaches only the main thread."""
    if threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def test_an_interrupt_takes_the_work_back_and_leaves_another_run_its_own(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(1)
    append = Collection.append

    def interrupted(self: Collection, rows: pd.DataFrame) -> Path:
        interrupt_here()
        return append(self, rows)

    with Client(cluster.address, set_as_default=False) as client:
        with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
            patch.setattr(Collection, "append", interrupted)
            other = pool.submit(attribute, encoder, SENTENCES, cluster=cluster.address, **QUICK)
            wait_until(lambda: stored(tmp_path / "results"), "the first batch")
            with pytest.raises(KeyboardInterrupt) as held:
                attribute(encoder, SENTENCES, cluster=client, **QUICK)
            found = other.result()
        pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
        wait_until(
            lambda: not client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)),
            "an idle scheduler",
        )
    assert held.traceback  # and with it, as in Jupyter, whatever the interrupted call knew


def test_a_worker_beyond_its_memory_and_one_with_more(
    encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    small = Processes(tmp_path / "small", **settings)
    try:
        small.start_scheduler()
        # enough for a worker, too little for torch
        tight = small.start_worker("--memory-limit", "220MB", preload=False, nanny=True)
        small.ready(tight)
        with pytest.raises(WordweightsError, match=r"with 0\.22 GB of memory.*run out of memory"):
            attribute(encoder, SENTENCES, cluster=small.address, **QUICK)
        assert "memory budget. Restarting" in small.log(tight)
        assert stored(tmp_path / "results") == {}
        small.ready(small.start_worker("--memory-limit", "0"))
        found = attribute(encoder, SENTENCES, cluster=small.address, **QUICK)
    finally:
        small.close()
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert found.attrs["cluster"]["workers"] == 1


def test_a_cluster_that_is_none(
    cluster: Processes, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_client, "CONNECT", 0.3)
    for address in ("tcp://127.0.0.1:9", "nonsense://"):
        with pytest.raises(WordweightsError, match="no Dask scheduler at"):
            attribute(encoder, SENTENCES, cluster=address, **QUICK)
    monkeypatch.undo()
    cluster.have(0)
    monkeypatch.setattr(dask_client, "WAIT", 0.3)
    with pytest.raises(WordweightsError, match="No worker has joined"):
        attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
