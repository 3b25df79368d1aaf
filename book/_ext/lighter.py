"""Make pages light: no styles and icons that no page shows, and pictures of few colours."""

from __future__ import annotations

import re
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image
from sphinx.application import Sphinx

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"([^{}]*)\{[^{}]*\}")
_ANY_OF = re.compile(r":(?:not|is|where|has)\([^()]*\)")
_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_CODE = re.compile(r"\\(f[0-9a-f]{3})\b")
_WOFF2 = re.compile(r"url\([^)]*\.woff2\) format\(\"woff2\"\),")
_LARGE = ("styles/pydata-sphinx-theme.css", "sphinx-design.*css", "mystnb.*.css")
# the theme loads these everywhere, for a search while one types, which this book has not
_SEARCH = re.compile(r'<script src="[^"]*(?:searchtools|language_data|searchindex)\.js"></script>')


def setup(app: Sphinx) -> dict[str, bool]:
    """Work on what Sphinx has written."""
    app.connect("build-finished", _lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _lighten(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        html = Path(app.outdir)
        for page in html.rglob("*.html"):
            if page != html / "search.html":
                page.write_text(_SEARCH.sub("", page.read_text("utf-8")), "utf-8")
        _keep_styles(html)
        for picture in html.glob("_*/*.png"):
            _reduce_colours(picture)


def _keep_styles(html: Path) -> None:
    """Leave out the rules and glyphs for classes that no page or script names in full."""
    texts = [path.read_text("utf-8") for kind in ("html", "js") for path in html.rglob(f"*.{kind}")]
    used = {word for text in texts for word in re.findall(r"[\w-]+", text)}

    def kept(rule: re.Match[str]) -> str:
        selectors = rule[1]
        while selectors != (selectors := _ANY_OF.sub("", selectors)):
            pass  # from the inside out
        named = any(used.issuperset(_CLASS.findall(one)) for one in selectors.split(","))
        return rule[0] if named else ""

    styles = html / "_static"
    for sheet in (sheet for pattern in _LARGE for sheet in styles.glob(pattern)):
        css = _COMMENT.sub("", sheet.read_text("utf-8"))
        sheet.write_text(_WOFF2.sub("", _RULE.sub(kept, css)), "utf-8")
    codes = _CODE.findall((styles / "styles" / "pydata-sphinx-theme.css").read_text("utf-8"))
    for path in (styles / "vendor" / "fontawesome" / "webfonts").glob("*.ttf"):
        font, subsetter = TTFont(path), subset.Subsetter()
        subsetter.populate(unicodes=[int(code, 16) for code in codes])
        subsetter.subset(font)
        font.save(path)
        path.with_suffix(".woff2").unlink()


def _reduce_colours(picture: Path) -> None:
    """Keep 256 colours, which is all that a figure has to the eye, in a third of the bytes."""
    with Image.open(picture) as image:
        reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    reduced.save(picture, optimize=True)
