"""Make pages light: the icons that they show and no others, and pictures of few colours."""

from __future__ import annotations

import re
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image
from sphinx.application import Sphinx

_RULE = re.compile(r"([^{}]*)\{[^{}]*\}")
_ICON = re.compile(r"\.(fa-[\w-]+):before")
_CODE = re.compile(r"\\(f[0-9a-f]{3})\b")
_WOFF2 = re.compile(r"url\([^)]*\.woff2\) format\(\"woff2\"\),")


def setup(app: Sphinx) -> dict[str, bool]:
    """Work on what Sphinx has written."""
    app.connect("build-finished", _lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _lighten(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        html = Path(app.outdir)
        _keep_icons(html)
        for picture in html.glob("_*/*.png"):
            _reduce_colours(picture)


def _keep_icons(html: Path) -> None:
    """Leave out the rules and glyphs of all icons that no page names."""
    pages = (page.read_text("utf-8") for page in html.rglob("*.html"))
    used = {name for page in pages for name in re.findall(r"\bfa-[\w-]+", page)}
    styles = html / "_static" / "styles" / "pydata-sphinx-theme.css"

    def kept(rule: re.Match[str]) -> str:
        names = _ICON.findall(rule[1])
        return rule[0] if not names or used.intersection(names) else ""

    css = _WOFF2.sub("", _RULE.sub(kept, styles.read_text("utf-8")))
    styles.write_text(css, "utf-8")
    for path in (html / "_static" / "vendor" / "fontawesome" / "webfonts").glob("*.ttf"):
        font, subsetter = TTFont(path), subset.Subsetter()
        subsetter.populate(unicodes=[int(code, 16) for code in _CODE.findall(css)])
        subsetter.subset(font)
        font.save(path)
        path.with_suffix(".woff2").unlink()


def _reduce_colours(picture: Path) -> None:
    """Keep 256 colours, which is all that a figure has to the eye, in a third of the bytes."""
    with Image.open(picture) as image:
        reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    reduced.save(picture, optimize=True)
