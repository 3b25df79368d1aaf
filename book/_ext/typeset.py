"""Typeset formulas when the book is built, by MathJax, so that no page carries a megabyte of it.

A page holds the finished formula, with MathML for screen readers, and loads the few fonts that its
formulas need. MathJax runs in Node.js: that of this machine, or the one inside playwright.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.ext import mathjax

_STYLES = "typeset.css"
_FONTS = Path("output", "chtml", "fonts", "woff-v2")
_FORMULA = re.compile(r"\\([(\[])(.*?)\\[)\]](?=</)", re.DOTALL)  # as Sphinx writes it


class Typesetter:
    """MathJax, and the styles of all formulas so far."""

    def __init__(self) -> None:
        self.folder = _folder_of("sphinx-mathjax-offline") / "static" / "mathjax"
        self.styles = ""

    @cached_property
    def process(self) -> subprocess.Popen[str]:
        """Node.js, which answers each line with a line."""
        node = shutil.which("node") or str(_folder_of("playwright") / "driver" / "node")
        command = [node, str(Path(__file__).with_suffix(".js")), str(self.folder)]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def typeset(self, found: re.Match[str]) -> str:
        """Give the HTML of a formula."""
        formula = {"formula": html.unescape(found[2]), "display": found[1] == "["}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(formula) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise ExtensionError(f"MathJax cannot read {found[0]!r}: {answer['error']}")
        self.styles = answer["styles"]
        return str(answer["html"])

    def visiting(self, write: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        """Make a visitor of formulas from that which writes them for MathJax in a browser."""

        def visit(writer: Any, node: nodes.Element) -> None:
            begin = len(writer.body)
            try:
                write(writer, node)
            finally:  # it raises SkipNode
                written = "".join(writer.body[begin:])
                writer.body[begin:] = [_FORMULA.sub(self.typeset, written)]

        return visit

    def finish(self, app: Sphinx, error: Exception | None) -> None:
        """Put the styles and the fonts beside the pages."""
        if "process" in vars(self):  # there was a formula
            self.process.communicate()
        if error is None and self.styles:
            static = Path(app.outdir, "_static")
            (static / _STYLES).write_text(self.styles, "utf-8")
            shutil.copytree(self.folder / _FONTS, static / "fonts", dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer; ``html_math_renderer`` chooses it."""
    setter = Typesetter()
    app.add_html_math_renderer(
        "typeset",
        (setter.visiting(mathjax.html_visit_math), None),
        (setter.visiting(mathjax.html_visit_displaymath), None),
    )
    app.add_css_file(_STYLES)
    app.connect("build-finished", setter.finish)
    return {"parallel_read_safe": True, "parallel_write_safe": False}


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ExtensionError(
            f"Formulas cannot be typeset: the Python package {package} is not installed, which "
            f"holds {'Node.js, and there is no other' if package == 'playwright' else 'MathJax'}."
        )
    return Path(spec.origin).parent
