"""Put each numbered table beside the book as a CSV file, and say what its columns are.

A table of a chapter carries its CSV in the address of a link, and one that a page has in its text
is read from there. Each becomes a file with the name of the table,
``data/tab-03-correlations.csv``. The directive ``about-tables`` lists all such
tables, or all their columns, as ``data/columns.toml`` describes them; a column that it does not
describe is a warning, which fails a strict build.
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
_MINUS = re.compile(r"\N{MINUS SIGN}(?=\d)")
_NUMBER = re.compile(r"_w?\d+$")  # of several side by side: mean_0, mean_1


class about_tables(nodes.Element):  # noqa: N801 - docutils names its nodes so
    """Where the list of tables, or that of their columns, will be."""


class AboutTables(SphinxDirective):
    """All numbered tables as files, or all their columns."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Leave a place: the other pages may not have been read."""
        return [about_tables(what=self.arguments[0])]


class DescribeTables(SphinxPostTransform):
    """Fill the places, before references are resolved."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        """Read the tables of all pages, and list them."""
        places = list(self.document.findall(about_tables))
        if not places:
            return
        file = Path(self.app.srcdir) / "data" / "columns.toml"
        about = tomllib.loads(file.read_text("utf-8"))
        self.env.note_dependency(str(file))
        for page, kinds in self.env.toc_fignumbers.items():
            if "table" in kinds and page != self.env.docname:
                self.env.get_and_resolve_doctree(page, self.app.builder)  # which writes its files
        kinds = self.env.toc_fignumbers.values()
        numbers = {name: n for some in kinds for name, n in some.get("table", {}).items()}
        at = {name: numbers.get(name, ()) for name in sorted(_files(self.app))}
        names = sorted(at, key=lambda name: (-len(at[name]), at[name]))  # chapters first
        tables = {name: self._describe(name, about) for name in names}
        computed = tables.keys() - _of_text(self.app)
        used = {column for name in computed for column in _plain(_files(self.app)[name])}
        columns = {c: about["columns"][c] for c in sorted(used & set(about["columns"]))}
        for place in places:
            listed = nodes.definition_list(classes=["about-tables"])
            for term, said in tables.values() if place["what"] == "tables" else _terms(columns):
                listed += nodes.definition_list_item("", term, said)
            place.replace_self(listed)

    def _describe(self, name: str, about: dict[str, Any]) -> tuple[nodes.term, nodes.definition]:
        """Name a table, say how it was made, and name its columns."""
        here = dict(about["tables"].get(name, {}))
        made, columns = here.pop("made", ""), _plain(_files(self.app)[name])
        if name in _of_text(self.app):
            made = "As its page shows it, and says where it is from."
        else:
            for column in columns:
                if column not in about["columns"] | here:
                    _LOGGER.warning("data/columns.toml does not describe %r of %s", column, name)
        if not made:
            _LOGGER.warning("data/columns.toml does not say how the table %s was made", name)
        number = pending_xref("", nodes.inline(), refdomain="std", reftype="numref", reftarget=name)
        number.attributes |= {"refexplicit": False, "refdoc": self.env.docname, "refwarn": True}
        address = relative_uri(self.app.builder.get_target_uri(self.env.docname), _path(name))
        file = nodes.reference("", f"{name}.csv", refuri=address)
        said = [f"{made} Columns: {', '.join(f'`{column}`' for column in columns)}."]
        said += [f"`{column}` is here: {text}" for column, text in here.items()]
        paragraphs = [nodes.paragraph("", "", *_text(text)) for text in said]
        return nodes.term("", "", number, nodes.Text(", "), file), nodes.definition("", *paragraphs)


def _plain(columns: list[str]) -> list[str]:
    """Leave out the ends and errors of other columns, and the numbers behind names."""
    names = dict.fromkeys(_NUMBER.sub("", column) for column in columns)
    ends = {f"{name}{suffix}" for name in names for suffix in ("_low", "_high", "_error")}
    return [name for name in names if name not in ends]


def _terms(columns: dict[str, str]) -> list[tuple[nodes.term, nodes.definition]]:
    return [
        (
            nodes.term("", "", nodes.literal("", column)),
            nodes.definition("", nodes.paragraph("", "", *_text(text))),
        )
        for column, text in columns.items()
    ]


def _text(text: str) -> list[nodes.Node]:
    """Read what stands between backquotes as code."""
    parts = enumerate(text.split("`"))
    return [nodes.literal("", part) if i % 2 else nodes.Text(part) for i, part in parts if part]


def write_files(app: Sphinx, document: nodes.document, page: str) -> None:
    """Write the CSV of each numbered table of a page, and link to it."""
    for table in document.findall(numbered_table):
        name = table["ids"][0]
        for raw in list(table.findall(nodes.raw)):
            if link := _LINK.search(raw.astext()):
                address = _write(app, page, name, base64.b64decode(link[1]).decode())
                text = _LINK.sub(address, raw.astext())
                raw.replace_self(nodes.raw("", text, format="html"))
    for table in document.findall(nodes.table):
        # those without a name are parts of the numbered ones, or of the reference
        if name := next((n for n in table["ids"] if n.startswith("tab-")), None):
            rows = [
                [_MINUS.sub("-", cell.astext()) for cell in row] for row in table.findall(nodes.row)
            ]
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(rows)
            _of_text(app).add(name)
            link = f"<a {_write(app, page, name, text.getvalue())}>This table as CSV</a>"
            place = nodes.raw("", f'<p class="table-download">{link}</p>', format="html")
            table.parent.insert(table.parent.index(table) + 1, place)


def _write(app: Sphinx, page: str, name: str, text: str) -> str:
    """Write the file of a table, and give what a link on a page needs."""
    file = Path(app.outdir) / _path(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    _files(app)[name] = next(csv.reader(io.StringIO(text)))
    address = relative_uri(app.builder.get_target_uri(page), _path(name))
    return f'download="{name}.csv" href="{address}"'


def _files(app: Sphinx) -> dict[str, list[str]]:
    """From the name of each table written so far to its columns."""
    return app.env.__dict__.setdefault("tables_as_files", {})


def _of_text(app: Sphinx) -> set[str]:
    """Name those that stand in the text of a page."""
    return app.env.__dict__.setdefault("tables_of_text", set())


def _path(name: str) -> str:
    return f"data/{name}.csv"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register them; files are written with the pages."""
    app.add_node(about_tables)
    app.add_directive("about-tables", AboutTables)
    app.add_post_transform(DescribeTables)
    app.connect("doctree-resolved", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
