"""Buttons of a chapter lead to its source in the book's repository, where that is known."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from wordweights.pipeline.repository import VARIABLE

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"
CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["myst_nb", "sphinx_book_theme", "launch"]
html_theme = "sphinx_book_theme"
nb_execution_mode = "off"
root_doc = "chapters/04_examples"
"""


def _links(folder: Path) -> list[str]:
    """Build a book of one chapter, and see where its buttons lead."""
    source = folder / "source"
    (source / "chapters").mkdir(parents=True)
    (source / "conf.py").write_text(CONF)
    kernel = {"name": "python3", "display_name": "x", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_markdown_cell("# Title")]
    nbformat.write(notebook, source / "chapters" / "04_examples.ipynb")
    out = folder / "out"
    Sphinx(source, source, out, folder / "doctrees", "html", status=None, freshenv=True).build()
    soup = BeautifulSoup((out / "chapters/04_examples.html").read_text("utf-8"), "html.parser")
    return [link["href"] for link in soup.select(".dropdown-launch-buttons a")]


@pytest.mark.slow
def test_buttons_open_a_chapter_where_it_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "owner/name")
    assert _links(tmp_path) == [
        "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/notebooks/04_examples.ipynb",
        "https://colab.research.google.com/github/owner/name/blob/notebooks/04_examples.ipynb",
    ]


@pytest.mark.slow
def test_there_are_no_buttons_where_the_repository_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert _links(tmp_path) == []
