"""Say on each hidden cell what it opens: the code of which figure or table."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput, visit_HideCellInput
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class NameHiddenCells(SphinxPostTransform):
    """Word the labels of hidden cells."""

    default_priority = 198  # MyST-NB makes the labels next
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Name what each cell makes by its number, where it has one."""
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code" and cell.get("hide_mode"):
                what = self._number(cell)
                if "tag_parameters" in cell["classes"]:
                    what = "the parameters and their defaults"
                elif cell["hide_mode"] == "input":
                    shows = cell.children[-1].get("nb_element") == "cell_code_output"
                    what = f"the code of {what or ('the text below' if shows else 'this step')}"
                cell["prompt_show"] = f"Show {what or 'the output'}"
                cell["prompt_hide"] = f"Hide {what or 'the output'}"

    def _number(self, cell: nodes.Element) -> str:
        kinds = {"table": "Table", "figure": "Fig."}
        numbers = self.env.toc_fignumbers.get(self.env.docname, {})
        for figure in cell.findall(nodes.figure):
            for kind, name in kinds.items():
                for place in set(figure["ids"]) & set(numbers.get(kind, {})):
                    return f"{name} {'.'.join(map(str, numbers[kind][place]))}"
        return ""


def _visit(writer: Any, node: nodes.Element) -> None:
    """Write the cell as MyST-NB does, without the label that would hide what the text says."""
    start = len(writer.body)
    visit_HideCellInput(writer, node)
    parts = [
        part.replace(' aria-label="Toggle hidden content"', "") for part in writer.body[start:]
    ]
    writer.body[start:] = parts


def setup(app: Sphinx) -> dict[str, bool]:
    """Word the labels, and write them."""
    app.setup_extension("myst_nb")
    app.add_node(HideCodeCellNode, override=True, html=(_visit, depart_HideCellInput))
    app.add_post_transform(NameHiddenCells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
