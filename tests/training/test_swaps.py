"""Embeddings of one encoder and layers of another, against encoders put together by hand."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, BertModel

from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.training import swap_embeddings, swap_parts


@pytest.fixture
def tuned(tiny_encoder: Encoder) -> Encoder:
    """The same encoder with other numbers, as training leaves it, and another reading."""
    model: BertModel = copy.deepcopy(tiny_encoder.model)
    for parameter in model.parameters():
        parameter.data = parameter.data.flip(0) * 1.5
    return replace(tiny_encoder, name="tuned", model=model, prompt="the ", truncate_dim=9)


def test_every_combination_is_the_encoder_that_it_says(
    tiny_encoder: Encoder, tuned: Encoder
) -> None:
    x = torch.randn(1, 5, 16, dtype=torch.float64)
    models = {"before": tiny_encoder, "after": tuned}
    digests = [encoder.digest for encoder in models.values()]
    swapped = swap_parts(tiny_encoder, tuned)
    assert list(swapped) == [
        ("before", "before"), ("after", "before"), ("before", "after"), ("after", "after"),
    ]  # fmt: skip
    for (embeddings, layers), found in swapped.items():
        assert torch.equal(found.embedding_matrix, models[embeddings].embedding_matrix)
        torch.testing.assert_close(found.vectors(x), models[layers].vectors(x))
        assert found.prompt == models[layers].prompt
    assert [encoder.digest for encoder in models.values()] == digests


def test_encoders_that_do_not_fit_are_not_mixed(tiny_encoder: Encoder, tuned: Encoder) -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(tiny_encoder.tokenizer), intermediate_size=8, **sizes)
    small = replace(tiny_encoder, name="small", model=BertModel(config, add_pooling_layer=False))
    with pytest.raises(WordweightsError, match=r"'tiny' \(36, 16\) do not fit .* 'small' \(36, 8"):
        swap_embeddings(tiny_encoder, small)
    with pytest.raises(WordweightsError, match=r"'tuned' .* 'tiny' .* read by 'cls' and by 'mean'"):
        swap_parts(tiny_encoder, replace(tuned, pooling="cls"))
