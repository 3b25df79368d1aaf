"""Mark the content of a page in another language, which it names at its top: ``language: ja``."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def mark_language(app: Sphinx, page: str, _template: str, context: Any, _document: Any) -> None:
    """Wrap the content, so that screen readers and hyphenation know."""
    if language := app.env.metadata.get(page, {}).get("language"):
        context["body"] = f'<div lang="{language}">{context["body"]}</div>'


def setup(app: Sphinx) -> dict[str, bool]:
    """Mark each page as it is written."""
    app.connect("html-page-context", mark_language)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
