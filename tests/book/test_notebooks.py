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
from wordweights.pipeline.parameters import Parameter, notebook_parameters, read_value
from wordweights.pipeline.repository import PLACEHOLDER

ROOT = Path(__file__).parents[2]
CHAPTERS = known_chapters(ROOT)
READ = (
    "from wordweights.pipeline.parameters import read_parameters",
    "globals().update(read_parameters(globals()))",
)


def source(chapter: str) -> Path:
    """Where a chapter is written."""
    return ROOT / "notebooks" / f"{chapter}.ipynb"


def code_cells(path: Path) -> list[Any]:
    """The cells of code of a notebook."""
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def tagged(path: Path, tag: str) -> list[Any]:
    """The cells that have a tag."""
    return [cell for cell in code_cells(path) if tag in cell.metadata.get("tags", [])]


def test_there_are_chapters() -> None:
    assert CHAPTERS[0].startswith("01_")
    assert len(CHAPTERS) >= 6


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_source_has_ids_and_no_results(chapter: str) -> None:
    notebook = nbformat.read(source(chapter), as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.get("id") for cell in notebook.cells]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    for cell in code_cells(source(chapter)):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_parameters_have_a_type_and_a_comment_and_are_read_before_use(chapter: str) -> None:
    cells = code_cells(source(chapter))
    (cell,) = tagged(source(chapter), "parameters")
    assert cell == cells[0]
    for line in READ:
        assert line in cells[1].source.splitlines()
    parameters = notebook_parameters(source(chapter))
    assert parameters
    for name, parameter in parameters.items():
        assert read_value(name, parameter.default, parameter.annotation) == parameter.default
        assert re.search(rf"^{name}\b.*  # \S+", cell.source, re.MULTILINE), name


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_says_how_to_install_what_it_needs(chapter: str) -> None:
    first = nbformat.read(source(chapter), as_version=4).cells[0]
    assert f"`pip install git+https://github.com/{PLACEHOLDER}`" in first.source


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_two_or_three_exercises_with_solutions(chapter: str) -> None:
    cells = nbformat.read(source(chapter), as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    labels = re.findall(r"^```\{exercise\}\n:label: (\S+)\n", text, re.MULTILINE)
    assert len(labels) in (2, 3)
    assert all(label.startswith(f"ex-{chapter[:2]}-") for label in labels)
    assert labels == re.findall(r"^```\{solution\} (\S+)\n:class: dropdown$", text, re.MULTILINE)


def test_chapters_agree_on_the_parameters_they_share() -> None:
    shared: dict[str, Parameter] = {}
    for chapter in CHAPTERS:
        for name, parameter in notebook_parameters(source(chapter)).items():
            assert shared.setdefault(name, parameter) == parameter, (chapter, name)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_smoke_run_executed_every_cell_with_its_profile(smoke: Any, chapter: str) -> None:
    executed = smoke.chapters / f"{chapter}.ipynb"
    cells = code_cells(executed)
    assert len(cells) == len(code_cells(source(chapter))) + 1
    for cell in cells:
        assert cell.execution_count is not None
        assert all(output.output_type != "error" for output in cell.outputs)
        said = [o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"]
        if "remove-stderr" in cell.metadata.get("tags", []):
            # a bar shows a rate or, where a sentence takes more than a second, its inverse
            rate = re.compile(r"(sentence|step)/s|s/(sentence|step)")
            said = [t for t in said if t.strip() and not rate.search(t)]
        assert said == []
    (injected,) = tagged(executed, "injected-parameters")
    given: dict[str, Any] = {}
    exec(injected.source, given)  # plain assignments, written by papermill
    wanted = load_profile(ROOT, "smoke").parameters
    for name, parameter in notebook_parameters(source(chapter)).items():
        assert given[name] == wanted.get(name, parameter.default)


@pytest.mark.slow
def test_papermill_alone_runs_a_chapter_with_parameters_as_text(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("sentence\nthe dogs are asleep .\na man is cooking soup .\nwho is there ?\n")
    command = [sys.executable, "-m", "papermill", str(source("03_correlations")), "out.ipynb"]
    for name, value in {
        "sentences": "mine.csv",
        "encoders": '["mini SBERT (MEAN)"]',
        "n_words": "null",
        "n_nodes": "4",
        "probes": "4",
        "n_resamples": "100",
    }.items():
        command += ["-p", name, value]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    outputs = [o for cell in code_cells(tmp_path / "out.ipynb") for o in cell.outputs]
    texts = " ".join(str(o.get("data", {}).get("text/markdown", "")) for o in outputs)
    assert "15 words of 3 sentences" in texts
