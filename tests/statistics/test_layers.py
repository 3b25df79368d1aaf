"""Correlations by layer, of an encoder whose layers are known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
import torch
from families import cut_by_hand

from wordweights.attribution import IntegratedGradients, Shapley, attribute
from wordweights.attribution.methods import EmbeddingDistance
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.statistics.layers import correlations_by_layer
from wordweights.words.frequencies import Frequencies

WORDS = "a an the in is are was there woman man dog dogs forest onion cutting running . !"
SOURCE = Frequencies(
    "toy", pd.Series(dict(zip(WORDS.split(), np.geomspace(0.2, 1e-5, 18), strict=True))), ""
)
SENTENCES = pd.DataFrame(
    {
        "sentence_id": [7, 2, 5, 4],
        "sentence": [
            "the dogs are there .",
            "a woman was running .",
            "an onion !",
            "there is the man .",
        ],
    }
)
METHOD = Shapley(baseline="mask", vectors=True)
QUICK = {"units": ("sentence_id",), "n_resamples": 100}


def test_each_layer_is_correlated_and_one_of_which_nothing_weighs_is_not_known(
    tiny_encoder: Encoder,
) -> None:
    first = replace(tiny_encoder, pooling="cls")
    encoders = {"mean": tiny_encoder, "first": first}
    found = correlations_by_layer(encoders, SENTENCES, SOURCE, METHOD, **QUICK)
    rows = found.set_index(["encoder", "layer"])
    layers = range(tiny_encoder.model.config.num_hidden_layers + 1)
    assert list(rows.index) == [(name, layer) for name in encoders for layer in layers]
    for name, layer in rows.index:
        if (name, layer) == ("first", 0):
            # no word has reached [CLS] before the first layer
            assert rows.loc[("first", 0), ["r", "r_low", "r_high"]].isna().all()
            continue
        cut = cut_by_hand(encoders[name], layer)
        alone = [by_hand(cut, sentence) for sentence in SENTENCES["sentence"]]
        words = " ".join(SENTENCES["sentence"]).split()
        information = [-np.log(SOURCE.probabilities[word]) for word in words]
        expected = np.corrcoef(np.concatenate(alone), information)[0, 1]
        assert abs(rows.loc[(name, layer), "r"] - expected) < 1e-10
    # the last layer is the encoder itself
    own = attribute(tiny_encoder, SENTENCES, METHOD, progress=False)
    information = -np.log(own["word"].map(SOURCE.probabilities))
    expected = np.corrcoef(own["contribution"], information)[0, 1]
    assert abs(rows.loc[("mean", layers[-1]), "r"] - expected) < 1e-10


def by_hand(encoder: Encoder, sentence: str) -> list[float]:
    """Shapley values of the sentence vector, by a loop over the sets of words."""
    n = len(sentence.split())
    ids = encoder.tokenizer(sentence)["input_ids"]

    @cache
    def vector(standing: frozenset[int]) -> np.ndarray:
        masked = [
            piece if i - 1 in standing or i in (0, n + 1) else encoder.tokenizer.mask_token_id
            for i, piece in enumerate(ids)
        ]
        hidden = encoder.model(torch.tensor([masked])).last_hidden_state[0]
        return (hidden[0] if encoder.pooling == "cls" else hidden.mean(dim=0)).detach().numpy()

    found = []
    for word in range(n):
        others = [other for other in range(n) if other != word]
        sets = [frozenset(some) for size in range(n) for some in combinations(others, size)]
        phi = sum((vector(s | {word}) - vector(s)) / (n * comb(n - 1, len(s))) for s in sets)
        found.append(float(np.linalg.norm(phi)))
    return found


def test_words_without_a_frequency_are_treated_as_asked(tiny_encoder: Encoder) -> None:
    fewer = replace(SOURCE, probabilities=SOURCE.probabilities.drop("onion"))
    asked = {"tiny": tiny_encoder}, SENTENCES, fewer, METHOD
    dropped = correlations_by_layer(*asked, **QUICK)
    kept = correlations_by_layer(*asked, "floor", **QUICK)
    assert (dropped["r"] != kept["r"]).all()
    with pytest.raises(WordweightsError, match="onion"):
        correlations_by_layer(*asked, "error", **QUICK)
    by_list = correlations_by_layer(*asked, rule="stop-list", **QUICK)
    assert by_list["r"].equals(dropped["r"])
    with pytest.raises(WordweightsError, match="stop-list"):
        correlations_by_layer(*asked, rule="guess", **QUICK)


def test_a_method_without_vectors_is_refused_and_an_encoder_that_has_none_by_layer_left_out(
    tiny_encoder: Encoder,
) -> None:
    for method in (Shapley(), IntegratedGradients(norm="vector"), EmbeddingDistance()):
        with pytest.raises(WordweightsError, match="gives no vectors"):
            correlations_by_layer({"tiny": tiny_encoder}, SENTENCES, SOURCE, method, **QUICK)
    cut = replace(tiny_encoder, truncate_dim=4)
    found = correlations_by_layer({"cut": cut}, SENTENCES, SOURCE, METHOD, **QUICK)
    assert found.empty
    assert "more stands behind them" in found.attrs["left_out"]["cut"]


def test_a_method_that_needs_derivatives_is_refused(tiny_encoder: Encoder) -> None:
    method = IntegratedGradients(norm="vector", vectors=True, n_nodes=4)
    with pytest.raises(WordweightsError, match="no derivatives here"):
        correlations_by_layer({"tiny": tiny_encoder}, SENTENCES, SOURCE, method, **QUICK)
