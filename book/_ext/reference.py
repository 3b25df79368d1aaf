"""Write a page for every public function and class, from what the packages export.

``reference_packages`` names them. Each becomes ``reference/PACKAGE`` with a list of what it
exports, and each name a page below it, which autodoc and numpydoc fill from the docstring. A name
that several packages export belongs to the first.
"""

from __future__ import annotations

import importlib
import inspect
import pydoc
import re
import shutil
import sys
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode


def exported(packages: list[str]) -> dict[str, dict[str, Any]]:
    """Find the functions and classes of each package, each of them once."""
    found: dict[str, dict[str, Any]] = {}
    seen: set[int] = set()
    for package in packages:
        module = importlib.import_module(package)
        parts = {name: getattr(module, name) for name in sorted(module.__all__, key=str.lower)}
        found[package] = {
            name: part
            for name, part in parts.items()
            if (inspect.isclass(part) or inspect.isroutine(part)) and id(part) not in seen
        }
        seen |= {id(part) for part in found[package].values()}
    return found


def methods(part: Any) -> dict[str, Any]:
    """Find the public methods of a class; one that derives from ours fills in its base's."""
    if not inspect.isclass(part):
        return {}
    root = part.__module__.partition(".")[0]
    if any(base.__module__.partition(".")[0] == root for base in part.__mro__[1:]):
        return {}
    return {n: m for n, m in vars(part).items() if n[0] != "_" and inspect.isfunction(m)}


def _properties(part: type) -> list[str]:
    """Name what a class computes when it is asked for."""
    computed = property, cached_property
    return [n for n, p in vars(part).items() if n[0] != "_" and isinstance(p, computed)]


def _ours(part: type) -> list[type]:
    """List the classes of this library that a class takes fields from."""
    return [base for base in part.__mro__[1:] if is_dataclass(base) and fields(base)]


def write_pages(app: Sphinx, config: Config) -> None:
    """Write the pages before the table of contents is read, which finds them by their folder."""
    folder = Path(app.srcdir) / "reference"
    shutil.rmtree(folder, ignore_errors=True)
    for package, parts in exported(config.reference_packages).items():
        below = folder / package
        below.mkdir(parents=True)
        for name, part in parts.items():
            (below / f"{name}.rst").write_text(_page(package, name, part), encoding="utf-8")
        lines = {name: inspect.getdoc(part).splitlines()[0] for name, part in parts.items()}
        names = "".join(f":py:obj:`{name}`\n   {line}\n\n" for name, line in lines.items())
        text = f".. automodule:: {package}\n\n{names}"
        (folder / f"{package}.rst").write_text(_title(package) + text, encoding="utf-8")


def _page(package: str, name: str, part: Any) -> str:
    page = _title(name) + f".. currentmodule:: {package}\n\n"
    if not inspect.isclass(part):
        return f"{page}.. autofunction:: {name}\n"
    page += f".. autoclass:: {name}\n"
    if own := [*_properties(part), *methods(part)]:
        page += f"   :members: {', '.join(own)}\n"
    # a dataclass takes the fields of those it derives from
    for base in _ours(part):
        page += f"\n.. autoclass:: {base.__module__}.{base.__name__}\n   :no-index:\n"
    return page


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


def find_reference(
    app: Sphinx, env: BuildEnvironment, node: nodes.Element, shown: nodes.TextElement
) -> nodes.Element | None:
    """Link what docstrings name by another path than their page; what has no page is no link."""
    if node.get("refdomain") != "py":
        return None
    name = node["reftarget"].rsplit(".", 1)[-1]
    for full, entry in env.get_domain("py").objects.items():  # type: ignore[attr-defined]
        if full.rsplit(".", 1)[-1] == name:
            here = node["refdoc"]
            return make_refnode(app.builder, here, entry.docname, entry.node_id, shown, full)
    ours = [module for key, module in sys.modules.items() if key.startswith("wordweights")]
    known = pydoc.locate(node["reftarget"]) or any(hasattr(module, name) for module in ours)
    return shown if known else None


def escape(_app: Sphinx, *about: Any) -> None:
    """Show what is no markup in a docstring or the help of a command: a type and a pattern."""
    lines, wrong = about[-1], re.compile(r"(?<=np\.bool)_|(?<=/)\*(?=\.)")
    lines[:] = [line if ">>>" in line else wrong.sub(r"\\\g<0>", line) for line in lines]


def show_as_typed(_app: Sphinx, *about: Any) -> None:
    """Show options and what stands in quotes in the help of options as code, as it is typed."""
    lines, typed = about[-1], re.compile(r"(?<![\w`-])(--[a-z][\w-]*)|'([^']+)'")
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((".. ", ":")):
            lines[i] = typed.sub(lambda found: f"``{found[1] or found[2]}``", line)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write before sphinx-external-toc excludes what its file does not name."""
    app.add_config_value("reference_packages", [], "env")
    app.connect("config-inited", write_pages, priority=100)
    app.connect("missing-reference", find_reference)
    app.connect("autodoc-process-docstring", escape, priority=900)  # after numpydoc
    app.connect("sphinx-click-process-description", escape)
    app.connect("sphinx-click-process-options", show_as_typed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
