from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from wordweights import figures
from wordweights.errors import WordweightsError
from wordweights.statistics import (
    OURS,
    arrange_before_after,
    published_correlations,
    spread_by_information,
    summarise_claims,
)
from wordweights.statistics.claims import CLAIMS
from wordweights.training.curves import ends_of_curves

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


def coverage():
    rows = {"source": ["$one$", "two"], "distinct": [1.0, 0.9], "occurrences": [1.0, 0.75]}
    return pd.DataFrame(rows)


def ranks():
    return pd.DataFrame({"rank": [1, 10, 100], "probability": [0.1, 0.01, 0.001]})


def growth():
    return pd.DataFrame({"tokens": [1, 100, 10_000], "words": [1, 10, 100]})


def source_correlations():
    pairs = [(e, s) for e in ("encoder $x$", "b") for s in ("$one$", "two", "three")]
    table = pd.DataFrame(pairs, columns=["encoder", "source"])
    return table.assign(r=np.linspace(-0.2, 0.8, 6), low=-0.4, high=0.9)


def residuals():
    rows = [
        {"sentence_id": s, "n_steps": n, "quadrature": rule, "residual": (s + 1) * n ** -float(k)}
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
            **{"rise": [np.nan, 0.1, 0.2, 0.3], "rise_low": [np.nan, -0.1, 0.1, 0.2]},
            "rise_high": [np.nan, 0.2, 0.3, 0.4],
        }
    )
    return {"$a$ → b": table, "a long name of an encoder (CLS) → another long name (CLS)": table}


@pytest.fixture(scope="module")
def drawn(words, distinct, sources, weights):
    """Every figure, drawn once; a warning of matplotlib would be an error."""
    exact = words.assign(contribution=words["contribution"] * 1.01)
    many = {f"encoder $x$ {i}": words for i in range(5)}
    found = {
        "rank": figures.plot_rank_frequency(distinct),
        "information": figures.plot_information(words),
        "schemes": figures.plot_schemes(distinct),
        "sources": figures.plot_sources(sources),
        "three sources": figures.plot_sources(sources.assign(three=sources["one"] ** 2)),
        "coverage": figures.plot_coverage(coverage()),
        "zipf": figures.plot_zipf({"$one$": ranks(), "two": ranks()}),
        "growth": figures.plot_growth(growth(), 0.5),
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
        "many encoders": figures.plot_contributions({f"encoder $x$ {i}": words for i in range(7)}),
        "one encoder": figures.plot_contributions({"a": words}, {"a": -0.5}),
        "encoders": figures.plot_contributions(many),
        "weights": figures.plot_weights(weights),
        "two sentences": figures.plot_weights(weights, weights.iloc[:3]),
        "two rows": figures.plot_weights(weights.assign(**{f"e{i}": 0.1 for i in range(4)})),
    }
    for figure in found.values():
        FigureCanvasAgg(figure).draw()
    return found


def texts(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_figures_leave_nothing_with_pyplot(drawn):
    assert all(isinstance(figure, Figure) for figure in drawn.values())
    assert plt.get_fignums() == []


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


def test_figures_are_as_wide_as_the_book_and_readable(drawn):
    for name, figure in drawn.items():
        assert figure.get_figwidth() * figure.dpi == 720, name
        sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text().strip()]
        # exponents in the labels of logarithmic axes are part of a text, so not counted here
        assert min(sizes) >= 8.5, name


def test_no_text_leaves_its_figure(drawn):
    for name, figure in drawn.items():
        width, height = figure.bbox.size
        for text in figure.findobj(Text):
            if not text.get_text().strip() or not text.get_visible():
                continue
            if text.axes is not None and not text.axes.axison:
                continue
            box = text.get_window_extent()
            if text.axes is not None and text in text.axes.texts:
                assert box.x0 >= -1, (name, text.get_text())
                assert box.x1 <= width + 1, (name, text.get_text())
                assert box.y1 <= height + 1, (name, text.get_text())


def test_axes_carry_their_units(drawn):
    assert "information \N{MINUS SIGN}ln P(w) [nats]" in texts(drawn["information"])
    assert "information \N{MINUS SIGN}ln P(w) [nats]" in texts(drawn["one encoder"])
    assert "one\n\N{MINUS SIGN}ln P(w) [nats]" in texts(drawn["sources"])
    for name, figure in drawn.items():  # panels below one another share the axis of the lowest
        shown = [ax for ax in figure.axes if ax.axison]
        several = ("encoders", "many encoders", "schemes", "measures")
        assert all(ax.get_xlabel() for ax in shown if name not in several), name


