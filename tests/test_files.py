"""Where things are."""

from __future__ import annotations

from pathlib import Path

import pytest

from wordweights.errors import WordweightsError
from wordweights.files import package_folder, results_folder


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


def test_results_are_kept_in_a_folder_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", "~/kept")
    assert results_folder() == tmp_path / "kept"
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", "s3://bucket/kept")
    with pytest.raises(WordweightsError, match="WORDWEIGHTS_RESULTS is 's3://bucket/kept'"):
        results_folder()
