"""Put each numbered table beside the book as a CSV file, and say what its columns are.

A table of a chapter carries its CSV in the address of a link. Here it becomes a file with the name
of the table, ``data/tab-03-correlations.csv``. The directive ``columns-of-tables`` lists every such
table with its columns, as ``data/columns.toml`` describes them; a column that it does not describe
is a warning, which fails a strict build.
"""

from __future__ import annotations

import base64
import csv
import io
import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from numbered_tables import numbered_table
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

_LOGGER = logging.getLogger(__name__)
_LINK = re.compile(r'download="[^"]*" href="data:text/csv;base64,([^"]*)"')
_NUMBER = re.compile(r"_\d+$")  # of several encoders side by side: mean_0, mean_1


class columns_of_tables(nodes.Element):  # noqa: N801 - docutils names its nodes so
    """Where the list of tables will be."""


class ColumnsOfTables(SphinxDirective):
    """All numbered tables that can be downloaded, and what their columns are."""

    def run(self) -> list[nodes.Node]:
        """Leave a place: the other pages may not have been read."""
        return [columns_of_tables()]


class DescribeTables(SphinxPostTransform):
    """Fill the places, before references are resolved."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        """Read the tables of all pages, and list them."""
        places = list(self.document.findall(columns_of_tables))
        if not places:
            return
        file = Path(self.app.srcdir) / "data" / "columns.toml"
        about = tomllib.loads(file.read_text("utf-8"))
        self.env.note_dependency(str(file))
        for page, kinds in sorted(self.env.toc_fignumbers.items()):
            if "table" in kinds:
                self.env.get_and_resolve_doctree(page, self.app.builder)  # which writes its files
        found = [self._describe(name, about) for name in sorted(_files(self.app))]
        for place in places:
            place.replace_self([node for nodes_ in found for node in nodes_])

    def _describe(self, name: str, about: dict[str, Any]) -> list[nodes.Node]:
        """Name a table, say how it was made, and list its columns."""
        _, columns = _files(self.app)[name]
        made = about["tables"].get(name)
        if made is None:
            _LOGGER.warning("data/columns.toml does not say how the table %s was made", name)
        number = pending_xref(
            "", nodes.inline("", ""), refdomain="std", reftype="numref", reftarget=name
        )
        number.attributes |= {"refexplicit": False, "refdoc": self.env.docname, "refwarn": True}
        address = relative_uri(self.app.builder.get_target_uri(self.env.docname), _path(name))
        file = nodes.reference("", f"{name}.csv", refuri=address)
        head = nodes.paragraph("", "", number, nodes.Text(", "), file)
        head += nodes.Text(f": {made}" if made else "")
        listed = nodes.definition_list()
        for column in columns:
            text = about["columns"].get(_NUMBER.sub("", column))
            if text is None:
                _LOGGER.warning("data/columns.toml does not describe %r of %s", column, name)
            term = nodes.term("", "", nodes.literal("", column))
            said = nodes.definition("", nodes.paragraph("", text or ""))
            listed += nodes.definition_list_item("", term, said)
        return [head, listed]


def write_files(app: Sphinx, document: nodes.document, page: str) -> None:
    """Write the CSV of each numbered table of a page, and link to it."""
    for table in document.findall(numbered_table):
        name = table["ids"][0]
        for raw in list(table.findall(nodes.raw)):
            if link := _LINK.search(raw.astext()):
                content = base64.b64decode(link[1])
                file = Path(app.outdir) / _path(name)
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content)
                address = relative_uri(app.builder.get_target_uri(page), _path(name))
                text = _LINK.sub(f'download="{name}.csv" href="{address}"', raw.astext())
                raw.replace_self(nodes.raw("", text, format="html"))
                head = next(csv.reader(io.StringIO(content.decode())))
                _files(app)[name] = page, head


def _files(app: Sphinx) -> dict[str, tuple[str, list[str]]]:
    """From the name of each table written so far to its page and its columns."""
    return app.env.__dict__.setdefault("tables_as_files", {})


def _path(name: str) -> str:
    return f"data/{name}.csv"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register them; files are written with the pages."""
    app.add_node(columns_of_tables)
    app.add_directive("columns-of-tables", ColumnsOfTables)
    app.add_post_transform(DescribeTables)
    app.connect("doctree-resolved", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