def test_shares_of_information_sum_to_one(words):
    (ax,) = figures.plot_information(words).axes
    outlines = [patch.get_data() for patch in ax.patches]
    assert [values.sum() for values, *_ in outlines] == pytest.approx([1, 1])
    assert "word occurrences (n = 192)" in texts(ax.figure)
    assert "distinct words (n = 48)" in texts(ax.figure)


def test_every_word_is_a_point(words, distinct):
    figure = figures.plot_contributions({"a": words}, {"a": -0.5})
    assert len(figure.axes[0].collections[0].get_offsets()) == len(words)
    assert figure.axes[0].get_title() == "a\nr = \N{MINUS SIGN}0.50"
    left, middle, right = figures.plot_schemes(distinct).axes
    for ax in (left, middle):
        assert len(ax.collections[0].get_offsets()) == len(distinct)
    assert sum(len(c.get_offsets()) for c in right.collections) == len(distinct)


def test_extremes_are_named_without_overlap(drawn, words):
    figure = drawn["one encoder"]
    labels = figure.axes[0].texts
    assert 2 <= len(labels) <= 4
    largest = words.loc[words["contribution"].idxmax(), "word"]
    assert figures.style.shorten(largest) in [label.get_text() for label in labels]
    boxes = [label.get_window_extent() for label in labels]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_sources_name_the_rank_correlation(sources):
    figure = figures.plot_sources(sources)
    assert figure.axes[0].get_title() == "rank correlation 1.00\n47 words"


def test_bars_are_shares_of_the_largest_and_unseen_words_stay(weights):
    first, second = figures.plot_weights(weights).axes
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


def test_the_path_shows_the_nodes_of_each_rule():
    (ax,) = figures.plot_path(profile()).axes
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


def test_an_exact_integral_has_a_place_on_the_logarithmic_axis():
    table = residuals().assign(residual=0.0)
    (ax,) = figures.plot_convergence(table).axes
    assert min(ax.lines[0].get_ydata()) == np.finfo(float).eps


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


class Reader(HTMLParser):
    """What a browser would show, and the elements it would make."""

    def __init__(self):
        super().__init__()
        self.shown: list[str] = []
        self.tags: set[str] = set()
        self.styles: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.styles += [value for name, value in attrs if name == "style" and "color:#" in value]

    def handle_data(self, data):
        if self.lasttag != "style":
            self.shown.append(data)


def read(fragment: str) -> Reader:
    reader = Reader()
    reader.feed(fragment)
    reader.close()
    return reader


printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@given(st.lists(st.tuples(printable, st.floats(0, 1e6)), min_size=1, max_size=8))
@settings(deadline=None)
def test_shaded_words_are_shown_as_they_are(rows):
    words, weights = zip(*rows, strict=True)
    reader = read(figures.shaded_text(words, weights))
    assert reader.tags == {"div", "span"}
    shown = [text for text in reader.shown if text.strip()]
    assert shown[::2] == list(words)
    assert [float(text) for text in shown[1::2]] == pytest.approx(weights, rel=5e-3, abs=1e-300)


def luminance(colour: str) -> float:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_every_shade_is_readable_in_any_theme():
    weights = np.linspace(0, 1, 101)
    reader = read(figures.shaded_text(["w"] * 101, weights))
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
    fragment = figures.shaded_text(["known", "unknown"], [1.0, np.nan])
    assert [t for t in read(fragment).shown if t.strip()] == ["known", "1.00", "unknown", "?"]
    assert "dashed" in fragment
    assert "unknown: no number" in fragment


def test_shaded_text_of_no_weight_at_all():
    assert read(figures.shaded_text(["a", "b"], [0.0, 0.0])).shown.count("0") == 2
    assert read(figures.shaded_text(["a"], [np.nan])).shown[-1] == "?"


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, np.inf]])
def test_weights_that_cannot_be_shaded(weights):
    with pytest.raises(WordweightsError):
        figures.shaded_text(["a", "b"], weights)


def test_shaded_rows_are_labelled_and_escaped(weights):
    renamed = weights.rename(columns={"one": "<script>alert(1)</script>"})
    reader = read(figures.shaded_rows(renamed))
    assert reader.tags == {"div", "span", "strong"}
    assert "<script>alert(1)</script>" in reader.shown
    assert reader.shown.count("$x^2$") == 2


def test_mathjax_is_told_to_leave_words_alone(weights):
    for fragment in (figures.shaded_rows(weights), figures.table_html(weights)):
        assert "tex2jax_ignore mathjax_ignore" in fragment


