"""Table 1: the correlations of encoders measured here, and those that the paper reports."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import numpy as np
import pandas as pd

from wordweights.encoders import UNTRAINED
from wordweights.errors import WordweightsError
from wordweights.statistics.correlations import Correlation, correlation

MEASURED = "measured here"
PUBLISHED = "published"


def correlation_table(
    tables: Mapping[str, pd.DataFrame],
    *,
    before: Mapping[str, str | None] | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate contributions with information and probability, one row an encoder (Table 1).

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, with columns contribution, information (nats),
        probability and sentence_id.
    before : Mapping[str, str | None] | None
        From an encoder's name to the name of the encoder it was fine-tuned from, where known.
    n_resamples : int
        Bootstrap resamples.
    seed : int
        Of the resamples; the same for every encoder, so that encoders over the same sentences are
        compared on the same resamples.

    Returns
    -------
    pd.DataFrame
        encoder, before, r_information, r_information_low, r_information_high, r_probability,
        r_probability_low, r_probability_high, spearman (with information), spearman_low,
        spearman_high, n_words, n_sentences, origin (``"measured here"``).

    Raises
    ------
    WordweightsError
        As :func:`correlation`, with the encoder's name.
    """
    rows = []
    for encoder, table in tables.items():
        try:
            information, probability, spearman = (
                correlation(
                    table,
                    "contribution",
                    y,
                    method=method,
                    n_resamples=n_resamples,
                    seed=seed,
                )
                for y, method in (
                    ("information", "pearson"),
                    ("probability", "pearson"),
                    ("information", "spearman"),
                )
            )
        except WordweightsError as error:
            raise WordweightsError(f"Encoder {encoder!r}: {error}") from None
        rows.append(
            {
                "encoder": encoder,
                "before": (before or {}).get(encoder),
                **_columns("r_information", information),
                **_columns("r_probability", probability),
                **_columns("spearman", spearman),
                "n_words": information.n,
                "n_sentences": information.n_sentences,
                "origin": MEASURED,
            }
        )
    if not rows:
        raise WordweightsError("There is no encoder to correlate; name at least one.")
    return pd.DataFrame(rows)


def published_correlations() -> pd.DataFrame:
    """Read the correlations that the paper reports, on 617 sentences of the STS Benchmark.

    Returns
    -------
    pd.DataFrame
        encoder, before, r_information, r_probability, citation (a key of the bibliography) and
        origin (``"published"``); five rows.
    """
    path = resources.files("wordweights").joinpath("data/published.csv")
    with path.open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    return table.assign(origin=PUBLISHED)


def arrange_before_after(*tables: pd.DataFrame) -> pd.DataFrame:
    """Put rows of correlation tables together: each encoder, its control, and what came of it.

    Parameters
    ----------
    *tables : pd.DataFrame
        With columns encoder, before and origin; from :func:`correlation_table` and
        :func:`published_correlations`.

    Returns
    -------
    pd.DataFrame
        All rows, with ``group`` (the encoder at the root of the fine-tuning) and ``role``:
        ``"control"``, ``"before"`` (something of the table was fine-tuned from it), ``"after"``
        (it was fine-tuned from something) or ``""``. Groups that were measured here come first.
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


def _columns(name: str, value: Correlation) -> dict[str, float]:
    return {name: value.r, f"{name}_low": value.low, f"{name}_high": value.high}


def _root(encoder: str, before: Mapping[str, str]) -> str:
    """Follow the fine-tuning back to where it began."""
    seen = {encoder}
    while (parent := before.get(encoder)) is not None and parent not in seen:
        seen.add(parent)
        encoder = parent
    return encoder
