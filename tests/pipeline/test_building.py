"""From which chapters a book is built, and from which not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from wordweights.errors import WordweightsError
from wordweights.pipeline import Profile, build_book, choose_chapters, load_profile, run_chapters
from wordweights.pipeline.repository import PLACEHOLDER, VARIABLE

pytestmark = pytest.mark.usefixtures("unexecuted")


def test_the_book_is_not_built_from_chapters_that_are_stale_or_contradict(checkout: Path) -> None:
    run_chapters(checkout, load_profile(checkout, "quick"))
    manifest = checkout / "book" / "chapters" / "run.json"
    good = manifest.read_text()

    second = checkout / "notebooks" / "02_two.ipynb"
    shutil.copy(checkout / "notebooks" / "01_one.ipynb", second)
    with pytest.raises(WordweightsError, match="02_two are older than their notebook"):
        build_book(checkout)
    content = json.loads(good)
    content["01_one"]["parameters"]["n"] = 6
    content["02_two"]["source"] = content["01_one"]["source"]
    manifest.write_text(json.dumps(content))
    with pytest.raises(WordweightsError, match="different values of 'n'"):
        build_book(checkout)
    manifest.write_text("{}")
    with pytest.raises(WordweightsError, match="lacks the chapters 01_one, 02_two"):
        build_book(checkout)


def test_the_book_is_not_built_when_a_file_that_a_parameter_names_has_changed(
    checkout: Path,
) -> None:
    encoder = checkout / "encoder"
    encoder.mkdir()
    weights, mine = encoder / "weights", checkout / "mine.csv"
    weights.write_text("1")
    mine.write_text("sentence\na dog\n")
    names = ["encoder (CLS)", "encoder (untrained)", "encoder (MEAN) (untrained)"]
    overrides = {"text": "mine.csv", "names": [*names, "x" * 5000, "\0", " (CLS)"]}
    runs = run_chapters(checkout, load_profile(checkout, "quick"), overrides)
    assert list(runs[0].files) == [*names, "mine.csv"]
    assert runs[1].files == {}
    manifest = checkout / "book" / "chapters" / "run.json"
    content = json.loads(manifest.read_text())
    content["02_two"]["parameters"]["n"] = 6
    manifest.write_text(json.dumps(content))
    # what hinders this book is no file
    with pytest.raises(WordweightsError, match="different values of 'n'"):
        build_book(checkout)
    mine.write_text("sentence\na cat\n")
    with pytest.raises(WordweightsError, match=r"'mine\.csv', a parameter of chapter 01_one"):
        build_book(checkout)
    mine.write_text("sentence\na dog\n")
    weights.write_text("12")
    with pytest.raises(WordweightsError, match=r"'encoder \(CLS\)', a parameter"):
        build_book(checkout)
    mine.unlink()
    weights.write_text("1")
    with pytest.raises(WordweightsError, match="is not there"):
        build_book(checkout)


def test_chapters_run_with_different_contents_of_a_file_make_no_book(
    checkout: Path, notebook: Callable[..., None]
) -> None:
    notebook(checkout / "notebooks" / "02_two.ipynb", parameters='text: str = "x"')
    mine = checkout / "mine.csv"
    for number, content in (("01", "sentence\na dog\n"), ("02", "sentence\na cat\n")):
        mine.write_text(content)
        chosen = Profile("quick", tuple(choose_chapters(checkout, [number])))
        run_chapters(checkout, chosen, {"text": "mine.csv"})
    with pytest.raises(WordweightsError, match=r"'mine\.csv', a parameter of chapter 01_one"):
        build_book(checkout)


def test_a_chapter_names_the_repository_where_it_is_known(
    checkout: Path, notebook: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook(checkout / "notebooks" / "01_one.ipynb", ("markdown", f"In {PLACEHOLDER}."))
    for name in ("owner/other", ""):
        monkeypatch.setenv(VARIABLE, name)
        run_chapters(checkout, load_profile(checkout, "quick"))
        executed = nbformat.read(checkout / "book" / "chapters" / "01_one.ipynb", as_version=4)
        assert executed.cells[-1].source == f"In {name or PLACEHOLDER}."
    monkeypatch.setenv(VARIABLE, "nobody")
    with pytest.raises(WordweightsError, match="in the form owner/name"):
        run_chapters(checkout, load_profile(checkout, "quick"))
