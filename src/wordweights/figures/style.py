"""What all figures share: size, colours, axes, and labels that are never mathtext."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wordweights.statistics.columns import finite_values

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH = 7.2  # inches: the book's text is about 700 pixels wide, and figures have 100 per inch
INFORMATION = "information \N{MINUS SIGN}ln P(w) [nats]"
PROBABILITY = "probability P(w)"
CONTRIBUTION = "contribution c(w)"
MARKERS = "osD^v"
# of shaded words, seaborn's light blue for the colour-blind: black is readable on all of its tints
SHADE = "#56b4e9"

Outside = Literal["outside upper center", "outside lower center"]
"""Where a legend of all panels stands."""

# seaborn's for the colour-blind, those darker that a white page, or a black one in the dark theme
# of the book (wordweights.css), would show with a contrast below 3 to 1
_COLOURS = (
    *("#0173b2", "#ca8205", "#029e73", "#d55e00", "#cb76bb"),
    *("#8c5a2b", "#a0307a", "#767676", "#9e950f", "#1e9be2"),
)
_DPI = 100
_TEXT = 10.0
_SMALL = 9.0
_LONGEST_LABEL = 14


def format_number(value: float, digits: int = 2) -> str:
    """Write a number with a typographic minus sign.

    Parameters
    ----------
    value : float
        Any number.
    digits : int
        Decimals.

    Returns
    -------
    str
        Such as ``"\N{MINUS SIGN}0.26"``; ``"n/a"`` for NaN.
    """
    if np.isnan(value):
        return "n/a"
    return f"{value:z,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def format_weight(value: float) -> str:
    """Write a weight with three significant digits.

    Parameters
    ----------
    value : float
        Not negative.

    Returns
    -------
    str
        Such as ``"0.0310"``; an exact zero is ``"0"``, NaN is ``"n/a"``.
    """
    if np.isnan(value):
        return "n/a"
    return f"{value:#.3g}".rstrip(".") if value else "0"


def interval(low: float, high: float, digits: int = 2) -> str:
    """Write a 95 % interval: ``95 % interval 0.87 to 0.89``."""
    return f"95 % interval {from_to(low, high, digits)}"


def from_to(low: float, high: float, digits: int = 2) -> str:
    """Write a range: ``0.87 to 0.89``."""
    return f"{format_number(low, digits)} to {format_number(high, digits)}"


def palette() -> list[str]:
    """Name ten colours, told apart by the colour-blind too: blue, orange, green and so on."""
    return list(_COLOURS)


def new_figure(
    height: float, n_rows: int = 1, n_columns: int = 1, **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """Make a figure as wide as the book's text, and its panels in reading order."""
    from matplotlib.figure import Figure  # pyplot does not know it

    figure = Figure(figsize=(WIDTH, height), dpi=_DPI, layout="constrained", facecolor="white")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, **options)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=_SMALL)
        ax.set_axisbelow(True)
        ax.grid(color="0.9", linewidth=0.8)
    return figure, axes.ravel()


def grid_of(n: int, n_columns: int) -> tuple[int, int]:
    """Lay panels out, at most so many side by side: rows and columns."""
    columns = min(n, n_columns)
    return -(-n // columns), columns


def name_axes(ax: Axes, x: str = "", y: str = "", title: str = "") -> None:
    """Label a panel, taking every character as it is."""
    ax.set_xlabel(x, fontsize=_TEXT, parse_math=False)
    ax.set_ylabel(y, fontsize=_TEXT, parse_math=False)
    if title:
        ax.set_title(title, fontsize=_TEXT, parse_math=False)


def name_rows(ax: Axes, names: list[str]) -> None:
    """Name the rows of a panel from top to bottom."""
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")


def label_point(
    ax: Axes, text: str, point: tuple[float, float], offset: tuple[float, float], **options: Any
) -> None:
    """Write a word beside a point (offset in 1/72 inch), legible over others, and lead to it."""
    ax.annotate(
        shorten(text),
        point,
        xytext=offset,
        textcoords="offset points",
        fontsize=_SMALL,
        parse_math=False,
        path_effects=[halo()],
        zorder=5,
        arrowprops={"arrowstyle": "-", "color": "0.3", "linewidth": 0.7, "shrinkB": 2},
        **options,
    )


def halo() -> Any:
    """Make the white edge of letters that stand over lines and points."""
    from matplotlib.patheffects import withStroke

    return withStroke(linewidth=2.5, foreground="white")


def shorten(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Cut a long text for a label, on one line; a full stop alone, say, is put in quotes."""
    line = " ".join(text.split())
    if not any(character.isalnum() for character in line):
        line = f"“{line}”"
    return line if len(line) <= longest else line[: longest - 1] + "…"


def legend(ax: Axes, **options: Any) -> None:
    """Draw a legend of readable size without a frame."""
    found = ax.legend(fontsize=_SMALL, frameon=False, **options)
    for text in found.get_texts():
        text.set_parse_math(False)


def legend_of_all(
    figure: Figure, ax: Axes, n_columns: int = 1, loc: Outside = "outside upper center"
) -> None:
    """Draw one legend outside all panels, of what one of them shows."""
    handles, labels = ax.get_legend_handles_labels()
    found = figure.legend(handles, labels, loc=loc, ncols=n_columns, fontsize=_SMALL, frameon=False)
    for text in found.get_texts():
        text.set_parse_math(False)


def legend_above(ax: Axes, n_columns: int = 2) -> None:
    """Draw a legend above a panel."""
    legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=n_columns)


def lengths_of_bars(rows: pd.DataFrame, value: str, low: str, high: str) -> NDArray[Any]:
    """Measure the bars of intervals, (2, rows): one of percentiles need not hold its estimate."""
    below, above = rows[value] - rows[low], rows[high] - rows[value]
    return np.maximum(np.stack([below, above]).astype(float), 0)


def hide_unused(axes: NDArray[Any], n: int) -> None:
    """Hide the panels after the first n."""
    for ax in axes[n:]:
        ax.set_axis_off()


def finite(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a table whose columns are finite: matplotlib would leave a NaN out silently."""
    for column in columns:
        finite_values(table, column)
    return table
