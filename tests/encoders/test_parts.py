"""A checkpoint that several installed packages carry in pieces."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

from wordweights.encoders.parts import find_parts, join_parts
from wordweights.errors import WordweightsError
from wordweights.files import RESULTS_VARIABLE

CONTENT = {"model/config.json": b"{}", "model/sub/weights": bytes(range(256)), "other/file": b"no"}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three installed packages with a piece each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(name, content)
    whole = buffer.getvalue()
    third = len(whole) // 3 + 1
    site, names = tmp_path / "site", []
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
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path / "results"))
    return names


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
