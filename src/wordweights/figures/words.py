"""Figures of words and their frequencies."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.figures.style import (
    INFORMATION,
    PROBABILITY,
    finite,
    format_number,
    grid_of,
    hide_unused,
    label_point,
    legend_above,
    name_axes,
    name_rows,
    new_figure,
    palette,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def plot_rank_frequency(words: pd.DataFrame) -> Figure:
    """Draw the probability of words against their rank, both on logarithmic axes.

    Parameters
    ----------
    words : pd.DataFrame
        One row per distinct word: word, probability.

    Returns
    -------
    Figure
        One panel with a few words named.
    """
    ranked = finite(words, "probability").sort_values("probability", ascending=False, kind="stable")
    rank = np.arange(1, len(ranked) + 1)
    figure, (ax,) = new_figure(3.6)
    ax.loglog(rank, ranked["probability"], ".", color=palette()[0], markersize=4)
    named = np.unique(np.geomspace(1, len(ranked), 9).round().astype(int)) - 1
    for i in named:
        row = ranked.iloc[i]
        label_point(ax, row["word"], (rank[i], row["probability"]), (9, 9))
    ax.margins(x=0.08, y=0.1)
    name_axes(ax, "rank of the word in the sentence set", PROBABILITY)
    return figure


def plot_information(table: pd.DataFrame, n_bins: int = 30) -> Figure:
    """Draw the distribution of information, over word occurrences and over distinct words.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word occurrence: word, information (nats).
    n_bins : int
        Bins of the histogram.

    Returns
    -------
    Figure
        One panel with two outlines, each of total 1. Where the occurrences make a spike, the one or
        two words are named that say most in its bin.
    """
    finite(table, "information")
    occurrences = table["information"]
    distinct = table.groupby(table["word"].str.lower())["information"].first()
    edges = np.histogram_bin_edges(occurrences, bins=n_bins)
    figure, (ax,) = new_figure(3.2)
    blue, orange = palette()[:2]
    for values, colour, style, label in (
        (occurrences, blue, "-", f"word occurrences (n = {len(occurrences):,})"),
        (distinct, orange, "--", f"distinct words (n = {len(distinct):,})"),
    ):
        shares = np.histogram(values, edges)[0] / len(values)
        ax.stairs(shares, edges, color=colour, linestyle=style, linewidth=1.8, label=label)
    _name_spikes(ax, table, edges)
    legend_above(ax)
    ax.set_ylim(0, 1.2 * ax.dataLim.y1)  # room for a name above the highest spike
    name_axes(ax, INFORMATION, "share in the bin")
    return figure


def _name_spikes(ax: Axes, table: pd.DataFrame, edges: NDArray[Any]) -> None:
    """Name what fills the bins of half as much again as both of their neighbours."""
    shares = np.histogram(table["information"], edges)[0] / len(table)
    around = np.pad(shares, 1)
    bins = np.digitize(table["information"], edges[1:-1])
    for i in np.flatnonzero(shares > 1.5 * np.maximum(around[:-2], around[2:])):
        said = table.loc[bins == i, "word"].str.lower().value_counts(normalize=True)
        if shares[i] > 0.01 and said.head(2).sum() > 0.5:  # else no word makes the spike
            names = ", ".join(map(shorten, said.index[: 1 if said.iloc[0] > 0.9 else 2]))
            middle = (edges[i] + edges[i + 1]) / 2
            label_point(ax, names, (middle, shares[i]), (0, 10), ha="center", va="bottom")


def plot_schemes(words: pd.DataFrame) -> Figure:
    """Draw information against explicit weightings: IDF, SIF and stop words (the paper's Figure 2).

    Parameters
    ----------
    words : pd.DataFrame
        One row per distinct word: word, information (nats), idf, sif, stop_word (bool).

    Returns
    -------
    Figure
        Three panels below one another, which share the axis of information.
    """
    import seaborn as sns

    finite(words, "information", "idf", "sif")
    blue, orange = palette()[:2]
    figure, axes = new_figure(5.6, 3, 1, sharex=True, height_ratios=[5, 5, 4])
    for ax, column in ((axes[0], "idf"), (axes[1], "sif")):
        ax.scatter(words["information"], words[column], s=9, color=blue, alpha=0.4, linewidth=0)
    stop = words["stop_word"].astype(bool)
    names = {True: f"stop words\n(n = {stop.sum():,})", False: f"others\n(n = {(~stop).sum():,})"}
    groups = pd.DataFrame({"group": stop.map(names), "information": words["information"]})
    order = list(names.values())
    look = {"palette": [orange, blue], "size": 3, "alpha": 0.4, "jitter": 0.3}
    axis = {"x": "information", "y": "group", "hue": "group", "order": order, "hue_order": order}
    sns.stripplot(groups, **axis, **look, ax=axes[2])
    # matplotlib's own, for seaborn's box plot calls an interface that matplotlib deprecates
    axes[2].boxplot(
        [groups.loc[groups["group"] == name, "information"] for name in order],
        **{"positions": [0, 1], "widths": 0.35, "showfliers": False, "manage_ticks": False},
        **{"medianprops": {"color": "black", "linewidth": 1.5}, "zorder": 4},
        orientation="horizontal",
    )
    name_axes(axes[0], y="IDF in\nthe sentence set")
    name_axes(axes[1], y="SIF weight\na / (a + P)")
    name_axes(axes[2], INFORMATION)
    figure.align_ylabels(axes[:2])
    return figure


def plot_sources(information: pd.DataFrame) -> Figure:
    """Draw every two frequency sources against each other, over the words that both know.

    Parameters
    ----------
    information : pd.DataFrame
        From :func:`wordweights.statistics.information_by_source`: index word, a column ``count``,
        and a column of -ln P(w) for every source, NaN where it does not know the word.

    Returns
    -------
    Figure
        One panel for each two sources, with Spearman's rank correlation.

    Raises
    ------
    WordweightsError
        For fewer than two sources, or two that share fewer than three words.
    """
    sources = information.columns.drop("count").tolist()
    pairs = list(combinations(sources, 2))
    if not pairs:
        raise WordweightsError("Comparing frequency sources needs at least two of them.")
    n_rows, n_columns = grid_of(len(pairs), 3)
    figure, axes = new_figure({1: 4.4, 2: 3.9, 3: 2.8}[n_columns] * n_rows, n_rows, n_columns)
    for ax, (one, two) in zip(axes, pairs, strict=False):
        both = information.dropna(subset=[one, two])
        if len(both) < 3:
            raise WordweightsError(
                f"Sources {one!r} and {two!r} share {len(both)} words; too few to compare."
            )
        rho = both[one].corr(both[two], method="spearman")
        ax.scatter(both[one], both[two], s=9, color=palette()[0], alpha=0.4, linewidth=0)
        ends = both[[one, two]].min().min() - 0.5, both[[one, two]].max().max() + 0.5
        ax.plot(ends, ends, color="0.4", linewidth=1, linestyle="--", zorder=1)
        gap = (both[two] - both[one]).to_numpy()
        for i, vertical in ((int(gap.argmax()), "bottom"), (int(gap.argmin()), "top")):
            point = (both[one].iloc[i], both[two].iloc[i])
            side = "left" if point[0] < np.mean(ends) else "right"
            offset = (0, 4 if vertical == "bottom" else -4)
            label_point(ax, str(both.index[i]), point, offset, ha=side, va=vertical)
        ax.set(xlim=ends, ylim=ends, box_aspect=1)
        title = f"rank correlation {format_number(rho)}\n{len(both):,} words"
        x, y = (f"{shorten(source, 24)}\n\N{MINUS SIGN}ln P(w) [nats]" for source in (one, two))
        name_axes(ax, x, y, title)
    hide_unused(axes, len(pairs))
    return figure


def plot_coverage(coverage: pd.DataFrame) -> Figure:
    """Draw how much of the sentence set each frequency source knows.

    Parameters
    ----------
    coverage : pd.DataFrame
        From :func:`wordweights.statistics.coverage`.

    Returns
    -------
    Figure
        Two bars per source, with their numbers.
    """
    finite(coverage, "distinct", "occurrences")
    figure, (ax,) = new_figure(0.9 + 0.65 * len(coverage))
    place = np.arange(len(coverage))
    blue, orange = palette()[:2]
    for offset, column, label, colour in (
        (-0.19, "occurrences", "word occurrences", blue),
        (0.19, "distinct", "distinct words", orange),
    ):
        bars = ax.barh(place + offset, 100 * coverage[column], 0.36, color=colour, label=label)
        numbers = [f"{100 * share:.1f} %" for share in coverage[column]]
        ax.bar_label(bars, labels=numbers, padding=3, fontsize=9)
    name_rows(ax, [shorten(name, 24) for name in coverage["source"]])
    ax.set_xlim(0, 112)
    ax.set_xticks(range(0, 101, 20))
    legend_above(ax)
    name_axes(ax, "known to the source [%]")
    return figure
