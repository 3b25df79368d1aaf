"""Attribution by real workers of a Dask cluster: the same table, whatever dies on the way."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from conftest import random_bert
from dask_processes import Processes, wait_until
from distributed import Client
from distributed.comm import CommClosedError
from transformers import PreTrainedTokenizerFast
from webhdfs_server import serving

from wordweights import WordweightsError, attribute, clusters, load_encoder
from wordweights.attribution import attribute_each, table
from wordweights.attribution import cluster as module
from wordweights.attribution.shards import Report, Shard, here
from wordweights.attribution.store import list_collections
from wordweights.cli import app
from wordweights.encoders import Encoder
from wordweights.encoders.copies import EncoderAddress
from wordweights.places import Place, place_at

pytestmark = pytest.mark.slow

NOUNS = ["woman", "man", "dog", "dogs", "forest", "onion", "cutting", "running", "sleeping"]
SENTENCES = [f"the {a} is on a {b} ." for a in NOUNS for b in NOUNS[:6]] + [
    f"there is the {a} and {b}" for a in NOUNS for b in NOUNS[:2]
]
N, BATCH = len(SENTENCES), 4
BATCHES = 14 + 5  # of 54 sentences of one length and of 18 of another
QUICK: dict[str, Any] = {"n_steps": 3, "probes": 2, "progress": False}


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
    monkeypatch.setattr(table, "_BATCH", BATCH)


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


def check_account(account: dict[str, int]) -> None:
    """Every sentence came from the store or was computed, once."""
    assert account["stored"] + account["computed"] + account["found"] == N


def test_the_table_is_that_of_a_run_in_one_process(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(2)
    results = tmp_path / "results"
    found = attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert found.attrs["cluster"] == {
        "stored": 0,
        "computed": N,
        "found": 0,
        "repeated": 0,
        "shards": BATCHES,
        "workers": 2,
    }
    assert found.attrs["settings"] == undisturbed.attrs["settings"]
    before = stored(results)
    with Client(cluster.address, set_as_default=False) as client:
        again = attribute(encoder, SENTENCES, cluster=client, **QUICK)
    assert again.attrs["cluster"]["stored"] == N
    assert again.attrs["cluster"]["shards"] == 0
    assert stored(results) == before
    pd.testing.assert_frame_equal(again, undisturbed, check_exact=True)


def test_several_encoders_are_computed_at_once(
    cluster: Processes,
    encoder: Encoder,
    tiny_encoder: Encoder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    cluster.have(2)
    in_flight: list[set[str]] = []
    result = module._Queue._result

    def watched(self: module._Queue, future: Any, shard: Shard) -> Report | None:
        in_flight.append({waiting.collection.folder.name for waiting, _ in self._running.values()})
        return result(self, future, shard)

    monkeypatch.setattr(module._Queue, "_result", watched)
    models = {"named": encoder, "sent": tiny_encoder, "named again": encoder}
    found = attribute_each(models, SENTENCES, cluster=cluster.address, **QUICK)
    with results_in(tmp_path / "local"):
        local = attribute_each(models, SENTENCES, **QUICK)
        alone = {name: attribute(model, SENTENCES, **QUICK) for name, model in models.items()}
    assert list(found) == list(local) == list(models)
    for name, table_of in found.items():
        pd.testing.assert_frame_equal(table_of, local[name], check_exact=True)
        pd.testing.assert_frame_equal(table_of, alone[name], check_exact=True)
        assert table_of.attrs["settings"] == alone[name].attrs["settings"]
        account = table_of.attrs["cluster"]
        assert (account["computed"], account["repeated"], account["shards"]) == (N, 0, BATCHES)
    assert len(in_flight) == 2 * BATCHES  # what two names want is computed once
    assert sum(len(folders) == 2 for folders in in_flight) > BATCHES / 2
    again = attribute_each(models, SENTENCES, cluster=cluster.address, **QUICK)
    assert {t.attrs["cluster"]["stored"] for t in again.values()} == {N}
    with pytest.raises(TypeError, match="probe"):
        attribute_each(models, SENTENCES, cluster=cluster.address, probe=2)


def test_a_worker_begins_with_the_next_encoder(
    cluster: Processes, encoder: Encoder, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    """Two batches for each of two encoders, and one of two workers that is slow with its first."""
    cluster.have(1)
    slow = cluster.start_worker(before=4)
    cluster.ready(slow)
    models = {"first": encoder, "second": tiny_encoder}
    found = attribute_each(models, SENTENCES[: 2 * BATCH], cluster=cluster.address, **QUICK)
    cluster.kill(slow)
    assert {t.attrs["cluster"]["computed"] for t in found.values()} == {2 * BATCH}
    about = list_collections("attributions").set_index("label")["id"]
    times = {
        label: [p.stat().st_mtime_ns for p in (tmp_path / "results").rglob(f"{name}/batch-*")]
        for label, name in about.items()
    }
    first, second = times[encoder.name], times[tiny_encoder.name]
    assert (len(first), len(second)) == (2, 2)
    assert min(second) < max(first)


def test_results_are_in_a_store_elsewhere(
    cluster: Processes, encoder: Encoder, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    cluster.have(2)
    models = {"named": encoder, "sent": tiny_encoder}
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORDWEIGHTS_RESULTS", server.address)
        found = attribute_each(models, SENTENCES, cluster=cluster.address, **QUICK)
        files = dict(server.files)
        again = attribute_each(models, SENTENCES, **QUICK)
        assert server.files == files
    names = [path.split("/")[3] for path in files]
    assert names.count("attributions") == 2 * (BATCHES + 1)  # batches and settings.json
    assert any(path.endswith(".safetensors") for path in files)
    assert not (tmp_path / "results").exists()
    for name, model in models.items():
        with results_in(tmp_path / "local"):
            local = attribute(model, SENTENCES, **QUICK)
        pd.testing.assert_frame_equal(found[name], local, check_exact=True)
        pd.testing.assert_frame_equal(again[name], local, check_exact=True)


def test_a_run_that_was_broken_off_goes_on_with_its_own_batches(
    encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    """Also in process: sentences share passes with the same others, so the bits are the same."""
    shutil.copytree(tmp_path / "undisturbed", tmp_path / "results")
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


def test_an_encoder_without_a_name_is_sent_as_tensors(
    cluster: Processes, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    cluster.have(1)
    options = {**QUICK, "norm": "vector", "vectors": True}
    found = attribute(tiny_encoder, SENTENCES[:8], cluster=cluster.address, **options)
    (copy,) = (tmp_path / "results" / "encoders").iterdir()
    assert {path.suffix for path in copy.iterdir()} == {".json", ".safetensors"}
    with results_in(tmp_path / "local"):
        local = attribute(tiny_encoder, SENTENCES[:8], **options)
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


def test_an_encoder_that_no_worker_can_load_is_told_with_the_reason(
    cluster: Processes,
    encoder: Encoder,
    tiny_checkpoint: Path,
    tiny_tokenizer: PreTrainedTokenizerFast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a worker's transformers is older than the model."""
    cluster.have(1)

    def keep_newer(encoder: Encoder, address: EncoderAddress, copies: Place) -> None:
        copy = copies / address.copy_name
        copy.write("config.json", b'{"model_type": "bert-of-2030"}')
        weights = (tiny_checkpoint / "model.safetensors").read_bytes()
        copy.write("weights.safetensors", weights)

    monkeypatch.setattr(module, "keep_copy", keep_newer)
    random_bert(tiny_tokenizer, seed=6).save_pretrained(tiny_checkpoint)
    said = r"given up .*; tcp://.*makes no model of the sender's copy .*bert-of-2030"
    with pytest.raises(WordweightsError, match=said):
        attribute(encoder, SENTENCES[:BATCH], cluster=cluster.address, **QUICK)


