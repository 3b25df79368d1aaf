"""Runs of small chapters: what they leave, and what a failure says."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import NoSuchKernel

from wordweights import attribute
from wordweights.encoders import load_encoder
from wordweights.errors import WordweightsError
from wordweights.files import MEASURED_FILE, SIMILARITY_FILE
from wordweights.pipeline import Profile, build_book, count_run, load_profile, run_chapters
from wordweights.pipeline.running import read_manifest, source_digest


@pytest.mark.slow
def test_a_run_leaves_chapters_their_tables_a_record_and_a_status_page(
    checkout: Path,
    notebook: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # a kernel of the same name that the user has installed must not be taken
    kernel = tmp_path / "user" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["false"], "display_name": "wrong", "language": "python"}')
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    notebook(
        checkout / "notebooks" / "01_one.ipynb",
        ("code", "from myst_nb import glue"),
        ("code", "glue('claims.csv', 'scope,r\\n\"a, \\'b\\' →\",1\\n' * n, display=False)"),
        ("code", "glue('number', 'text', display=False)"),
        ("code", "import sys\nprint('a bar', file=sys.stderr)\nn, names, text, sys.executable"),
    )
    chapters = checkout / "book" / "chapters"
    chapters.mkdir(parents=True)
    (chapters / "01_one-old.csv").write_text("of an earlier run")
    runs = run_chapters(checkout, load_profile(checkout, "quick"), {"names": "[b, c]", "n": "2"})

    assert [run.chapter for run in runs] == ["01_one", "02_two"]
    assert runs[0].parameters == {"n": 2, "names": ["b", "c"], "text": "no one"}
    assert runs[1].parameters == {"n": 2, "only_here": 1}
    assert read_manifest(chapters) == {run.chapter: run for run in runs}
    assert "a bar" in capsys.readouterr().err
    table = (chapters / "01_one-claims.csv").read_text("utf-8")
    assert table == "scope,r\n\"a, 'b' →\",1\n" * 2
    assert [path.name for path in chapters.glob("*.csv")] == ["01_one-claims.csv"]
    assert "text: no one" in (chapters / "status.md").read_text()
    executed = nbformat.read(chapters / "01_one.ipynb", as_version=4)
    output = executed.cells[-1].outputs[-1].data["text/plain"]
    assert output == repr((2, ["b", "c"], "no one", sys.executable))
    assert [cell.metadata.tags for cell in executed.cells[1:3]] == [
        ["parameters", "hide-input"],
        ["injected-parameters"],
    ]
    assert str(checkout) not in nbformat.writes(executed).replace(sys.executable, "")
    assert not list((tmp_path / "results" / "running").iterdir())


@pytest.mark.slow
def test_a_failing_chapter_stops_the_run_and_the_book(
    checkout: Path, notebook: Callable[..., None], tmp_path: Path
) -> None:
    chapters = checkout / "book" / "chapters"
    chapters.mkdir(parents=True)
    for name in ("01_one.ipynb", "02_two.ipynb", "02_two-figure.png", "status.md"):
        (chapters / name).write_text("of an earlier run")
    notebook(checkout / "notebooks" / "03_three.ipynb")
    with pytest.raises(WordweightsError) as caught:
        run_chapters(checkout, load_profile(checkout, "quick"), {"n": "0"})

    message = str(caught.value)
    assert "Chapter 02_two failed in cell [3] ('print(6 / n)') under 'Dividing'" in message
    assert "ZeroDivisionError: division by zero" in message
    kept = next((tmp_path / "results" / "running").rglob("*.ipynb"))
    assert str(kept) in message
    assert {path.name for path in chapters.iterdir()} == {"01_one.ipynb", "run.json"}
    with pytest.raises(WordweightsError, match="lacks the chapters 02_two, 03_three"):
        build_book(checkout)


WEIGHING = 'sentences: str = "x"\nencoders: list[str] = []\nmethod: str = "y"'
MEETING = """\
import time
from pathlib import Path
Path({mine!r}).touch()
while not Path({other!r}).exists():
    time.sleep(0.05)"""


@pytest.mark.slow
def test_chapters_behind_the_main_table_run_side_by_side(
    checkout: Path,
    notebook: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two of them wait for each other; neither begins before the main table is computed.

    Together they have as many threads as there are cores.
    """
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    mine, other, done = (str(tmp_path / name) for name in ("mine", "other", "done"))
    touch = f"from pathlib import Path\nPath({done!r}).touch()"
    look = f"from pathlib import Path\nassert Path({done!r}).exists()"
    share = "import os\nassert os.environ['OMP_NUM_THREADS'] == '3'"
    folder = checkout / "notebooks"
    notebook(folder / "02_two.ipynb", ("code", touch), parameters=WEIGHING)
    for name, pair in (("03_three", (mine, other)), ("04_four", (other, mine))):
        meeting = MEETING.format(mine=pair[0], other=pair[1])
        cells = [("code", source) for source in (look, share, meeting)]
        notebook(folder / f"{name}.ipynb", *cells, parameters=WEIGHING)
    profile = Profile("mine", ("01_one", "02_two", "03_three", "04_four"))
    runs = run_chapters(checkout, profile)
    assert [run.chapter for run in runs] == list(profile.chapters)
    assert set(read_manifest(checkout / "book" / "chapters")) == set(profile.chapters)
    assert "OMP_NUM_THREADS" not in os.environ

    notebook(folder / "03_three.ipynb", ("code", "1 / 0"), parameters=WEIGHING)
    with pytest.raises(WordweightsError, match="Chapter 03_three failed"):
        run_chapters(checkout, profile)


