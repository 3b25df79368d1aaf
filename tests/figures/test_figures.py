"""Every figure drawn once: what is true of all of them, and what each shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from wordweights import figures
from wordweights.errors import WordweightsError

NASTY = ["a", "<b>woman</b>", "is", "$x^2$", "an", "antidisestablishmentarianism", "$", "."]


def _words() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    vocabulary = NASTY + [f"word{i}" for i in range(40)]
    drawn = rng.permutation(np.tile(np.arange(48), 4))
    probability = (0.05 / np.arange(1, 49))[drawn]
    information = -np.log(probability)
    return pd.DataFrame(
        {
            "sentence_id": np.repeat(np.arange(24), 8),
            "position": np.tile(np.arange(8), 24),
            "word": np.array(vocabulary)[drawn],
            "probability": probability,
            "information": information,
            "contribution": 0.02 * information * np.exp(0.3 * rng.standard_normal(192)),
            "standard_error": 0.01,
            "word_class": np.resize(["content", "function", "content", "punctuation"], 192),
        }
    )


WORDS = _words()
DISTINCT = WORDS.drop_duplicates("word").assign(
    idf=np.arange(48) / 10, sif=lambda t: t["probability"], stop_word=lambda t: t["word"] == "a"
)
SOURCES = pd.DataFrame({"count": 2, "one": DISTINCT["information"].to_numpy()}, DISTINCT["word"])
SOURCES["two"] = SOURCES["one"].where(SOURCES.index != ".") + 0.1
WEIGHTS = pd.DataFrame({"word": NASTY, "information": [1, 2, 3, np.nan, 4, 5, 6, 8], "one": 0.5})
COVERAGE = pd.DataFrame({"source": ["$one$", "two"], "distinct": [1, 0.9], "occurrences": [1, 0.7]})
RANKS = pd.DataFrame({"rank": [1, 10, 100], "probability": [0.1, 0.01, 0.001]})
GROWTH = pd.DataFrame({"tokens": [1, 100, 10_000], "words": [1, 10, 100]})
BY_SOURCE = pd.DataFrame(
    [(encoder, source) for encoder in ("e $x$", "b") for source in ("$one$", "two", "three")],
    columns=["encoder", "frequencies"],
).assign(r_information=np.linspace(-0.2, 0.8, 6), r_information_low=-0.4, r_information_high=0.9)
RESIDUALS = pd.DataFrame(
    [
        (s, n, rule, (s + 1) * n ** -float(k))
        for s in range(3)
        for n in (2, 4, 8)
        for k, rule in enumerate(("adaptive", "gauss-legendre"), 1)
    ],
    columns=["sentence_id", "n_nodes", "quadrature", "residual"],
)
RULES = {None: np.linspace(0, 1, 21), "adaptive": [0.4, 0.5], "gauss-legendre": [0.2, 0.8]}
PATH = pd.DataFrame(
    [(rule, a) for rule in RULES for a in RULES[rule]], columns=["quadrature", "alpha"]
)
PATH["speed"] = 1 + 4 * PATH["alpha"] * (1 - PATH["alpha"])
# two readings of one pre-training, and a fine-tuning that never met STS-B
RUNS = [("$x$ (CLS)", "pre-training"), ("$x$ (MEAN)", "pre-training"), ("tuned", "sbert")]
CURVES = pd.DataFrame(
    [(*run, step, step / 2000) for run in RUNS for step in (0, 5, 50, 1000)],
    columns=["encoder", "run", "step", "r"],
).assign(stage=lambda t: t["run"], low=lambda t: t["r"] - 0.1, high=0.9, onion=0.2, norm_r=-0.1)
CURVES["sts_spearman"] = CURVES["r"].where(CURVES["run"] == "pre-training")
LOSSES = pd.DataFrame({"run": np.repeat(["one", "$two$", "three"], 30), "step": [*range(30)] * 3})
SWAP = pd.DataFrame(
    [("before", "before"), ("after", "before"), ("before", "after"), ("after", "after")],
    columns=["embeddings", "layers"],
).assign(r=[0.1, 0.2, 0.3, 0.4], low=0.0, high=0.5, norm_r=-0.1)

CORRELATIONS = pd.DataFrame(
    [
        ("e $x$", "this run", 0.8, 0.7, 0.9, 0.5, 0.4, 0.6),
        ("e $x$", "published", 0.75, *[np.nan] * 5),
        ("few", "this run", 0.2, 0.1, 0.3, *[np.nan] * 3),
    ],
    columns=["encoder", "origin"]
    + [f"r_{of}{end}" for of in ("information", "content") for end in ("", "_low", "_high")],
)
POWERS = pd.DataFrame({"power": [-1.0, 0.0, 1.0], "r": [0.3, 0.8, 0.5]})
RISES = pd.DataFrame(
    [
        ("$a$", "b", 0.3, 0.6, 0.25, 0.35, 0.1, 0.1, -0.1, 0.1),
        ("$a$", "c", 0.3, 0.2, -0.2, 0, *[np.nan] * 4),
    ],
    columns=["before", "encoder"]
    + [
        f"{name}{end}"
        for end in ("", "_content")
        for name in ("r_before", "r_after", "low", "high")
    ],
)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    """Every figure, drawn once; a warning of matplotlib would be an error."""
    exact = WORDS.assign(contribution=WORDS["contribution"] * 1.01)
    wide = WEIGHTS.assign(**{f"e{i}": 0.1 for i in range(4)})
    swaps = {"$a$ → b": SWAP, "a long name of an encoder (CLS) → another long name (CLS)": SWAP}
    found = {
        "rank": figures.plot_rank_frequency(DISTINCT),
        "information": figures.plot_information(WORDS),
        "schemes": figures.plot_schemes(DISTINCT),
        "sources": figures.plot_sources(SOURCES),
        "three sources": figures.plot_sources(SOURCES.assign(three=SOURCES["one"] ** 2)),
        "coverage": figures.plot_coverage(COVERAGE),
        "zipf": figures.plot_zipf({"$one$": RANKS, "two": RANKS}),
        "growth": figures.plot_growth(GROWTH, 0.5),
        "by source": figures.plot_source_correlations(BY_SOURCE),
        "convergence": figures.plot_convergence(RESIDUALS, chosen=4),
        "path": figures.plot_path(PATH),
        "estimate": figures.plot_estimate(WORDS, exact),
        "norms": figures.plot_norms(WORDS, exact),
        "trajectory": figures.plot_trajectory(CURVES),
        "measures": figures.plot_measures(CURVES),
        "losses": figures.plot_losses(LOSSES.assign(loss=9 / (LOSSES["step"] + 1))),
        "swaps": figures.plot_swaps(swaps),
        "one encoder": figures.plot_contributions({"a": WORDS}),
        "correlations": figures.plot_correlations(CORRELATIONS),
        "correlations beside": figures.plot_correlations(
            CORRELATIONS.assign(r_information_low=0.9)
        ),
        "powers": figures.plot_powers({"$one$": POWERS, "two": POWERS}),
        "rises": figures.plot_rises(RISES),
        "encoders": figures.plot_contributions({f"encoder $x$ {i}": WORDS for i in range(5)}),
        "weights": figures.plot_weights([WEIGHTS]),
        "two rows": figures.plot_weights([wide, wide.iloc[:3]]),
    }
    for figure in found.values():
        FigureCanvasAgg(figure).draw()
    return found


def test_no_word_is_taken_for_mathematics(drawn):
    seen = 0
    for figure in drawn.values():
        for text in figure.findobj(Text):
            if not text.get_visible() or "mathdefault" in text.get_text():
                continue  # labels of the exponents of an axis are mathematics
            if "$" in text.get_text():
                seen += 1
                assert not text.get_parse_math(), text.get_text()
    assert seen >= 10  # so that the loop is known to have met some


def test_figures_are_as_wide_as_the_book_readable_and_unknown_to_pyplot(drawn):
    for name, figure in drawn.items():
        assert figure.get_figwidth() * figure.dpi == 720, name
        sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text().strip()]
        # exponents in the labels of logarithmic axes are part of a text, so not counted here
        assert min(sizes) >= 8.5, name
    assert plt.get_fignums() == []


def test_no_text_leaves_its_figure(drawn):
    for name, figure in drawn.items():
        width, height = figure.bbox.size
        for text in (text for ax in figure.axes if ax.axison for text in ax.texts):
            box = text.get_window_extent()
            assert -1 <= box.x0 <= box.x1 <= width + 1, (name, text.get_text())
            assert box.y1 <= height + 1, (name, text.get_text())


def test_axes_carry_their_units(drawn):
    nats = "\N{MINUS SIGN}ln P(w) [nats]"
    for name, text in (
        ("information", f"information {nats}"),
        ("one encoder", f"information {nats}"),
        ("sources", f"one\n{nats}"),
    ):
        assert text in [t.get_text() for t in drawn[name].findobj(Text)]
    for name, figure in drawn.items():  # panels below one another share the axis of the lowest
        shown = [ax for ax in figure.axes if ax.axison]
        several = ("encoders", "schemes", "measures")
        assert all(ax.get_xlabel() for ax in shown if name not in several), name


def test_shares_of_information_sum_to_one(drawn):
    (ax,) = drawn["information"].axes
    outlines = [patch.get_data() for patch in ax.patches]
    assert [values.sum() for values, *_ in outlines] == pytest.approx([1, 1])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["word occurrences (n = 192)", "distinct words (n = 48)"]


def test_the_words_that_make_a_spike_are_named() -> None:
    drawn = np.random.default_rng(1).uniform(4, 10, 500)
    words = pd.DataFrame({"word": [f"w{i}" for i in range(500)], "information": drawn})
    often = pd.DataFrame({"word": [".", "The", "the"] * 30, "information": 3.0})
    (ax,) = figures.plot_information(pd.concat([words, often])).axes
    assert [text.get_text() for text in ax.texts] == ["the, “.”"]
    assert ax.texts[0].xy[1] == pytest.approx(90 / 590)
    assert not figures.plot_information(words).axes[0].texts


def test_explicit_weights_stand_over_information(drawn):
    idf, sif, groups = drawn["schemes"].axes
    for ax, column in ((idf, "idf"), (sif, "sif")):
        points = ax.collections[0].get_offsets()
        assert points.tolist() == DISTINCT[["information", column]].to_numpy().tolist()
    assert groups.get_xlabel() == "information \N{MINUS SIGN}ln P(w) [nats]"
    assert idf.get_shared_x_axes().joined(idf, groups)


def test_encoders_of_a_family_stand_side_by_side() -> None:
    tables = dict.fromkeys(("a", "b", "c", "d", "e"), WORDS)
    figure = figures.plot_contributions(tables, [["c", "a"], ["b"], ["d", "e"]])
    FigureCanvasAgg(figure).draw()
    titles = [ax.get_title().split("\n")[0] if ax.axison else None for ax in figure.axes]
    assert titles == ["c", "a", "b", None, "d", "e"]
    shown = [ax for ax in figure.axes if ax.get_xlabel()]
    assert [ax.get_title()[0] for ax in shown] == ["d", "e"]


def test_the_full_stop_is_named_and_led_to(drawn):
    (ax,) = drawn["one encoder"].axes
    (stop,) = [text for text in ax.texts if text.get_text() == "“.”"]
    lowest = WORDS[WORDS["word"] == "."].nsmallest(1, "contribution")
    assert stop.xy == tuple(lowest[["information", "contribution"]].to_numpy()[0])
    assert stop.arrow_patch is not None


def test_every_word_is_a_point(drawn):
    (ax,) = drawn["one encoder"].axes
    assert sum(len(c.get_offsets()) for c in ax.collections) == len(WORDS)
    content = WORDS[WORDS["word_class"] == "content"]
    rs = [some["contribution"].corr(some["information"]) for some in (WORDS, content)]
    assert ax.get_title() == f"a\nr = {rs[0]:.2f}; content words {rs[1]:.2f}"
    # a line for each class, by least squares
    slope = np.diff(ax.lines[0].get_ydata()) / np.diff(ax.lines[0].get_xdata())
    assert slope == pytest.approx(np.polyfit(content["information"], content["contribution"], 1)[0])
    assert len(ax.lines) == 3
    for panel in drawn["schemes"].axes:
        assert sum(len(c.get_offsets()) for c in panel.collections) == len(DISTINCT)
    assert drawn["sources"].axes[0].get_title() == "rank correlation 1.00\n47 words"


def test_table_one_has_a_point_for_what_is_known(drawn):
    (ax,) = drawn["correlations"].axes
    every, content = (container.lines[0].get_xdata() for container in ax.containers)
    assert list(every) == [0.8, 0.2]
    assert list(content) == [0.5]
    (published,) = [c for c in ax.collections if c.get_label() == "all words, published"]
    assert published.get_offsets()[:, 0].tolist() == [0.75]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["e $x$", "the same, published", "few"]


def test_slopes_lead_from_before_to_after(drawn):
    every, content = drawn["rises"].axes
    slopes = [list(line.get_ydata()) for line in every.lines if len(line.get_xdata()) == 2]
    assert [0.3, 0.6] in slopes
    assert [0.3, 0.2] in slopes
    assert [0.1, 0.1] in [list(line.get_ydata()) for line in content.lines]


def test_each_curve_of_powers_has_a_mark_at_its_top(drawn):
    (ax,) = drawn["powers"].axes
    marks = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [(mark.get_xdata()[0], mark.get_ydata()[0]) for mark in marks] == [(0.0, 0.8)] * 2


def test_extremes_are_named_without_overlap(drawn):
    labels = drawn["one encoder"].axes[0].texts
    assert 2 <= len(labels) <= 5
    largest = WORDS.loc[WORDS["contribution"].idxmax(), "word"]
    assert largest[:13] in [label.get_text().rstrip("…") for label in labels]
    boxes = [label.get_window_extent() for label in labels]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_bars_are_shares_of_the_largest_and_unseen_words_stay(drawn):
    first, second = drawn["weights"].axes
    widths = [bar.get_width() for bar in first.patches]
    assert widths == pytest.approx(np.array([1, 2, 3, 0, 4, 5, 6, 8]) / 8)
    assert [t.get_text() for t in first.texts][2:5] == ["3.00", "unseen", "4.00"]
    assert [bar.get_width() for bar in second.patches] == [1.0] * 8
    assert first.get_yticklabels()[0].get_text() == "a"


def test_convergence_draws_each_sentence_and_the_median(drawn):
    (ax,) = drawn["convergence"].axes
    assert len(ax.lines) == 2 * (3 + 1) + 1
    thick = [line for line in ax.lines if line.get_linewidth() == 2]
    assert thick[0].get_ydata() == pytest.approx([2 / 2, 2 / 4, 2 / 8])
    # an exact integral has a place on the logarithmic axis
    (ax,) = figures.plot_convergence(RESIDUALS.assign(residual=0.0)).axes
    assert min(ax.lines[0].get_ydata()) == np.finfo(float).eps


def test_the_path_shows_the_nodes_of_each_rule(drawn):
    (ax,) = drawn["path"].axes
    assert len(ax.lines[0].get_xdata()) == 21
    marks = [marks.get_offsets() for marks in ax.collections if len(marks.get_offsets()) == 2]
    assert [sorted(mark[:, 0]) for mark in marks] == [[0.4, 0.5], [0.2, 0.8]]
    assert all((mark[:, 1] < 0).all() for mark in marks)  # below the line
    assert min(ax.get_yticks()) >= 0


def test_a_power_law_goes_through_the_last_point(drawn):
    for line in drawn["growth"].axes[0].get_lines():
        assert line.get_ydata() == pytest.approx([1, 10, 100])


def test_correlations_of_sources_stand_at_their_encoder(drawn):
    (ax,) = drawn["by source"].axes
    points = [(x, round(y)) for c in ax.containers for x, y in c.lines[0].get_xydata()]
    r = BY_SOURCE["r_information"].to_numpy().reshape(2, 3).T.ravel()
    assert points == list(zip(r, [0, 1] * 3, strict=True))


def test_curves_have_a_place_for_step_0_and_a_band(drawn):
    first, second = drawn["trajectory"].axes
    assert [ax.get_title() for ax in (first, second)] == ["pre-training", "sbert"]
    assert [len(line.get_xdata()) for line in first.lines[:2]] == [4, 4]
    ticks = [label.get_text() for label in first.get_xticklabels()]
    assert ticks == ["0", "5", "100", "1,000"]
    assert first.get_xlim()[0] < 0
    assert first.collections[0].get_paths()[0].vertices[:, 1].min() == pytest.approx(-0.1)


def test_a_measure_is_drawn_where_it_was_measured(drawn):
    axes = drawn["measures"].axes
    assert [ax.get_ylabel().split("\n")[0] for ax in axes[::2]] == [
        *("share of “onion”", "r of embedding length", "Spearman's \N{GREEK SMALL LETTER RHO}")
    ]
    assert [len(line.get_xdata()) for line in (*axes[4].lines, *axes[5].lines)] == [4, 4, 0]
    assert len(figures.plot_measures(CURVES.assign(sts_spearman=np.nan)).axes) == 2 * 2


def test_what_moved_stands_beside_its_name(drawn):
    left, right = drawn["swaps"].axes
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == ["before", "embeddings alone", "layers alone", "after"] * 2
    assert [text.get_text()[:7] for text in left.texts] == ["$a$ → b", "a long "]
    assert right.lines[0].get_xdata() == pytest.approx([-0.1] * 4)


BROKEN = {
    "1 NaN or infinite": lambda: figures.plot_contributions(
        {"a": WORDS.assign(contribution=[np.nan, *[1.0] * 191])}
    ),
    "no encoder": lambda: figures.plot_contributions({}),
    "is no encoder": lambda: figures.plot_powers({}),
    "no pair of encoders": lambda: figures.plot_rises(RISES.iloc[:0]),
    "no rows": lambda: figures.plot_rank_frequency(DISTINCT.iloc[:0]),
    "column 'idf'": lambda: figures.plot_schemes(DISTINCT.drop(columns="idf")),
    "at least two": lambda: figures.plot_sources(SOURCES.drop(columns="two")),
    "share 1 words": lambda: figures.plot_sources(
        SOURCES.assign(two=SOURCES["two"].where(SOURCES.index == "a"))
    ),
    "not of the same words": lambda: figures.plot_estimate(WORDS, WORDS.iloc[1:]),
    "no words or no weights": lambda: figures.plot_weights([WEIGHTS, WEIGHTS.iloc[:0]]),
    "no number in onion": lambda: figures.plot_measures(CURVES[["encoder", "stage", "step"]]),
    "no pair": lambda: figures.plot_swaps({}),
}


@pytest.mark.parametrize("message", BROKEN)
def test_what_cannot_be_drawn_is_an_error(message):
    with pytest.raises(WordweightsError, match=message):
        BROKEN[message]()


def test_bars_have_lines_of_two_standard_errors() -> None:
    weights = WEIGHTS.assign(one=[0.5, 1.0] * 4)
    table = pd.DataFrame({"sentence_id": 0, "standard_error": np.linspace(0, 0.1, 8)})
    figure = figures.plot_weights([weights], {"one": table})
    information, one = figure.axes
    assert not information.collections
    (lines,) = one.collections
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    np.testing.assert_allclose(ends.mean(axis=1), weights["one"])  # the largest is 1
    np.testing.assert_allclose(np.ptp(ends, axis=1), 4 * table["standard_error"])


def test_curves_of_content_words_are_dashed_where_they_are_known() -> None:
    one = CURVES[CURVES["encoder"] == CURVES["encoder"].iloc[0]]
    content = {"r_content": one["r"] / 2, "r_content_low": -0.1, "r_content_high": 0.6}
    ax, *_ = figures.plot_trajectory(one.assign(**content)).axes
    lines = {str(line.get_label()): line for line in ax.get_lines()}
    name = str(one["encoder"].iloc[0])
    assert lines[f"{name}, content words"].get_linestyle() == "--"
    np.testing.assert_allclose(
        np.asarray(lines[f"{name}, content words"].get_ydata(), dtype=float),
        np.asarray(lines[name].get_ydata(), dtype=float) / 2,
    )
    plain, *_ = figures.plot_trajectory(one.assign(r_content=np.nan)).axes
    assert not [line for line in plain.get_lines() if line.get_linestyle() == "--"]