def test_tables_are_escaped_and_rounded():
    table = pd.DataFrame(
        {
            "word": ["<b>x</b>", None],
            "r": [-0.256, np.nan],
            "share": [0.12345, 2.0],
            "n": [1234, 5],
            "last": [True, False],
        }
    )
    reader = read(figures.table_html(table, {"share": 3}))
    cells = [text for text in reader.shown if text.strip()]
    assert "b" not in reader.tags
    assert cells[:5] == ["word", "r", "share", "n", "last"]
    assert cells[5:10] == ["<b>x</b>", "\N{MINUS SIGN}0.26", "0.123", "1,234", "True"]
    assert cells[10:] == ["\N{EN DASH}", "\N{EN DASH}", "2.000", "5", "False"]


def test_table_one_shows_where_each_row_is_from():
    measured = pd.DataFrame(
        {
            "encoder": ["SBERT (MEAN)", "SBERT (MEAN) (untrained)"],
            "before": ["BERT (MEAN)", None],
            "r_information": [0.714, -0.02],
            "r_information_low": [0.69, -0.06],
            "r_information_high": [0.73, 0.0],
            "n_words": [2394, 2394],
            "n_sentences": 342,
            "origin": "this run",
        }
    )
    table = arrange_before_after(measured, published_correlations())
    reader = read(figures.correlations_html(table))
    cells = [text for text in reader.shown if text.strip()]
    rows = [cells[i : i + 7] for i in range(0, len(cells), 7)]
    assert len(rows) == 1 + 7
    none = "\N{EN DASH}"
    found = ["0.71\n[0.69,\N{NO-BREAK SPACE}0.73]", none, none, "2,394\n(342)"]
    assert ["SBERT (MEAN)", "this run", "BERT (MEAN)", *found] in rows
    printed = ["0.72", "\N{MINUS SIGN}0.50", none, none]
    assert ["SBERT (MEAN)", "published", "BERT (MEAN)", *printed] in rows
    interval = "[\N{MINUS SIGN}0.06,\N{NO-BREAK SPACE}0.00]"
    assert rows[1][2:4] == ["(random weights)", f"\N{MINUS SIGN}0.02\n{interval}"]


def test_spread_of_encoders_side_by_side(words):
    spread = spread_by_information(words, 4)
    other = spread.assign(mean=2.0, sd=np.nan)
    reader = read(figures.spread_html({"a": spread, "<b>": other}))
    cells = [text for text in reader.shown if text.strip()]
    assert "b" not in reader.tags
    assert cells[:5] == [
        "from [nats]",
        "to [nats]",
        "words",
        "a:\nmean (s.d.)",
        "<b>:\nmean (s.d.)",
    ]
    assert len(cells) == 5 * (1 + len(spread))
    assert cells[9::5] == ["2.00\N{NO-BREAK SPACE}(n/a)"] * len(spread)
    with pytest.raises(WordweightsError, match="'b' has other bins"):
        figures.spread_html({"a": spread, "b": spread.iloc[1:]})
    with pytest.raises(WordweightsError, match="no encoder"):
        figures.spread_html({})


def cells_of(fragment):
    """The cells of a table as text, its head included, with plain spaces."""
    shown = [text for text in read(fragment).shown if text.strip()]
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in shown]


def test_published_beside_measured():
    compared = pd.DataFrame(
        {
            "encoder": ["SBERT (MEAN)"] * 2,
            "quantity": ["r_information", "r_probability"],
            "published": [0.72, -0.5],
            "measured": [0.7, -0.45],
            "low": [0.6, -0.5],
            "high": [0.8, -0.4],
            "difference": [-0.02, 0.05],
        }
    )
    cells = cells_of(figures.comparison_html(compared))
    minus = "\N{MINUS SIGN}"
    first = ["SBERT (MEAN)", f"r with {minus}ln P(w)", "0.72", "0.70\n[0.60, 0.80]", f"{minus}0.02"]
    assert cells[5:10] == first
    assert cells[10:12] == ["SBERT (MEAN)", "r with P(w)"]


def test_rises_say_whether_they_are_seen_and_whose():
    names = ["before", "encoder", "paper", "r_before", "r_after", "rise", "low", "high", "verdict"]
    row = ("mini", "<b>tuned</b>", False, 0.2, 0.5, 0.3, 0.25, 0.35, "not supported")
    rises = pd.DataFrame([row], columns=names)
    cells = cells_of(figures.rises_html(rises))
    interval = "0.30\n[0.25, 0.35]"
    assert cells[7:] == ["mini", "<b>tuned</b>", "0.20", "0.50", interval, "not supported", "no"]


