"""The card of the family against the STS Benchmark."""

from __future__ import annotations

import pytest

from wordweights.encoders import load_encoder
from wordweights.training import shipped_trajectory
from wordweights.training.trajectory import sts_spearman

HALF_PRECISION = 2e-3  # of a coefficient: the shipped weights have 11 bits, those measured 24


def test_shipped_encoders_score_what_their_card_says() -> None:
    ends = shipped_trajectory().groupby("encoder", sort=False).last()
    assert len(ends) == 5
    for name, expected in ends["sts_spearman"].items():
        found = sts_spearman(load_encoder(str(name)))
        assert found == pytest.approx(expected, abs=HALF_PRECISION), name
