"""Give each page the definitions of the terms that it links to, for glossary_tips.js to show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from plain_text import plain_text
from sphinx.application import Sphinx


def add_definitions(app: Sphinx, page: str, _template: str, _context: Any, document: Any) -> None:
    """Write those of a page into it."""
    if not isinstance(document, nodes.document) or page == "glossary":
        return
    links = [link["refuri"] for link in document.findall(nodes.reference) if "refuri" in link]
    terms = {link.split("#")[1] for link in links if "glossary.html#term-" in link}
    if terms:
        known = _definitions(app)
        here = {term: known[term] for term in sorted(terms)}
        text = json.dumps(here, ensure_ascii=False).replace("</", "<\\/")
        app.add_js_file(None, body=f"const GLOSSARY = {text};")
        app.add_js_file("glossary_tips.js", loading_method="defer")


def _definitions(app: Sphinx) -> dict[str, str]:
    """Read the glossary once: from the place of each term to its definition."""
    known: dict[str, str] = app.env.temp_data.get("definitions", {})
    if not known:
        document = app.env.get_and_resolve_doctree("glossary", app.builder)
        for item in document.findall(nodes.definition_list_item):
            for term in item.findall(nodes.term):
                said = next(item.findall(nodes.definition))
                known |= dict.fromkeys(term["ids"], plain_text(said))
        app.env.temp_data["definitions"] = known
    return known


def setup(app: Sphinx) -> dict[str, bool]:
    """Add them to each page as it is written."""
    script = str(Path(__file__).with_suffix(".js"))
    app.connect("config-inited", lambda _, config: config.html_static_path.append(script))
    app.connect("html-page-context", add_definitions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
