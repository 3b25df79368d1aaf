"""The card of the family against the STS Benchmark, and all of its curves against its weights."""

from __future__ import annotations

import pandas as pd
import pytest
from curve_ends import check_end

from family.measure import measure_embeddings, sts_spearman
from wordweights.encoders import load_encoder
from wordweights.training import shipped_embeddings, shipped_trajectory

HALF_PRECISION = 2e-3  # of a coefficient: the shipped weights have 11 bits, those measured 24


def test_shipped_encoders_score_what_their_card_says() -> None:
    ends = shipped_trajectory().groupby("encoder", sort=False).last()
    assert len(ends) == 5
    for name, expected in ends["sts_spearman"].items():
        found = sts_spearman(load_encoder(str(name)))
        assert found == pytest.approx(expected, abs=HALF_PRECISION), name


def test_shipped_embeddings_score_what_their_card_says() -> None:
    expected = shipped_embeddings()
    found = measure_embeddings({str(name): load_encoder(name) for name in expected["encoder"]})
    columns = ["encoder", "sts_encoder", "sts_mean", "sts_sif"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], atol=1e-3)


@pytest.mark.parametrize("name", shipped_trajectory()["encoder"].unique())
def test_a_curve_ends_where_its_encoder_is(name: str) -> None:
    check_end(name)
