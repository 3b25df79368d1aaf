"""The card of the family against the STS Benchmark, and all of its curves against its weights."""

from __future__ import annotations

import pytest
from curve_ends import check_end

from family.measure import sts_spearman
from wordweights.encoders import load_encoder
from wordweights.training import shipped_trajectory

HALF_PRECISION = 2e-3  # of a coefficient: the shipped weights have 11 bits, those measured 24


def test_shipped_encoders_score_what_their_card_says() -> None:
    ends = shipped_trajectory().groupby("encoder", sort=False).last()
    assert len(ends) == 5
    for name, expected in ends["sts_spearman"].items():
        found = sts_spearman(load_encoder(str(name)))
        assert found == pytest.approx(expected, abs=HALF_PRECISION), name


@pytest.mark.parametrize("name", shipped_trajectory()["encoder"].unique())
def test_a_curve_ends_where_its_encoder_is(name: str) -> None:
    check_end(name)
