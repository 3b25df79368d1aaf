"""Figures of what an attribution is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from wordweights import figures

BASELINE, SENTENCE = ["[CLS]", "[PAD]", "[PAD]", "[SEP]"], ["[CLS]", "$a$", ".", "[SEP]"]


def test_the_path_is_drawn_from_the_baseline_to_the_sentence() -> None:
    # out along the first axis, and aside along the second
    places = np.linspace(0, 1, 21)
    vectors = np.stack([2 * places, -np.sin(np.pi * places), 0 * places], axis=1) + 5
    figure = figures.draw_path(BASELINE, SENTENCE, vectors)
    FigureCanvasAgg(figure).draw()
    pieces, way = figure.axes
    assert [text.get_text() for text in pieces.texts][::2] == BASELINE
    assert [text.get_text() for text in pieces.texts][1::2] == ["[CLS]", "$a$", "“.”", "[SEP]"]
    assert not any(text.get_parse_math() for text in [*pieces.texts, *way.texts])
    (curve,) = (line for line in way.lines if len(line.get_xdata()) == 21)
    assert curve.get_xdata() == pytest.approx(places)
    assert curve.get_ydata() == pytest.approx(np.sin(np.pi * places) / 2, abs=1e-12)
    assert [text.get_text() for text in way.texts][1:-1] == ["0.25", "0.5", "0.75"]


def test_a_path_that_is_straight_can_be_drawn() -> None:
    figure = figures.draw_path(BASELINE, SENTENCE, np.linspace(0, 1, 11)[:, None] * np.ones(3))
    FigureCanvasAgg(figure).draw()
    curve = max(figure.axes[1].lines, key=lambda line: len(line.get_xdata()))
    assert curve.get_ydata() == pytest.approx(0, abs=1e-12)


def test_the_matrix_stands_beside_its_norm() -> None:
    matrix = np.random.default_rng(0).standard_normal((12, 8))
    weights = [1.0, float(np.linalg.norm(matrix)), 2.0]
    figure = figures.plot_matrix(matrix, 1, ["a", "$b$", "."], weights)
    FigureCanvasAgg(figure).draw()
    heat, bars, _ = figure.axes
    assert np.array_equal(heat.images[0].get_array(), matrix)
    low, high = heat.images[0].get_clim()
    assert -low == high == pytest.approx(np.quantile(np.abs(matrix), 0.995))
    assert heat.get_title() == "IG($b$[j], s[k])"
    assert [bar.get_width() for bar in bars.patches] == weights
    colours = [bar.get_facecolor() for bar in bars.patches]
    assert colours[0] == colours[2] != colours[1]


def test_errors_stand_at_their_number_of_probes() -> None:
    table = pd.DataFrame({"n_probes": [2, 8], "error": [0.2, 0.1], "standard_error": [0.18, 0.11]})
    (ax,) = figures.plot_probes(table, chosen=8).axes
    made, reported, chosen = ax.lines
    assert list(made.get_ydata()) == [20, 10]
    assert list(reported.get_ydata()) == [18, 11]
    assert list(chosen.get_xdata()) == [8, 8]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "8"]
    assert len(figures.plot_probes(table).axes[0].lines) == 2
