"""What weighted averages know of similar sentences: figure, tables and sentences of chapter 09."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from wordweights.figures.style import (
    MARKERS,
    finite,
    format_number,
    interval,
    legend_of_all,
    lengths_of_bars,
    name_axes,
    name_rows,
    new_figure,
    palette,
    shorten,
)
from wordweights.statistics.similarity import ALONE, DISTILLED, INPUT, LAST, NONE, OWN, WEIGHTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS = (INPUT, ALONE, LAST)
_RHO = "Spearman's \N{GREEK SMALL LETTER RHO} with the scores"
_INFORMATION = "\N{MINUS SIGN}ln P"


def plot_similarity(table: pd.DataFrame) -> Figure:
    """Draw Spearman's coefficient of averages by their weights, with its interval.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.similarity.compare_weights`.

    Returns
    -------
    Figure
        A row of panels per encoder and a panel per kind of vectors, in which a row is a kind of
        weights, with and without the first component; a line at the encoder's own vectors.
    """
    finite(table, "spearman", "spearman_low", "spearman_high")
    encoders = table["encoder"].unique().tolist()
    figure, axes = new_figure(
        0.6 + 2.2 * len(encoders), len(encoders), len(_KINDS), sharey=True, sharex="row"
    )
    panels = [(encoder, kind) for encoder in encoders for kind in _KINDS]
    for ax, (encoder, kind) in zip(axes, panels, strict=True):
        mine = table[table["encoder"] == encoder]
        for i, removed in enumerate((False, True)):
            rows = mine[(mine["vectors"] == kind) & (mine["removed"] == removed)]
            rho = rows["spearman"]
            ax.errorbar(
                rho,
                rows["weights"].map(WEIGHTS.index) + (i - 0.5) / 4,
                xerr=lengths_of_bars(rows, "spearman", "spearman_low", "spearman_high"),
                fmt=MARKERS[i],
                color=palette()[i],
                markersize=4,
                capsize=2,
                label="first component removed" if removed else "kept",
            )
        own = mine.loc[mine["vectors"] == OWN, "spearman"]
        ax.axvline(own.iloc[0], color="0.3", linestyle="--", linewidth=1, label=OWN)
        below = _RHO if encoder == encoders[-1] else ""
        name_axes(ax, below, title=f"{shorten(encoder, 28)}\n{kind}")
    name_rows(axes[0], list(WEIGHTS))
    legend_of_all(figure, axes[0], 3)
    return figure


def arrange_similarity(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put the weights of averages side by side.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.similarity.compare_weights`.

    Returns
    -------
    tuple[pd.DataFrame, dict[str, str]]
        The table, one row per encoder, kind of vectors and component, and its layout.
    """
    names = {name: f"w{i}" for i, name in enumerate(("", *WEIGHTS))}
    keys = ["encoder", "vectors", "removed"]
    averages = table[table["vectors"] != OWN]
    wide = averages.assign(weights=averages["weights"].map(names)).pivot_table(
        index=keys, columns="weights", values=["spearman", "rise_low", "rise_high"]
    )
    wide.columns = wide.columns.map("_".join)
    order = averages[keys].drop_duplicates()
    own = table[table["vectors"] == OWN].set_index("encoder")["spearman"]
    shown = order.merge(wide.reset_index(), on=keys)
    shown = shown.assign(
        own=shown["encoder"].map(own),
        component=shown["removed"].map({False: "kept", True: "removed"}),
    )
    layout = {
        "encoder\n(its own vectors)": "{encoder}\n({own})",
        "vectors": "{vectors}",
        "first\ncomponent": "{component}",
    }
    for name in WEIGHTS:
        n = names[name]
        rise = f"\n[{{rise_low_{n}}},\N{NO-BREAK SPACE}{{rise_high_{n}}}]"
        layout[name] = f"{{spearman_{n}}}" + (rise if name != NONE else "")
    return shown, layout


def where_from(table: pd.DataFrame, why: str) -> str:
    """Say whether a table is of this run, and if not, why not and what made it."""
    if table.empty:
        return (
            f"The STS Benchmark is not at hand ({why}), and no table of our own is in this "
            f"checkout: there is nothing to show."
        )
    row = table.iloc[-1]
    about = f"{row['n_pairs']:,} pairs of the test set"
    if not why:
        return f"Computed by this run, on {about}."
    return (
        f"The STS Benchmark is not at hand ({why}). The numbers of this page were measured by us "
        f"on {about}, on {row['date']}, by `make measured` ({row['versions']}; {row['settings']})."
    )


def settings_of_weights(table: pd.DataFrame) -> str:
    """Say which `a` the validation set chose, and how many words have a distilled weight."""
    chosen = ", ".join(
        f"{np.format_float_positional(a, trim='-')} ({(table['a'] == a).sum()} of "
        f"{table['a'].count()})"
        for a in np.unique(table["a"].dropna())
    )
    shares: dict[str, list[str]] = {}
    for encoder, share in table.groupby("encoder", sort=False)["met"].first().items():
        shares.setdefault(f"{format_number(100 * share, 0)} %", []).append(f"`{encoder}`")
    met = ", ".join(f"{share} ({', '.join(names)})" for share, names in shares.items())
    return (
        f"The validation set chose as *a* of SIF: {chosen or 'none'}. Of the words of the test "
        f"set, {met or 'none'} have been weighed by the encoder; the others take what the ridge "
        f"regression predicts."
    )


def similarity_takeaways(table: pd.DataFrame) -> str:
    """Say what chapter 09 has found, encoder by encoder."""
    said = []
    for encoder, mine in table[~table["removed"].astype(bool)].groupby("encoder", sort=False):
        rows = {(row["vectors"], row["weights"]): row for row in mine.to_dict("records")}
        said.append(
            f"- `{encoder}` ({format_number(rows[OWN, '']['spearman'])} by its own sentence "
            f"vectors): {_moved(rows, INPUT)}; {_moved(rows, LAST)}. Its own weights, distilled, "
            f"take the input embeddings to "
            f"{format_number(rows[INPUT, DISTILLED]['spearman'])}, and its last hidden states to "
            f"{format_number(rows[LAST, DISTILLED]['spearman'])}."
        )
    return "\n".join(said) or "- Nothing was measured."


def _moved(rows: Mapping[tuple[str, str], Mapping[Hashable, float]], kind: str) -> str:
    before, after = (rows[kind, name]["spearman"] for name in (NONE, _INFORMATION))
    row = rows[kind, _INFORMATION]
    low, high = row["rise_low"], row["rise_high"]
    verdict = "improve" if low > 0 else "harm" if high < 0 else "do not surely change"
    return (
        f"weights of {_INFORMATION} {verdict} its averaged {kind}, from {format_number(before)} to "
        f"{format_number(after)} (rise {format_number(row['rise'], 3)}, {interval(low, high, 3)})"
    )
