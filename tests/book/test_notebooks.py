"""The notebooks: what their sources hold, and what became of them in the smoke run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from wordweights.pipeline import known_chapters, load_profile
from wordweights.pipeline.declared import Parameter, declared_parameters

ROOT = Path(__file__).parents[2]
CHAPTERS = known_chapters(ROOT)


def source(chapter: str) -> Path:
    """Where a chapter is written."""
    return ROOT / "notebooks" / f"{chapter}.ipynb"


def code_cells(path: Path) -> list[Any]:
    """The cells of code of a notebook."""
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: Any) -> list[str]:
    """The tags of a cell."""
    return cell.metadata.get("tags", [])


def test_there_are_chapters() -> None:
    assert CHAPTERS[0].startswith("01_")
    assert len(CHAPTERS) >= 6


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_source_carries_no_results(chapter: str) -> None:
    assert nbformat.read(source(chapter), as_version=4).metadata.kernelspec.name == "python3"
    for cell in code_cells(source(chapter)):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_parameter_has_a_type_and_a_comment(chapter: str) -> None:
    (cell,) = (cell for cell in code_cells(source(chapter)) if "parameters" in tags(cell))
    declared = declared_parameters(source(chapter))
    assert declared
    for name, parameter in declared.items():
        assert parameter.annotation
        assert re.search(rf"^{name}\b.*  # \S+", cell.source, re.MULTILINE), name


def test_chapters_agree_on_the_parameters_they_share() -> None:
    shared: dict[str, Parameter] = {}
    for chapter in CHAPTERS:
        for name, parameter in declared_parameters(source(chapter)).items():
            assert shared.setdefault(name, parameter) == parameter, (chapter, name)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_smoke_run_executed_every_cell(smoke: Any, chapter: str) -> None:
    cells = code_cells(smoke.chapters / f"{chapter}.ipynb")
    injected = [cell for cell in cells if "injected-parameters" in tags(cell)]
    assert len(injected) == 1
    assert len(cells) == len(code_cells(source(chapter))) + 1
    for cell in cells:
        assert cell.execution_count is not None
        assert all(output.output_type != "error" for output in cell.outputs)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_profile_reached_the_chapter(smoke: Any, chapter: str) -> None:
    cells = code_cells(smoke.chapters / f"{chapter}.ipynb")
    (injected,) = (cell for cell in cells if "injected-parameters" in tags(cell))
    given: dict[str, Any] = {}
    exec(injected.source, given)  # plain assignments, written by papermill
    wanted = load_profile(ROOT, "smoke").parameters
    for name in declared_parameters(source(chapter)):
        if name in wanted:
            assert given[name] == wanted[name]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_nothing_but_progress_goes_to_standard_error(smoke: Any, chapter: str) -> None:
    for cell in code_cells(smoke.chapters / f"{chapter}.ipynb"):
        said = [o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"]
        if "remove-stderr" in tags(cell):
            # a bar shows a rate or, where a sentence takes more than a second, its inverse
            rate = re.compile(r"(sentence|step)/s|s/(sentence|step)")
            said = [t for t in said if t.strip() and not rate.search(t)]
        assert said == []


def test_papermill_alone_runs_a_chapter_with_parameters_as_text(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("sentence\nthe dogs are asleep .\na man is cooking soup .\nwho is there ?\n")
    command = [sys.executable, "-m", "papermill", str(source("03_correlations")), "out.ipynb"]
    for name, value in {
        "sentences": "mine.csv",
        "encoders": '["all-MiniLM-L6-v2"]',
        "n_steps": "4",
        "probes": "4",
        "n_resamples": "100",
    }.items():
        command += ["-p", name, value]
    command += ["-y", "n_words: null"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    outputs = [o for cell in code_cells(tmp_path / "out.ipynb") for o in cell.outputs]
    texts = " ".join(str(o.get("data", {}).get("text/markdown", "")) for o in outputs)
    assert "15 words of 3 sentences" in texts
