"""What comes with the package: curves that end where the shipped encoders are."""

from __future__ import annotations

import pytest

from wordweights.encoders import load_encoder
from wordweights.statistics import correlation
from wordweights.training import shipped_log, shipped_recipe, shipped_trajectory
from wordweights.training.shipped import FAMILY
from wordweights.training.trajectory import norm_correlation, onion_share, weigh_words
from wordweights.words.frequencies import load_frequencies
from wordweights.words.sentences import filter_sentences, load_sentences

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
def test_a_curve_ends_where_its_encoder_is(name: str) -> None:
    last = shipped_trajectory().query("encoder == @name").iloc[-1]
    encoder = load_encoder(name)
    table = filter_sentences(load_sentences("bundled"), [encoder.tokenizer])
    words = weigh_words(encoder, table, load_frequencies("spacy"), probes=16, seed=0)
    r = correlation(words, "contribution", "information", unit="text").r
    # the weights are rounded to half precision, the curve to four digits
    assert r == pytest.approx(last["r"], abs=1e-3)
    assert norm_correlation(words) == pytest.approx(last["norm_r"], abs=1e-3)
    assert onion_share(encoder) == pytest.approx(last["onion"], abs=3e-4)


def test_the_log_and_the_recipe_belong_to_the_curves() -> None:
    steps = shipped_trajectory().groupby("run")["step"].max()
    assert shipped_log().groupby("run")["step"].max().to_dict() == steps.to_dict()
    about = shipped_recipe()
    assert about["recipe"]["pretraining"]["steps"] == steps["pre-training"]
    assert all(text["licence"] for text in about["recipe"]["texts"])
    assert "/" not in about["recipe"]["nli"]["pairs"].removeprefix("$WORDWEIGHTS_DATA/")


def test_all_weights_together_are_small_enough_for_a_repository() -> None:
    weights = list(FAMILY.glob("*/model.safetensors"))
    assert len(weights) == 4
    assert sum(path.stat().st_size for path in weights) <= 16_000_000
