from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import Reader, rows_of

from wordweights.errors import WordweightsError
from wordweights.figures import format_number, format_weight, shaded_rows, shaded_text, table_html

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
WEIGHTS = pd.DataFrame({"word": ["<b>", "$x^2$", "."], "<script>alert(1)</script>": [1, np.nan, 2]})

printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@given(st.lists(st.tuples(printable, st.floats(0, 1e6)), min_size=1, max_size=8))
@settings(deadline=None)
def test_shaded_words_are_shown_as_they_are(rows):
    words, weights = zip(*rows, strict=True)
    reader = Reader(shaded_text(words, weights))
    assert reader.tags == {"div", "span"}
    assert reader.shown[::2] == list(words)
    assert [float(text) for text in reader.shown[1::2]] == pytest.approx(weights, rel=5e-3)


def luminance(colour: str) -> float:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_every_shade_is_readable_in_any_theme():
    reader = Reader(shaded_text(["w"] * 101, np.linspace(0, 1, 101)))
    backgrounds = []
    for style in reader.styles:
        rules = dict(rule.split(":") for rule in style.split(";"))
        one, two = luminance(rules["background"]), luminance(rules["color"])
        backgrounds.append(one)
        # WCAG 2.1, level AAA for text
        assert (max(one, two) + 0.05) / (min(one, two) + 0.05) >= 7
    assert len(backgrounds) == 101
    assert (np.diff(backgrounds) < 0).all()


def test_a_word_without_a_number_is_shown_and_says_so():
    fragment = shaded_text(["known", "unknown"], [1.0, np.nan])
    assert Reader(fragment).shown == ["known", "1.00", "unknown", "?"]
    assert "dashed" in fragment
    assert "unknown: no number" in fragment
    assert Reader(shaded_text(["a", "b"], [0.0, 0.0])).shown == ["a", "0", "b", "0"]


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, np.inf]])
def test_weights_that_cannot_be_shaded(weights):
    with pytest.raises(WordweightsError):
        shaded_text(["a", "b"], weights)


def test_shaded_rows_are_labelled_and_escaped():
    assert "tex2jax_ignore mathjax_ignore" in shaded_rows(WEIGHTS)
    reader = Reader(shaded_rows(WEIGHTS, WEIGHTS))
    assert reader.tags == {"div", "span", "strong"}
    assert reader.shown.count("<script>alert(1)</script>") == reader.shown.count("$x^2$") == 2


def test_a_table_as_it_is():
    table = pd.DataFrame(
        {
            "word: {n} $": ["<b>x</b>", None],
            "r": [-0.256, np.nan],
            "n": [1234, 5],
            "last": [True, False],
        }
    )
    fragment = table_html(table, digits=1)
    assert "b" not in Reader(fragment).tags
    assert "tex2jax_ignore mathjax_ignore" in fragment
    assert rows_of(fragment, 4) == [
        ["word: {n} $", "r", "n", "last"],
        ["<b>x</b>", f"{MINUS}0.3", "1,234", "yes"],
        [DASH, DASH, "5", "no"],
    ]


def test_a_layout_says_what_stands_in_a_cell_and_leaves_out_what_is_unknown():
    columns = ["name", "r", "low", "high", "n"]
    table = pd.DataFrame(
        [("{r}", 0.5, 0.4, 0.6, 1200.0), ("b", 0.25, *[np.nan] * 3), (None, np.nan, 0, np.nan, 7)],
        columns=columns,
    )
    layout = {
        "<name>": "{name}",
        "r": "{r}\n[{low}, {high}]",
        "weight": "{r:weight} ({low:weight})",
        "words": "{n:count}",
        "percent": "{low:percent}",
        "not there": "{absent}",
    }
    fragment = table_html(table, layout)
    assert rows_of(fragment, 6) == [
        list(layout),
        ["{r}", "0.50\n[0.40, 0.60]", "0.500 (0.400)", "1,200", "40.00", DASH],
        ["b", "0.25", "0.250 (n/a)", DASH, DASH, DASH],
        [DASH, "[0.00, n/a]", "n/a (0)", "7", "0.00", DASH],
    ]
    assert fragment.count("text-align: right") == 2  # of the numbers that stand alone


def test_nothing_is_said_in_words():
    assert table_html(WEIGHTS.iloc[:0], nothing="No <b>words</b>.") == (
        "<p>No &lt;b&gt;words&lt;/b&gt;.</p>"
    )


def test_numbers():
    cases = [(-0.256, 2), (2394, 0), (0.5, 1), (np.nan, 1), (-0.001, 2)]
    expected = [f"{MINUS}0.26", "2,394", "0.5", "n/a", "0.00"]
    assert [format_number(*case) for case in cases] == expected
    assert [format_weight(w) for w in (0.031, 12.345, 100, 0, np.nan)] == [
        *("0.0310", "12.3", "100", "0", "n/a")
    ]


def test_a_table_has_heads_and_is_there_as_csv():
    table = pd.DataFrame({"name\xa0": ["<b>", "b"], "r": [0.123456789012, np.nan], "n": [1, 2]})
    fragment = table_html(table, {"name": "{n}\n{r}", "r": "{r}"})
    soup = BeautifulSoup(fragment, "html.parser")
    assert [head["scope"] for head in soup("th")] == ["col", "col", "row", "row"]
    assert [len(row("td")) for row in soup.tbody("tr")] == [1, 1]
    kind, data = soup.a["href"].split(",")
    assert kind == "data:text/csv;base64"
    assert base64.b64decode(data).decode() == "name ,r,n\n<b>,0.12345679,1\nb,,2\n"
