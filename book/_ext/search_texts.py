"""Give the search page the texts of all pages, so that results show them without raw TeX.

Sphinx's own summaries fetch each page and show the TeX in it; from disk nothing can be fetched.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from plain_text import plain_text
from sphinx.application import Sphinx

_FILE = "all_texts.js"


def keep_text(app: Sphinx, page: str, _template: str, context: Any, document: Any) -> None:
    """Remember the text of a page, and give the search page its scripts."""
    if isinstance(document, nodes.document):
        _texts(app)[page] = plain_text(document)
    if page == "search":
        for name in (_FILE, "search_texts.js"):
            app.add_js_file(name, loading_method="defer")


def write_texts(app: Sphinx, error: Exception | None) -> None:
    """Write them when all pages are written."""
    if error is None and app.builder.format == "html":
        content = f"const SEARCH_TEXTS = {json.dumps(_texts(app), ensure_ascii=False)};\n"
        (Path(app.outdir) / "_static" / _FILE).write_text(content, encoding="utf-8")


def _texts(app: Sphinx) -> dict[str, str]:
    return app.env.__dict__.setdefault("search_texts", {})


def setup(app: Sphinx) -> dict[str, bool]:
    """Collect with the pages, and write at the end."""
    script = str(Path(__file__).with_suffix(".js"))
    app.connect("config-inited", lambda _, config: config.html_static_path.append(script))
    app.connect("html-page-context", keep_text)
    app.connect("build-finished", write_texts)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
