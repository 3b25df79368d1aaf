"""Figures of several measures of weight, of longer sentences, and of pairs of sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.figures.style import (
    INFORMATION,
    MARKERS,
    finite,
    format_number,
    grid_of,
    hide_unused,
    legend,
    legend_above,
    lengths_of_bars,
    name_axes,
    name_rows,
    new_figure,
    palette,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS = 2  # heat maps side by side


def name_measure(measure: str) -> str:
    """Write the name of a measure for a reader."""
    return "\N{MINUS SIGN}ln P(w)" if measure == "information" else measure.replace("-", " ")


def plot_agreement(matrices: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw how far measures agree, two by two, as a heat map with its numbers.

    Parameters
    ----------
    matrices : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.statistics.agreement` returned.

    Returns
    -------
    Figure
        One panel per encoder.

    Raises
    ------
    WordweightsError
        For no encoder.
    """
    if not matrices:
        raise WordweightsError("There is no encoder to draw; name at least one.")
    n_rows, n_columns = grid_of(len(matrices), _PANELS)
    figure, axes = new_figure(4.1 * n_rows, n_rows, n_columns)
    for i, (ax, (encoder, matrix)) in enumerate(zip(axes, matrices.items(), strict=False)):
        names = [name_measure(str(name)) for name in matrix.columns]
        _heat(ax, matrix, names, names if i % n_columns == 0 else [""] * len(names), size=7.0)
        name_axes(ax, title=encoder)
    hide_unused(axes, len(matrices))
    return figure


