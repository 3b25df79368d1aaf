"""The page that weighs its reader's sentence, opened from disk in a browser without a network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from offline import open_offline
from playwright.sync_api import expect

from wordweights import attribute, load_encoder, load_sentences
from wordweights.encoders.registry import registered
from wordweights.pipeline.browser import BROWSER_ENCODERS, write_encoders
from wordweights.words.splitting import split_words

ROOT = Path(__file__).parents[2]
SENTENCES = (
    "a woman is cutting an onion .",
    "I don't know; he's paid 3.5 percent, unbelievably!",
    "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS} likes na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve "
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}s.",
)
NODES = 16
PATIENCE = 300_000  # milliseconds, for a busy machine
pytestmark = pytest.mark.slow


@dataclass
class Opened:
    """A page in the browser."""

    page: Any

    def weigh(self, sentence: str) -> str:
        """Type a sentence, press Enter, and wait for what the page says."""
        self.page.get_by_label("Sentence").fill(sentence)
        self.page.get_by_label("Sentence").press("Enter")
        return self.said()

    def said(self) -> str:
        """Wait until the page has computed or refused, and give its words."""
        status = self.page.get_by_role("status")
        done = re.compile(r"^(?!Loading|Computing).+")
        expect(status).to_have_text(done, timeout=PATIENCE)
        return str(status.inner_text())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page without the theme around it, with its encoders."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "book" / "scripts" / "your_sentence", folder / "_static/your_sentence")
    for name in ("shared.js", "moving.css"):
        shutil.copy(ROOT / "book" / "scripts" / name, folder / "_static")
    write_encoders(folder / "_static" / "your_sentence" / "encoders")
    (raw,) = re.findall(
        r"```\{raw\} html\n(.*?)```", (ROOT / "book/your_sentence.md").read_text("utf-8"), re.DOTALL
    )
    path = folder / "your_sentence.html"
    path.write_text(f"<!doctype html><html lang=en><meta charset=utf-8><body>{raw}", "utf-8")
    return path


@pytest.fixture
def opened(chromium: Any, site: Path) -> Iterator[Opened]:
    """The page, opened from disk."""
    yield from _open(chromium, site.as_uri())


def _open(chromium: Any, address: str) -> Iterator[Opened]:
    page, faults = open_offline(chromium)
    page.goto(address)
    yield Opened(page)
    page.context.close()
    assert faults == []


def _cells(page: Any) -> list[list[str]]:
    rows = page.locator("#your-sentence-result tbody tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


@pytest.mark.filterwarnings("ignore:One word here")
@pytest.mark.parametrize("name", BROWSER_ENCODERS)
def test_the_browser_weighs_as_the_library_does(opened: Opened, name: str) -> None:
    option = opened.page.locator(f'option[value="{name}"]')
    opened.page.get_by_label("Encoder").select_option(name)
    opened.weigh(SENTENCES[0])  # loads the encoder
    found = opened.page.evaluate(
        """([file, name, sentences, nodes]) => {
          const { readCheckpoint, weigh } = sentenceEncoder();
          const checkpoint = window.wordweightsEncoders[file];
          const model = readCheckpoint(checkpoint);
          return sentences.map((s) => weigh(model, checkpoint.readings[name], s, { nodes }));
        }""",
        [option.get_attribute("data-file"), name, SENTENCES, NODES],
    )
    rule = {"quadrature": "gauss-legendre", "n_nodes": NODES}
    wanted = attribute(load_encoder(name), list(SENTENCES), norm="vector", progress=False, **rule)
    for (_, words), weighed in zip(wanted.groupby("sentence_id"), found, strict=True):
        assert [word["text"] for word in weighed["words"]] == words["word"].tolist()
        assert weighed["contribution"] == pytest.approx(words["contribution"].tolist(), rel=1e-4)
        assert weighed["residual"] == pytest.approx(words["residual"].iloc[0], abs=1e-5)
        assert weighed["converged"]


def test_words_of_the_bundled_sentences_are_those_of_the_library(opened: Opened) -> None:
    opened.weigh(SENTENCES[0])
    sentences = load_sentences("bundled")["sentence"].tolist()
    words = opened.page.evaluate(
        """(sentences) => {
          const { readCheckpoint, tokenise } = sentenceEncoder();
          const model = readCheckpoint(window.wordweightsEncoders["mini-sbert"]);
          return sentences.map((s) => tokenise(model, s).words.map(({ text }) => text));
        }""",
        sentences,
    )
    assert words == [[word.text for word in split_words(sentence)] for sentence in sentences]


def test_the_page_shows_what_it_computed(opened: Opened) -> None:
    said = opened.weigh(SENTENCES[0])
    rows = _cells(opened.page)
    words = SENTENCES[0].split()
    assert [row[0] for row in rows] == words
    chips = opened.page.locator("#your-sentence-result .ww-chip").all_inner_texts()
    assert [chip.split() for chip in chips] == [[row[0], row[2]] for row in rows]
    heaviest = max(rows, key=lambda row: float(row[2]))
    assert said == f"The heaviest word is \N{LEFT DOUBLE QUOTATION MARK}{heaviest[0]}" + (
        "\N{RIGHT DOUBLE QUOTATION MARK}."
    )
    assert all(float(cell) > 0 for row in rows for cell in row[1:])
    assert re.search(r"Residual 0\.\d %", opened.page.locator(".certificate").inner_text())
    caption = opened.page.locator("caption").inner_text()
    assert caption == f'Words by {BROWSER_ENCODERS[0]}, norm="vector"; information in nats'


def test_the_address_holds_the_sentence(chromium: Any, opened: Opened, site: Path) -> None:
    opened.page.get_by_label("Encoder").select_option(BROWSER_ENCODERS[1])
    opened.weigh("dogs bark & run")
    assert [row[0] for row in _cells(opened.page)] == ["dogs", "bark", "&", "run"]
    for again in _open(chromium, opened.page.url):
        again.said()
        assert _cells(again.page) == _cells(opened.page)
        assert again.page.get_by_label("Encoder").input_value() == BROWSER_ENCODERS[1]


def test_bad_input_gets_a_line_and_no_weights(opened: Opened) -> None:
    assert "empty" in opened.weigh("   ")
    said = opened.weigh("onion " * 100)
    assert "too long: with the two special tokens it has" in said
    assert "this encoder reads 64" in said
    assert "reads nothing there" in opened.weigh("\N{ZERO WIDTH SPACE}")
    assert _cells(opened.page) == []


def test_markup_is_shown_as_text(opened: Opened) -> None:
    said = opened.weigh('<img src=x onerror="document.title=1"> <b>dogs</b> $x$')
    assert "Markup is not interpreted" in said
    assert opened.page.locator("#your-sentence-result :is(img, b)").count() == 0
    assert opened.page.title() != "1"
    assert "".join(row[0] for row in _cells(opened.page)).startswith("<imgsrc=xonerror")


def test_an_unknown_word_has_no_weight(opened: Opened) -> None:
    assert "does not know" in opened.weigh("a \N{SNOWMAN} melts")
    assert [row[2] == "?" for row in _cells(opened.page)] == [False, True, False]


def test_the_page_offers_what_is_written_for_it(opened: Opened) -> None:
    options = opened.page.locator("option")
    assert [option.get_attribute("value") for option in options.all()] == list(BROWSER_ENCODERS)
    for option in options.all():
        entry = registered()[str(option.get_attribute("value"))]
        assert Path(entry["folder"]).name == option.get_attribute("data-file")


def test_the_page_works_in_the_book(smoke: Any, chromium: Any) -> None:
    for opened in _open(chromium, (smoke.html / "your_sentence.html").as_uri()):
        opened.weigh(SENTENCES[0])
        assert [row[0] for row in _cells(opened.page)] == SENTENCES[0].split()
        assert opened.page.locator("#your-sentence-result .ww-chip").count() == 7
