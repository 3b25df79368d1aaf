"""Embeddings of one encoder and layers of another, against encoders put together by hand."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from transformers import BertModel

from wordweights import Frequencies, attribute
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.training.swaps import rise_between, what_moves

WORDS = "a an the in is are was there woman man dogs forest onion cutting running . !"
PROBABILITIES = dict(zip(WORDS.split(), np.geomspace(0.2, 1e-5, 17), strict=True))
SOURCE = Frequencies("toy", pd.Series(PROBABILITIES), "")
SENTENCES = pd.DataFrame(
    {
        "sentence_id": range(4),
        "sentence": [
            "a woman is cutting an onion .",
            "there are dogs in the forest .",
            "the man was running !",
            "the woman was in the forest .",
        ],
    }
)
MEASURING = {"n_steps": 4, "probes": 4, "n_resamples": 100}


@pytest.fixture
def tuned(tiny_encoder: Encoder) -> Encoder:
    """The same encoder with other numbers, as training leaves it."""
    model: BertModel = copy.deepcopy(tiny_encoder.model)
    for parameter in model.parameters():
        parameter.data = parameter.data.flip(0) * 1.5
    return replace(tiny_encoder, name="tuned", model=model)


def r_of(encoder: Encoder) -> float:
    """Pearson's r of contribution and information, written out."""
    words = attribute(encoder, SENTENCES, n_steps=4, probes=4, progress=False)
    information = -np.log(SOURCE.probabilities[words["word"].str.lower()].to_numpy(dtype=float))
    return float(np.corrcoef(words["contribution"], information)[0, 1])


def test_every_combination_is_the_encoder_that_it_says(
    tiny_encoder: Encoder, tuned: Encoder
) -> None:
    table = what_moves(tiny_encoder, tuned, SENTENCES, SOURCE, **MEASURING)
    assert table[["embeddings", "layers"]].to_numpy().tolist() == [
        ["before", "before"],
        ["after", "before"],
        ["before", "after"],
        ["after", "after"],
    ]
    mixed = copy.deepcopy(tiny_encoder.model)
    mixed.embeddings.word_embeddings.weight.data = tuned.embedding_matrix.clone()
    other = copy.deepcopy(tuned.model)
    other.embeddings.word_embeddings.weight.data = tiny_encoder.embedding_matrix.clone()
    expected = [
        r_of(tiny_encoder),
        r_of(replace(tiny_encoder, name="mixed", model=mixed)),
        r_of(replace(tuned, name="other", model=other)),
        r_of(tuned),
    ]
    np.testing.assert_allclose(table["r"], expected, atol=1e-9)
    np.testing.assert_allclose(table["rise"][1:], table["r"][1:] - table["r"][0], atol=1e-9)
    assert table.loc[0, ["rise", "rise_low", "rise_high"]].isna().all()
    assert (table["rise_low"][1:] <= table["rise_high"][1:]).all()
    assert table["lead"].isna().tolist() == [True, True, False, True]
    lead = table.loc[2, ["lead", "lead_low", "lead_high"]].astype(float)
    assert lead["lead"] == pytest.approx(table["r"][2] - table["r"][1], abs=1e-9)
    assert lead["lead_low"] <= lead["lead_high"]
    norms = table["norm_r"].to_numpy()
    np.testing.assert_allclose(norms[[0, 1]], norms[[2, 3]])
    assert norms[0] != norms[1]


def test_an_encoder_does_not_rise_from_itself(tiny_encoder: Encoder) -> None:
    found = rise_between(tiny_encoder, tiny_encoder, SENTENCES, SOURCE, **MEASURING)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_encoders_that_do_not_fit_are_not_mixed(tiny_encoder: Encoder, tuned: Encoder) -> None:
    with pytest.raises(WordweightsError, match=r"'tiny' and 'tuned' cannot be exchanged.*'cls'"):
        what_moves(tiny_encoder, replace(tuned, pooling="cls"), SENTENCES, SOURCE, **MEASURING)
