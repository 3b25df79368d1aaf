"""The text of a page without its markup, for search results and for definitions on hover."""

from __future__ import annotations

import re
import unicodedata

from docutils import nodes
from sphinx.addnodes import desc_signature

_FUNCTIONS = re.compile(r"\\(ln|log|sqrt|exp|max|min)\b")
_SIGNS = {r"\in": "∈", r"\to": "→", r"\cdot": "·", r"\,": " ", r"\le": "≤", r"\ge": "≥"}
_NOT_SHOWN = (nodes.raw, nodes.comment, nodes.image, nodes.math_block, nodes.literal_block)


def plain_text(node: nodes.Node) -> str:
    """Write the text of a node in one line, with simple formulas as they are read."""
    return " ".join("".join(_parts(node)).split())


def plain_formula(tex: str) -> str:
    """Write a formula without TeX; one that cannot be written in a line is an ellipsis."""
    text = _FUNCTIONS.sub(r"\1", tex)
    for sign, character in _SIGNS.items():
        text = re.sub(re.escape(sign) + r"(?![a-z])", character, text)
    text = re.sub(r"\\([A-Za-z]+)", lambda found: _greek(found[1]) or found[0], text)
    return "…" if re.search(r"[\\{}^_]", text) else text.replace("-", "\N{MINUS SIGN}")


def _greek(name: str) -> str:
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {name.replace('lambda', 'lamda')}")
    except KeyError:
        return ""


def _parts(node: nodes.Node) -> list[str]:
    if isinstance(node, nodes.Text):
        return [node.astext()]
    if isinstance(node, nodes.math):
        return [plain_formula(node.astext())]
    if isinstance(node, _NOT_SHOWN):
        return []
    inside = [part for child in node.children for part in _parts(child)]
    inline = isinstance(node, nodes.Inline) and not isinstance(node, desc_signature)
    return inside if inline else [*inside, " "]
