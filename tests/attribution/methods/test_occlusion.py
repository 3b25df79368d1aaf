"""Occlusion: the distance that a plain loop over words finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wordweights.attribution import attribute
from wordweights.encoders import Encoder

SENTENCES = ["the man is playing", "a dog !", "there are dogs in the forest ."]


@pytest.mark.parametrize("baseline", ["pad", "mask"])
def test_a_word_weighs_how_far_the_vector_moves_without_it(
    tiny_encoder: Encoder, baseline: str
) -> None:
    """A word of several wordpieces is replaced whole."""
    table = attribute(tiny_encoder, SENTENCES, "occlusion", baseline=baseline, progress=False)
    tokenizer, expected = tiny_encoder.tokenizer, []
    for sentence in SENTENCES:
        encoded = tokenizer(sentence, return_offsets_mapping=True)
        ids = torch.tensor([encoded["input_ids"]])
        whole = tiny_encoder.vectors(tiny_encoder.embed(ids))
        start = 0
        for word in sentence.split():
            start = sentence.index(word, start)
            inside = [
                start <= first < last <= start + len(word)
                for first, last in encoded["offset_mapping"]
            ]
            without = ids.clone()
            without[0, inside] = getattr(tokenizer, f"{baseline}_token_id")
            start += len(word)
            moved = whole - tiny_encoder.vectors(tiny_encoder.embed(without))
            expected.append(moved.norm().item())
    np.testing.assert_allclose(table["contribution"], expected, rtol=1e-9)
    assert (table["standard_error"] == 0).all()
    assert list(table.columns) == [
        "sentence_id",
        "position",
        "word",
        "contribution",
        "standard_error",
    ]


def test_a_bound_on_memory_changes_nothing(tiny_encoder: Encoder) -> None:
    wide = attribute(tiny_encoder, SENTENCES, "occlusion", progress=False)
    # only one order of the sentences is stored, so that the other is computed
    narrow = attribute(
        tiny_encoder, [f"{s} ." for s in SENTENCES], "occlusion", memory=1, progress=False
    )
    again = attribute(tiny_encoder, [f"{s} ." for s in SENTENCES], "occlusion", progress=False)
    assert len(wide) == 14
    assert narrow.equals(again)
