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
import torch
from checkpoints import Repositories
from families import random_bert
from hubs import Handler, Hub, alter, cut, digest, hang_up, status, truncate, write_cache
from huggingface_hub import constants
from transformers import PreTrainedTokenizerFast

from wordweights.encoders import describe_source, load_encoder
from wordweights.encoders.hub import WEIGHT_FILES, cached_commit, commit_of, fetch
from wordweights.errors import WordweightsError

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


def refusal() -> str:
    """The error of a fetch, which is one paragraph."""
    with pytest.raises(WordweightsError) as caught:
        fetch(SIMCSE, "main", "SimCSE")
    message = str(caught.value)
    assert SIMCSE in message
    assert "'SimCSE'" in message
    assert "\n" not in message
    return message


def assert_nothing_broken(cache: Path) -> None:
    """Whatever is in the cache is whole, and there is no weight file under any name."""
    for path in cache.glob("models--*/blobs/*"):
        assert path.name in (digest("", path.read_bytes()), digest(".bin", path.read_bytes()))
    assert [p for p in cache.rglob("*") if p.name in WEIGHT_FILES and p.exists()] == []


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
    assert fetch(BERT, None, "BERT") == folder
    assert hub.count("GET /storage") == 1
    hub.stop()
    assert fetch(BERT, None, "BERT") == folder
    go_offline(monkeypatch)
    assert fetch(BERT, None, "BERT") == folder


def test_weights_in_pieces_are_fetched_whole(
    hub: Hub, tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    tiny_bert = random_bert(tiny_tokenizer, 0, pooler=False)
    tiny_bert.save_pretrained(tmp_path / "large", max_shard_size="4KB")
    tiny_tokenizer.save_pretrained(tmp_path / "large")
    files = {path.name: path.read_bytes() for path in (tmp_path / "large").iterdir()}
    pieces = [name for name in files if name.endswith(".safetensors")]
    assert len(pieces) > 1
    assert "model.safetensors" not in files
    hub.add("owner/large", files)
    encoder = load_encoder("owner/large (CLS)")
    for name, tensor in tiny_bert.state_dict().items():
        if not name.startswith("pooler"):
            torch.testing.assert_close(encoder.model.state_dict()[name], tensor)
    hub.add("owner/damaged", files)
    hub.fail(f"owner/damaged/resolve/{hub.commits['owner/damaged']}/{pieces[0]}", status(404))
    with pytest.raises(WordweightsError, match="owner/damaged"):
        load_encoder("owner/damaged (CLS)")


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


@pytest.mark.parametrize(
    ("answer", "said", "attempts"),
    [
        (status(401), "401 Unauthorized", 1),
        (status(404, X_Error_Code="RepoNotFound"), "404 Not Found", 1),
        (status(429), "429 Too Many Requests", 4),
        (status(503), "503 Service Unavailable", 4),
        (hang_up, "disconnected", 4),
        (lambda handler, _: handler.answer(b"<html>Log in</html>"), "Expecting", 1),
    ],
)
def test_a_failure_is_one_paragraph_and_is_tried_again_only_where_that_helps(
    filled: Hub,
    pauses: list[float],
    answer: Callable[[Handler, bytes], None],
    said: str,
    attempts: int,
) -> None:
    filled.fail("/api/models", answer)
    message = refusal()
    assert said in message
    assert "hf auth login" in message
    assert "HF_HUB_OFFLINE=1" in message
    assert "local folder" in message
    assert filled.endpoint in message
    assert constants.HF_HUB_CACHE in message
    assert filled.count("/api/models") == attempts
    assert pauses == [1, 2, 4][: attempts - 1]


@pytest.mark.parametrize("where", ["/api/models", "HEAD /", "GET /storage"])
@pytest.mark.parametrize("fault", [status(429, Retry_After="3"), status(503), hang_up])
def test_trouble_that_passes_is_waited_for(
    filled: Hub, pauses: list[float], where: str, fault: Callable[[Handler, bytes], None]
) -> None:
    filled.fail(where, fault, times=9 if where == "HEAD /" else 2)  # of five files, side by side
    fetch(SIMCSE, "main", "SimCSE")
    assert 0 < sum(pauses) < 30


def test_the_pause_is_the_one_that_the_hub_asks_for_within_bounds(
    filled: Hub, pauses: list[float]
) -> None:
    filled.fail("/api/models", status(429, Retry_After="17"), times=1)
    filled.fail("/api/models", status(429, RateLimit='"api";r=0;t=55'), times=1)
    filled.fail("/api/models", status(429, Retry_After="3600"))
    assert "429 Too Many Requests" in refusal()
    assert pauses == [17, 55]


def test_no_network_is_told_at_once(filled: Hub, pauses: list[float]) -> None:
    filled.stop()
    assert "refused" in refusal()
    assert pauses == []


def test_an_unknown_revision_is_named(filled: Hub) -> None:
    with pytest.raises(WordweightsError, match=r"\(revision v2\).*404 Not Found"):
        fetch(SIMCSE, "v2", "SimCSE")


def test_a_repository_without_weights_is_named(hub: Hub, files: dict[str, bytes]) -> None:
    hub.add(SIMCSE, {name: data for name, data in files.items() if not name.endswith(".bin")})
    assert "neither of model.safetensors and pytorch_model.bin" in refusal()


@pytest.mark.parametrize("fault", [cut, truncate, hang_up])
def test_a_download_that_never_ends_well_leaves_nothing(
    filled: Hub,
    cache: Path,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Handler, bytes], None],
) -> None:
    """Neither a part of it under its name, nor a snapshot that a run without the hub would load."""
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10**9)  # nothing arrives before it ends
    filled.fail("GET /storage", fault)
    refusal()
    assert_nothing_broken(cache)
    go_offline(monkeypatch)
    assert "offline mode is enabled" in refusal()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    filled.faults.clear()
    small = filled.count(f"GET /{SIMCSE}/resolve")
    assert fetch(SIMCSE, "main", "SimCSE").name == filled.commits[SIMCSE]
    assert filled.count(f"GET /{SIMCSE}/resolve") == small  # the small files were whole


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
    message = refusal()
    assert "pytorch_model.bin of " in message
    assert "is damaged" in message
    assert "HF_ENDPOINT" in message
    assert_nothing_broken(cache)


