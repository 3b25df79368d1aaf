"""Every page as those meet it who read by ear, by keyboard, in the dark or on a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from offline import open_offline, wake_sliders
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# not the hundreds of boxes that a formula is made of
CONTEXT = "{exclude: [['mjx-container > *']]}"
# from disk, style sheets cannot be fetched a second time
SETTINGS = "preload: false, resultTypes: ['violations']"
# colours on their way from light to dark are no colours of a page
STILL = "*, *::before, *::after { transition: none !important; }"
# what watches the sizes of elements has looked when two frames have been drawn
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def files(smoke: Any) -> list[Path]:
    """All pages; index.html only leads to the first one."""
    found = sorted(smoke.html.rglob("*.html"))
    return [file for file in found if file.name != "index.html" and "_static" not in file.parts]


def opened(chromium: Browser) -> tuple[Page, list[str]]:
    """Open a wide and light page, and what will go wrong in it."""
    return open_offline(chromium, color_scheme="light", viewport=WIDE)


def test_axe_finds_nothing_and_the_console_is_silent(chromium: Browser, files: list[Path]) -> None:
    axe, found = AXE.read_text("utf-8"), []
    page, said = opened(chromium)

    def look(mode: str, rules: str = "") -> None:
        report = page.evaluate(f"axe.run({CONTEXT}, {{{SETTINGS}{rules}}})")
        for violation in report["violations"]:
            places = [node["target"] for node in violation["nodes"]][:3]
            about = f"{violation['id']} ({violation['help']}) at {places}"
            found.append(f"{file.name}, {mode}: {about}")

    for file in files:
        page.set_viewport_size(WIDE)
        page.goto(file.as_uri())
        wake_sliders(page)
        page.add_style_tag(content=STILL)
        page.evaluate(axe)
        page.evaluate(DRAWN)
        look("light")
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        look("dark", ", runOnly: ['color-contrast']")  # nothing but colours differs
        page.set_viewport_size(PHONE)
        page.evaluate(DRAWN)
        look("phone", ", rules: {'color-contrast': {enabled: false}}")  # seen already
    assert not found, "\n".join(found)
    assert not said, "\n".join(said)


def test_tables_have_a_caption_and_heads_with_a_scope(files: list[Path]) -> None:
    n_tables = 0
    for file in files:
        soup = BeautifulSoup(file.read_text("utf-8"), "html.parser")
        for table in soup.select("article table"):
            n_tables += 1
            place = table.find_parent("figure") or table
            assert place.find(["caption", "figcaption"]), (file.name, table)
            assert all(head.get("scope") for head in table.select("thead th")), (file.name, table)
    assert n_tables > 20


def test_copy_buttons_appear_with_the_focus(chromium: Browser, smoke: Any) -> None:
    page, _ = opened(chromium)
    page.goto((smoke.html / "ja.html").as_uri())
    button = page.locator("button.copybtn").first
    assert button.evaluate("it => getComputedStyle(it).opacity") == "0"
    button.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")  # focus by the keyboard, which shows
    page.wait_for_function("getComputedStyle(document.activeElement).opacity == '1'")
    assert "copybtn" in (page.evaluate("document.activeElement.className"))


def test_formulas_are_no_stops_of_the_keyboard(chromium: Browser, smoke: Any) -> None:
    page, _ = opened(chromium)
    page.goto((smoke.html / "quadrature.html").as_uri())
    page.wait_for_selector("mjx-container")
    assert page.locator("mjx-container:not([data-more])[tabindex='0']").count() == 0


def test_hidden_cells_say_what_they_open(smoke: Any) -> None:
    labels = []
    for file in sorted((smoke.html / "chapters").glob("*.html")):
        soup = BeautifulSoup(file.read_text("utf-8"), "html.parser")
        for summary in soup.select("details.hide > summary"):
            assert not summary.get("aria-label")
            labels.append(summary.select_one(".collapsed").get_text())
    assert "Show the parameters and their defaults" in labels
    assert any(label.startswith("Show the code of Table ") for label in labels)
    assert not [label for label in labels if "cell" in label]


def test_what_is_folded_says_what_it_is_and_is_printed(chromium: Browser, smoke: Any) -> None:
    page, said = opened(chromium)
    page.goto((smoke.html / "chapters" / "03_correlations.html").as_uri())
    button = page.locator(".solution .toggle-button").first
    label = button.get_attribute("aria-label")
    assert re.fullmatch(r"Show or hide: Solution to Exercise [\d.]+", label)
    folded = page.locator("#tab-03-verdicts")
    assert not folded.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.is_visible()
    assert said == []


def test_a_term_of_the_glossary_is_told_on_hover_and_focus(chromium: Browser, smoke: Any) -> None:
    page, said = opened(chromium)
    page.goto((smoke.html / "intro.html").as_uri())
    link = page.locator('article a[href*="glossary.html#term-"]').first
    tip = page.locator("#glossary-tip")
    assert not tip.is_visible()
    link.focus()
    assert tip.is_visible()
    assert link.get_attribute("aria-describedby") == "glossary-tip"
    assert "maps a sentence to a vector" in tip.inner_text()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    link.hover()
    assert tip.is_visible()
    tip.hover()  # the pointer may move onto the text
    page.wait_for_timeout(300)
    assert tip.is_visible()
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)
    assert not tip.is_visible()
    assert said == []


def test_results_of_a_search_show_text_without_tex(chromium: Browser, smoke: Any) -> None:
    page, said = opened(chromium)
    page.goto((smoke.html / "search.html").as_uri() + "?q=wordpieces")
    page.wait_for_selector("#search-results li .context")
    page.wait_for_function("/found/.test(document.querySelector('#search-results').innerText)")
    for query in ("information", "gradient", "quotient"):
        page.goto((smoke.html / "search.html").as_uri() + f"?q={query}")
        page.wait_for_selector("#search-results li .context")
        page.wait_for_timeout(500)
        results = page.locator("#search-results").inner_text()
        assert query in results.lower()
        assert "\\" not in results
        assert "$" not in results
    assert said == []


def test_the_japanese_page_says_its_language_and_the_numbers_of_the_run(smoke: Any) -> None:
    soups = [
        BeautifulSoup((smoke.html / f"{name}.html").read_text("utf-8"), "html.parser")
        for name in ("ja", "intro")
    ]
    ja, intro = (soup.find("article") for soup in soups)
    (content,) = ja.select('[lang="ja"]')
    assert content.h1
    numbers = [tag.get_text() for tag in content.select(".pasted-text")]
    assert len(numbers) == 9
    assert set(numbers) <= {tag.get_text() for tag in intro.select(".pasted-text")}
