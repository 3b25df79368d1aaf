"""Table 1: the correlations of this run, our own on STS-B, and those that the paper reports."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from wordweights.encoders import UNTRAINED
from wordweights.errors import WordweightsError
from wordweights.files import MEASURED_FILE, project_root
from wordweights.statistics.correlations import Correlation, correlation

MEASURED = "this run"
OURS = "measured by us on STS-B"
PUBLISHED = "published"

OURS_COLUMNS = (
    *("encoder", "sentences", "frequencies"),
    *("r_information", "r_information_low", "r_information_high", "r_information_error"),
    *("r_probability", "r_probability_low", "r_probability_high", "r_probability_error"),
    *("n_words", "n_sentences", "n_texts", "n_unseen", "relative_error", "residual_max"),
    *("settings", "date", "versions"),
)
"""Columns of the table that `make measured` writes."""


def correlation_table(
    tables: Mapping[str, pd.DataFrame],
    *,
    before: Mapping[str, str | None] | None = None,
    cluster: str = "sentence_id",
    n_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate contributions with information and probability, one row an encoder (Table 1).

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, with columns contribution, information (nats),
        probability, sentence_id and the cluster.
    before : Mapping[str, str | None] | None
        From an encoder's name to the name of the encoder it was fine-tuned from, where known.
    cluster : str
        The column that says which words are resampled together: their sentence, or, where
        sentences are repeated, their text (:func:`number_texts`).
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
        spearman_high, n_words, n_sentences, n_texts (the units that were
        resampled), origin (``"this run"``).

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
                    cluster=cluster,
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
                "n_sentences": table["sentence_id"].nunique(),
                "n_texts": information.n_sentences,
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


def measured_correlations() -> pd.DataFrame:
    """Read the correlations that `make measured` has measured on the STS Benchmark.

    Returns
    -------
    pd.DataFrame
        As :func:`wordweights.pipeline.measured.measure` returned them, with origin
        (``"measured by us on STS-B"``); no rows outside a checkout, which the installed package
        alone is.
    """
    root = project_root() or project_root(Path(__file__).parent)
    path = root / MEASURED_FILE if root else None
    if path is None or not path.is_file():
        return pd.DataFrame(columns=[*OURS_COLUMNS, "origin"])
    return pd.read_csv(path).assign(origin=OURS)


def compare_published(measured: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Put the published correlations of encoders beside those of a run, with the difference.

    Parameters
    ----------
    measured : pd.DataFrame
        From :func:`correlation_table`.
    published : pd.DataFrame
        From :func:`published_correlations`.

    Returns
    -------
    pd.DataFrame
        One row for every encoder that is in both and each of r_information and r_probability:
        encoder, quantity, published, measured, low, high (of the measured one), difference
        (measured less published).
    """
    both = published.merge(measured, on="encoder", suffixes=("_published", ""))
    rows = [
        {
            "encoder": row["encoder"],
            "quantity": quantity,
            "published": row[f"{quantity}_published"],
            "measured": row[quantity],
            "low": row[f"{quantity}_low"],
            "high": row[f"{quantity}_high"],
            "difference": row[quantity] - row[f"{quantity}_published"],
        }
        for row in both.to_dict("records")
        for quantity in ("r_information", "r_probability")
    ]
    columns = ["encoder", "quantity", "published", "measured", "low", "high", "difference"]
    return pd.DataFrame(rows, columns=columns)


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
        All rows, with ``group`` (the encoder at the root of the fine-tuning) and ``role``:
        ``"control"``, ``"before"`` (something of the table was fine-tuned from it), ``"after"``
        (it was fine-tuned from something) or ``""``. Groups of this run come first.
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


def _columns(name: str, value: Correlation) -> dict[str, float]:
    return {name: value.r, f"{name}_low": value.low, f"{name}_high": value.high}


def _root(encoder: str, before: Mapping[str, str]) -> str:
    """Follow the fine-tuning back to where it began."""
    seen = {encoder}
    while (parent := before.get(encoder)) is not None and parent not in seen:
        seen.add(parent)
        encoder = parent
    return encoder
