"""Figures of encoders while they are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.figures.style import (
    MARKERS,
    finite,
    grid_of,
    lengths_of_bars,
    name_axes,
    new_figure,
    palette,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEPS = "training step"
_R = "r with \N{MINUS SIGN}ln P(w)"
_MEASURES = {
    "onion": "share of “onion”",
    "norm_r": "r of embedding length\nwith \N{MINUS SIGN}ln P(w)",
    "sts_spearman": "Spearman's \N{GREEK SMALL LETTER RHO}\non STS-B",
}
# which parts are from after fine-tuning: (embeddings, layers)
_PARTS = {
    ("before", "before"): "before",
    ("after", "before"): "embeddings alone",
    ("before", "after"): "layers alone",
    ("after", "after"): "after",
}
_LONGEST_NAME = 34
_LONGEST_PAIR = 52


def plot_trajectory(table: pd.DataFrame) -> Figure:
    """Draw how r with information changes while encoders are trained, with its intervals.

    Parameters
    ----------
    table : pd.DataFrame
        One row per snapshot: encoder, run, step, r, low, high; and where they are known r_content,
        r_content_low and r_content_high, over content words.

    Returns
    -------
    Figure
        One panel per run, with a line and a band for each encoder of it, and a dashed line and a
        band for its content words. The axis of the steps is linear up to the first snapshot and
        logarithmic from there, so that step 0 has a place.
    """
    finite(table, "step", "r", "low", "high")
    known = "r_content" in table and table["r_content"].notna().any()
    styles = _styles(table)
    runs = table["run"].unique().tolist()
    n_rows, n_columns = grid_of(len(runs), 2)
    figure, axes = new_figure(2.5 * n_rows + 0.6, n_rows, n_columns, sharey=True)
    for ax, run in zip(axes, runs, strict=False):
        rows = table[table["run"] == run]
        for encoder, line in rows.groupby("encoder", sort=False):
            curve = line.sort_values("step")
            colour, marker = styles[str(encoder)]
            _line(ax, curve, "r", colour, marker)
            _band(ax, curve, "low", "high", colour)
            if known and curve["r_content"].notna().all():
                _line(ax, curve, "r_content", colour, marker, content=True)
                _band(ax, curve, "r_content_low", "r_content_high", colour)
        ax.axhline(0, color="0.4", linewidth=1)
        _step_axis(ax, rows["step"])
        name_axes(ax, _STEPS, title=str(run))
    for ax in axes[::n_columns]:
        name_axes(ax, ax.get_xlabel(), _R, str(ax.get_title()))
    for ax in axes[len(runs) :]:
        ax.set_axis_off()
    _key(figure, axes[: len(runs)].tolist())
    return figure


def plot_measures(table: pd.DataFrame) -> Figure:
    """Draw what else changes while encoders are trained.

    Parameters
    ----------
    table : pd.DataFrame
        One row per snapshot: encoder, stage, step, onion, norm_r and sts_spearman; NaN where a
        snapshot was not measured.

    Returns
    -------
    Figure
        A row of panels for each measure that the table has a number of, a column for each stage of
        training.

    Raises
    ------
    WordweightsError
        For a table without any number to draw.
    """
    finite(table, "step")
    measures = [name for name in _MEASURES if name in table and table[name].notna().any()]
    if not measures:
        raise WordweightsError(
            f"There is nothing to draw: the table has no number in {', '.join(_MEASURES)}."
        )
    styles = _styles(table)
    stages = table["stage"].unique().tolist()
    figure, axes = new_figure(
        2.0 * len(measures) + 0.9, len(measures), len(stages), sharex="col", sharey="row"
    )
    grid = axes.reshape(len(measures), len(stages))
    for i, name in enumerate(measures):
        for ax, stage in zip(grid[i], stages, strict=True):
            rows = table[table["stage"] == stage]
            for encoder, line in rows.groupby("encoder", sort=False):
                curve = line.dropna(subset=name).sort_values("step")
                _line(ax, curve, name, *styles[str(encoder)])
            _step_axis(ax, rows["step"])
            last = i == len(measures) - 1
            name_axes(ax, _STEPS if last else "", title="" if i else str(stage))
        name_axes(grid[i, 0], grid[i, 0].get_xlabel(), _MEASURES[name], grid[i, 0].get_title())
    _key(figure, grid[0].tolist())
    return figure


def plot_losses(log: pd.DataFrame) -> Figure:
    """Draw the loss of each training against its steps.

    Parameters
    ----------
    log : pd.DataFrame
        Run, step and loss, the mean since the row before.

    Returns
    -------
    Figure
        One panel per run, with its own axes, for losses of different tasks cannot be compared: a
        thin line, and a thick one for the mean of the rows around each row.
    """
    finite(log, "step", "loss")
    runs = log["run"].unique().tolist()
    n_rows, n_columns = grid_of(len(runs), 2)
    figure, axes = new_figure(2.2 * n_rows + 0.4, n_rows, n_columns)
    blue, orange = palette()[:2]
    for ax, run in zip(axes, runs, strict=False):
        rows = log[log["run"] == run].sort_values("step")
        around = rows["loss"].rolling(max(1, len(rows) // 20), center=True, min_periods=1).mean()
        ax.plot(rows["step"], rows["loss"], color=blue, alpha=0.6, linewidth=0.9, label="logged")
        ax.plot(rows["step"], around, color=orange, linewidth=1.8, label="mean of those around")
        ax.ticklabel_format(style="plain")
        ax.xaxis.set_major_formatter("{x:,.0f}")
        name_axes(ax, _STEPS, "loss", str(run))
    for ax in axes[len(runs) :]:
        ax.set_axis_off()
    _key(figure, axes[:1].tolist())
    return figure


def plot_swaps(swaps: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw r of encoders whose embeddings and layers are from before or after fine-tuning.

    Parameters
    ----------
    swaps : Mapping[str, pd.DataFrame]
        From the name of a pair of encoders to its combinations: embeddings and layers (``"before"``
        or ``"after"``), r, low, high, norm_r.

    Returns
    -------
    Figure
        A row per combination. Left r with its interval, right the correlation of the length
        of its word embeddings with information, where they have different lengths.

    Raises
    ------
    WordweightsError
        For no pairs.
    """
    from matplotlib.patheffects import withStroke

    if not swaps:
        raise WordweightsError("There is no pair of encoders to draw; name at least one.")
    count = sum(len(rows) for rows in swaps.values())
    figure, (left, right) = new_figure(
        0.9 + 0.24 * count + 0.36 * len(swaps), 1, 2, sharey=True, width_ratios=[3, 2]
    )
    top, ticks, labels = 0.0, [], []
    for i, (pair, rows) in enumerate(swaps.items()):
        finite(rows, "r", "low", "high")
        places = top + 1 + np.arange(len(rows))
        marker, colour = MARKERS[i % len(MARKERS)], palette()[i]
        error = lengths_of_bars(rows, "r", "low", "high")
        left.errorbar(
            rows["r"], places, xerr=error, fmt=marker, color=colour, markersize=5, capsize=3
        )
        right.plot(rows["norm_r"], places, marker, color=colour, markersize=5)
        left.text(
            0.01,
            top + 0.25,
            shorten(pair, _LONGEST_PAIR),
            transform=left.get_yaxis_transform(),
            va="center",
            fontsize=9,
            parse_math=False,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
        ticks += places.tolist()
        labels += [
            _PARTS[str(e), str(a)] for e, a in zip(rows["embeddings"], rows["layers"], strict=True)
        ]
        top += len(rows) + 1.5
    left.set_yticks(ticks, labels, parse_math=False)
    left.set_ylim(top - 0.8, -0.4)
    for ax in (left, right):
        ax.axvline(0, color="0.4", linewidth=1)
        ax.grid(visible=False, axis="y")
    name_axes(left, f"{_R}\nof contributions")
    name_axes(right, f"{_R}\nof embedding length")
    return figure


def _styles(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Give every encoder its colour and marker, in the order of the table."""
    names = table["encoder"].unique().tolist()
    return {
        str(name): (palette()[i % len(palette())], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(names)
    }


def _line(
    ax: Axes, curve: pd.DataFrame, measure: str, colour: str, marker: str, *, content: bool = False
) -> None:
    """Draw one measure of one encoder; that of content words is dashed, with hollow marks."""
    look: dict[str, Any] = {"linestyle": "--", "markerfacecolor": "white"} if content else {}
    ax.plot(
        curve["step"],
        curve[measure],
        color=colour,
        marker=marker,
        markersize=4,
        linewidth=1.5,
        label=_label(curve, content) if len(curve) else None,
        **look,
    )


def _label(curve: pd.DataFrame, content: bool) -> str:
    name = shorten(str(curve["encoder"].iloc[0]), _LONGEST_NAME)
    return f"{name}, content words" if content else name


def _band(ax: Axes, curve: pd.DataFrame, low: str, high: str, colour: str) -> None:
    """Draw an interval around a line."""
    ax.fill_between(curve["step"], curve[low], curve[high], color=colour, alpha=0.2, linewidth=0)


def _step_axis(ax: Axes, steps: pd.Series) -> None:
    """Make an axis that is logarithmic, but has a place for step 0."""
    positive = sorted({int(step) for step in steps if step > 0})
    if not positive:
        return
    ax.set_xscale("symlog", linthresh=positive[0], linscale=0.4)
    first, last = positive[0], positive[-1]
    tens = [10**k for k in range(1, 8) if first * 2 < 10**k < last / 3]
    places = sorted({0, first, *tens, last})
    ax.set_xticks(places, [f"{step:,}" for step in places])
    ax.set_xlim(-0.3 * first, 1.3 * last)
    ax.minorticks_off()


def _key(figure: Figure, axes: list[Axes]) -> None:
    """Draw one key for all panels."""
    found = {
        label: handle
        for ax in axes
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    key = figure.legend(
        list(found.values()),
        list(found),
        loc="outside upper left",
        ncols=3 if len(found) > 2 else max(1, len(found)),
        frameon=False,
        fontsize=9,
    )
    for text in key.get_texts():
        text.set_parse_math(False)
