"""The book on a phone, in the dark and on paper, as a browser shows it; and what a page weighs."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from fontTools.ttLib import TTFont
from offline import wake_sliders
from PIL import Image

from wordweights.figures.style import palette

PHONE, PAPER, HEAVIEST = 390, 680, 1_500_000  # pixels; the width of A4 between its margins; bytes
WIDE = ".pst-scrollable-table-container, .output.text_html, div.math > mjx-container, pre"


@pytest.fixture(scope="session")
def written(smoke: Any) -> dict[str, Path]:
    """Every page that a reader can open."""
    found = {
        str(path.relative_to(smoke.html).with_suffix("")): path
        for path in sorted(smoke.html.rglob("*.html"))
        if "_static" not in path.parts and path.name != "index.html"  # which leads to the first
    }
    assert len(found) > 10
    return found


@dataclass(frozen=True)
class Looked:
    """What a page loads, and how it stands on a phone and on paper."""

    loaded: set[Path]
    width: int
    pictures: list[dict[str, Any]]
    wide: list[dict[str, Any]]
    fits: list[dict[str, Any]]
    over: list[str]
    together: list[str]


ON_PHONE = """() => {
  const all = query => [...document.querySelectorAll(`article :is(${query})`)];
  const visible = e => e.checkVisibility({contentVisibilityAuto: true});
  const seen = all(WIDE).filter(visible);
  const told = e => ({
    hidden: e.scrollWidth - e.clientWidth,
    more: e.dataset.more ?? null, index: e.tabIndex, role: e.getAttribute("role"),
    label: e.getAttribute("aria-label"), mask: getComputedStyle(e).maskImage,
  });
  return {
    width: document.documentElement.scrollWidth,
    pictures: all("img").filter(visible).map(e => ({
      width: e.width, height: e.height, source: e.src,
      shape: e.naturalWidth / e.naturalHeight,
    })),
    wide: seen.map(told).filter(e => e.hidden > 1),
    fits: seen.map(told).filter(e => e.hidden <= 1),
  };
}""".replace("WIDE", f"'{WIDE}'")
ON_PAPER = """() => {
  const all = query => [...document.querySelectorAll(`article ${query}`)];
  const right = e => e.getBoundingClientRect().left + Math.max(e.offsetWidth, e.scrollWidth);
  return {
    over: all(":is(table, pre, mjx-container, img)").filter(e => right(e) > PAPER)
      .map(e => e.outerHTML.slice(0, 99)),
    together: all("figure:has(img)").map(e => getComputedStyle(e).breakInside),
  };
}""".replace("PAPER", str(PAPER))


@pytest.fixture(scope="session")
def looked(chromium: Any, written: dict[str, Path]) -> dict[str, Looked]:
    """Every page, opened once."""
    found = {}
    for name, path in written.items():
        loaded: set[Path] = set()
        page = _open(chromium, path, PHONE, loaded=loaded)
        wake_sliders(page)
        phone = page.evaluate(ON_PHONE)
        page.set_viewport_size({"width": PAPER, "height": 900})
        page.emulate_media(media="print")
        found[name] = Looked(loaded=loaded, **phone, **page.evaluate(ON_PAPER))
        page.context.close()
    return found


def _open(
    chromium: Any, path: Path, width: int, mode: str = "light", loaded: set[Path] | None = None
) -> Any:
    look = {"viewport": {"width": width, "height": 900}, "color_scheme": mode}
    page = chromium.new_context(offline=True, **look).new_page()
    if loaded is not None:
        page.on("request", lambda asked: loaded.update(_files(asked.url)))
    page.goto(path.as_uri())
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    return page


def _files(address: str) -> set[Path]:
    parts = urlsplit(address)
    assert parts.scheme in ("file", "data", "blob"), address
    return {Path(unquote(parts.path))} if parts.scheme == "file" else set()


def _pixel(shown: bytes, x: int, y: int) -> tuple[int, ...]:
    return Image.open(io.BytesIO(shown)).convert("RGB").getpixel((x, y))


def test_no_page_is_heavy(looked: dict[str, Looked]) -> None:
    weights = {n: sum(file.stat().st_size for file in page.loaded) for n, page in looked.items()}
    assert min(weights.values()) > 100_000  # the theme is among what was counted
    assert {name: weight for name, weight in weights.items() if weight > HEAVIEST} == {}


def test_every_icon_has_its_glyph(chromium: Any, smoke: Any, written: dict[str, Path]) -> None:
    fonts = (smoke.html / "_static" / "vendor" / "fontawesome" / "webfonts").glob("*.ttf")
    glyphs = {chr(code) for path in fonts for code in TTFont(path).getBestCmap() or ()}
    page = _open(chromium, written["intro"], 1280)
    icons = page.evaluate(
        "[...document.querySelectorAll('i[class*=fa-]')].map("
        "icon => getComputedStyle(icon, '::before').content)"
    )
    page.context.close()
    assert len(icons) >= 5
    assert {icon.strip('"') for icon in icons} <= glyphs


def test_a_phone_shows_figures_as_they_are_and_no_page_runs_over(
    looked: dict[str, Looked],
) -> None:
    assert {name: page.width for name, page in looked.items() if page.width > PHONE} == {}
    pictures = [picture for page in looked.values() for picture in page.pictures]
    assert len(pictures) >= 20
    for picture in pictures:
        assert 0 < picture["width"] <= PHONE, picture
        assert picture["width"] / picture["height"] == pytest.approx(picture["shape"], rel=0.02)


def test_what_is_wide_is_a_region_with_a_name_and_a_hint(looked: dict[str, Looked]) -> None:
    wide = [region for page in looked.values() for region in page.wide]
    for region in wide:
        assert (region["index"], region["role"], region["more"]) == (0, "group", "right"), region
        assert "linear-gradient" in region["mask"]
    for region in (region for page in looked.values() for region in page.fits):
        assert region["more"] is None, region
        assert region["label"] is None
    kinds = {re.sub(r"[ ,].*", "", region["label"]) for region in wide}
    assert kinds == {"Code", "Equation", "Table"}


def test_what_is_wide_scrolls_by_keyboard(chromium: Any, written: dict[str, Path]) -> None:
    page = _open(chromium, written["chapters/03_correlations"], PHONE)
    table = page.locator("[aria-label='Table 3.1, scrolls sideways']")
    table.focus()
    for _ in range(100):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "document.querySelector('[aria-label^=\"Table 3.1,\"]').dataset.more === 'left'"
    )
    page.context.close()


def test_the_dark_has_no_white_and_no_frames(chromium: Any, written: dict[str, Path]) -> None:
    for name in ("intro", "chapters/03_correlations"):
        page = _open(chromium, written[name], 1280, "dark")
        ground = _pixel(page.screenshot(), 5, 5)
        assert max(ground) < 40
        for figure in page.query_selector_all("article img"):
            figure.scroll_into_view_if_needed()
            assert _pixel(figure.screenshot(), 1, 1) == pytest.approx(ground, abs=2)
        for shaded in page.query_selector_all(".output.text_html"):
            if shaded.is_visible():
                assert shaded.evaluate("e => getComputedStyle(e).backgroundColor").endswith(" 0)")
        page.context.close()


def test_colours_of_figures_are_told_apart_from_a_dark_ground(
    chromium: Any, written: dict[str, Path]
) -> None:
    page = _open(chromium, written["chapters/03_correlations"], 1280, "dark")
    look = page.evaluate("getComputedStyle(document.querySelector('article img')).filter")
    page.set_content(
        "<body style='margin:0;background:#121212'>"
        + "".join(
            f"<p style='margin:0;height:9px;background:{c};filter:{look}'>" for c in palette()
        )
    )
    shown = page.screenshot()
    page.context.close()
    ground = _luminance(_pixel(shown, 5, 880))
    for i, colour in enumerate(palette()):
        bright = _luminance(_pixel(shown, 5, 9 * i + 4))
        assert (bright + 0.05) / (ground + 0.05) >= 3, colour


def _luminance(colour: tuple[int, ...]) -> float:
    parts = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_paper_cuts_nothing_and_parts_no_figure_from_its_caption(
    looked: dict[str, Looked],
) -> None:
    assert {name: page.over for name, page in looked.items() if page.over} == {}
    assert {how for page in looked.values() for how in page.together} == {"avoid"}


def test_formulas_are_finished(written: dict[str, Path]) -> None:
    text = written["quadrature"].read_text("utf-8")
    assert "<mjx-container" in text
    assert "<math " in text
    for name, path in written.items():
        page = path.read_text("utf-8")
        assert not re.search(r"<script[^>]*mathjax", page), name
        assert not re.search(r'class="math[^>]*>\\[(\[]', page), name


def test_no_output_is_the_name_of_its_object(written: dict[str, Path]) -> None:
    for name, path in written.items():
        assert "&lt;IPython.core" not in path.read_text("utf-8"), name
