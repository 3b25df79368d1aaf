"""Figures of corpora and of what their frequencies do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.figures.style import (
    MARKERS,
    PROBABILITY,
    finite,
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
    from matplotlib.figure import Figure

_STYLES = ("-", "--", "-.", ":")


def plot_zipf(ranked: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw probability against rank for several sources, on logarithmic axes.

    Parameters
    ----------
    ranked : Mapping[str, pd.DataFrame]
        From the name of a source to its columns rank and probability.

    Returns
    -------
    Figure
        One panel, with a grey line of the slope -1 of Zipf's law.
    """
    figure, (ax,) = new_figure(3.8)
    ends = np.array(
        [1.0, max(finite(t, "rank", "probability")["rank"].max() for t in ranked.values())]
    )
    for i, (name, table) in enumerate(ranked.items()):
        look: dict[str, Any] = {"linestyle": _STYLES[i % len(_STYLES)], "color": palette()[i]}
        points = table["rank"], table["probability"]
        ax.loglog(*points, linewidth=1.8, label=shorten(name, 24), **look)
    ax.loglog(ends, 0.1 / ends, color="0.5", linewidth=1, label="0.1 / rank", zorder=1)
    legend(ax, loc="lower left")
    name_axes(ax, "rank of the word in its source", PROBABILITY)
    return figure


def plot_growth(growth: pd.DataFrame, exponent: float) -> Figure:
    """Draw how many distinct words have been seen after so many words, on logarithmic axes.

    Parameters
    ----------
    growth : pd.DataFrame
        Columns tokens and words.
    exponent : float
        Of the fitted power law.

    Returns
    -------
    Figure
        One panel, with the power law through the last point.
    """
    finite(growth, "tokens", "words")
    figure, (ax,) = new_figure(3.4)
    blue, orange = palette()[:2]
    tokens, words = growth["tokens"], growth["words"]
    label = f"power law of exponent {exponent:.2f}"
    fitted = words.iloc[-1] * (tokens / tokens.iloc[-1]) ** exponent
    ax.loglog(tokens, words, "o", color=blue, markersize=4, label="distinct words")
    ax.loglog(tokens, fitted, "--", color=orange, linewidth=1.5, label=label)
    legend(ax, loc="upper left")
    name_axes(ax, "words read", "distinct words among them")
    return figure


def plot_source_correlations(table: pd.DataFrame) -> Figure:
    """Draw the correlation under each source of frequencies, with its interval.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.correlations_by_source`.

    Returns
    -------
    Figure
        A row per encoder, a point and a bar per source.
    """
    finite(table, "r_information", "r_information_low", "r_information_high")
    encoders = table["encoder"].unique().tolist()
    sources = table["frequencies"].unique().tolist()
    figure, (ax,) = new_figure(1.1 + len(encoders) * (0.35 + 0.22 * len(sources)))
    place = table["encoder"].map(encoders.index) + 0.8 * (
        (table["frequencies"].map(sources.index) + 0.5) / len(sources) - 0.5
    )
    for i, source in enumerate(sources):
        chosen = table["frequencies"] == source
        rows = table[chosen]
        r = rows["r_information"]
        error = lengths_of_bars(rows, "r_information", "r_information_low", "r_information_high")
        look: dict[str, Any] = {"fmt": MARKERS[i % len(MARKERS)], "color": palette()[i]}
        label = shorten(source, 24)
        ax.errorbar(r, place[chosen], xerr=error, markersize=5, capsize=3, label=label, **look)
    ax.axvline(0, color="0.4", linewidth=1)
    name_rows(ax, [shorten(encoder, 32) for encoder in encoders])
    legend_above(ax, min(len(sources), 4))
    name_axes(ax, "Pearson's r of contribution and information")
    return figure
