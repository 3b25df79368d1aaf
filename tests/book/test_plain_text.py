"""Formulas as a search result and a definition on hover show them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from docutils.core import publish_doctree

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_ext"))
from plain_text import plain_formula, plain_text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("r", "r"),
        (r"-\ln P(w)", "\N{MINUS SIGN}ln P(w)"),
        (r"\lambda = 1/2", "λ = 1/2"),
        (r"\alpha", "\N{GREEK SMALL LETTER ALPHA}"),
        (r"\sqrt{2}", "…"),
        ("x_i", "…"),
        (r"\int_0^1", "…"),
        (r"\unheardof", "…"),
    ],
)
def test_a_formula_is_read_or_left_out(tex: str, text: str) -> None:
    assert plain_formula(tex) == text


def test_a_page_is_a_line_without_pictures_and_raw_html() -> None:
    page = publish_doctree(
        "Title\n=====\n\nA *word* of :math:`-\\ln P`.\n\n"
        ".. raw:: html\n\n   <b>raw</b>\n\n- one\n- two\n"
    )
    assert plain_text(page) == "Title A word of \N{MINUS SIGN}ln P. one two"
