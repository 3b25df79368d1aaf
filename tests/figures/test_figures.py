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


@pytest.fixture(scope="module")
def words():
    rng = np.random.default_rng(0)
    vocabulary = NASTY + [f"word{i}" for i in range(40)]
    probability = 0.05 / np.arange(1, 49)
    drawn = rng.permutation(np.tile(np.arange(48), 4))
    table = pd.DataFrame(
        {
            "sentence_id": np.repeat(np.arange(24), 8),
            "position": np.tile(np.arange(8), 24),
            "word": np.array(vocabulary)[drawn],
            "probability": probability[drawn],
            "information": -np.log(probability[drawn]),
            "standard_error": 0.01,
        }
    )
    noise = np.exp(0.3 * rng.standard_normal(len(table)))
    return table.assign(contribution=0.02 * table["information"] * noise)


@pytest.fixture(scope="module")
def distinct(words):
    table = words.drop_duplicates("word")
    return table.assign(
        idf=np.arange(len(table)) / 10,
        sif=1e-3 / (1e-3 + table["probability"]),
        stop_word=table["word"].isin(["a", "is", "an"]),
    )


@pytest.fixture(scope="module")
def sources(distinct):
    table = pd.DataFrame({"count": 2, "one": distinct["information"]})
    table.index = pd.Index(distinct["word"], name="word")
    return table.assign(two=table["one"].where(table.index != ".") + 0.1)


@pytest.fixture(scope="module")
def weights():
    return pd.DataFrame(
        {"word": NASTY, "information [nats]": [1, 2, 3, np.nan, 4, 5, 6, 8], "one": 0.5}
    )


COVERAGE = pd.DataFrame(
    {"source": ["$one$", "two"], "distinct": [1.0, 0.9], "occurrences": [1.0, 0.75]}
)
RANKS = pd.DataFrame({"rank": [1, 10, 100], "probability": [0.1, 0.01, 0.001]})
GROWTH = pd.DataFrame({"tokens": [1, 100, 10_000], "words": [1, 10, 100]})


def source_correlations():
    pairs = [(e, s) for e in ("encoder $x$", "b") for s in ("$one$", "two", "three")]
    table = pd.DataFrame(pairs, columns=["encoder", "frequencies"])
    ends = {"r_information_low": -0.4, "r_information_high": 0.9}
    return table.assign(r_information=np.linspace(-0.2, 0.8, 6), **ends)


def residuals():
    rows = [
        {"sentence_id": s, "n_nodes": n, "quadrature": rule, "residual": (s + 1) * n ** -float(k)}
        for s in range(3)
        for n in (2, 4, 8)
        for k, rule in enumerate(("adaptive", "gauss-legendre"), 1)
    ]
    return pd.DataFrame(rows)


def profile():
    even = np.linspace(0, 1, 21)
    rules = {None: even, "adaptive": np.array([0.4, 0.5]), "gauss-legendre": np.array([0.2, 0.8])}
    return pd.concat(
        [
            pd.DataFrame({"quadrature": rule, "alpha": a, "speed": 1 + 4 * a * (1 - a)})
            for rule, a in rules.items()
        ],
        ignore_index=True,
    )


def snapshots():
    """Curves of two readings of one pre-training, and of a fine-tuning that never met STS-B."""
    runs = [("$x$ (CLS)", "pre-training"), ("$x$ (MEAN)", "pre-training"), ("tuned", "sbert")]
    rows = [
        {"encoder": encoder, "run": run, "step": step, "r": 0.1 * i + step / 2000}
        for i, (encoder, run) in enumerate(runs)
        for step in (0, 5, 50, 1000)
    ]
    table = pd.DataFrame(rows)
    stage = np.where(table["run"] == "pre-training", "pre-training", "fine-tuning")
    sts = table["r"].where(table["run"] == "pre-training")
    return table.assign(
        low=table["r"] - 0.1,
        high=table["r"] + 0.1,
        stage=stage,
        onion=0.2,
        norm_r=-table["r"],
        sts_spearman=sts,
    )


def losses():
    runs = ("pre-training", "$sbert$", "third")
    return pd.DataFrame(
        [{"run": run, "step": step, "loss": 9 / (step + 1)} for run in runs for step in range(30)]
    )


def moves():
    table = pd.DataFrame(
        {
            "embeddings": ["before", "after", "before", "after"],
            "layers": ["before", "before", "after", "after"],
            "r": [0.1, 0.2, 0.3, 0.4],
            "low": 0.0,
            "high": 0.5,
            "norm_r": [-0.1, 0.1, -0.1, 0.1],
        }
    )
    return {"$a$ → b": table, "a long name of an encoder (CLS) → another long name (CLS)": table}


