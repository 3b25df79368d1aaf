"""Correlations that no run of the book measures: the paper's, and our own on the STS Benchmark."""

from __future__ import annotations

from importlib import resources

import pandas as pd

from wordweights.files import MEASURED_FILE, find_kept

OURS = "measured by us on STS-B"
PUBLISHED = "published"

OURS_QUANTITIES = (
    *("r_information", "r_no_punctuation", "r_content", "r_function", "rho_sentence"),
    *("r_probability", "r_common"),
)
"""What `make measured` measures, each with its interval, and with the error by the probes."""

OURS_COLUMNS = (
    *("encoder", "sentences", "frequencies"),
    *(f"{name}{end}" for name in OURS_QUANTITIES for end in ("", "_low", "_high", "_error")),
    *("n_words", "n_content", "n_function", "n_common", "n_sentences", "n_units", "n_types"),
    *("n_unseen", "relative_error", "residual_max", "settings", "date", "versions"),
)
"""Columns of the table that `make measured` writes."""

_QUANTITIES = {
    "r_information": "r with \N{MINUS SIGN}ln P(w)",
    "r_probability": "r with P(w)",
}


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
        return pd.read_csv(file).assign(origin=PUBLISHED)


def measured_correlations() -> pd.DataFrame:
    """Read the correlations that `make measured` has measured on the STS Benchmark.

    Returns
    -------
    pd.DataFrame
        From :func:`wordweights.pipeline.measured.measure`, with origin (``"measured by us on
        STS-B"``); no rows outside a checkout, which the installed package alone is.
    """
    path = find_kept(MEASURED_FILE)
    if path is None:
        return pd.DataFrame(columns=[*OURS_COLUMNS, "origin"])
    return pd.read_csv(path).assign(origin=OURS)


def compare_published(measured: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Put the published correlations of encoders beside those of a run, with the difference.

    Parameters
    ----------
    measured : pd.DataFrame
        From :func:`wordweights.statistics.correlation_table`.
    published : pd.DataFrame
        From :func:`published_correlations`.

    Returns
    -------
    pd.DataFrame
        One row for every encoder that is in both and each of r_information and r_probability:
        encoder, quantity (in words), published, measured, low, high (of the measured one),
        difference (measured less published).
    """
    both = published.merge(measured, on="encoder", suffixes=("_published", ""))
    parts = []
    for quantity, text in _QUANTITIES.items():
        names = {f"{quantity}_published": "published", quantity: "measured"}
        names |= {f"{quantity}_low": "low", f"{quantity}_high": "high"}
        part = both[["encoder", *names]].rename(columns=names)
        part.insert(1, "quantity", text)
        parts.append(part.assign(difference=part["measured"] - part["published"]))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
