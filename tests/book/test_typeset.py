"""Formulas are typeset while the book is built, and one that cannot be read stops the build."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"
CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["typeset"]
html_math_renderer = "typeset"
numfig = True
"""
PAGE = r"""
Title
=====

Inline :math:`a < b`, and

.. math:: \frac{1}{2} \text{ & } x
   :label: half
"""

pytestmark = pytest.mark.slow


def _build(folder: Path, page: str) -> BeautifulSoup:
    (folder / "conf.py").write_text(CONF)
    (folder / "index.rst").write_text(page)
    app = Sphinx(folder, folder, folder / "html", folder / "doctrees", "html", status=None)
    app.build()
    return BeautifulSoup((folder / "html" / "index.html").read_text("utf-8"), "html.parser")


def test_a_page_holds_finished_formulas_and_their_fonts(tmp_path: Path) -> None:
    soup = _build(tmp_path, PAGE.replace("&", r"\&"))
    inline, block = soup("mjx-container")
    assert inline.math.get_text() == "a<b"
    assert block.get("display") == "true"
    assert block.mfrac.get_text() == "12"
    (number,) = soup("span", class_="eqno")
    assert number.get_text().startswith("(1)")
    assert not [script for script in soup("script") if "mathjax" in str(script).lower()]
    static = tmp_path / "html" / "_static"
    styles = (static / "typeset.css").read_text()
    assert "fonts/MathJax_Main-Regular.woff" in styles
    assert (static / "fonts" / "MathJax_Main-Regular.woff").is_file()


@pytest.mark.parametrize("wrong", [r"\frac{1", r"\nosuchthing"])
def test_what_mathjax_cannot_read_is_an_error(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ExtensionError, match="MathJax cannot read"):
        _build(tmp_path, f"Title\n=====\n\n:math:`{wrong}`\n")
