"""Give the explorer's page and pages with sliders their scripts, and no other page.

The libraries are in ``scripts/vendor`` once they were installed; without them no page loads a
script, and each shows its pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

_LIBRARIES = ("d3.min.js", "plot.umd.min.js")
_EXPLORER, _SLIDER = 'id="ww-explorer"', 'class="ww-slider"'  # what a page with them holds


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the folder of scripts, and what the run has written, to the static files."""
    app.connect("config-inited", _add_files)
    app.connect("html-page-context", _add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _data(source: Path) -> list[Path]:
    return sorted((source / "chapters").glob("*-explorer.js"))


def _add_files(app: Sphinx, config: Config) -> None:
    source = Path(app.srcdir)
    config.html_static_path += [str(path) for path in (source / "scripts", *_data(source))]


def _add_scripts(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _: Any) -> None:
    source, body = Path(app.srcdir), context.get("body", "")
    scripts: list[str] = []
    if _EXPLORER in body:
        libraries = [f"vendor/{name}" for name in _LIBRARIES]
        scripts = [*libraries, "shared.js", *(path.name for path in _data(source)), "explorer.js"]
    elif _SLIDER in body:
        scripts = ["sliders.js"]  # it loads the libraries when they are needed
    if scripts and (source / "scripts" / "vendor").is_dir():
        app.add_css_file("moving.css")
        for name in scripts:
            app.add_js_file(name, loading_method="defer")
