"""What all figures share: size, colours, axes, and labels that are never mathtext."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH = 7.2  # inches: the book's text is about 700 pixels wide, and figures have 100 a inch
INFORMATION = "information \N{MINUS SIGN}ln P(w) [nats]"
PROBABILITY = "probability P(w)"
CONTRIBUTION = "contribution c(w)"

_DPI = 100
_TEXT = 10.0
_SMALL = 9.0
_LONGEST_LABEL = 14


def palette() -> list[str]:
    """Name the colours, told apart by the colour-blind too.

    Returns
    -------
    list[str]
        Ten hexadecimal colours: blue, orange, green, vermilion and so on.
    """
    import seaborn as sns

    return list(sns.color_palette("colorblind").as_hex())


def new_figure(
    height: float, n_rows: int = 1, n_columns: int = 1, **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """Make a figure as wide as the book's text, with panels.

    Parameters
    ----------
    height : float
        Inches.
    n_rows : int
        Panels below one another.
    n_columns : int
        Panels side by side.
    **options : Any
        Passed on to ``Figure.subplots``.

    Returns
    -------
    tuple[Figure, NDArray[Any]]
        The figure, which pyplot does not know, and its panels in reading order.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=_DPI, layout="constrained", facecolor="white")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, **options)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=_SMALL)
        ax.set_axisbelow(True)
        ax.grid(color="0.9", linewidth=0.8)
    return figure, axes.ravel()


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
        Such as ``"0.0310"``; an exact zero is ``"0"``.
    """
    return f"{value:#.3g}".rstrip(".") if value else "0"


def grid_of(n: int, n_columns: int) -> tuple[int, int]:
    """Lay panels out in rows.

    Parameters
    ----------
    n : int
        Number of panels.
    n_columns : int
        The most that fit side by side.

    Returns
    -------
    tuple[int, int]
        Rows and columns.
    """
    columns = min(n, n_columns)
    return -(-n // columns), columns


def name_axes(ax: Axes, x: str = "", y: str = "", title: str = "") -> None:
    """Label a panel, taking every character as it is.

    Parameters
    ----------
    ax : Axes
        The panel.
    x : str
        Label of the horizontal axis.
    y : str
        Label of the vertical axis.
    title : str
        Above the panel.
    """
    ax.set_xlabel(x, fontsize=_TEXT, parse_math=False)
    ax.set_ylabel(y, fontsize=_TEXT, parse_math=False)
    if title:
        ax.set_title(title, fontsize=_TEXT, parse_math=False)


def label_point(
    ax: Axes, text: str, point: tuple[float, float], offset: tuple[float, float], **options: Any
) -> None:
    """Write a word beside a point, legible over other points.

    Parameters
    ----------
    ax : Axes
        The panel.
    text : str
        The word; a long one is cut.
    point : tuple[float, float]
        In data coordinates.
    offset : tuple[float, float]
        Of the text from the point, in points of 1/72 inch.
    **options : Any
        Passed on to ``Axes.annotate``, such as ``ha``.
    """
    from matplotlib.patheffects import withStroke

    ax.annotate(
        shorten(text),
        point,
        xytext=offset,
        textcoords="offset points",
        fontsize=_SMALL,
        parse_math=False,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=5,
        **options,
    )


def shorten(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Cut a long word for a label.

    Parameters
    ----------
    text : str
        Any text.
    longest : int
        Characters to keep, with the ellipsis.

    Returns
    -------
    str
        On one line; punctuation is put in quotes, for a full stop looks like a point.
    """
    line = " ".join(text.split())
    if not any(character.isalnum() for character in line):
        line = f"“{line}”"
    return line if len(line) <= longest else line[: longest - 1] + "…"


def legend(ax: Axes, **options: Any) -> None:
    """Draw a legend of readable size without a frame.

    Parameters
    ----------
    ax : Axes
        The panel.
    **options : Any
        Passed on to ``Axes.legend``.
    """
    found = ax.legend(fontsize=_SMALL, frameon=False, **options)
    for text in found.get_texts():
        text.set_parse_math(False)


def finite(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Check that a figure has rows and finite numbers to show.

    Parameters
    ----------
    table : pd.DataFrame
        What will be drawn.
    *columns : str
        The columns that must be numbers.

    Returns
    -------
    pd.DataFrame
        The same table.

    Raises
    ------
    WordweightsError
        For an empty table, a missing column, NaN or infinite values: a point that matplotlib would
        leave out silently.
    """
    absent = [column for column in columns if column not in table]
    if absent:
        raise WordweightsError(
            f"The figure needs a column {absent[0]!r}; the table has "
            f"{', '.join(map(str, table.columns))}."
        )
    if table.empty:
        raise WordweightsError("There is nothing to draw: the table has no rows.")
    for column in columns:
        bad = int((~np.isfinite(table[column].to_numpy(dtype=float))).sum())
        if bad:
            raise WordweightsError(
                f"Column {column!r} holds {bad} NaN or infinite values, which a figure would leave "
                f"out silently; drop those rows or give them a value first."
            )
    return table
