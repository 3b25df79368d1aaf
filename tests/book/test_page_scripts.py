"""Scripts are given to the pages that hold what they move, where the libraries are installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"
CONTENTS = ".. toctree::\n\n   explorer\n   chapter"
PAGES = {
    "index": "",
    "explorer": '<div id="ww-explorer"></div>',
    "chapter": '<div class="ww-slider" data-kind="path"></div>',
}


@pytest.mark.parametrize("installed", [True, False])
def test_pages_load_what_they_need(tmp_path: Path, *, installed: bool) -> None:
    conf = f"import sys; sys.path.insert(0, {str(EXTENSIONS)!r}); extensions = ['page_scripts']"
    (tmp_path / "conf.py").write_text(conf)
    for name, html in PAGES.items():
        raw = f".. raw:: html\n\n   {html}\n" if html else CONTENTS
        (tmp_path / f"{name}.rst").write_text(f"{name}\n{'=' * len(name)}\n\n{raw}")
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "03_x-explorer.js").touch()
    scripts = tmp_path / "scripts"
    (scripts / "vendor").mkdir(parents=True) if installed else scripts.mkdir()
    for name in ("shared.js", "explorer.js", "sliders.js", "moving.css"):
        (scripts / name).touch()
    for name in ("d3.min.js", "plot.umd.min.js") if installed else ():
        (scripts / "vendor" / name).touch()
    out = tmp_path / "out"
    Sphinx(tmp_path, tmp_path, out, tmp_path / "doctrees", "html", status=None).build()
    loaded = {}
    for name in PAGES:
        soup = BeautifulSoup((out / f"{name}.html").read_text(), "html.parser")
        files = [
            tag["src"].split("?")[0].removeprefix("_static/") for tag in soup("script", src=True)
        ]
        loaded[name] = [file for file in files if (scripts / file).exists() or "-explorer" in file]
    explorer = ["vendor/d3.min.js", "vendor/plot.umd.min.js", "shared.js", "03_x-explorer.js"]
    wanted = {"explorer": [*explorer, "explorer.js"], "chapter": ["sliders.js"]}
    assert loaded == {name: wanted.get(name, []) if installed else [] for name in PAGES}
    assert all((out / "_static" / file).is_file() for files in loaded.values() for file in files)