def test_curves_and_moves_as_tables():
    cells = cells_of(figures.curves_html(ends_of_curves(snapshots())))
    minus, dash = "\N{MINUS SIGN}", "\N{EN DASH}"
    first = ["$x$ (CLS)", "1,000", f"0.00\n[{minus}0.10, 0.10]"]
    last = ["0.50\n[0.40, 0.60]", "0.20 → 0.20", f"0.00 → {minus}0.50", "0.00 → 0.50"]
    assert cells[7:14] == [*first, *last]
    assert cells[-1] == dash
    cells = cells_of(figures.moves_html(moves()))
    assert cells[6:11] == ["$a$ → b", "before", "before", "0.10\n[0.00, 0.50]", dash]
    assert f"0.10\n[{minus}0.10, 0.20]" in cells


def test_our_own_numbers_say_whose_they_are():
    ours = pd.DataFrame(
        {
            "encoder": ["e"],
            "origin": [OURS],
            "frequencies": ["spacy"],
            **{"r_information": 0.5, "r_information_low": 0.4, "r_information_high": 0.6},
            **{"r_probability": 0.1, "r_probability_low": 0.0, "r_probability_high": 0.2},
            "n_words": 4319,
            "n_sentences": 617,
        }
    )
    assert cells_of(figures.measured_html(ours))[6:] == [
        *("e", "measured by us on STS-B", "spacy", "0.50\n[0.40, 0.60]", "0.10\n[0.00, 0.20]"),
        "4,319\n(617)",
    ]
    assert "No numbers of our own" in figures.measured_html(ours.iloc[:0])


def test_verdicts_are_words_and_untested_cases_take_one_row():
    verdicts = pd.DataFrame(
        [
            (1, "BERT (CLS)", True, "", np.nan, np.nan, np.nan, "not tested"),
            (1, "BERT (MEAN)", True, "", np.nan, np.nan, np.nan, "not tested"),
            (3, "BERT (CLS)", True, "", np.nan, np.nan, np.nan, "not tested"),
            (3, "SBERT (MEAN)", True, "lead", 0.2, 0.1, 0.3, "supported"),
            (3, "<b>mine</b>", False, "lead", -0.2, -0.3, 0.1, "not supported"),
        ],
        columns=["claim", "scope", "paper", "quantity", "estimate", "low", "high", "verdict"],
    )
    cells = cells_of(figures.claims_html(verdicts))
    other = "(not a case of the paper)"
    dash, minus = "\N{EN DASH}", "\N{MINUS SIGN}"
    body = cells[5:]
    assert [body[i : i + 5] for i in range(0, len(body), 5)] == [
        ["(1)", "BERT (CLS)\nBERT (MEAN)", dash, dash, "not tested"],
        ["(3)", "SBERT (MEAN)", "lead", "0.20\n[0.10, 0.30]", "supported"],
        ["(3)", "BERT (CLS)", dash, dash, "not tested"],
        [
            "(3)",
            f"<b>mine</b>\n{other}",
            "lead",
            f"{minus}0.20\n[{minus}0.30, 0.10]",
            "not supported",
        ],
    ]
    summary = cells_of(figures.summary_html(summarise_claims(verdicts)))
    assert summary[4:8] == ["(1)", CLAIMS[1], "0 of 2", "not tested"]
    assert summary[12:16] == ["(3)", CLAIMS[3], "1 of 2", "not tested"]


def test_table_one_of_published_rows_alone():
    table = arrange_before_after(published_correlations())
    assert "measured" not in figures.correlations_html(table)


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (-0.256, 2, "\N{MINUS SIGN}0.26"),
        (2394, 0, "2,394"),
        (0.5, 1, "0.5"),
        (np.nan, 1, "n/a"),
        (-0.001, 2, "0.00"),
    ],
)
def test_numbers(value, digits, expected):
    assert figures.format_number(value, digits) == expected


def test_a_power_law_goes_through_the_last_point():
    (ax,) = figures.plot_growth(growth(), 0.5).axes
    points, law = ax.get_lines()
    assert law.get_ydata()[-1] == points.get_ydata()[-1] == 100
    np.testing.assert_allclose(law.get_ydata(), [1, 10, 100])


def test_correlations_of_sources_stand_at_their_encoder():
    (ax,) = figures.plot_source_correlations(source_correlations()).axes
    drawn = [(x, round(y)) for c in ax.containers for x, y in c.lines[0].get_xydata()]
    table = source_correlations().sort_values(
        "source", key=lambda s: s.map(["$one$", "two", "three"].index), kind="stable"
    )
    assert drawn == list(zip(table["r"], [0, 1] * 3, strict=True))