def plot_faithfulness(table: pd.DataFrame) -> Figure:
    """Draw the faithfulness of each measure with its interval.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.agreement_table`.

    Returns
    -------
    Figure
        The measures from top to bottom, a mark for each encoder: 0 is chance, 1 the best order.
    """
    known = table.dropna(subset="faithfulness")
    if known.empty:
        raise WordweightsError("There is nothing to draw: no measure has a faithfulness.")
    measures, encoders = known["measure"].unique().tolist(), known["encoder"].unique().tolist()
    figure, (ax,) = new_figure(1.2 + 0.42 * len(measures) + 0.25 * (len(encoders) // 2))
    for i, encoder in enumerate(encoders):
        rows = known[known["encoder"] == encoder]
        places = [measures.index(name) for name in rows["measure"]]
        away = 0.6 * ((i + 0.5) / len(encoders) - 0.5)
        _bars_of_interval(
            ax, rows, "faithfulness", np.array(places) + away, i, label=encoder, sideways=True
        )
    name_rows(ax, [name_measure(name) for name in measures])
    for end in (0, 1):
        ax.axvline(end, color="0.4", linewidth=1, linestyle=":")
    legend_above(ax)
    name_axes(ax, "faithfulness (0: a random order, 1: the best order)")
    return figure


def plot_pair(matrix: pd.DataFrame) -> Figure:
    """Draw what each two words add to the likeness of two sentences, with sums at both sides.

    Parameters
    ----------
    matrix : pd.DataFrame
        From :func:`wordweights.attribution.pair_matrix`.

    Returns
    -------
    Figure
        A heat map: the words of the first sentence from top to bottom, those of the second to the
        right; a number in each cell, and bars for the sums of rows and columns.
    """
    if matrix.empty:
        raise WordweightsError("There is nothing to draw: a sentence has no words.")
    n, m = matrix.shape
    figure, axes = new_figure(
        2.1 + 0.42 * n,
        2,
        2,
        width_ratios=[max(m, 3), 2],
        height_ratios=[1.4, max(n, 3)],
        sharex="col",
        sharey="row",
    )
    top, corner, heat, side = axes
    corner.set_axis_off()
    rows = [shorten(str(word)) for word in matrix.index]
    columns = [shorten(str(word)) for word in matrix.columns]
    _heat(heat, matrix, columns, rows, size=8.0 if m <= 12 else 6.0, digits=3)
    blue = palette()[0]
    side.barh(np.arange(n), matrix.sum(axis=1), 0.7, color=blue)
    top.bar(np.arange(m), matrix.sum(axis=0), 0.7, color=blue)
    for ax, axis in ((side, "y"), (top, "x")):
        ax.grid(visible=False, axis=axis)
    name_axes(side, "sum of the row")
    name_axes(top, y="sum of\nthe column")
    return figure


def plot_likeness(words: pd.DataFrame, correlation: float) -> Figure:
    """Draw what each word adds to the likeness of its sentence with another, against information.

    Parameters
    ----------
    words : pd.DataFrame
        One row per word: information (nats) and contribution, a share of a cosine.
    correlation : float
        Pearson's r of the two, for the title.

    Returns
    -------
    Figure
        One panel, a point per word.
    """
    finite(words, "information", "contribution")
    figure, (ax,) = new_figure(3.8)
    ax.plot(
        words["information"],
        words["contribution"],
        "o",
        markersize=4,
        alpha=0.5,
        color=palette()[0],
    )
    ax.axhline(0, color="0.4", linewidth=1, linestyle=":")
    name_axes(
        ax, INFORMATION, "what the word adds to the cosine", f"r = {format_number(correlation)}"
    )
    return figure


def plot_lengths(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the correlation with information by the length of sentences.

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.statistics.correlations_by_length`
        returned.

    Returns
    -------
    Figure
        Two panels, r over all words and rho within sentences: a line with intervals per encoder.
    """
    if not tables:
        raise WordweightsError("There is no encoder to draw; name at least one.")
    figure, axes = new_figure(3.6, 1, 2, sharey=True)
    titles = {
        "r_information": "Pearson's r, all words",
        "rho_sentence": "rank correlation within sentences",
    }
    for ax, (column, title) in zip(axes, titles.items(), strict=True):
        for i, (encoder, table) in enumerate(tables.items()):
            known = table.dropna(subset=column)
            middle = (known["low"] + known["high"]) / 2 + 0.35 * (i - (len(tables) - 1) / 2)
            _bars_of_interval(ax, known, column, middle.to_numpy(), i, label=encoder, line=True)
        ax.axhline(0, color="0.4", linewidth=1, linestyle=":")
        name_axes(ax, "words of the sentence", title=title)
    legend(axes[0], loc="best")
    name_axes(axes[0], "words of the sentence", "correlation with \N{MINUS SIGN}ln P(w)")
    axes[0].set_title(titles["r_information"], fontsize=10, parse_math=False)
    return figure


def plot_beyond(tables: Mapping[str, pd.DataFrame], by: str, label: str) -> Figure:
    """Draw what words weigh beyond their information, group by group.

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.statistics.beyond_information` returned.
    by : str
        The column of the group.
    label : str
        Of the axis of groups.

    Returns
    -------
    Figure
        One panel: a mark with its interval for each group and encoder, the groups from left to
        right.
    """
    if not tables:
        raise WordweightsError("There is no encoder to draw; name at least one.")
    figure, (ax,) = new_figure(3.4)
    groups = sorted({group for table in tables.values() for group in table[by]})
    for i, (encoder, table) in enumerate(tables.items()):
        known = table.dropna(subset="beyond")
        places = np.array([groups.index(group) for group in known[by]], dtype=float)
        away = 0.16 * (i - (len(tables) - 1) / 2)
        _bars_of_interval(ax, known, "beyond", places + away, i, label=encoder)
    ax.set_xticks(range(len(groups)), [str(group) for group in groups])
    ax.axhline(0, color="0.4", linewidth=1, linestyle=":")
    legend_above(ax)
    name_axes(ax, label, "relative weight beyond\nwhat information says")
    return figure


def _heat(
    ax: Axes,
    matrix: pd.DataFrame,
    columns: list[str],
    rows: list[str],
    *,
    size: float,
    digits: int = 2,
) -> None:
    """Draw a matrix in blue for positive and orange for negative numbers, with the numbers."""
    from matplotlib.colors import LinearSegmentedColormap

    values = finite(matrix.set_axis(range(matrix.shape[1]), axis="columns")).to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise WordweightsError(
            "A heat map has a cell without a number: a measure is constant, or a word has no "
            "wordpiece of its own. Leave it out."
        )
    largest = np.abs(values).max() or 1.0
    blue, orange = palette()[:2]
    colours = LinearSegmentedColormap.from_list("signed", [orange, "white", blue])
    ax.imshow(values, cmap=colours, vmin=-largest, vmax=largest, aspect="auto")
    ax.tick_params(length=0)
    for (i, j), value in np.ndenumerate(values):
        dark = abs(value) > 0.92 * largest
        colour = "white" if dark else "black"
        text = format_number(value, digits)
        ax.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right", parse_math=False)
    name_rows(ax, rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)


def _bars_of_interval(
    ax: Axes,
    rows: pd.DataFrame,
    column: str,
    places: Any,
    number: int,
    *,
    label: str,
    sideways: bool = False,
    line: bool = False,
) -> None:
    """Draw values at places with their 95 % intervals."""
    values = finite(rows, column, f"{column}_low", f"{column}_high")
    middle = values[column].to_numpy()
    look: dict[str, Any] = {
        "color": palette()[number % len(palette())],
        "fmt": MARKERS[number % len(MARKERS)] + ("-" if line else ""),
        "markersize": 5,
        "elinewidth": 1.2,
        "capsize": 2,
        "linewidth": 1,
        "label": label,
    }
    errors = lengths_of_bars(values, column, f"{column}_low", f"{column}_high")
    if sideways:
        ax.errorbar(middle, places, xerr=errors, **look)
    else:
        ax.errorbar(places, middle, yerr=errors, **look)
