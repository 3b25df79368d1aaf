"""Figures and sentences of chapters 07 and 10: they show what the tables hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from wordweights import figures
from wordweights.errors import WordweightsError
from wordweights.figures import layouts, prose
from wordweights.statistics import Estimate

MEASURES = ["integrated-gradients", "shapley", "information"]


def table_of(encoders: list[str]) -> pd.DataFrame:
    """An agreement table, whose numbers rise from row to row."""
    rows = pd.DataFrame(
        [(encoder, measure) for encoder in encoders for measure in MEASURES],
        columns=["encoder", "measure"],
    )
    for name in ("r_information", "r_content", "rho_sentence", "rho_shapley", "faithfulness"):
        rows[name] = np.linspace(0.1, 0.9, len(rows))
        rows[f"{name}_low"], rows[f"{name}_high"] = rows[name] - 0.15, rows[name] + 0.05
    return rows.assign(n_words=70, n_sentences=9)


def by_group(by: str) -> pd.DataFrame:
    table = pd.DataFrame({by: [1, 2, 3], "n_words": 9, "beyond": [0.2, 0.0, -0.2]})
    return table.assign(beyond_low=table["beyond"] - 0.1, beyond_high=table["beyond"] + 0.1)


LENGTHS = pd.DataFrame({"low": [4, 8], "high": [7, 12], "n_sentences": 5, "n_words": 30})
for _name in ("r_information", "r_content", "rho_sentence"):
    LENGTHS[_name] = [0.5, 0.8]
    LENGTHS[f"{_name}_low"], LENGTHS[f"{_name}_high"] = [0.4, 0.7], [0.6, 0.9]
MATRIX = pd.DataFrame(
    [[0.1, -0.2, 0.3], [0.4, 0.5, 0.6]], index=["a", "$x$"], columns=["a", "a", "<b>"]
)
PAIR = pd.DataFrame({"word_a": ["a", "a"], "word_b": ["b", "$c$"], "cosine": [0.125, 0.5]})
PAIR = PAIR.assign(position_a=0, position_b=[0, 1])
SAME = {"asked": "parts-of-speech", "rule": "parts-of-speech"}
OTHER = SAME | {"rule": "stop-list"}
PAIR.attrs |= {"cosine": 0.625, "gap": -1e-9}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    """Every figure, drawn once; a warning of matplotlib would be an error."""
    agreement = pd.DataFrame(
        [[1, 0.5, -0.5], [0.5, 1, 0], [-0.5, 0, 1]], index=MEASURES, columns=MEASURES
    )
    words = pd.DataFrame({"information": [1.0, 5.0, 9.0], "contribution": [0.1, 0.3, 0.2]})
    found = {
        "agreement": figures.plot_agreement({"e $x$": agreement, "b": agreement, "c": agreement}),
        "faithfulness": figures.plot_faithfulness(table_of(["e $x$", "b"])),
        "pair": figures.plot_pair(MATRIX),
        "likeness": figures.plot_likeness(words, -0.25),
        "lengths": figures.plot_lengths({"e $x$": LENGTHS, "b": LENGTHS}),
        "beyond": figures.plot_beyond({"e $x$": by_group("fifth")}, "fifth", "fifth"),
    }
    for figure in found.values():
        FigureCanvasAgg(figure).draw()
    return found


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


def test_no_name_is_taken_for_mathematics(drawn: dict[str, Figure]) -> None:
    named = [
        text
        for figure in drawn.values()
        for text in figure.findobj(Text)
        if "$" in text.get_text() and text.get_visible()
    ]
    assert named
    assert not any(text.get_parse_math() for text in named)


def test_heat_maps_have_their_numbers_in_their_cells(drawn: dict[str, Figure]) -> None:
    for value in ("0.100", "\N{MINUS SIGN}0.200", "0.600"):
        assert value in texts(drawn["pair"])
    assert texts(drawn["agreement"]).count("\N{MINUS SIGN}0.50") == 6
    assert "\N{MINUS SIGN}ln P(w)" in texts(drawn["agreement"])
    _, _, heat, side = drawn["pair"].axes
    np.testing.assert_allclose(heat.images[0].get_array(), MATRIX.to_numpy())
    sums = [bar.get_width() for bar in side.patches]
    np.testing.assert_allclose(sums, MATRIX.sum(axis=1))


def test_intervals_are_drawn_at_their_values(drawn: dict[str, Figure]) -> None:
    table = table_of(["e $x$", "b"])
    lines = drawn["faithfulness"].axes[0].containers
    assert [line.get_label() for line in lines] == ["e $x$", "b"]
    for line, (_, rows) in zip(lines, table.groupby("encoder", sort=False), strict=True):
        np.testing.assert_allclose(line.lines[0].get_xdata(), rows["faithfulness"])
    for ax, column in zip(drawn["lengths"].axes, ("r_information", "rho_sentence"), strict=True):
        np.testing.assert_allclose(ax.containers[0].lines[0].get_ydata(), LENGTHS[column])


def test_there_must_be_something_to_draw() -> None:
    empty = table_of(["e"]).assign(faithfulness=np.nan)
    for draw in (
        lambda: figures.plot_agreement({}),
        lambda: figures.plot_lengths({}),
        lambda: figures.plot_beyond({}, "fifth", ""),
        lambda: figures.plot_faithfulness(empty),
        lambda: figures.plot_pair(MATRIX.iloc[:0]),
    ):
        with pytest.raises(WordweightsError, match=r"nothing to draw|no encoder to draw"):
            draw()
    with pytest.raises(WordweightsError, match="a cell without a number"):
        figures.plot_pair(MATRIX.assign(c=np.nan))


def test_tables_below_one_another_name_their_encoder() -> None:
    table = layouts.stack({"e": LENGTHS, "b": LENGTHS})
    assert table["encoder"].tolist() == ["e", "e", "b", "b"]
    shown = figures.table_html(table, layouts.LENGTHS)
    assert "4 to 7" in shown
    assert "0.80" in shown


def test_what_measures_found_is_said() -> None:
    table = table_of(["e", "e (untrained)"])
    said = prose.measures_takeaways(table, "e", "e (untrained)")
    assert "by 1 of 2 measures, and over content words alone by 1" in said
    assert "is number 1 of 3: \N{MINUS SIGN}ln P(w) (0.42, 95 % interval 0.27 to 0.47)" in said
    assert "between 0.58 (integrated gradients) and 0.74 (shapley). Its weights are random" in said
    assert "between 0.10 (integrated gradients) and 0.10" in prose.agreement_found(table, "e")
    unknown = table.assign(faithfulness=np.nan)
    assert "no order is compared" in prose.faithfulness_found(unknown, "e")
    words = pd.DataFrame({"sentence_id": [0, 0, 1]})
    said = prose.measures_compared(table, words, **SAME)
    assert "3 words of 2 sentences" in said
    assert said.endswith("the mean over them.")
    said = prose.measures_compared(table, words, 4, **OTHER)
    assert "4 sentences are left out, for they have more than 10 words" in said
    assert "by spaCy's list of stop words" in said


def test_what_another_baseline_changes_is_said() -> None:
    both = pd.concat([table_of(["e"]).assign(baseline=name) for name in ("pad", "mask")])
    words = pd.DataFrame({name: [1.0, 2.0, 3.0] for name in MEASURES})
    said = prose.replacement_found(both, words, -words, "e")
    assert (
        "- shapley: the weights with `pad` and with `mask` have a rank correlation of "
        "\N{MINUS SIGN}1.00; their r with information is 0.50 and 0.50." in said
    )


def test_what_lengths_and_pairs_found_is_said() -> None:
    said = prose.lengths_takeaways({"e": LENGTHS}, {"e": by_group("fifth")}, "e")
    assert "is 0.50 (95 % interval 0.40 to 0.60) where they have 4 to 7 words and 0.80" in said
    assert "weigh more in the first fifth of the sentence, and less in the third fifth" in said
    few = LENGTHS.assign(rho_sentence=np.nan)
    said = prose.lengths_takeaways({"e": few}, {"e": by_group("fifth").iloc[:0]}, "e")
    assert "has no interval at any length" in said
    assert "more in no fifth" in said
    said = prose.pair_found(PAIR, "e")
    assert "have a cosine of 0.625" in said
    assert "up to 1.0 \N{MULTIPLICATION SIGN} 10⁻⁹" in said
    assert "0.500, of `a` and `$c$`" in said
    assert "estimated" not in said
    long = pd.DataFrame({"word_a": "a", "position_a": 0, "word_b": "b", "position_b": range(11)})
    long = long.assign(cosine=0.1)
    long.attrs |= PAIR.attrs
    assert "Shapley values of the second sentence are estimated" in prose.pair_found(long, "e")
    words = pd.DataFrame({"pair": [0, 0, 1], "pieces": [1, 2, 1]})
    estimate = Estimate(0.5, 0.4, 0.6, 3, 2)
    content = Estimate(0.2, 0.1, 0.3, 2, 2)
    said = prose.likeness_found(estimate, content, estimate, words, "e")
    assert "Over 2 pairs of sentences and 3 words" in said
    assert "r = 0.50 (95 % interval 0.40 to 0.60)" in said
    assert "content words alone with r = 0.20 (95 % interval 0.10 to 0.30)" in said
    sentences = pd.DataFrame({"n_words": [4, 40]})
    assert "stop words" in prose.longer_sentences(sentences, "sotu", {"e": words}, **OTHER)
    said = prose.longer_sentences(sentences, "sotu", {"e": words}, **SAME)
    assert "stop words" not in said
    assert said.startswith("2 sentences of 4 to 40 words are used, from `sotu`")
    assert "1 of 3 for `e`" in said
