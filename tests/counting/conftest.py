"""Corpora of real sentences, in every form."""

from __future__ import annotations

from pathlib import Path

import pytest

from wordweights.words.sentences import load_sentences


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """Sentences, with some that are not plain."""
    odd = ["Café, naïve — “quoted”\u00a0text.", "", "日本語 と English", "zero\u200bwidth a\x00b"]
    return [*load_sentences("bundled")["sentence"][:120], *odd]


@pytest.fixture
def text_file(tmp_path: Path, lines: list[str]) -> Path:
    """The sentences, one a line."""
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
