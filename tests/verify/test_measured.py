"""The committed table of our own numbers, against the same sentences measured again."""

from __future__ import annotations

import pandas as pd
import pytest

from wordweights.files import results_folder
from wordweights.pipeline.measured import ENCODERS, disagreements, measure
from wordweights.statistics import measured_correlations

KEPT = results_folder()  # of the checkout, before every test gets one of its own


def kept_rows() -> pd.DataFrame:
    """Those of the encoders that every machine has."""
    kept = measured_correlations()
    return kept[kept["encoder"].isin(ENCODERS)]


def test_a_fresh_sample_agrees_with_the_committed_table() -> None:
    kept = kept_rows()
    assert disagreements(measure(40, sources=kept["frequencies"].unique()), kept) == []


def test_all_sentences_agree_with_the_committed_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(KEPT))  # minutes the first time, seconds later
    kept = kept_rows()
    table = measure(sources=kept["frequencies"].unique())
    assert set(table["n_sentences"]) == {617}
    assert (table["relative_error"] < 0.06).all()
    assert disagreements(table, kept) == []
