"""Where things are."""

from __future__ import annotations

from pathlib import Path

import pytest

from wordweights.files import package_folder


def test_a_package_is_found_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "carrier_of_data"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "single_file.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert package_folder("carrier_of_data") == package
    assert package_folder("single_file") is None
    assert package_folder("not_installed_at_all") is None
