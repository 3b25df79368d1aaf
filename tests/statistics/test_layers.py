"""Correlations by layer, of an encoder whose layers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from wordweights.attribution import IntegratedGradients, attribute
from wordweights.encoders import Encoder
from wordweights.encoders.heads import cut_after
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
            "the dogs are in the forest .",
            "a woman was running .",
            "an onion !",
            "there is the man .",
        ],
    }
)
METHOD = IntegratedGradients(norm="vector", n_nodes=4)
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
    cut = attribute(cut_after(first, 1), SENTENCES, METHOD, progress=False)
    information = -np.log(cut["word"].map(SOURCE.probabilities))
    expected = np.corrcoef(cut["contribution"], information)[0, 1]
    assert abs(rows.loc[("first", 1), "r"] - expected) < 1e-12
    # no word has reached [CLS] before the first layer
    assert rows.loc[("first", 0), ["r", "r_low", "r_high"]].isna().all()
    assert rows["r"].notna().sum() == len(rows) - 1
