"""What an attribution is made of: the path, the matrix of a word, and the probes of an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.figures.style import (
    CONTRIBUTION,
    MARKERS,
    SHADE,
    finite,
    label_point,
    legend,
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

_ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
_SHOWN = (0.0, 0.25, 0.5, 0.75, 1.0)


def draw_path(baseline: Sequence[str], sentence: Sequence[str], vectors: NDArray[Any]) -> Figure:
    """Draw the path from the baseline to the sentence, and the one that its vector takes.

    Parameters
    ----------
    baseline : Sequence[str]
        The wordpieces at the beginning of the path.
    sentence : Sequence[str]
        Those at its end, as many.
    vectors : NDArray[Any]
        Sentence vectors at evenly spaced places of the path, both ends among them: (places,
        outputs).

    Returns
    -------
    Figure
        Left each wordpiece at some places of the path; right the sentence vector, along the
        straight line from its first to its last place and in the direction in which it leaves this
        line most.
    """
    figure, (rows, way) = new_figure(3.7, 1, 2, width_ratios=[5, 4])
    _draw_pieces(rows, baseline, sentence)
    moved = np.asarray(vectors, dtype=float) - vectors[0]
    length = np.linalg.norm(moved[-1])
    ahead = moved[-1] / length
    along = moved @ ahead
    aside = moved - np.outer(along, ahead)
    across = aside @ np.linalg.svd(aside)[2][0]
    x, y = along / length, across * np.sign(across[np.abs(across).argmax()]) / length
    way.plot([0, 1], [0, 0], color="0.4", linestyle="--", linewidth=1)
    way.plot(x, y, color=palette()[0], linewidth=1.8)
    for place in _SHOWN:
        i = round(place * (len(x) - 1))
        way.plot(x[i], y[i], "o", color=palette()[0], markersize=5)
        name = {0.0: f"s(B), {_ALPHA} = 0", 1.0: f"s(W), {_ALPHA} = 1"}.get(place, f"{place:g}")
        away = {"va": "bottom"} if 0 < place < 1 else {"va": "top"}
        label_point(way, name, (x[i], y[i]), (0, 9 if 0 < place < 1 else -9), ha="center", **away)
    way.margins(0.2)
    name_axes(way, "along s(W) \N{MINUS SIGN} s(B)", "across", "The sentence vector")
    return figure


def _draw_pieces(ax: Axes, baseline: Sequence[str], sentence: Sequence[str]) -> None:
    from matplotlib.colors import to_hex, to_rgb

    full, empty = np.array(to_rgb(SHADE)), np.array(to_rgb("0.93"))
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9, "parse_math": False}
    for i, (first, last) in enumerate(zip(baseline, sentence, strict=True)):
        ax.plot([0, 1], [i, i], color="0.4", linewidth=1, zorder=1)
        for place in _SHOWN:
            colour = to_hex(empty + (0 if first == last else place) * (full - empty))
            if 0 < place < 1:
                ax.plot(place, i, "o", markersize=9, color=colour, markeredgecolor="0.4")
            else:
                box = {"boxstyle": "round", "facecolor": colour, "edgecolor": "0.4"}
                ax.text(place, i, shorten(last if place else first, 12), bbox=box, **look)
    ax.set(xlim=(-0.16, 1.18), ylim=(len(sentence) - 0.4, -0.6), yticks=[])
    ax.set_xticks(_SHOWN, ["0", "0.25", "0.5", "0.75", "1"])
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    name_axes(ax, f"place {_ALPHA} on the path, from B to W", title="The rows of embeddings")


def plot_matrix(
    matrix: NDArray[Any], word: int, words: Sequence[str], contributions: Sequence[float]
) -> Figure:
    """Draw the attributions of one word, pair by pair, beside the norms of all words.

    Parameters
    ----------
    matrix : NDArray[Any]
        IG(w[j], s[k]): (input numbers j of the word, outputs k).
    word : int
        Which word of the sentence it is.
    words : Sequence[str]
        All of them, in order.
    contributions : Sequence[float]
        Their contributions; that of the word is the Frobenius norm of the matrix.

    Returns
    -------
    Figure
        Left a heat map, whose colours end where one in 200 numbers is larger; right a bar for each
        word.
    """
    from matplotlib.colors import LinearSegmentedColormap

    blue, orange = palette()[:2]
    figure, (heat, bars) = new_figure(3.7, 1, 2, width_ratios=[5, 4])
    largest = float(np.quantile(np.abs(matrix), 0.995)) or 1.0
    colours = LinearSegmentedColormap.from_list("signed", [orange, "white", blue])
    shown = heat.imshow(matrix, cmap=colours, vmin=-largest, vmax=largest, aspect="auto")
    heat.grid(visible=False)
    key = figure.colorbar(shown, ax=heat, extend="both", pad=0.02)
    key.ax.tick_params(labelsize=8.5)
    name = shorten(words[word])
    name_axes(heat, "output number k", "input number j", f"IG({name}[j], s[k])")
    bars.barh(
        range(len(words)),
        contributions,
        0.72,
        color=[orange if i == word else blue for i in range(len(words))],
    )
    name_rows(bars, [shorten(text) for text in words])
    name_axes(bars, CONTRIBUTION, title="Norms of the matrices")
    return figure


def plot_probes(table: pd.DataFrame, chosen: int | None = None) -> Figure:
    """Draw the error of an estimate against the number of its probes.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.errors_by_probes`.
    chosen : int | None
        The number of probes of this run, marked by a vertical line.

    Returns
    -------
    Figure
        One panel, logarithmic: the error that was made, and the error that the estimates report.
    """
    finite(table, "n_probes", "error", "standard_error")
    figure, (ax,) = new_figure(3.6)
    for i, (column, label) in enumerate(
        (("error", "made, against the exact mode"), ("standard_error", "reported, without it"))
    ):
        look: dict[str, Any] = {"color": palette()[i], "marker": MARKERS[i], "markersize": 5}
        ax.plot(
            table["n_probes"], 100 * table[column], "-" if i == 0 else "--", label=label, **look
        )
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(table["n_probes"], [str(n) for n in table["n_probes"]])
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50) if tick <= 150 * table["error"].max()]
    ax.set_yticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    if chosen is not None:
        ax.axvline(chosen, color="0.4", linestyle=":", linewidth=1.2, label="probes of this run")
    legend(ax, loc="lower left")
    name_axes(ax, "probes", "relative error, root mean square [%]")
    return figure
