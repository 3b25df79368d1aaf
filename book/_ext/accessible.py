"""Mend what the templates of the theme and of docutils leave out for those who read by ear.

Each replacement is made on all pages. One that no page needs any more is a warning, which fails a
strict build: the theme has changed, and the line here can go.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

_MENDED = {
    # the title and the search of the sidebar are in no landmark
    r'(<div id="pst-primary-sidebar")': r'\1 role="complementary" aria-label="Sidebar"',
    # its label hides the keys that it shows; the text is a better one
    r'(<button class="btn search-button-field[^>]*?) title="Search" aria-label="Search"': r"\1",
    # icons, of which some have a title and others no text
    r'<i class="(theme-switch [^"]*)" data-mode="(\w+)" +title="[^"]*">': (
        r'<i class="\1" data-mode="\2" aria-hidden="true">'
    ),
    r'>([^<]+)</a><details( open="open")?><summary>': (
        r'>\1</a><details\2><summary aria-label="Pages of \1">'
    ),
    # no line ends between a number and its sign
    r"(?<=\d) %": "&nbsp;%",
    # deprecated, and not allowed in a list
    r'role="doc-biblioentry"': 'role="listitem"',
    r'<th class="head([^"]*)"': r'<th scope="col" class="head\1"',
}
_MENDED = {re.compile(wrong): right for wrong, right in _MENDED.items()}


def mend(app: Sphinx, error: Exception | None) -> None:
    """Replace it in what is written."""
    if error is not None or app.builder.format != "html":
        return
    times = dict.fromkeys(_MENDED, 0)
    for file in Path(app.outdir).rglob("*.html"):
        text = file.read_text("utf-8")
        for wrong, right in _MENDED.items():
            text, n = wrong.subn(right, text)
            times[wrong] += n
        file.write_text(text, "utf-8")
    for wrong, n in times.items():
        if not n:
            logging.getLogger(__name__).warning("no page has %r any more", wrong.pattern)


def setup(app: Sphinx) -> dict[str, bool]:
    """Work on what Sphinx has written."""
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
