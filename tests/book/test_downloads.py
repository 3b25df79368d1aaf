"""A numbered table becomes a file, and a page says what its columns are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from wordweights.figures import table_html

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"
CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["numbered_tables", "downloads"]
numfig = True
"""
TABLE = pd.DataFrame(
    {"word": ["a", "<b>"], "r": [0.5, 0.25], "r_low": [0.1, 0.2], "mean_0": [1, 2]}
)
PAGE = f"""
Title
=====

.. numbered-table:: Words
   :name: tab-words

   .. raw:: html

      {table_html(TABLE).replace(chr(10), chr(10) + " " * 6)}

.. table:: Sizes, in words
   :name: tab-sizes

   ======  =========
   What    How large
   ======  =========
   *one*   \N{MINUS SIGN}1, or so
   ======  =========

.. toctree::

   about
"""
ABOUT = """
About
=====

.. about-tables:: tables

.. about-tables:: columns
"""
COLUMNS = """
[columns]
word = "The word."
r = "A coefficient."
mean = "A mean."
unused = "Not of this book."
[tables.tab-words]
made = "By `hand`."
"""


def build(folder: Path, columns: str) -> tuple[Path, str]:
    """Build a book of one page; give its folder and the warnings."""
    (folder / "data").mkdir()
    (folder / "data" / "columns.toml").write_text(columns)
    (folder / "conf.py").write_text(CONF)
    (folder / "index.rst").write_text(PAGE)
    (folder / "about.rst").write_text(ABOUT)
    html, log = folder / "build", folder / "log"
    with log.open("w") as warning:
        Sphinx(folder, folder, html, html, "html", status=None, warning=warning).build()
    return html, log.read_text()


def test_the_file_holds_the_table_and_the_page_explains_it(tmp_path: Path) -> None:
    html, warnings = build(tmp_path, COLUMNS)
    assert warnings == ""
    pd.testing.assert_frame_equal(pd.read_csv(html / "data" / "tab-words.csv"), TABLE)
    soup = BeautifulSoup((html / "index.html").read_text(), "html.parser")
    link = soup.find("a", download="tab-words.csv")
    assert link["href"] == "data/tab-words.csv"
    written = (html / "data" / "tab-sizes.csv").read_text()
    assert written == 'What,How large\none,"-1, or so"\n'
    assert soup.find("a", download="tab-sizes.csv")["href"] == "data/tab-sizes.csv"
    about = BeautifulSoup((html / "about.html").read_text(), "html.parser")
    tables, columns = about("dl", class_="about-tables")
    assert [term.get_text() for term in tables("dt")] == [
        "Table 1, tab-words.csv",
        "Table 2, tab-sizes.csv",
    ]
    assert [said.get_text().strip() for said in tables("dd")] == [
        "By hand. Columns: word, r, mean.",
        "As its page shows it, and says where it is from. Columns: What, How large.",
    ]
    assert [term.get_text() for term in columns("dt")] == ["mean", "r", "word"]


@pytest.mark.parametrize(
    ("lacking", "said"),
    [('mean = "A mean."', "'mean' of tab-words"), ('made = "By `hand`."', "tab-words was made")],
)
def test_what_is_not_described_is_a_warning(tmp_path: Path, lacking: str, said: str) -> None:
    _, warnings = build(tmp_path, COLUMNS.replace(lacking, ""))
    assert said in warnings
