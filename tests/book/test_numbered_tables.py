"""Tables that Sphinx does not know as such are numbered apart from figures, as tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"

CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["numbered_tables"]
numfig = True
"""
PAGE = """
Title
=====

:numref:`tab-output`, :numref:`fig-picture` and :numref:`tab-pasted`.

.. _fig-picture:

.. figure:: picture.png

   A picture.

.. figure:: picture.png
   :name: tab-output

   An output.

.. numbered-table:: A table that *is* pasted
   :name: tab-pasted

   Its content, in which ``a < b``.
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> BeautifulSoup:
    """A book of one page."""
    folder = tmp_path_factory.mktemp("numbered")
    (folder / "conf.py").write_text(CONF)
    (folder / "index.rst").write_text(PAGE)
    (folder / "picture.png").write_bytes(b"")
    build = folder / "build"
    app = Sphinx(folder, folder, build, build, "html", status=None, warningiserror=True)
    app.build()
    return BeautifulSoup((build / "index.html").read_text(), "html.parser")


def test_tables_and_figures_are_counted_apart(page: BeautifulSoup) -> None:
    numbers = [tag.get_text().strip() for tag in page("span", class_="caption-number")]
    assert numbers == ["Fig. 1", "Table 1", "Table 2"]


def test_references_find_them(page: BeautifulSoup) -> None:
    links = {a["href"]: a.get_text() for a in page.select("p a.reference")}
    assert links == {"#tab-output": "Table 1", "#fig-picture": "Fig. 1", "#tab-pasted": "Table 2"}
    assert all(page.find(id=address[1:]) for address in links)


def test_the_caption_of_a_table_stands_above_it(page: BeautifulSoup) -> None:
    tables = page("figure", class_="numbered-table")
    assert [table["id"] for table in tables] == ["tab-output", "tab-pasted"]
    first, second = (list(table.find_all(True, recursive=False)) for table in tables)
    assert [part.name for part in first] == ["figcaption", "img"]
    assert second[0].name == "figcaption"
    assert second[0].em.get_text() == "is"
    assert "a < b" in second[1].get_text()
