"""What is shown of a jump, on an encoder that is made to jump."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from families import jumping
from transformers import PreTrainedTokenizerFast

from wordweights.attribution import attribute
from wordweights.errors import WordweightsError
from wordweights.pipeline import jump
from wordweights.pipeline.jump import measure_jump, measured_jump

SENTENCE = "a dog is sleeping in the forest ."


@pytest.mark.slow
def test_the_jump_is_where_the_vector_moves_and_its_words_add_up(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    encoder = jumping(tiny_tokenizer, 1e4)
    for layer in encoder.model.encoder.layer:  # or all states were of one length
        scale = layer.output.LayerNorm.weight
        scale.copy_(torch.linspace(0.5, 2.0, len(scale)))
    table = measure_jump(encoder, SENTENCE)
    by = {name: rows.set_index("x")["value"] for name, rows in table.groupby("quantity")}
    assert by["path"].loc[0.0] == 0
    assert by["path"].loc[1.0] == pytest.approx(1)
    place, size = by["place"].iloc[0], by["size"].iloc[0]
    assert 0 < place < 1
    assert size > 100 * 2e-6  # of an even path that would be the part of the way
    assert by["near"].iloc[0] == 0
    assert by["near"].max() >= size / 2  # the vector is there before or after it
    residual = table[table["quantity"] == "residual"].set_index("label")["value"]
    assert residual["divided"] <= 0.01
    assert residual["fixed"] > 0.5
    words = attribute(encoder, [SENTENCE], norm="vector", progress=False)
    np.testing.assert_allclose(by["divided"], words["contribution"], rtol=1e-4)
    assert table.loc[table["quantity"] == "divided", "label"].tolist() == SENTENCE.split()
    assert len(by["before"]) == len(by["after"]) == 3  # embeddings and two layers
    assert by["before"].loc[0] == pytest.approx(by["after"].loc[0], rel=1e-4)
    # the second layer is the one that jumps
    assert abs(by["after"] - by["before"]).idxmax() == 2


def test_a_smooth_path_is_refused(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(WordweightsError, match="does not jump in the sentence 'a dog"):
        measure_jump(jumping(tiny_tokenizer, 1.0), SENTENCE)


def test_what_was_measured_is_whole() -> None:
    """With the columns of a fresh table, and the words of its sentence."""
    kept = measured_jump()
    assert list(kept.columns) == ["quantity", "label", "x", "value", "encoder", "versions"]
    assert kept.loc[kept["quantity"] == "divided", "label"].tolist() == jump.SENTENCE.split()
    assert set(kept["encoder"]) == {jump.ENCODER}
    assert np.isfinite(kept["value"]).all()