@pytest.mark.parametrize("harm", ["cut", "altered"])
def test_a_cached_file_that_was_damaged_since_is_fetched_again(
    filled: Hub, files: dict[str, bytes], harm: str
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
        assert "tokenizer_config.json of " in refusal()


def test_a_damaged_file_without_the_hub_is_an_error_that_names_it(
    cache: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_cache(cache, SIMCSE, files)
    blob = (folder / "pytorch_model.bin").resolve()
    blob.write_bytes(files["pytorch_model.bin"][:-9])
    go_offline(monkeypatch)
    message = refusal()
    assert f"pytorch_model.bin of the hub repository '{SIMCSE}', commit {folder.name}" in message
    assert str(blob) in message
    assert blob.exists()


def test_a_cache_without_the_hubs_digests_is_taken_as_it_is(
    cache: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror may give names of its own, and a copy that followed links has none."""
    go_offline(monkeypatch)
    folder = write_cache(cache, SIMCSE, files)
    path = folder / "config.json"
    blob = path.resolve()
    path.unlink()
    path.symlink_to(blob.rename(blob.with_name("5f3c-1a2b")))
    assert fetch(SIMCSE, "main", "SimCSE") == folder
    for path in list(folder.rglob("*")):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    assert fetch(SIMCSE, "main", "SimCSE") == folder


def test_a_full_disk_is_explained_and_leaves_nothing(
    filled: Hub, cache: Path, files: dict[str, bytes]
) -> None:
    """The system lets this process write no file as large as the weights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(files["pytorch_model.bin"]) // 2, hard))
    try:
        message = refusal()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in message
    assert "the room on the disk" in message
    assert_nothing_broken(cache)
    fetch(SIMCSE, "main", "SimCSE")


@pytest.mark.slow
def test_the_environment_alone_leads_to_a_hub_and_its_cache(
    repositories: Repositories, tmp_path: Path
) -> None:
    """Other processes, nothing patched: one fetches, one reads when the hub is gone."""
    hub_id = "sentence-transformers/bert-base-nli-mean-tokens"
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    code = (
        "import json; from wordweights.encoders.registry import locate;"
        "folder = locate('SBERT (MEAN)');"
        "print(json.dumps([folder.name, (folder / 'model.safetensors').stat().st_size]))"
    )

    def run(**variables: str) -> list[object]:
        environment = clean | {"HF_HOME": str(tmp_path)} | variables
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    with Hub() as hub:
        files = repositories[hub_id][1]
        expected = [hub.add(hub_id, files), len(files["model.safetensors"])]
        assert run(HF_ENDPOINT=hub.endpoint) == expected
    assert run(HF_HUB_OFFLINE="1") == expected
