"""Table 1: correlations by encoder and by source of P(w), and how their rows are arranged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Unpack

import numpy as np
import pandas as pd

from wordweights.encoders import UNTRAINED
from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import Resampling
from wordweights.statistics.correlations import correlation, correlation_error
from wordweights.statistics.weighed import join_information
from wordweights.words.frequencies import Frequencies, look_up

MEASURED = "this run"


def correlation_table(
    words: Mapping[str, pd.DataFrame],
    *,
    before: Mapping[str, str | None] | None = None,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Correlate contributions with information and probability, one row per encoder (Table 1).

    Parameters
    ----------
    words : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, with columns contribution, information (nats),
        probability, sentence_id and the unit: from :func:`join_information`.
    before : Mapping[str, str | None] | None
        From an encoder's name to the name of the encoder it was fine-tuned from, where known.
    **resampling : Unpack[Resampling]
        ``unit``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.
        Encoders over the same sentences are compared on the same resamples.

    Returns
    -------
    pd.DataFrame
        encoder, before, r_information, r_probability and spearman (with information), each with
        its interval (_low, _high), n_words, n_sentences, n_texts (the units that were resampled),
        origin (``"this run"``).

    Raises
    ------
    WordweightsError
        As for :func:`correlation`, with the encoder's name; and for no encoder.
    """
    rows = []
    for encoder, table in words.items():
        try:
            information = correlation(table, **resampling)
            probability = correlation(table, y="probability", **resampling)
            spearman = correlation(table, method="spearman", **resampling)
        except WordweightsError as error:
            raise WordweightsError(f"Encoder {encoder!r}: {error}") from None
        rows.append(
            {
                "encoder": encoder,
                "before": (before or {}).get(encoder),
                **information.columns("r_information"),
                **probability.columns("r_probability"),
                **spearman.columns("spearman"),
                "n_words": information.n,
                "n_sentences": table["sentence_id"].nunique(),
                "n_texts": information.n_units,
                "origin": MEASURED,
            }
        )
    if not rows:
        raise WordweightsError("There is no encoder to correlate; name at least one.")
    return pd.DataFrame(rows)