@pytest.fixture(scope="module")
def drawn(words, distinct, sources, weights):
    """Every figure, drawn once; a warning of matplotlib would be an error."""
    exact = words.assign(contribution=words["contribution"] * 1.01)
    many = {f"encoder $x$ {i}": words for i in range(5)}
    wide = weights.assign(**{f"e{i}": 0.1 for i in range(4)})
    found = {
        "rank": figures.plot_rank_frequency(distinct),
        "information": figures.plot_information(words),
        "schemes": figures.plot_schemes(distinct),
        "sources": figures.plot_sources(sources),
        "three sources": figures.plot_sources(sources.assign(three=sources["one"] ** 2)),
        "coverage": figures.plot_coverage(COVERAGE),
        "zipf": figures.plot_zipf({"$one$": RANKS, "two": RANKS}),
        "growth": figures.plot_growth(GROWTH, 0.5),
        "source correlations": figures.plot_source_correlations(source_correlations()),
        "convergence": figures.plot_convergence(residuals(), chosen=4),
        "path": figures.plot_path(profile()),
        "estimate": figures.plot_estimate(words, exact),
        "norms": figures.plot_norms(words, exact),
        "trajectory": figures.plot_trajectory(snapshots()),
        "one curve": figures.plot_trajectory(snapshots().query("run == 'sbert'")),
        "measures": figures.plot_measures(snapshots()),
        "losses": figures.plot_losses(losses()),
        "moves": figures.plot_moves(moves()),
        "one encoder": figures.plot_contributions({"a": words}, {"a": -0.5}),
        "encoders": figures.plot_contributions(many),
        "weights": figures.plot_weights(weights),
        "two rows": figures.plot_weights(wide, wide.iloc[:3]),
    }
    for figure in found.values():
        FigureCanvasAgg(figure).draw()
    return found


def texts(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


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


def test_shares_of_information_sum_to_one(words):
    (ax,) = figures.plot_information(words).axes
    outlines = [patch.get_data() for patch in ax.patches]
    assert [values.sum() for values, *_ in outlines] == pytest.approx([1, 1])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["word occurrences (n = 192)", "distinct words (n = 48)"]


def test_every_word_is_a_point(words, distinct):
    (ax,) = figures.plot_contributions({"a": words}, {"a": -0.5}).axes
    assert len(ax.collections[0].get_offsets()) == len(words)
    assert ax.get_title() == "a\nr = \N{MINUS SIGN}0.50"
    for panel in figures.plot_schemes(distinct).axes:
        assert sum(len(c.get_offsets()) for c in panel.collections) == len(distinct)


def test_extremes_are_named_without_overlap(drawn, words):
    labels = drawn["one encoder"].axes[0].texts
    assert 2 <= len(labels) <= 4
    largest = words.loc[words["contribution"].idxmax(), "word"]
    assert largest[:13] in [label.get_text().rstrip("…") for label in labels]
    boxes = [label.get_window_extent() for label in labels]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_sources_name_the_rank_correlation(drawn):
    assert drawn["sources"].axes[0].get_title() == "rank correlation 1.00\n47 words"


def test_bars_are_shares_of_the_largest_and_unseen_words_stay(drawn):
    first, second = drawn["weights"].axes
    widths = [bar.get_width() for bar in first.patches]
    assert widths == pytest.approx(np.array([1, 2, 3, 0, 4, 5, 6, 8]) / 8)
    assert [t.get_text() for t in first.texts][2:5] == ["3.00", "unseen", "4.00"]
    assert [bar.get_width() for bar in second.patches] == [1.0] * 8
    assert first.get_yticklabels()[0].get_text() == "a"


def test_convergence_draws_each_sentence_and_the_median():
    (ax,) = figures.plot_convergence(residuals(), chosen=4).axes
    assert len(ax.lines) == 2 * (3 + 1) + 1
    assert ax.get_yscale() == "log"
    thick = [line for line in ax.lines if line.get_linewidth() == 2]
    assert thick[0].get_ydata() == pytest.approx([2 / 2, 2 / 4, 2 / 8])
    # an exact integral has a place on the logarithmic axis
    (ax,) = figures.plot_convergence(residuals().assign(residual=0.0)).axes
    assert min(ax.lines[0].get_ydata()) == np.finfo(float).eps


def test_the_path_shows_the_nodes_of_each_rule(drawn):
    (ax,) = drawn["path"].axes
    assert len(ax.lines[0].get_xdata()) == 21
    marks = [marks.get_offsets() for marks in ax.collections if len(marks.get_offsets()) == 2]
    assert [sorted(mark[:, 0]) for mark in marks] == [[0.4, 0.5], [0.2, 0.8]]
    assert all((mark[:, 1] < 0).all() for mark in marks)  # below the line
    assert min(ax.get_yticks()) >= 0


def test_curves_have_a_place_for_step_0_and_a_band():
    figure = figures.plot_trajectory(snapshots())
    first, second, *rest = figure.axes
    assert [ax.get_title() for ax in (first, second)] == ["pre-training", "sbert"]
    assert rest == []
    assert [len(line.get_xdata()) for line in first.lines[:2]] == [4, 4]
    ticks = [label.get_text() for label in first.get_xticklabels()]
    assert ticks == ["0", "5", "100", "1,000"]
    left, right = first.get_xlim()
    assert left < 0
    assert right > 1000
    band = first.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(-0.1)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *("$x$ (CLS)", "$x$ (MEAN)", "tuned")
    ]
    with pytest.raises(WordweightsError, match="1 NaN"):
        figures.plot_trajectory(snapshots().assign(r=[np.nan, *[0.1] * 11]))


