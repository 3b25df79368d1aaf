"""A checkout of two small chapters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

PARAMETERS = """\
n: int | None = 3  # how many
names: list[str] = ["a"]  # of whom
text: str = "x"  # free
"""
READ = """\
from wordweights.pipeline.parameters import read_parameters
globals().update(read_parameters(globals()))"""


def write_notebook(path: Path, *cells: tuple[str, str], parameters: str = PARAMETERS) -> None:
    """A notebook with a title, the cell of parameters, and others given as (kind, source)."""
    new = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    kernel = {"name": "python3", "display_name": "x", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    tagged = new["code"](parameters, metadata={"tags": ["parameters"]})
    notebook.cells = [new["markdown"]("# Title"), tagged]
    notebook.cells += [new[kind](source) for kind, source in cells]
    nbformat.write(notebook, path)


@pytest.fixture
def notebook() -> Callable[..., None]:
    """Write a notebook."""
    return write_notebook


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two chapters and one profile, and the working folder."""
    root = tmp_path / "checkout {1}"  # braces mean something to papermill
    (root / "notebooks" / "profiles").mkdir(parents=True)
    (root / "_config.yml").touch()
    (root / "notebooks" / "profiles" / "quick.yml").write_text("parameters: {n: 5, text: no one}\n")
    write_notebook(root / "notebooks" / "01_one.ipynb", ("code", READ), ("code", "n, names, text"))
    write_notebook(
        root / "notebooks" / "02_two.ipynb",
        ("markdown", "## Dividing"),
        ("code", "# by what was given\nprint(6 / n)"),
        parameters="n: int | None = 3  # how many\nonly_here: int = 1  # of the second chapter",
    )
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def unexecuted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let papermill hand notebooks back as they are: no kernel is started."""

    def copy(source: str, target: str, **_: object) -> None:
        plain = [path.replace("{{", "{").replace("}}", "}") for path in (source, target)]
        Path(plain[1]).write_bytes(Path(plain[0]).read_bytes())

    monkeypatch.setattr("papermill.execute_notebook", copy)
