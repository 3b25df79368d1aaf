"""A checkpoint that several installed packages carry in pieces."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from wordweights.encoders import load_encoder, loading, registry
from wordweights.encoders.parts import find_parts, join_parts
from wordweights.errors import WordweightsError
from wordweights.files import RESULTS_VARIABLE, results_folder

CONTENT = {"model/config.json": b"{}", "model/sub/weights": bytes(range(256)), "other/file": b"no"}


def carry(site: Path, content: dict[str, bytes]) -> list[str]:
    """Install three packages with a piece each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    whole = buffer.getvalue()
    third = len(whole) // 3 + 1
    names = []
    for i in range(3):
        name = f"carried-part-{i + 1:03d}"
        data = site / f"carried-part_{i + 1:03d}" / "input"
        data.mkdir(parents=True)
        (data / f"model.zip.{i + 1:03d}").write_bytes(whole[i * third : (i + 1) * third])
        about = site / f"carried_part_{i + 1:03d}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "RECORD").write_text(
            f"carried-part_{i + 1:03d}/__init__.py,,\n"
            f"carried-part_{i + 1:03d}/input/model.zip.{i + 1:03d},,\n"
        )
        names.append(name)
    return names


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages are installed."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path / "results"))
    return tmp_path / "site"


@pytest.fixture
def packages(site: Path) -> list[str]:
    return carry(site, CONTENT)


def test_parts_are_joined_once(packages: list[str]) -> None:
    parts = find_parts(packages)
    assert parts is not None
    assert len(parts) == len(packages)
    folder = join_parts(parts, "model", "some encoder")
    found = {
        str(p.relative_to(folder.parent)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }
    assert found == {
        name: content for name, content in CONTENT.items() if name.startswith("model/")
    }
    for part in parts:
        part.write_bytes(b"")
    assert join_parts(parts, "model", "some encoder") == folder
    # nothing else is left there
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_without_one_of_the_packages_there_are_no_parts(packages: list[str]) -> None:
    assert find_parts([*packages, "carried-part-004"]) is None


def test_a_damaged_part_is_told_and_leaves_nothing(packages: list[str]) -> None:
    parts = find_parts(packages)
    assert parts is not None
    parts[1].write_bytes(parts[1].read_bytes()[:-5])
    with pytest.raises(WordweightsError, match=r"'some encoder'.*3 files.*reinstall"):
        join_parts(parts, "model", "some encoder")
    assert not any(Path(parts[0].parents[2].parent, "results", "checkpoints").iterdir())


def test_a_joined_checkpoint_that_was_altered_is_joined_anew_when_its_folder_is_removed(
    site: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {path.name: path.read_bytes() for path in tiny_checkpoint.iterdir()}
    entry = {
        "pooling": "mean",
        "parts": " ".join(carry(site, {f"model/{k}": v for k, v in files.items()})),
        "folder": "model",
        "hub": "someone/model",
        "revision": "main",
        "sha256": hashlib.sha256(files["model.safetensors"]).hexdigest(),
    }
    for module in (registry, loading):
        monkeypatch.setattr(module, "registered", lambda: {"tiny": entry})
    digest = load_encoder("tiny").digest
    weights = results_folder() / "checkpoints" / "model" / "model.safetensors"
    for altered in (files[weights.name][:-4] + b"\0\0\x80?", None):
        weights.unlink()
        if altered:
            weights.write_bytes(altered)
        with pytest.raises(WordweightsError, match=r"'tiny': .*, which is joined anew") as error:
            load_encoder("tiny")
        advised = re.search(r"Remove (.*), which", str(error.value))
        assert advised is not None
        shutil.rmtree(advised[1])
        assert load_encoder("tiny").digest == digest