def test_a_measure_is_drawn_where_it_was_measured():
    figure = figures.plot_measures(snapshots())
    assert len(figure.axes) == 3 * 2
    labels = [ax.get_ylabel().replace("\n", " ") for ax in figure.axes[::2]]
    assert labels[0] == "share of “onion”"
    assert labels[2] == "Spearman's \N{GREEK SMALL LETTER RHO} on STS-B"
    assert [len(line.get_xdata()) for line in figure.axes[4].lines] == [4, 4]
    assert [len(line.get_xdata()) for line in figure.axes[5].lines] == [0]
    without = figures.plot_measures(snapshots().assign(sts_spearman=np.nan))
    assert len(without.axes) == 2 * 2
    nothing = snapshots().drop(columns=["onion", "norm_r", "sts_spearman"])
    with pytest.raises(WordweightsError, match="no number in onion"):
        figures.plot_measures(nothing)


def test_losses_are_drawn_as_they_are():
    figure = figures.plot_losses(losses())
    assert [ax.get_title() for ax in figure.axes if ax.axison] == [
        "pre-training",
        "$sbert$",
        "third",
    ]
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx(9 / np.arange(1, 31))


def test_what_moved_stands_beside_its_name():
    left, right = figures.plot_moves(moves()).axes
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == ["before", "embeddings alone", "layers alone", "after"] * 2
    first, second = left.texts
    assert first.get_text() == "$a$ → b"
    assert second.get_text().endswith("…")
    assert right.lines[0].get_xdata() == pytest.approx([-0.1, 0.1, -0.1, 0.1])
    with pytest.raises(WordweightsError, match="no pair"):
        figures.plot_moves({})


def test_what_cannot_be_drawn_is_an_error(words, distinct, sources, weights):
    with pytest.raises(WordweightsError, match="1 NaN or infinite"):
        figures.plot_contributions({"a": words.assign(contribution=[np.nan, *[1.0] * 191])})
    with pytest.raises(WordweightsError, match="no encoder"):
        figures.plot_contributions({})
    with pytest.raises(WordweightsError, match="no rows"):
        figures.plot_rank_frequency(distinct.iloc[:0])
    with pytest.raises(WordweightsError, match="column 'idf'"):
        figures.plot_schemes(distinct.drop(columns="idf"))
    with pytest.raises(WordweightsError, match="at least two"):
        figures.plot_sources(sources.drop(columns="two"))
    with pytest.raises(WordweightsError, match="share 1 words"):
        figures.plot_sources(sources.assign(two=sources["two"].where(sources.index == "a")))
    with pytest.raises(WordweightsError, match="same words"):
        figures.plot_estimate(words, words.iloc[1:])
    with pytest.raises(WordweightsError, match="not of the same words"):
        figures.plot_norms(words, words.iloc[1:])
    for tables in ([], [weights[["word"]]], [weights, weights.iloc[:0]]):
        with pytest.raises(WordweightsError, match="no words or no weights"):
            figures.plot_weights(*tables)


def test_a_power_law_goes_through_the_last_point():
    (ax,) = figures.plot_growth(GROWTH, 0.5).axes
    for line in ax.get_lines():
        assert line.get_ydata() == pytest.approx([1, 10, 100])


def test_correlations_of_sources_stand_at_their_encoder():
    (ax,) = figures.plot_source_correlations(source_correlations()).axes
    drawn = [(x, round(y)) for c in ax.containers for x, y in c.lines[0].get_xydata()]
    r = source_correlations()["r_information"].to_numpy().reshape(2, 3).T.ravel()
    assert drawn == list(zip(r, [0, 1] * 3, strict=True))
