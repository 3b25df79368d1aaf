"""The explorer and the sliders in a browser, opened from the disk, by pointer and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from offline import open_offline
from playwright.sync_api import Browser, Locator, Page, expect

from wordweights import attribute, load_encoder, load_frequencies
from wordweights.figures import explorer_script
from wordweights.pipeline import load_profile
from wordweights.statistics import NORMAL_QUANTILE
from wordweights.words.frequencies import Frequencies, look_up

ROOT = Path(__file__).parents[2]
SENTENCES = [
    'the <b>bold</b> "dog" ran',
    "the dog <img src=x onerror=alert(1)> sat",
    "a cat & a zyzzyva",
]
OPEN = "open, fine-tuned"
ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
Opener = Callable[..., Page]


@pytest.fixture
def opened(smoke: Any, chromium: Browser) -> Iterator[Opener]:
    """Open a page of the book; at the end nothing has failed or asked for more than the disk."""
    pages = []

    def open_page(name: str, *scripts: str, **settings: Any) -> Page:
        page, faults = open_offline(chromium, **settings)
        pages.append((page, faults))
        for script in scripts:
            page.add_init_script(script)
        path, _, state = name.partition("#")
        page.goto((smoke.html / f"{path}.html").as_uri() + (f"#{state}" if state else ""))
        return page

    yield open_page
    for page, _ in pages:
        page.context.close()
    assert [fault for _, faults in pages for fault in faults] == []


def control(page: Page, label: str, role: Any = "combobox") -> Locator:
    """Find a control of the explorer."""
    return page.locator("#ww-explorer").get_by_role(role, name=label, exact=True)


def made_up_run() -> str:
    """Sentences with markup, by two encoders; a measure that has weighed the last of them alone."""
    table = pd.DataFrame({"sentence_id": [7, 8, 9], "sentence": SENTENCES})
    table["genre"] = ["news", "chat", "chat"]
    words = [(7 + i, word) for i, sentence in enumerate(SENTENCES) for word in sentence.split()]
    rows = pd.DataFrame(words, columns=["sentence_id", "word"])
    rows["contribution"] = [1.0 + i / 10 for i in range(len(rows))]
    rows["standard_error"] = 0.05
    twice = rows.assign(contribution=2 * rows["contribution"])
    counts = {word: 2 ** (i + 1) for i, word in enumerate(sorted({w for _, w in words[:-1]}))}
    source = Frequencies("made up", pd.Series(counts) / (2 * sum(counts.values())), "")
    exact = rows[rows["sentence_id"] == 9].assign(standard_error=0.0)
    bases = {OPEN: "base"}
    return (
        explorer_script(
            {"integrated-gradients": {"base": rows, OPEN: twice}}, table, source, bases=bases
        )
        + explorer_script({"occlusion": {"base": exact}}, table, source)
        + "window.wordweightsRuns.push = () => 0;"  # in place of what the book has
    )


@pytest.fixture
def explorer(opened: Opener) -> Opener:
    """Open the explorer with made-up sentences."""
    return lambda state="", **settings: opened(f"explorer#{state}", made_up_run(), **settings)


def test_the_explorer_shows_the_weights_of_the_run(
    opened: Opener, smoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = load_profile(ROOT, "smoke").parameters
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(smoke.results))
    sentence = "a woman is cutting an onion ."
    information = look_up(sentence.split(), load_frequencies(given["frequencies"]))["information"]
    information = dict(zip(sentence.split(), information, strict=True))
    page = opened("explorer")
    chips = page.locator(".ww-chip")
    for name in given["encoders"]:
        control(page, "Encoder").select_option(name)
        settings = {key: given[key] for key in ("n_nodes", "probes")}
        weights = attribute(load_encoder(name), [sentence], progress=False, **settings)
        for chip, row in zip(chips.all(), weights.itertuples(), strict=True):
            word, weight, interval, nats = chip.inner_text().split("\n")
            low, high = map(float, interval.split(" to "))
            assert word == row.word
            assert float(weight) == pytest.approx(row.contribution, rel=0.006)
            half = NORMAL_QUANTILE * row.standard_error
            rounded = 0.006 * (row.contribution + half) + 0.06 * half  # errors have two digits
            assert high == pytest.approx(row.contribution + half, abs=rounded)
            assert low == pytest.approx(max(0, row.contribution - half), abs=rounded)
            assert float(nats.split()[0]) == pytest.approx(information[word], rel=0.006)
    assert control(page, "Measure").locator("option").count() >= 7
    assert page.locator(".ww-still:visible").count() == 0


def test_a_word_is_found_by_pointer_and_shown_wherever_it_stands(explorer: Opener) -> None:
    page = explorer()
    status = page.get_by_role("status")
    page.locator(".ww-chip", has_text="the").hover()
    expect(status).to_contain_text("the \N{EN DASH} base: 1.00 (95 % interval 0.902 to 1.10")
    expect(page.locator(".ww-ring")).to_be_visible()
    ring = page.locator(".ww-ring")
    place = {side: float(ring.get_attribute(f"c{side}") or "nan") for side in ("x", "y")}
    page.locator(".ww-scatter svg").click(position=place)
    expect(page.locator(".ww-occurrences h2")).to_have_text("“the” in all sentences: 2")
    page.locator(".ww-occurrences li button").first.click()
    expect(page.get_by_label("Occurrences").locator("mark")).to_have_text(["the", "the"])
    expect(page.locator("select[size]")).to_have_value("8")
    expect(page.locator(".ww-chip[aria-pressed=true]")).to_have_count(1)
    expect(status).to_contain_text("In: the dog <img")
    page.get_by_role("button", name="Close this list").click()
    expect(page.locator(".ww-occurrences li")).to_have_count(0)
    expect(page.get_by_role("application")).to_be_focused()  # not lost with the button


def test_the_plot_is_one_stop_for_the_keyboard_and_arrows_walk_through_it(
    explorer: Opener,
) -> None:
    page = explorer()
    status, plot = page.get_by_role("status"), page.get_by_role("application")
    page.locator(".ww-chip").last.focus()
    expect(status).to_contain_text("ran \N{EN DASH} base: ")
    expect(page.locator(".ww-chip.ww-named")).to_contain_text("ran")
    page.keyboard.press("Tab")
    expect(plot).to_be_focused()
    style = plot.evaluate(
        "e => getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth"
    )
    assert style == "solid3px"
    named = [status.inner_text()]
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "End"):
        page.keyboard.press(key)
        named.append(status.inner_text())
    nats = [float(re.findall(r"information ([\d.]+) nats", text)[0]) for text in named]
    assert nats[0] <= nats[1] <= nats[2]
    assert nats[4] == max(nats)
    weights = [float(re.findall(r"base: ([\d.]+)", text)[0]) for text in named]
    assert weights[3] > weights[2]
    page.keyboard.press("Enter")
    expect(page.locator(".ww-occurrences li")).not_to_have_count(0)
    expect(plot).to_be_focused()
    expect(status).to_have_text(named[-1])  # still of the word that was chosen
    page.keyboard.press("Escape")
    expect(status).to_contain_text("Point at a word")
    expect(page.locator(".ww-occurrences li")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(plot).not_to_be_focused()


def test_sentences_are_walked_through_by_arrow_keys(explorer: Opener) -> None:
    page = explorer()
    sentences = page.locator("select[size]")
    sentences.focus()
    for key, word in (("ArrowDown", "<img"), ("ArrowDown", "zyzzyva"), ("ArrowUp", "<img")):
        page.keyboard.press(key)
        expect(page.locator(".ww-chip", has_text=word)).to_have_count(1)
        expect(sentences).to_be_focused()


def test_every_control_is_reached_by_tab(explorer: Opener) -> None:
    page = explorer("word=the&beside=open%2C+fine-tuned")
    wanted = set(
        page.evaluate("[...document.querySelectorAll('[data-key]')].map(e => e.dataset.key)")
    )
    page.locator("[data-key]").first.focus()
    reached = set()
    for _ in range(len(wanted)):
        reached.add(page.evaluate("document.activeElement.dataset.key"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Tab")
    assert reached == wanted


def test_the_address_holds_the_state_and_restores_it(explorer: Opener) -> None:
    page = explorer()
    control(page, "Beside it").select_option(OPEN)
    control(page, "Search", "searchbox").fill("DOG")
    control(page, "Genre").select_option("chat")
    control(page, "punctuation", "checkbox").uncheck()
    control(page, "Part of speech").select_option("noun")
    page.locator("select[size]").select_option("8")
    page.locator(".ww-chip", has_text="dog").first.click()
    state = page.evaluate("location.hash.slice(1)")
    again = explorer(state)
    for one in (page, again):
        expect(control(one, "Beside it")).to_have_value(OPEN)
        expect(control(one, "Search", "searchbox")).to_have_value("DOG")
        expect(one.locator("select[size] option")).to_have_text([SENTENCES[1]])
        expect(control(one, "punctuation", "checkbox")).not_to_be_checked()
        expect(one.locator(".ww-panel h2")).to_have_text(["base", OPEN])
        expect(one.locator(".ww-occurrences h2")).to_contain_text("“dog” in all sentences:")
    assert page.locator(".ww-r").all_inner_texts() == again.locator(".ww-r").all_inner_texts()
    again.evaluate("location.hash = 'sentence=9'")  # as Back does
    expect(again.locator(".ww-chip").last).to_contain_text("zyzzyva")
    expect(control(again, "Beside it")).to_have_value("")


def test_an_address_that_names_what_is_not_there_opens_what_is(explorer: Opener) -> None:
    page = explorer(
        "encoder=none&measure=none&sentence=1e9&word=none&pos=none&classes=none"
        "&origin=none&length=99&beside=base"
    )
    expect(control(page, "Encoder")).to_have_value("base")
    expect(page.locator(".ww-chip").first).to_contain_text("the")
    expect(page.locator(".ww-panel h2")).to_have_text(["base"])  # not beside itself
    expect(page.locator("select[size] option")).to_have_count(3)


def test_filters_choose_the_words_of_the_plot(explorer: Opener) -> None:
    page = explorer()
    shown = page.locator(".ww-r")
    expect(shown).to_contain_text(re.compile(r"^\d+ words, r = "))
    n_all = int(shown.inner_text().split()[0])
    counts = []
    for name in ("content", "function", "punctuation"):
        control(page, name, "checkbox").uncheck()
        counts.append(int(shown.inner_text().split()[0]))
    assert n_all > counts[0] > counts[1] >= counts[2] == 0
    expect(page.locator(".ww-chip")).to_have_count(4)  # of the sentence nothing is left out
    control(page, "Words").select_option("5")
    expect(page.locator("select[size] option")).to_have_text([SENTENCES[2]])


def test_a_word_that_the_source_has_never_seen_is_shown_and_not_plotted(explorer: Opener) -> None:
    page = explorer("sentence=9")
    chip = page.locator(".ww-chip", has_text="zyzzyva")
    expect(chip).to_contain_text("unseen")
    chip.hover()
    expect(page.get_by_role("status")).to_contain_text("never seen by the source of P(w)")
    expect(page.locator(".ww-ring")).to_be_hidden()


def test_a_measure_that_has_not_weighed_the_sentence_says_so(explorer: Opener) -> None:
    page = explorer("beside=open%2C+fine-tuned")
    control(page, "Measure").select_option("occlusion")
    expect(page.locator(".ww-notice")).to_contain_text("weighed 1 sentences by occlusion")
    expect(page.locator(".ww-panel h2")).to_have_text(["base"])
    page.locator("select[size]").select_option("9")
    page.locator(".ww-chip", has_text="cat").hover()
    expect(page.get_by_role("status")).to_contain_text("(exact)")


def test_markup_in_sentences_is_text(explorer: Opener) -> None:
    page = explorer("sentence=8&search=%3Cscript%3E&word=%3Cimg")
    control(page, "Search", "searchbox").fill("<i>")
    control(page, "Search", "searchbox").fill("")
    for text in ("<img", "onerror=alert(1)>"):
        expect(page.locator(".ww-chip", has_text=text)).to_have_count(1)
    page.locator(".ww-chip", has_text="<img").hover()
    expect(page.get_by_role("status").locator("q")).to_have_text(SENTENCES[1])
    page.locator("select[size]").select_option("7")
    assert page.locator("#ww-explorer :is(img, script)").count() == 0
    assert page.locator("#ww-explorer b").count() == page.locator(".ww-occurrences li b").count()
    expect(page.locator(".ww-chip").nth(1)).to_contain_text("<b>bold</b>")
    expect(page.locator(".ww-chip").nth(2)).to_contain_text('"dog"')


def test_on_a_phone_nothing_is_wider_than_the_page(explorer: Opener) -> None:
    page = explorer("beside=open%2C+fine-tuned", viewport={"width": 390, "height": 844})
    expect(page.locator(".ww-scatter")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    boxes = [plot.bounding_box() for plot in page.locator(".ww-scatter svg").all()]
    assert boxes[0] and boxes[1] and boxes[0]["y"] + boxes[0]["height"] < boxes[1]["y"]


def test_without_scripts_pictures_stand_in_their_places(opened: Opener) -> None:
    page = opened("explorer", java_script_enabled=False)
    expect(page.locator("figure img")).to_be_visible()
    expect(page.get_by_text("needs JavaScript")).to_be_visible()
    chapter = opened("chapters/02_attribution", java_script_enabled=False)
    expect(chapter.locator("#fig-02-gathered img")).to_be_visible()


@pytest.mark.parametrize(
    ("page_name", "figure", "first", "last"),
    [
        ("chapters/02_attribution", "fig-02-gathered", f"{ALPHA} = 0.00", f"{ALPHA} = 1.00: “"),
        ("chapters/06_fine_tuning", "fig-06-words", "step 0: r = ", "step 2: r = "),
    ],
)
def test_a_slider_moves_by_keyboard_and_its_picture_is_for_print(
    opened: Opener, page_name: str, figure: str, first: str, last: str
) -> None:
    page = opened(page_name)
    place = page.locator(f"#{figure}")
    place.scroll_into_view_if_needed()
    slider = place.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(place.locator("output")).to_contain_text(first)
    before = place.locator("svg").last.inner_html()
    page.keyboard.press("End")
    expect(place.locator("output")).to_contain_text(last)
    box = slider.bounding_box()
    assert box
    slider.click(position={"x": 1, "y": box["height"] / 2})
    expect(place.locator("output")).to_contain_text(first)
    page.keyboard.press("End")
    expect(place.locator("output")).to_contain_text(last)
    assert place.locator("svg").last.inner_html() != before
    assert slider.get_attribute("aria-valuetext") == place.locator("output").inner_text()
    expect(place.locator("img")).to_be_hidden()
    page.emulate_media(media="print")
    expect(place.locator("img")).to_be_visible()
    expect(slider).to_be_hidden()


def test_libraries_are_loaded_where_something_moves_and_nowhere_else(smoke: Any) -> None:
    pages = {path.stem: path.read_text("utf-8") for path in smoke.html.rglob("*.html")}
    assert {name for name, text in pages.items() if "d3.min.js" in text} == {"explorer"}
    sliders = {name for name, text in pages.items() if "sliders.js" in text}
    assert sliders == {"02_attribution", "06_fine_tuning"}
    for file in ("d3.min.js", "plot.umd.min.js"):
        assert (smoke.html / "_static" / "vendor" / file).is_file()
