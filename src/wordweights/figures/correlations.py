"""Figures of correlations: Table 1, before and after fine-tuning, and powers of P(w)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.figures.style import (
    MARKERS,
    finite,
    format_number,
    label_point,
    legend,
    legend_above,
    legend_of_all,
    lengths_of_bars,
    name_axes,
    name_rows,
    new_figure,
    palette,
    shorten,
)
from wordweights.statistics.correlation_table import SUBSETS
from wordweights.statistics.published import PUBLISHED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_R = "Pearson's r of contribution and information"
_SHOWN = ("r_information", "r_content")


def plot_correlations(table: pd.DataFrame) -> Figure:
    """Draw r with information over all words and over content words, encoder by encoder.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.arrange_before_after`.

    Returns
    -------
    Figure
        A row per row of the table: filled points with their 95 % intervals, and open ones for what
        is published.
    """
    finite(table, "r_information")
    figure, (ax,) = new_figure(1.1 + 0.34 * len(table))
    place = np.arange(len(table))
    published = (table["origin"] == PUBLISHED).to_numpy()
    for i, column in enumerate(_SHOWN):
        known = table[column].notna().to_numpy() & ~published
        rows, where = table[known], place[known] + 0.24 * i - 0.12
        r = rows[column]
        error = lengths_of_bars(rows, column, f"{column}_low", f"{column}_high")
        look: dict[str, Any] = {"fmt": MARKERS[i], "color": palette()[i], "markersize": 5}
        ax.errorbar(r, where, xerr=error, capsize=2, label=SUBSETS[column], **look)
    ring: dict[str, Any] = {"facecolors": "white", "edgecolors": palette()[0], "zorder": 4}
    where = place[published] - 0.12
    ax.scatter(table["r_information"][published], where, s=34, label="all words, published", **ring)
    ax.axvline(0, color="0.4", linewidth=1)
    first = ~table["encoder"].duplicated()
    names = [
        shorten(encoder, 40) if new else f"the same, {origin}"
        for encoder, origin, new in zip(table["encoder"], table["origin"], first, strict=True)
    ]
    name_rows(ax, names)
    legend_above(ax, 3)
    name_axes(ax, _R)
    return figure


def plot_rises(rises: pd.DataFrame) -> Figure:
    """Draw r before and after fine-tuning as a slope for each pair.

    Parameters
    ----------
    rises : pd.DataFrame
        From :func:`wordweights.statistics.rises_of_correlation`, with at least one row.

    Returns
    -------
    Figure
        A panel for all words and one for content words; a line from before to after per pair, whose
        bar is the 95 % interval of its rise.

    Raises
    ------
    WordweightsError
        For no pair.
    """
    if rises.empty:
        raise WordweightsError("There is no pair of encoders to draw, before and after.")
    figure, axes = new_figure(3.8, 1, 2, sharey=True)
    for ax, (end, title) in zip(
        axes, (("", "all words"), ("_content", "content words")), strict=True
    ):
        for i, row in enumerate(rises.to_dict("records")):
            before, after = row[f"r_before{end}"], row[f"r_after{end}"]
            if not np.isfinite([before, after]).all():
                continue
            look: dict[str, Any] = {"color": palette()[i % 10], "marker": MARKERS[i % len(MARKERS)]}
            label = shorten(f"{row['before']} \N{RIGHTWARDS ARROW} {row['encoder']}", 60)
            ax.plot([0, 1], [before, after], linewidth=1.8, markersize=5, label=label, **look)
            if np.isfinite(row[f"low{end}"]):
                ends = [before + row[f"{side}{end}"] for side in ("low", "high")]
                ax.vlines(1 + 0.03 * (i + 1), *ends, color=look["color"], linewidth=1.5)
            label_point(ax, format_number(after), (1, after), (-6, 3), ha="right", va="bottom")
        ax.axhline(0, color="0.4", linewidth=1)
        ax.set(xlim=(-0.2, 1.2 + 0.03 * len(rises)))
        ax.set_xticks([0, 1], ["before", "after"])
        name_axes(ax, "fine-tuning", "r with information" if end == "" else "", title)
    legend_of_all(figure, axes[0], loc="outside lower center")
    return figure


def plot_powers(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the correlation of contributions with powers of P(w), a curve per encoder.

    Parameters
    ----------
    curves : Mapping[str, pd.DataFrame]
        From an encoder's name to :func:`wordweights.statistics.correlation_by_power`.

    Returns
    -------
    Figure
        One panel; a point marks the power of the largest correlation on each curve.

    Raises
    ------
    WordweightsError
        For no curve.
    """
    if not curves:
        raise WordweightsError("There is no encoder to draw; name at least one.")
    figure, (ax,) = new_figure(4.0)
    for i, (encoder, curve) in enumerate(curves.items()):
        finite(curve, "power", "r")
        colour = palette()[i % 10]
        line = "-" if i < 10 else "--"
        ax.plot(curve["power"], curve["r"], line, color=colour, label=shorten(encoder, 32))
        top = curve.iloc[int(curve["r"].argmax())]
        ax.plot(top["power"], top["r"], MARKERS[i % len(MARKERS)], color=colour, markersize=6)
    for power in (0, 1):
        ax.axvline(power, color="0.4", linestyle=":", linewidth=1)
    names = {-1: "\N{MINUS SIGN}1", -0.5: "\N{MINUS SIGN}0.5", 0: "0\nln P", 0.5: "0.5", 1: "1\nP"}
    ax.set_xticks(list(names), list(names.values()))
    ax.set_ylim(bottom=0)
    legend(ax, loc="center left", bbox_to_anchor=(1, 0.5))
    name_axes(
        ax,
        "power \N{GREEK SMALL LETTER LAMDA} of P(w)",
        "|r| of contribution and that power of P(w)",
    )
    return figure
