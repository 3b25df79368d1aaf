"""Number tables that are no tables of Markdown: outputs of chapters, and what a page pastes.

Sphinx counts figures and tables apart, and MyST-NB makes a figure of every output with a caption. A
name that begins with ``tab-`` makes it a table. On a page, the directive ``numbered-table`` has the
caption as its argument and the pasted output as its content.
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective


class numbered_table(nodes.figure):  # noqa: N801 - docutils names its nodes so
    """A figure that is counted among the tables."""


class caption_above(nodes.caption):  # noqa: N801
    """A caption that ends before the table; docutils ends that of a figure with the figure."""


class NumberedTable(SphinxDirective):
    """Any content, as a table with a caption."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"name": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Put the caption above the content."""
        text, messages = self.parse_inline(self.arguments[0])
        caption = caption_above("", "", *text)
        table = numbered_table("", caption, *self.parse_content_to_nodes())
        table["classes"] = ["numbered-table"]
        self.set_source_info(table)
        self.add_name(table)
        return [table, *messages]


class NumberTables(SphinxTransform):
    """Turn the figures whose names begin with tab- into tables, with the caption above."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        """Replace their nodes."""
        for figure in list(self.document.findall(nodes.figure)):
            if any(name.startswith("tab-") for name in figure["names"]):
                captions = [part for part in figure if isinstance(part, nodes.caption)]
                rest = [part for part in figure if part not in captions]
                above = [caption_above("", "", *old.children, **old.attributes) for old in captions]
                table = numbered_table("", *above, *rest, **figure.attributes)
                table["classes"] = [*table["classes"], "numbered-table"]
                figure.replace_self(table)
                self.document.ids |= dict.fromkeys(table["ids"], table)  # what references find


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the node, which is written as a figure, the directive and the transform."""
    app.add_enumerable_node(numbered_table, "table", html=(_visit, _depart))
    app.add_node(caption_above, html=(_visit_caption, _depart_caption))
    app.add_directive("numbered-table", NumberedTable)
    app.add_transform(NumberTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _visit(writer: Any, node: nodes.Element) -> None:
    writer.visit_figure(node)


def _depart(writer: Any, _: nodes.Element) -> None:
    writer.body.append("</figure>\n")


def _visit_caption(writer: Any, node: nodes.Element) -> None:
    writer.visit_caption(node)


def _depart_caption(writer: Any, node: nodes.Element) -> None:
    writer.depart_caption(node)
    writer.body.append("</figcaption>\n")