def test_a_typo_does_not_remove_the_last_run(checkout: Path) -> None:
    chapters = checkout / "book" / "chapters"
    chapters.mkdir(parents=True)
    (chapters / "01_one.ipynb").write_text("of an earlier run")
    with pytest.raises(WordweightsError):
        run_chapters(checkout, load_profile(checkout, "quick"), {"nn": "0"})
    assert (chapters / "01_one.ipynb").read_text() == "of an earlier run"


@pytest.mark.parametrize(
    "error",
    [NoSuchKernel("python3"), RuntimeError("Kernel didn't respond in 60 seconds")],
)
def test_a_kernel_that_does_not_start_is_one_paragraph(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("papermill.execute_notebook", refuse)
    with pytest.raises(WordweightsError, match=r"did not start.*Install ipykernel") as caught:
        run_chapters(checkout, load_profile(checkout, "quick"))
    assert "\n" not in str(caught.value)


def test_an_unwritable_results_folder_is_named(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "file"))
    with pytest.raises(WordweightsError, match="WORDWEIGHTS_RESULTS"):
        run_chapters(checkout, load_profile(checkout, "quick"))


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[", b"[]", b'{"01_one": {"chapter": "01_one"}}']
)
def test_a_foreign_manifest_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    assert read_manifest(tmp_path) == {}


@pytest.mark.parametrize("file", [MEASURED_FILE, SIMILARITY_FILE])
def test_a_chapter_is_stale_when_our_measured_numbers_have_changed(
    checkout: Path, file: Path
) -> None:
    chapter = checkout / "notebooks" / "01_one.ipynb"
    before = source_digest(chapter)
    path = checkout / file
    path.parent.mkdir(parents=True)
    path.write_text("encoder\n")
    assert source_digest(chapter) != before


def test_a_run_is_counted_and_nothing_is_computed(
    checkout: Path, notebook: Callable[..., None], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    weighing = (
        'sentences: str = "bundled"\nencoders: list[str] = ["a"]\nn_words: int | None = None\n'
        "n_nodes: int | None = 4\nprobes: int | str = 2\nseed: int = 0\n"
        'method: str = "integrated-gradients"\n'
    )
    notebook(checkout / "notebooks" / "02_two.ipynb", parameters=weighing)
    mine = tmp_path / "mine.txt"
    mine.write_text("the dog is running .\na dog !\nTHE dog is running .\n")
    names = [f"{tiny_checkpoint} (MEAN)", f"{tiny_checkpoint} (CLS)"]
    asked = {"sentences": str(mine), "encoders": names}
    profile = Profile("mine", ("01_one", "02_two"))
    assert count_run(checkout, profile, asked) == dict.fromkeys(names, (0, 2))
    attribute(load_encoder(names[1]), ["a dog !"], n_nodes=4, probes=2, progress=False)
    assert count_run(checkout, profile, asked) == {names[0]: (0, 2), names[1]: (1, 2)}
    assert count_run(checkout, profile, asked | {"seed": "1"})[names[1]] == (0, 2)
    assert count_run(checkout, Profile("words", ("01_one",))) == {}


def test_the_record_is_text_that_others_can_read(checkout: Path, unexecuted: None) -> None:
    run_chapters(checkout, load_profile(checkout, "quick"))
    record = json.loads((checkout / "book" / "chapters" / "run.json").read_text())
    assert record["02_two"]["profile"] == "quick"
    assert record["02_two"]["parameters"] == {"n": 5, "only_here": 1}
