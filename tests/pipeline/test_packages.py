"""What pages load is installed once, as the lock pins it; where it cannot be, a user is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wordweights.errors import WordweightsError
from wordweights.pipeline.packages import copy_packages, install_packages

ROOT = Path(__file__).parents[2]
CALLS = "calls"


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two files to copy, and an npm that makes them and counts its calls."""
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "package.json").write_text(json.dumps({"vendor": ["a/dist/a.js", "@b/c/c.js"]}))
    (root / "package-lock.json").write_text("1")
    (root / ".npmrc").touch()
    npm(
        tmp_path,
        f"echo $@ >> {tmp_path / CALLS}; mkdir -p node_modules/a/dist node_modules/@b/c; "
        "cp package-lock.json node_modules/a/dist/a.js; touch node_modules/@b/c/c.js",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return root


def npm(folder: Path, script: str) -> None:
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)


def test_packages_are_installed_once_for_each_lock(pinned: Path, tmp_path: Path) -> None:
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "old.js").touch()
    for _ in range(2):
        copy_packages(pinned, vendor)
    assert {path.name for path in vendor.iterdir()} == {"a.js", "c.js"}
    assert (tmp_path / CALLS).read_text() == "ci --ignore-scripts\n"
    (pinned / "package-lock.json").write_text("2")
    copy_packages(pinned, vendor)
    assert (vendor / "a.js").read_text() == "2"
    assert not list(pinned.glob(".npm-*"))


def test_without_npm_a_user_hears_what_to_install(
    pinned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(pinned))
    with pytest.raises(WordweightsError, match=r"npm was not found.*Node\.js.*--static"):
        install_packages(pinned)


@pytest.mark.parametrize("begins", ["npm error", "npm ERR!"])  # newer ones, and older ones
def test_a_failed_installation_says_why_and_leaves_what_was(
    pinned: Path, tmp_path: Path, begins: str
) -> None:
    install_packages(pinned)
    (pinned / "package-lock.json").write_text("2")
    npm(tmp_path, f"mkdir node_modules; echo {begins} network away >&2; exit 1")
    with pytest.raises(WordweightsError, match=r"network away.*registry.*--static"):
        install_packages(pinned)
    assert (pinned / "node_modules" / "a" / "dist" / "a.js").read_text() == "1"
    assert not list(pinned.glob(".npm-*"))


def test_the_lock_names_no_registry_and_pins_every_file_of_its_packages() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert "://" not in json.dumps([p.get("resolved", "") for p in lock["packages"].values()])
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert all(about["integrity"].startswith("sha512-") for about in packages.values())
    wanted = json.loads((ROOT / "package.json").read_text())
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert packages[f"node_modules/{name}"]["version"] == version