def test_a_worker_is_killed(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    victim, _ = cluster.have(2)
    with Disturbance(tmp_path / "results", lambda: cluster.kill(victim)):
        found = attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    check_account(found.attrs["cluster"])
    # at most what one worker had in hand was lost
    assert found.attrs["cluster"]["repeated"] <= BATCH
    assert found.attrs["cluster"]["found"] <= BATCH


def test_all_workers_are_killed_and_new_ones_started(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(1)

    def replace_all() -> None:
        for name in list(cluster.workers):
            cluster.kill(name)
        cluster.start_worker()

    with Disturbance(tmp_path / "results", replace_all):
        found = attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    check_account(found.attrs["cluster"])
    assert found.attrs["cluster"]["repeated"] <= BATCH


def test_the_scheduler_is_restarted_and_the_command_repeated(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(1)
    with (
        Disturbance(tmp_path / "results", cluster.kill_scheduler) as disturbed,
        pytest.raises(WordweightsError, match=r"scheduler tcp://.* was lost.*repeat the command"),
    ):
        attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    for name in list(cluster.workers):
        cluster.kill(name)
    cluster.start_scheduler()
    # a worker that says it has a GPU gets several batches at a time, with or without one
    cluster.ready(cluster.start_worker("--resources", "GPU=1"))
    kept = len(stored(tmp_path / "results"))
    found = attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert disturbed.before
    check_account(found.attrs["cluster"])
    assert found.attrs["cluster"]["stored"] >= BATCH * (kept - 2)
    assert found.attrs["cluster"]["repeated"] == 0
    assert found.attrs["cluster"]["shards"] == -(-(BATCHES - kept) // 8)
    cluster.kill(*cluster.workers)


def test_a_scheduler_that_is_lost_while_it_hands_over_a_report(
    cluster: Processes, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_an_interrupt_takes_the_work_back(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(1)

    def left(dask_scheduler: Any) -> list[str]:
        topics = dask_scheduler._broker._topics.items()
        heard = [name for name, topic in topics if name.startswith("word") and topic.subscribers]
        return [*dask_scheduler.tasks, *heard]

    with Client(cluster.address, set_as_default=False) as client:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt) as held:
            patch.setattr(module, "_check_shared", interrupt_here)
            attribute(encoder, SENTENCES, cluster=client, **QUICK)
        wait_until(lambda: not client.run_on_scheduler(left), "an idle scheduler")
        assert len(stored(tmp_path / "results")) < BATCHES / 2
        found = attribute(encoder, SENTENCES, cluster=client, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert held.traceback  # and with it, as in Jupyter, whatever the interrupted call knew


def test_an_interrupt_leaves_another_run_its_work(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(1)
    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_check_shared", interrupt_here)
        other = pool.submit(attribute, encoder, SENTENCES, cluster=cluster.address, **QUICK)
        wait_until(lambda: stored(tmp_path / "results"), "the first batch")
        with pytest.raises(KeyboardInterrupt):
            attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)
        found = other.result()
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert found.attrs["cluster"]["repeated"] == 0


def test_an_error_is_no_answer_to_the_same_command_once_more(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    cluster.have(1)
    results = tmp_path / "results"
    results.touch()  # where a folder should be
    with Client(cluster.address, set_as_default=False) as client:
        with pytest.raises(WordweightsError, match="cannot be written") as held:
            attribute(encoder, SENTENCES, cluster=client, **QUICK)
        results.unlink()
        found = attribute(encoder, SENTENCES, cluster=client, **QUICK)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert held.traceback


def test_a_slow_worker_holds_nothing_up(
    cluster: Processes, encoder: Encoder, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    (fast,) = cluster.have(1)
    slow = cluster.start_worker(before=1.5)
    cluster.ready(slow)
    with Client(cluster.address, set_as_default=False) as client:
        found = attribute(encoder, SENTENCES, cluster=client, **QUICK)
        done = client.run(lambda: None)  # both are still there
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert len(done) == 2
    account = found.attrs["cluster"]
    assert (account["computed"], account["repeated"], account["workers"]) == (N, 0, 2)
    cluster.kill(slow)
    assert fast in cluster.workers


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
    check_account(found.attrs["cluster"])
    assert found.attrs["cluster"]["workers"] == 1


def test_the_command_takes_a_cluster(
    cluster: Processes, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    cluster.have(1)
    (tmp_path / "two.txt").write_text("the dog is running .\na dog !\n")
    (tmp_path / "counts.csv").write_text("word,count\nthe,8\na,4\ndog,1\nis,2\nrunning,1\n.,4\n")
    arguments = ["attribute", str(tmp_path / "two.txt"), "--encoder", f"{tiny_checkpoint} (MEAN)"]
    arguments += ["--frequencies", str(tmp_path / "counts.csv"), "--n-steps", "4"]
    arguments += ["--probes", "all", "--cluster", cluster.address]
    run = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "2 sentences: 0 were stored, 2 computed by 1 worker" in run.stderr
    again = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert again.stdout == run.stdout
    assert "2 sentences: 2 were stored" in again.stderr
    with pytest.raises(WordweightsError, match="--dry-run"):
        CliRunner().invoke(app, [*arguments, "--dry-run"], catch_exceptions=False)


def test_a_cluster_that_is_none(
    cluster: Processes, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "CONNECT", 0.3)
    for address in ("tcp://127.0.0.1:9", "nonsense://"):
        with pytest.raises(WordweightsError, match="no Dask scheduler at"):
            attribute(encoder, SENTENCES, cluster=address, **QUICK)
    monkeypatch.undo()
    cluster.have(0)
    monkeypatch.setattr(clusters, "WAIT", 0.3)
    with pytest.raises(WordweightsError, match="No worker has joined"):
        attribute(encoder, SENTENCES, cluster=cluster.address, **QUICK)


@pytest.fixture
def part(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> module._Part:
    """Two shards of work, and little patience with files that are not seen."""
    monkeypatch.setattr(module, "SHARED", 0.2)
    options = {**attribute.__kwdefaults__, **QUICK}
    for name in ("cluster", "progress"):
        del options[name]
    work = table.make_request(encoder, SENTENCES[: 2 * BATCH], **options).work
    return module._Part(work, module._common(work))


def rows_of(shard: Shard) -> pd.DataFrame:
    return pd.DataFrame({"key": [key for batch in shard.batches for key in batch]})


def test_a_worker_that_stores_elsewhere_is_noticed(part: module._Part, tmp_path: Path) -> None:
    shard, _ = module._shards(part, 1)
    collection = shard.collection
    elsewhere = here(collection)
    assert elsewhere.folder == collection.folder
    with results_in(tmp_path / "mounted"):
        elsewhere = here(collection)
    name = collection.folder.name
    assert elsewhere.folder == place_at(tmp_path / "mounted") / "attributions" / name
    stored_as = elsewhere.append(rows_of(shard))
    report = Report("tcp://worker", str(elsewhere.folder), files=(stored_as,))
    with pytest.raises(WordweightsError, match=r"mounted.*do not appear in .*results"):
        module._check_shared(report, shard, part)
    collection.append(rows_of(shard))
    module._check_shared(report, shard, part)


def test_files_that_another_run_has_merged_are_in_the_shared_folder(
    part: module._Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = module._shards(part, 1)
    collection = first.collection
    collection.append(pd.concat([rows_of(first), rows_of(second)]))
    names = [collection.file_of(rows_of(shard)["key"]) for shard in (first, second)]
    reports = [Report("tcp://worker", str(collection.folder), files=(name,)) for name in names]
    module._check_shared(reports[0], first, part)
    monkeypatch.setattr(module, "SHARED", 1e9)  # the second time there is nothing to wait for
    module._check_shared(reports[1], second, part)
