"""Figures of contributions: how exact they are, and what they follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.figures.style import (
    CONTRIBUTION,
    INFORMATION,
    MARKERS,
    WIDTH,
    finite,
    format_number,
    format_weight,
    grid_of,
    halo,
    hide_unused,
    label_point,
    legend,
    name_axes,
    name_rows,
    new_figure,
    palette,
    shorten,
)
from wordweights.words.classes import CLASSES, CONTENT, PUNCTUATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 4  # scatter plots that are two side by side; more are three
_PANELS = 4  # bars of one sentence side by side


def plot_convergence(table: pd.DataFrame, chosen: int | None = None) -> Figure:
    """Draw how the completeness residual falls with the nodes of the quadrature.

    Parameters
    ----------
    table : pd.DataFrame
        One row per sentence, number of nodes and rule: sentence_id, n_nodes, quadrature, residual
        (relative).
    chosen : int | None
        The number of nodes of this run, marked by a vertical line.

    Returns
    -------
    Figure
        One panel, logarithmic: a thin line for each sentence, a thick one for their median.
    """
    finite(table, "residual", "n_nodes")
    # an exact integral has no place on a logarithmic axis: show it at the rounding of float64
    drawn = table.assign(residual=table["residual"].clip(lower=np.finfo(float).eps))
    figure, (ax,) = new_figure(3.8)
    for i, (rule, rows) in enumerate(drawn.groupby("quadrature", sort=True)):
        look: dict[str, Any] = {"color": palette()[i], "marker": MARKERS[i]}
        for _, line in rows.groupby("sentence_id"):
            falling = line.set_index("n_nodes")["residual"].sort_index()
            ax.plot(falling, color=look["color"], linewidth=0.8, alpha=0.3)
        median = rows.groupby("n_nodes")["residual"].median()
        ax.plot(median, linewidth=2, markersize=5, label=f"{rule}", **look)
    nodes = sorted(drawn["n_nodes"].unique())
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(nodes, [str(n) for n in nodes])
    ax.minorticks_off()
    if chosen is not None:
        ax.axvline(chosen, color="0.4", linestyle=":", linewidth=1.2, label="nodes of this run")
    legend(ax, loc="lower left", title="median over sentences", title_fontsize=9)
    name_axes(ax, "nodes of the quadrature", "relative completeness residual")
    return figure


def plot_path(speed: pd.DataFrame) -> Figure:
    """Draw how fast a sentence vector moves along its path, and where rules put their nodes.

    Parameters
    ----------
    speed : pd.DataFrame
        From :func:`wordweights.attribution.path_speed`.

    Returns
    -------
    Figure
        One panel: the speed along the path, and below it a row of marks for each rule.
    """
    finite(speed, "alpha", "speed")
    even = speed["quadrature"].isna()
    figure, (ax,) = new_figure(3.6)
    ax.plot(speed.loc[even, "alpha"], speed.loc[even, "speed"], color="0.3", linewidth=1.5)
    top = speed.loc[even, "speed"].max()
    for i, (rule, nodes) in enumerate(speed[~even].groupby("quadrature", sort=True)):
        height = -(0.09 + 0.1 * i) * top
        colour = palette()[i]
        marks = nodes["alpha"], np.full(len(nodes), height)
        ax.scatter(*marks, marker=MARKERS[i], s=26, color=colour, label=f"nodes, {rule}")
        if rule == "adaptive":
            ax.vlines(nodes["alpha"], height, nodes["speed"], color=colour, alpha=0.35)
    ax.set_ylim(bottom=-0.3 * top)
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= 1.05 * top])
    legend(ax, loc="upper right")
    place = "place \N{GREEK SMALL LETTER ALPHA} on the path, from baseline to sentence"
    name_axes(ax, place, "speed of the sentence vector")
    return figure


def plot_gathered(gathered: pd.DataFrame) -> Figure:
    """Draw how much each word of a sentence has gathered along the path.

    Parameters
    ----------
    gathered : pd.DataFrame
        From :func:`wordweights.attribution.path_gathered`.

    Returns
    -------
    Figure
        One panel: a line for each word, its name at the end.
    """
    finite(gathered, "alpha", "gathered")
    figure, (ax,) = new_figure(3.6)
    ends = []
    for i, (_, line) in enumerate(gathered.groupby("position")):
        colour = palette()[i % len(palette())]
        ax.plot(line["alpha"], line["gathered"], color=colour, linewidth=1.8)
        ends.append((float(line["gathered"].iloc[-1]), str(line["word"].iloc[0]), colour))
    apart, height = 0.06 * gathered["gathered"].max(), -np.inf
    for end, word, colour in sorted(ends):  # names that would cover each other move upwards
        height = max(end, height + apart)
        ax.plot([1, 1.04], [end, height], color=colour, linewidth=0.8)
        label_point(ax, word, (1.04, height), (3, 0), va="center")
    ax.set_xlim(0, 1.2)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.set_ylim(bottom=0)
    place = "place \N{GREEK SMALL LETTER ALPHA} on the path, from baseline to sentence"
    name_axes(ax, place, "gathered so far")
    return figure


def plot_estimate(estimate: pd.DataFrame, exact: pd.DataFrame) -> Figure:
    """Draw contributions estimated from a few probes against the exact ones.

    Parameters
    ----------
    estimate : pd.DataFrame
        From :func:`wordweights.attribute` with a number of probes.
    exact : pd.DataFrame
        From :func:`wordweights.attribute` with ``probes="all"``, of the same sentences.

    Returns
    -------
    Figure
        One panel: a point per word, bars of one standard error, and the line of equality.

    Raises
    ------
    WordweightsError
        When the tables are not of the same words.
    """
    both = _same_words(estimate, exact, "_exact")
    figure, (ax,) = new_figure(4.2)
    ends = [both["contribution_exact"].min(), both["contribution_exact"].max()]
    ax.plot(ends, ends, color="0.4", linewidth=1, linestyle="--", label="equal", zorder=1)
    points = both["contribution_exact"], both["contribution"], both["standard_error"].fillna(0)
    ax.errorbar(
        *points,
        **{"fmt": "o", "color": palette()[0], "markersize": 4, "elinewidth": 1, "capsize": 2},
        label="a word, ± one standard error",
    )
    ax.margins(0.08)
    legend(ax, loc="upper left")
    name_axes(ax, "exact contribution", "estimated contribution")
    return figure


def plot_norms(frobenius: pd.DataFrame, vector: pd.DataFrame) -> Figure:
    """Draw the two ways to reduce a word's attributions to one number against each other.

    Parameters
    ----------
    frobenius : pd.DataFrame
        From :func:`wordweights.attribute` with ``norm="frobenius"``.
    vector : pd.DataFrame
        With ``norm="vector"``, of the same sentences.

    Returns
    -------
    Figure
        One panel: a point per word.

    Raises
    ------
    WordweightsError
        When the tables are not of the same words.
    """
    both = _same_words(frobenius, vector, "_vector")
    figure, (ax,) = new_figure(4.2)
    points = both["contribution"], both["contribution_vector"]
    ax.plot(*points, "o", markersize=3.5, alpha=0.5, color=palette()[0])
    ax.margins(0.06)
    name_axes(ax, "Frobenius norm of all pairs", "length of the word's share of the vector")
    return figure


def _same_words(first: pd.DataFrame, second: pd.DataFrame, suffix: str) -> pd.DataFrame:
    """Put two tables of the same words side by side, the columns of the second with a suffix."""
    keys = ["sentence_id", "position", "word"]
    both = first.merge(second, on=keys, suffixes=("", suffix), validate="1:1")
    if not len(both) == len(first) == len(second):
        raise WordweightsError("The two tables are not of the same words.")
    finite(both, "contribution", f"contribution{suffix}")
    return both


def plot_contributions(
    tables: Mapping[str, pd.DataFrame], rows: Sequence[Sequence[str]] | None = None
) -> Figure:
    """Draw contributions against information for each encoder, word class by word class.

    Contributions keep the units of each encoder's sentence vector, so the panels have their own
    vertical axes.

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to its words: word, contribution, information (nats), word_class.
    rows : Sequence[Sequence[str]] | None
        The encoders that stand side by side, such as those before and after fine-tuning, from
        :func:`wordweights.statistics.by_family`. None: in the order of the tables.

    Returns
    -------
    Figure
        One panel per encoder: a point per word, the least-squares line of each class, and Pearson's
        r of all words and of content words in the title. The full stop is named, and the words of
        the largest contributions.

    Raises
    ------
    WordweightsError
        For no tables, or values that cannot be drawn.
    """
    if not tables:
        raise WordweightsError("There is no encoder to draw; name at least one.")
    most = 2 if len(tables) <= _WIDE else 3
    cut = [row[i : i + most] for row in rows or [list(tables)] for i in range(0, len(row), most)]
    n_rows, n_columns = len(cut), max(map(len, cut))
    height = {1: 4.2, 2: 3.1 * n_rows + 0.5, 3: 2.7 * n_rows + 0.5}[n_columns]
    figure, axes = new_figure(height, n_rows, n_columns, sharex=True)
    for ax in axes:
        ax.set_axis_off()
    grid = axes.reshape(n_rows, n_columns)
    lowest: dict[int, Axes] = {}
    for i, j, encoder in ((i, j, name) for i, row in enumerate(cut) for j, name in enumerate(row)):
        ax, table = grid[i, j], tables[encoder]
        lowest[j] = ax
        ax.set_axis_on()
        finite(table, "information", "contribution")
        _contributions(ax, table, width=WIDTH / n_columns)
        rs = [
            format_number(some["contribution"].corr(some["information"]))
            for some in (table, table[table["word_class"] == CONTENT])
        ]
        title = f"{encoder}\nr = {rs[0]}; content words {rs[1]}"
        name_axes(ax, y=CONTRIBUTION, title=title)
    for ax in lowest.values():
        ax.tick_params(labelbottom=True)
        name_axes(ax, INFORMATION, CONTRIBUTION)
    handles, labels = axes[0].get_legend_handles_labels()
    key = figure.legend(
        handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    for point in key.legend_handles:
        if point is not None:
            point.set_alpha(0.9)  # one point as faint as those of a cloud is hard to see
    return figure


def plot_weights(
    sentences: Sequence[pd.DataFrame], contributions: Mapping[str, pd.DataFrame] | None = None
) -> Figure:
    """Draw the weights of words as bars, one panel per weighting (the paper's Figure 4).

    Every panel is scaled to its own largest weight, because contributions of two encoders and
    information have different units; the number at a bar is the weight itself.

    Parameters
    ----------
    sentences : Sequence[pd.DataFrame]
        For each sentence a column ``word``, one row per word in order, and a column for every
        weighting, the same for all sentences. NaN: there is no bar, and "unseen" in its place.
    contributions : Mapping[str, pd.DataFrame] | None
        What :func:`wordweights.attribute` returned for the same sentences, by the name of the
        weighting: for its lines of two standard errors to either side.

    Returns
    -------
    Figure
        The words from top to bottom, the weightings side by side, the sentences below one another.

    Raises
    ------
    WordweightsError
        For no sentences, and tables without words or weightings.
    """
    names = sentences[0].columns.drop("word").tolist() if sentences else []
    if not names or any(table.empty for table in sentences):
        raise WordweightsError("There is nothing to draw: a table has no words or no weights.")
    n_rows, n_columns = grid_of(len(names), _PANELS)
    heights = [0.9 + 0.27 * len(table) for table in sentences for _ in range(n_rows)]
    figure, axes = new_figure(
        sum(heights), len(heights), n_columns, sharey="row", height_ratios=heights
    )
    grid = axes.reshape(len(sentences), n_rows * n_columns)
    errors = _errors_by_sentence(contributions or {})
    for s, (panels, table) in enumerate(zip(grid, sentences, strict=True)):
        for i, (ax, name) in enumerate(zip(panels, names, strict=False)):
            known = errors[name][s] if name in errors else None
            _bars(ax, table[name], known, str(name), palette()[0 if i else 1])
        for ax in panels[::n_columns]:  # each row shares its words
            name_rows(ax, [shorten(word) for word in table["word"]])
        hide_unused(panels, len(names))
    return figure


def _errors_by_sentence(contributions: Mapping[str, pd.DataFrame]) -> dict[str, list[pd.Series]]:
    """Part the standard errors of words by their sentences, in order: by weighting, by sentence."""
    return {
        name: [
            errors.reset_index(drop=True)
            for _, errors in table.groupby("sentence_id", sort=False)["standard_error"]
        ]
        for name, table in contributions.items()
    }


def _bars(ax: Axes, values: pd.Series, errors: pd.Series | None, name: str, colour: str) -> None:
    largest = np.nanmax(values, initial=0.0) or 1.0
    shares = (values / largest).fillna(0)  # an unseen word has no bar, and says so
    lines = None if errors is None else (2 * errors / largest).fillna(0)
    look: dict[str, Any] = {"xerr": lines, "ecolor": "0.2", "capsize": 2}
    bars = ax.barh(np.arange(len(values)), shares, 0.72, color=colour, **look)
    numbers = ["unseen" if np.isnan(value) else format_weight(value) for value in values]
    ax.bar_label(bars, labels=numbers, padding=3, fontsize=8.5)
    ax.set_xlim(0, 1.6)
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.grid(visible=False, axis="y")
    title = "\n".join(shorten(line, 22) for line in _two_lines(name))
    name_axes(ax, "share of the largest", title=title)
    ax.title.set_fontsize(9)
    ax.xaxis.label.set_fontsize(9)


def _contributions(ax: Axes, table: pd.DataFrame, width: float) -> None:
    y = table["contribution"]
    for i, name in enumerate(CLASSES):
        words = table[table["word_class"] == name]
        look: dict[str, Any] = {"color": palette()[i], "marker": MARKERS[i]}
        label = name if name == PUNCTUATION else f"{name} words"
        points = words["information"], words["contribution"]
        ax.scatter(*points, s=8, alpha=0.3, linewidth=0, label=label, **look)
        if words["information"].nunique() > 2:
            ends = np.array([points[0].min(), points[0].max()])
            line = np.polyval(np.polyfit(*points, 1), ends)
            stroke: dict[str, Any] = {"path_effects": [halo()], "zorder": 4}
            ax.plot(ends, line, color=look["color"], linewidth=2, **stroke)
    _name_extremes(ax, table, width)
    ax.set_ylim(0, 1.2 * y.max() if y.max() > 0 else 1)
    ax.margins(x=0.1)


def _name_extremes(ax: Axes, table: pd.DataFrame, width: float) -> None:
    """Name the words of the largest contributions in four bands of information, without overlap."""
    x, y = table["information"], table["contribution"]
    bands = np.digitize(x, np.linspace(x.min(), x.max(), 5)[1:-1])
    # what a character takes of the panel's axes, in their units; their labels take 0.65 inches
    character, line = np.ptp(x) * 0.085 / (width - 0.65), y.max() * 0.08
    taken: list[tuple[float, float, float]] = []
    for stop in table[table["word"] == "."].nsmallest(1, "contribution").to_dict("records"):
        point = stop["information"], stop["contribution"]
        down = -20 if point[1] > 0.15 * y.max() else -9  # below the cloud, above the axis
        label_point(ax, ".", point, (14, down), va="center")
    for _, rows in table.groupby(bands, sort=False):
        top = rows.nlargest(10, "contribution")
        words = [str(word) for word in top["word"]]
        points = top[["information", "contribution"]].to_numpy(dtype=float)
        for word, (px, py) in zip(words, points, strict=True):
            half = character * (len(shorten(word)) + 1) / 2
            if all(abs(px - qx) > half + h or abs(py - qy) > line for qx, qy, h in taken):
                taken.append((px, py, half))
                label_point(ax, word, (px, py), (0, 9), ha="center", va="bottom")
                break


def _two_lines(name: str) -> list[str]:
    """Break a long name at its last space, or where it stands too long."""
    if len(name) <= 18:
        return [name]
    head, space, tail = name.rpartition(" ")
    return [head, tail] if space else [name]
