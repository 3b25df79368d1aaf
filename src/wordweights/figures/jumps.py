"""A path that jumps, in three panels and a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from wordweights.figures.style import (
    CONTRIBUTION,
    MARKERS,
    finite,
    format_number,
    format_weight,
    legend,
    name_axes,
    name_rows,
    new_figure,
    palette,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ALPHA = "\N{GREEK SMALL LETTER ALPHA}"


def plot_jump(table: pd.DataFrame) -> Figure:
    """Draw what a sentence vector does on a path that jumps, where, and what rules make of it.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.pipeline.jump.measure_jump`.

    Returns
    -------
    Figure
        Four panels: the way of the vector; the same close to the jump; the length of the state that
        changes most, by layer, on both sides; and the words by both rules.
    """
    finite(table, "x", "value")
    rows = dict(iter(table.groupby("quantity")))
    place, piece = rows["place"]["value"].iloc[0], shorten(rows["before"]["label"].iloc[0])
    figure, (whole, near, layers, words) = new_figure(6.4, 2, 2)
    whole.plot(rows["path"]["x"], rows["path"]["value"], color=palette()[0])
    whole.axvline(place, color="0.4", linestyle=":", linewidth=1.2)
    name_axes(whole, f"place {_ALPHA} on the path", "distance of s from the left end", "The path")
    near.plot(rows["near"]["x"] * 1e6, rows["near"]["value"], color=palette()[0])
    name_axes(near, f"millionths of the path from {_ALPHA} = {place:.4f}", "", "Close to the jump")
    for i, side in enumerate(("before", "after")):
        look = {"color": palette()[i], "marker": MARKERS[i], "markersize": 4}
        layers.plot(rows[side]["x"], rows[side]["value"], label=f"{side} the jump", **look)
    layers.set_ylim(bottom=0)
    name_axes(layers, "layer", "length of the hidden state", f"The state of {piece}")
    legend(layers, loc="lower left")
    for i, rule in enumerate(("divided", "fixed")):
        nodes = int(_of_rule(rows["nodes"], rule))
        words.scatter(
            rows[rule]["value"],
            range(len(rows[rule])),
            color=palette()[i],
            marker=MARKERS[i],
            label=f"{rule}, {nodes} nodes",
        )
    words.set(xscale="log")
    name_rows(words, [shorten(word) for word in rows["divided"]["label"]])
    name_axes(words, f"{CONTRIBUTION}, logarithmic", "", "What the words weigh")
    legend(words, loc="upper right")
    return figure


def describe_jump(table: pd.DataFrame) -> str:
    """Say in Markdown what the figure shows, with its numbers.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.pipeline.jump.measure_jump`, with the column encoder.

    Returns
    -------
    str
        One paragraph.
    """
    rows = dict(iter(table.groupby("quantity")))
    (place,), (size,) = rows["place"]["value"], rows["size"]["value"]
    before, after = (rows[side]["value"].to_numpy() for side in ("before", "after"))
    layer = int((abs(after - before) > 0.1 * before).argmax())
    gained = rows["jump"]["value"].to_numpy()
    order = gained.argsort()
    word, name = int(order[-1]), rows["jump"]["label"].iloc[order[-1]]
    weight = {rule: float(rows[rule]["value"].iloc[word]) for rule in ("divided", "fixed")}
    residual = {rule: _of_rule(rows["residual"], rule) for rule in ("divided", "fixed")}
    nodes = {rule: int(_of_rule(rows["nodes"], rule)) for rule in ("divided", "fixed")}
    return (
        f"At \N{GREEK SMALL LETTER ALPHA} = {place:.4f} the sentence vector of "
        f"{table['encoder'].iloc[0]} moves by {100 * size:.0f} % of its whole way, within two "
        f"millionths of the path. The state of `{rows['before']['label'].iloc[0]}` goes over into "
        f"another one: from layer {layer} on its length differs by more than a tenth. What the "
        f"vector gains there goes to `{name}`, "
        f"{format_number(gained[word] / gained[order[-2]], 0)} times as much as to any other word. "
        f"A Gauss\N{EN DASH}Legendre rule of {nodes['fixed']} nodes gives `{name}` a weight of "
        f"{format_weight(weight['fixed'])} where the divided path gives "
        f"{format_weight(weight['divided'])} with {nodes['divided']}, and its completeness "
        f"residual says that it is wrong: {100 * residual['fixed']:.0f} % against "
        f"{100 * residual['divided']:.1f} %."
    )


def _of_rule(rows: pd.DataFrame, rule: str) -> float:
    return float(rows.set_index("label")["value"][rule])
