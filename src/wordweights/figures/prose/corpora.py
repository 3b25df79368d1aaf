"""Sentences of the chapter on sources of P(w)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from wordweights.figures.style import format_number
from wordweights.statistics import main_and_control
from wordweights.words.frequencies import Frequencies

if TYPE_CHECKING:
    from wordweights.counting import Report


def corpus_counted(report: Report, counted: Frequencies) -> str:
    """Say how large a corpus is, and what the counts of its words are."""
    return (
        f"{report.tally.total:,} words in {report.tally.documents:,} lines or documents, "
        f"{report.words:,} of them distinct.\n\n> {counted.note}"
    )


def counting_takeaways(
    report: Report,
    counted: Frequencies,
    exponent: float,
    compared: pd.DataFrame,
    coverage: pd.DataFrame,
) -> str:
    """Say what chapter 05 has found."""
    main, _ = main_and_control(compared["encoder"].unique())
    rows = compared[compared["encoder"] == main].set_index("frequencies")["r_information"]
    half = counted.probabilities.sort_values(ascending=False).cumsum()
    return (
        f"- Half of the corpus is {int((half < 0.5).sum()) + 1:,} different words; it has "
        f"{report.words:,} in all, and while it is read their number grows with the power "
        f"{format_number(exponent)} of the length.\n"
        f"- On the words that all sources know, r for `{main}` is between "
        f"{format_number(rows.min())} (`{rows.idxmin()}`) and {format_number(rows.max())} "
        f"(`{rows.idxmax()}`).\n"
        f"- `{counted.source}` knows "
        f"{format_number(100 * coverage['occurrences'].iloc[0], 1)} % of the word occurrences. "
        f"What a source does not know, it cannot weigh: how many words it knows matters as well "
        f"as what it says of them."
    )
