"""A hub on this machine, and huggingface_hub pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from checkpoints import Repositories, paper_repositories
from hubs import Hub, write_cache
from huggingface_hub import close_session, constants

from wordweights.encoders import registered


@pytest.fixture(scope="session")
def repositories() -> Repositories:
    """Weights and files of the paper's four repositories."""
    return {hub_id: (weights, files) for hub_id, weights, files in paper_repositories()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache of this test's own, whatever the environment says."""
    # constants, not variables: huggingface_hub reads its environment when it is imported
    home = constants.HF_HOME
    for name, value in list(vars(constants).items()):
        if isinstance(value, str) and value.startswith(home):
            monkeypatch.setattr(constants, name, str(tmp_path / "home") + value[len(home) :])
    folder = tmp_path / "home" / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def offline(
    cache: Path, repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> Repositories:
    """The cache filled with the paper's repositories, and no hub."""
    revisions = {
        entry["hub"]: entry["revision"] for entry in registered().values() if "hub" in entry
    }
    for hub_id, (_, files) in repositories.items():
        commit = revisions[hub_id] if len(revisions[hub_id]) == 40 else None
        write_cache(cache, hub_id, files, commit)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return repositories


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty hub, which this process takes for the real one."""
    close_session()
    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            server.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        )
        yield server
        close_session()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let nobody wait between attempts; the seconds that each would have waited."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited
