"""One run of all chapters with the smoke profile, and one strict build of its book."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from sphinx.util.docutils import docutils_namespace

from wordweights.pipeline import build_book, load_profile, run_chapters

ROOT = Path(__file__).parents[2]
_SAID = [("dog", "asleep"), ("woman", "happy"), ("soup", "hot"), ("bird", "small"), ("car", "old")]


@dataclass(frozen=True)
class Smoke:
    """Where the run left what."""

    results: Path
    chapters: Path
    html: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the run waits for it: minutes."""
    for item in items:
        if "smoke" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def _made_up_pairs(folder: Path) -> Path:
    """Write a benchmark of few pairs, in place of the STS Benchmark that chapter 09 reads."""
    (folder / "stsb").mkdir(parents=True)
    sentences = [f"{a} {b} is {c} ." for a in ("a", "the") for b, c in _SAID]
    pairs = zip(sentences, sentences[1:], range(len(sentences)), strict=False)
    text = "".join(f"{first},{second},{score % 6}\n" for first, second, score in pairs)
    for name in ("dev", "test"):
        (folder / "stsb" / f"{name}.csv").write_text(text)
    return folder


@pytest.fixture(scope="module", autouse=True)
def own_docutils() -> Iterator[None]:
    """What a Sphinx of one file of tests registers is not there for the next."""
    with docutils_namespace():
        yield


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """Run and build in a folder of its own: a real book beside it stays what it is."""
    # once for all processes of the tests, whose folders lie side by side
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "smoke"
    book = folder / "book"
    index = book / "_build" / "html" / "index.html"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _make_book(folder, book)
    if not index.exists():
        pytest.fail("The book was not built; the tests of another process say why.")
    return Smoke(folder / "results", book / "chapters", index.parent)


def _make_book(folder: Path, book: Path) -> None:
    generated = shutil.ignore_patterns("chapters", "reference", "_build")
    shutil.copytree(ROOT / "book", book, ignore=generated)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORDWEIGHTS_RESULTS", str(folder / "results"))
        patch.setenv("WORDWEIGHTS_DATA", str(_made_up_pairs(folder / "data")))
        patch.chdir(ROOT)
        run_chapters(ROOT, load_profile(ROOT, "smoke"), book=book)
        build_book(ROOT, book)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser of the system, one for all tests: playwright can be started once."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"NOT CHECKED, for want of a browser: install {' or '.join(names)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