def correlations_by_source(
    contributions: Mapping[str, pd.DataFrame],
    sources: Sequence[Frequencies],
    *,
    common: bool = False,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Correlate contributions with information and probability under each source of P(w).

    Parameters
    ----------
    contributions : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned.
    sources : Sequence[Frequencies]
        Each of its own name.
    common : bool
        Whether to take only the words that all sources know; else each source is correlated on
        the words that it knows itself.
    **resampling : Unpack[Resampling]
        ``unit``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`. The
        unit may be the column text that :func:`join_information` adds.

    Returns
    -------
    pd.DataFrame
        One row per encoder and source, of the columns of :func:`correlation_table` and frequencies
        (the source), n_unseen (words that it does not know), r_information_error and
        r_probability_error (see :func:`correlation_error`).

    Raises
    ------
    WordweightsError
        As for :func:`correlation_table`; and when the sources have no word in common.
    """
    tables = []
    for source in sources:
        words = join_information(contributions, source)
        n_unseen = [table.attrs["n_unseen"] for table in words.values()]
        if common:
            words = {name: _known_to_all(name, table, sources) for name, table in words.items()}
        table = correlation_table(words, **resampling)
        table = table.assign(frequencies=source.source, n_unseen=n_unseen)
        for y in ("information", "probability"):
            errors = [correlation_error(rows, y=y, unit="text") for rows in words.values()]
            table[f"r_{y}_error"] = errors
        tables.append(table)
    # encoder by encoder: row i of every source is the same encoder
    return pd.concat(tables).sort_index(kind="stable").reset_index(drop=True)


def arrange_before_after(*tables: pd.DataFrame) -> pd.DataFrame:
    """Put rows of correlation tables together: each encoder, its control, and what came of it.

    Parameters
    ----------
    *tables : pd.DataFrame
        With columns encoder, before and origin; from :func:`correlation_table`,
        :func:`measured_correlations` and :func:`published_correlations`.

    Returns
    -------
    pd.DataFrame
        All rows, with ``group`` (the encoder at the root of the fine-tuning), ``role``
        (``"control"``, ``"before"``: something of the table was fine-tuned from it, ``"after"``:
        it was fine-tuned from something, or ``""``) and ``made_from`` (what it was fine-tuned from,
        or random weights). Groups of this run come first.
    """
    rows = pd.concat(tables, ignore_index=True)
    parents = rows.dropna(subset="before").drop_duplicates("encoder")
    before = dict(zip(parents["encoder"], parents["before"], strict=True))
    names = [str(name).removesuffix(UNTRAINED) for name in rows["encoder"]]
    rows["group"] = [_root(name, before) for name in names]
    control = rows["encoder"].str.endswith(UNTRAINED)
    rows["role"] = np.select(
        [control, rows["encoder"].isin(before), rows["encoder"].isin(before.values())],
        ["control", "after", "before"],
        default="",
    )
    rows["made_from"] = rows["before"].mask(control, "(random weights)")
    measured = set(rows.loc[rows["origin"] == MEASURED, "group"])
    first_seen = {name: i for i, name in reversed(list(enumerate(rows["encoder"])))}
    order = pd.DataFrame(
        {
            "unmeasured": ~rows["group"].isin(measured),
            "group": rows["group"],
            "role": rows["role"].map({"control": 0, "before": 1, "": 1, "after": 2}),
            "encoder": rows["encoder"].map(first_seen),
            "origin": rows["origin"] != MEASURED,
        }
    )
    chosen = order.sort_values(order.columns.to_list(), kind="stable").index
    return rows.loc[chosen].reset_index(drop=True)


def choose_few(before: Mapping[str, str | None], most: int | None = 3) -> list[str]:
    """Choose encoders for a figure that has room for a few.

    Parameters
    ----------
    before : Mapping[str, str | None]
        From the name of each encoder of a run to the name of the one it was fine-tuned from.
    most : int | None
        How many to choose; None: all.

    Returns
    -------
    list[str]
        All of them where there are no more; else the first one of the run, the last pair of an
        encoder and what it was fine-tuned from, the control of the first, and then the others as
        they come. In the order of the run.

    Raises
    ------
    WordweightsError
        For a number below 1.
    """
    if most is not None and most < 1:
        raise WordweightsError(
            f"{most} encoders cannot be shown; give at least 1, or null for all."
        )
    names = list(before)
    pairs = [
        (base, name)
        for name, base in before.items()
        if base in before and not name.endswith(UNTRAINED)
    ]
    wanted = [*names[:1], *(pairs[-1] if pairs else ()), *(name + UNTRAINED for name in names[:1])]
    ranked = dict.fromkeys([*(name for name in wanted if name in before), *names])
    chosen = list(ranked)[:most]
    return [name for name in names if name in chosen]


def main_and_control(encoders: Iterable[str]) -> tuple[str, str | None]:
    """Choose the encoder that a run is about, and its control with random weights.

    Parameters
    ----------
    encoders : Iterable[str]
        The names of the run, at least one.

    Returns
    -------
    tuple[str, str | None]
        The first that is trained (of controls alone, the first), and its control; None where the
        run has none.
    """
    names = list(encoders)
    main = next((name for name in names if not name.endswith(UNTRAINED)), names[0])
    return main, main + UNTRAINED if main + UNTRAINED in names else None


def _known_to_all(
    encoder: str, table: pd.DataFrame, sources: Sequence[Frequencies]
) -> pd.DataFrame:
    """Keep the words that all sources know."""
    found = [look_up(table["word"], source)["probability"].notna().to_numpy() for source in sources]
    known = np.logical_and.reduce(found)
    if not known.any():
        raise WordweightsError(
            f"The sources {', '.join(source.source for source in sources)} have none of the words "
            f"of {encoder!r} in common."
        )
    return table[known]


def _root(encoder: str, before: Mapping[str, str]) -> str:
    """Follow the fine-tuning back to where it began."""
    seen = {encoder}
    while (parent := before.get(encoder)) is not None and parent not in seen:
        seen.add(parent)
        encoder = parent
    return encoder
