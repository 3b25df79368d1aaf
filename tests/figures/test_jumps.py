"""What the book shows of a path that jumps, from a made-up table."""

from __future__ import annotations

import pandas as pd
import pytest

from wordweights.errors import WordweightsError
from wordweights.figures import describe_jump, plot_jump


@pytest.fixture
def table() -> pd.DataFrame:
    """A jump in layer 2 that goes to the word $x$."""
    rows = [("path", "", x / 4, x / 4) for x in range(5)]
    rows += [("near", "", (x - 2) * 5e-6, 0.1 * (x > 2)) for x in range(5)]
    rows += [("before", "$x$", layer, 5.0) for layer in range(4)]
    rows += [("after", "$x$", layer, 5.0 - 2 * (layer >= 2)) for layer in range(4)]
    for quantity, weights in (("divided", (2, 1)), ("fixed", (3, 20)), ("jump", (0.1, 0.4))):
        rows += [(quantity, word, i, weights[i]) for i, word in enumerate(("dog", "$x$"))]
    rows += [("place", "", 0, 0.25), ("size", "", 0, 0.1)]
    rows += [("nodes", "divided", 0, 90), ("nodes", "fixed", 0, 50)]
    rows += [("residual", "divided", 0, 0.009), ("residual", "fixed", 0, 6.5)]
    return pd.DataFrame(rows, columns=["quantity", "label", "x", "value"]).assign(encoder="mine")


def test_the_figure_has_both_rules_and_both_sides(table: pd.DataFrame) -> None:
    whole, near, layers, words = plot_jump(table).axes
    assert whole.lines[0].get_xdata().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert near.lines[0].get_ydata().tolist() == [0, 0, 0, 0.1, 0.1]
    assert [line.get_ydata().tolist() for line in layers.lines] == [[5, 5, 5, 5], [5, 5, 3, 3]]
    assert [dots.get_offsets()[:, 0].tolist() for dots in words.collections] == [[2, 1], [3, 20]]
    assert [label.get_text() for label in words.get_yticklabels()] == ["dog", "$x$"]
    assert not any(label.get_parse_math() for label in words.get_yticklabels())


def test_the_words_say_the_same(table: pd.DataFrame) -> None:
    text = describe_jump(table)
    # no node of the rule need be near the jump: the table does not say so
    assert "rule of 50 nodes gives `$x$` a weight of 20.0" in text
    for part in (
        "= 0.2500",
        "by 10 %",
        "layer 2",
        "goes to `$x$`, 4 times",
        "20.0",
        "1.00",
        "650 %",
    ):
        assert part in text


def test_a_number_that_is_none_is_refused(table: pd.DataFrame) -> None:
    table.loc[3, "value"] = float("nan")
    with pytest.raises(WordweightsError, match="value"):
        plot_jump(table)
