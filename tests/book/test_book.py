"""The book as a reader's browser gets it: complete, self-contained, with the numbers of its run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from wordweights import (
    add_information,
    attribute,
    correlation,
    filter_sentences,
    load_encoder,
    load_frequencies,
    load_sentences,
)
from wordweights.encoders import Encoder
from wordweights.figures import format_number
from wordweights.pipeline import load_profile
from wordweights.pipeline.parameters import notebook_parameters, read_yaml
from wordweights.pipeline.running import CLAIMS_FILE, read_claims
from wordweights.statistics import COMPUTED, FROM_SETS, OURS, measured_correlations
from wordweights.statistics.claims import AS_THE_PAPER, CLAIMS, NOT_TESTED
from wordweights.training import shipped_card, shipped_trajectory

ROOT = Path(__file__).parents[2]
ELSEWHERE = re.compile(r"(?:https?:)?//")


@dataclass
class Page:
    """A page: its tags, what it loads, the code in it, and its text with single spaces."""

    path: Path
    soup: BeautifulSoup = field(init=False)

    def __post_init__(self) -> None:
        self.soup = BeautifulSoup(self.path.read_text("utf-8"), "html.parser")
        self.text = " ".join(self.soup.get_text().split())
        self.scripts = [script.get_text() for script in self.soup("script")]
        named = [tag.get(n) for tag in self.soup() for n in ("src", "srcset", "poster", "data")]
        links = [tag.get("href") for tag in self.soup("link")]
        self.loaded = [address for address in (*named, *links) if address]


@pytest.fixture(scope="session")
def pages(smoke: Any) -> dict[str, Page]:
    """Every page that the table of contents names."""
    contents = read_yaml((ROOT / "book" / "_toc.yml").read_text(), "_toc.yml")
    chapters = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    return {n: Page(smoke.html / f"{n}.html") for n in (contents["root"], *chapters)}


@pytest.fixture(scope="session")
def glued(smoke: Any) -> dict[str, str]:
    """The numbers that the third and the last chapter give to other pages, as text."""
    chapters = [smoke.chapters / f"{name}.ipynb" for name in ("03_correlations", "06_fine_tuning")]
    found = {}
    for cell in (cell for path in chapters for cell in nbformat.read(path, as_version=4).cells):
        for output in cell.get("outputs", []):
            about = output.get("metadata", {}).get("scrapbook")
            if about and about["mime_prefix"]:
                text = output["data"][about["mime_prefix"] + "text/plain"]
                found[about["name"]] = text.strip("'\"")
    return found


def test_no_page_loads_anything_from_elsewhere(smoke: Any, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert page.loaded, name
        assert [address for address in page.loaded if ELSEWHERE.match(address)] == [], name
        assert [script for script in page.scripts if re.search(r"https?://", script)] == [], name
    for path in smoke.html.rglob("*.css"):
        content = path.read_text("utf-8")
        loaded = re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)", content)
        assert loaded == [], path


def test_everything_a_page_loads_is_there(smoke: Any, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        folder = (smoke.html / f"{name}.html").parent
        for address in page.loaded:
            path = address.split("?")[0].split("#")[0]
            if path and not path.startswith("data:"):
                assert (folder / path).exists(), (name, address)


def test_every_picture_has_a_text(pages: dict[str, Page]) -> None:
    pictures = [picture for page in pages.values() for picture in page.soup("img")]
    assert len(pictures) >= 5
    for picture in pictures:
        assert len(picture.get("alt", "").split()) > 3, picture


def test_the_introduction_has_the_numbers_of_the_third_chapter(
    pages: dict[str, Page], glued: dict[str, str]
) -> None:
    text = pages["intro"].text
    for key in ("encoder-main", "r-main", "r-main-content", "n-words", "n-sentences"):
        assert glued[key] in text
    for r in ("r-main", "r-main-content"):
        assert f"{glued[f'{r}-low']} to {glued[f'{r}-high']}" in text


def test_the_introduction_begins_with_a_sentence(pages: dict[str, Page]) -> None:
    shaded = pages["intro"].soup("span", title=re.compile(": "))
    words = [span.get_text()[: len(span["title"].split(": ")[0])] for span in shaded]
    assert words == 2 * ["a", "woman", "is", "cutting", "an", "onion", "."]
    assert pages["intro"].text.index("onion") < pages["intro"].text.index("The answer")
    assert load_profile(ROOT, "smoke").parameters["encoders"][0] in pages["intro"].text


def test_chapters_figures_and_tables_are_numbered(pages: dict[str, Page]) -> None:
    contents = read_yaml((ROOT / "book" / "_toc.yml").read_text(), "_toc.yml")
    (numbered,) = (part["chapters"] for part in contents["parts"] if part.get("numbered"))
    for number, chapter in enumerate(numbered, 1):
        page = pages[chapter["file"]]
        (title,) = page.soup.select("article h1")
        assert title.get_text().startswith(f"{number}. ")
        numbers = page.soup.select(":is(figcaption, caption) span.caption-number")
        captions = [tag.get_text() for tag in numbers]
        assert captions, chapter
        assert all(re.match(rf"(Fig\.|Table) {number}\.\d+ $", text) for text in captions)
    everywhere = [
        tag.get_text()
        for page in pages.values()
        for tag in page.soup("span", class_="caption-number")
    ]
    assert len(set(everywhere)) == len(everywhere)


@pytest.mark.parametrize("name", ["chapters/01_frequencies", "chapters/06_fine_tuning"])
def test_a_reader_sees_the_parameters_that_were_used(pages: dict[str, Page], name: str) -> None:
    defaults, used = (
        next(cell for cell in pages[name].soup("div", class_="cell") if text in cell.get_text())
        for text in ("# or stsb, or a CSV", "# Parameters")
    )
    assert "tag_hide-input" in defaults["class"]
    assert "tag_hide-input" not in used["class"]


def test_every_row_says_whose_number_it_is(pages: dict[str, Page]) -> None:
    ours = measured_correlations()
    paper, chapter = (pages[n].text for n in ("paper", "chapters/03_correlations"))
    assert len(ours)
    for page in (paper, chapter):
        assert page.count(OURS) >= len(ours)
        assert all(command in page for command in ("make paper", "make measured"))
        for r in (*ours["r_information"], *ours["r_probability"]):
            assert format_number(r) in page
    # beside the encoders of this run, the paper's five
    assert chapter.count("published") >= 5
    assert "Not measured in this run, and only published here: BERT (CLS)" in chapter
    assert "there is nothing to compare" in chapter


def test_a_claim_about_encoders_that_did_not_run_is_not_tested(
    smoke: Any, pages: dict[str, Page]
) -> None:
    claims = read_claims(smoke.chapters / CLAIMS_FILE.name)
    assert set(claims.loc[claims["paper"], "verdict"]) == {NOT_TESTED}
    others = claims[~claims["paper"]]
    assert set(others["claim"]) == {1, 2, 3, 4, 5}
    assert others["scope"].str.startswith(("all-MiniLM-L6-v2", "mini")).all()
    assert not others["scope"].str.contains("untrained").any()
    for name in ("paper", "chapters/03_correlations"):
        for statement in CLAIMS.values():
            assert statement in pages[name].text


def test_the_rise_of_the_family_is_told_with_its_interval(
    smoke: Any, pages: dict[str, Page], glued: dict[str, str]
) -> None:
    claims = read_claims(smoke.chapters / CLAIMS_FILE.name)
    case = (claims["claim"] == 2) & ~claims["paper"] & (claims["variant"] == AS_THE_PAPER)
    (rise,) = claims[case].itertuples()
    assert rise.scope == "mini-BERT (MEAN) → mini SBERT (MEAN)"
    said = (
        f"a rise is {rise.verdict} for mini-BERT (MEAN) → mini SBERT (MEAN) "
        f"({format_number(rise.estimate)}, 95 % interval {format_number(rise.low)} to "
        f"{format_number(rise.high)})"
    )
    assert said in glued["rises-of-others"]
    assert said in pages["chapters/03_correlations"].text


def test_the_family_has_a_card(smoke: Any, pages: dict[str, Page], glued: dict[str, str]) -> None:
    card, chapter = (pages[name].text for name in ("family", "chapters/06_fine_tuning"))
    shipped, tables = shipped_trajectory(), shipped_card()
    for name in shipped["encoder"].unique():
        assert name in card
        assert name in chapter
    for text in tables["sources"].itertuples():
        assert " ".join(text.text.split()) in card
        assert " ".join(text.licence.split()) in card
        assert f"{text.words:,}" in card
    for value in tables["model"]["value"]:
        assert f"{value:,}" in card
    for key in ("sts", "embeddings"):
        assert glued[key] in card
    for key in ("learned", "changed", "direction"):
        assert glued[key] in chapter
    assert pages["family"].soup("img", src=re.compile("losses"))
    assert "make family" in card


def test_these_numbers_are_those_of_the_library(
    smoke: Any, glued: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(smoke.results))
    given = load_profile(ROOT, "smoke").parameters
    models = [load_encoder(name) for name in given["encoders"]]
    table = filter_sentences(
        load_sentences(given["sentences"]),
        [model.tokenizer for model in models],
        given["n_words"],
        given["limit"],
    )
    source, settings = load_frequencies(given["frequencies"]), ("n_nodes", "probes")

    def r(model: Encoder, sentences: pd.DataFrame) -> float:
        words = attribute(model, sentences, **{name: given[name] for name in settings})
        known = add_information(words, source)
        return correlation(known, "contribution", "information", n_resamples=100).r

    def said(value: float) -> str:
        return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")

    assert glued["r-main"] == said(r(models[0], table))
    some = table.sample(min(given["n_control_sentences"], len(table)), random_state=given["seed"])
    controls = [
        load_encoder(given["encoders"][0], trained=False, seed=seed)
        for seed in range(given["n_controls"])
    ]
    assert glued["r-control"] == said(sum(r(model, some) for model in controls) / len(controls))
    assert glued["n-sentences"] == str(len(table))


def test_measures_are_compared_for_every_encoder(smoke: Any, pages: dict[str, Page]) -> None:
    table = pd.read_csv(smoke.chapters / "07_measures-agreement.csv")
    columns = ["r_information", "r_content", "rho_sentence", "rho_shapley", "faithfulness"]
    assert list(table.columns) == ["encoder", "measure", *columns]
    measures = [*COMPUTED, *FROM_SETS, "information"]
    encoders = load_profile(ROOT, "smoke").parameters["encoders"]
    rows = list(table[["encoder", "measure"]].itertuples(index=False, name=None))
    assert rows == [(encoder, measure) for encoder in encoders for measure in measures]
    assert (table["faithfulness"] <= 1 + 1e-9).all()
    text = pages["chapters/07_measures"].text
    for value in table["faithfulness"]:
        assert format_number(value) in text


def test_html_in_a_sentence_is_shown_and_not_interpreted(pages: dict[str, Page]) -> None:
    given = load_profile(ROOT, "smoke").parameters["examples"][1]
    assert "<script>" in given
    examples, status = pages["chapters/04_examples"], pages["chapters/status"]
    assert given in status.text
    for word in ('alert("dogs")</script', "<", "b", "&"):
        assert word in examples.text
    for page in (examples, status):
        assert not [script for script in page.scripts if "dogs" in script]
        assert not page.soup("b")


def test_the_playground_weighed_its_sentence_once(pages: dict[str, Page]) -> None:
    page = pages["chapters/04_examples"]
    (section,) = page.soup.select("section#type-your-own-sentence")
    default = notebook_parameters(ROOT / "notebooks" / "04_examples.ipynb")["your_sentence"]
    shown = [chip["title"].split(": ")[0] for chip in section("span", title=re.compile(": "))]
    assert shown == default.default.split()
    assert not [script for script in page.scripts if "widget" in script]


def test_solutions_are_folded(pages: dict[str, Page]) -> None:
    solutions = [div for page in pages.values() for div in page.soup("div", class_="solution")]
    assert len(solutions) >= 20
    assert all("dropdown" in div["class"] for div in solutions)


def test_no_other_page_loads_an_encoder(pages: dict[str, Page]) -> None:
    assert [n for n, page in pages.items() if any("encoder.js" in a for a in page.loaded)] == [
        "your_sentence"
    ]


def test_the_status_page_tells_what_made_the_book(pages: dict[str, Page]) -> None:
    text = pages["chapters/status"].text
    assert "with the profile smoke" in text
    for part in ("03_correlations", "n_resamples: 100", "torch", "Processor", "Seconds", "commit"):
        assert part in text


def test_no_page_tells_where_it_was_made(smoke: Any) -> None:
    places = [str(ROOT), str(smoke.results.parent), "site-packages"]
    for path in [*smoke.html.rglob("*.html"), *smoke.html.rglob("*.ipynb")]:
        content = path.read_text("utf-8")
        assert [place for place in places if place in content] == [], path
