"""What comes with the package: curves that end where the shipped encoders are."""

from __future__ import annotations

from pathlib import Path

import pytest
from curve_ends import check_end

import wordweights
from family.measure import onion_share
from wordweights.encoders import load_encoder
from wordweights.training import shipped_card, shipped_log, shipped_trajectory

ENCODERS = (
    "mini-BERT (CLS)",
    "mini-BERT (MEAN)",
    "mini Unsup. SimCSE (CLS)",
    "mini Sup. SimCSE (CLS)",
    "mini SBERT (MEAN)",
)


def test_curves_have_about_twenty_points_from_before_the_first_step() -> None:
    curves = shipped_trajectory().groupby("encoder", sort=False)
    assert tuple(curves.groups) == ENCODERS
    for _, curve in curves:
        assert 15 <= len(curve) <= 20
        assert curve["step"].iloc[0] == 0
        assert curve["step"].is_monotonic_increasing
        assert ((curve["low"] <= curve["r"]) & (curve["r"] <= curve["high"])).all()
        assert curve["sts_spearman"].notna().all()


@pytest.mark.parametrize("name", ENCODERS)
def test_a_curve_ends_at_the_share_of_the_onion_of_its_encoder(name: str) -> None:
    last = shipped_trajectory().query("encoder == @name").iloc[-1]
    # the weights are rounded to half precision, the curve to four digits
    assert onion_share(load_encoder(name)) == pytest.approx(last["onion"], abs=3e-4)


@pytest.mark.slow
def test_a_curve_ends_where_its_encoder_is() -> None:
    check_end("mini SBERT (MEAN)")  # `make verify` measures all, half a minute each


def test_the_log_and_the_card_belong_to_the_curves() -> None:
    steps = shipped_trajectory().groupby("run")["step"].max().to_dict()
    assert shipped_log().groupby("run")["step"].max().to_dict() == steps
    card = shipped_card()
    assert card["runs"].set_index("training")["steps"].to_dict() == steps
    assert card["sources"]["licence"].str.len().min() > 0


def test_all_weights_together_are_small_enough_for_a_repository() -> None:
    weights = list(Path(str(wordweights.__file__)).parent.glob("data/family/*/model.safetensors"))
    assert len(weights) == 4
    assert sum(path.stat().st_size for path in weights) <= 16_000_000
