"""A word taken out, or put in alone: the distance that a plain loop over words finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wordweights.attribution import attribute
from wordweights.encoders import Encoder

SENTENCES = ["the man is playing", "a dog !", "there are dogs in the forest ."]


@pytest.mark.parametrize("method", ["occlusion", "alone"])
@pytest.mark.parametrize("baseline", ["pad", "mask"])
def test_a_word_weighs_how_far_the_vector_moves(
    tiny_encoder: Encoder, method: str, baseline: str
) -> None:
    """A word of several wordpieces goes or comes whole."""
    table = attribute(
        tiny_encoder, SENTENCES, method, baseline=baseline, vectors=True, progress=False
    )
    tokenizer, expected = tiny_encoder.tokenizer, []
    neutral = getattr(tokenizer, f"{baseline}_token_id")
    for sentence in SENTENCES:
        encoded = tokenizer(sentence, return_offsets_mapping=True)
        ids = torch.tensor([encoded["input_ids"]])
        from_here = ids.clone()
        if method == "alone":
            from_here[0, 1:-1] = neutral
        start = 0
        for word in sentence.split():
            start = sentence.index(word, start)
            inside = [
                start <= first < last <= start + len(word)
                for first, last in encoded["offset_mapping"]
            ]
            to = from_here.clone()
            to[0, inside] = ids[0, inside] if method == "alone" else neutral
            start += len(word)
            before, after = (
                tiny_encoder.vectors(tiny_encoder.embed(tokens))[0] for tokens in (from_here, to)
            )
            expected.append((after - before).numpy() * (1 if method == "alone" else -1))
    np.testing.assert_allclose(np.stack(table["vector"]), expected, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(table["contribution"], np.linalg.norm(expected, axis=1), rtol=1e-9)
    assert (table["standard_error"] == 0).all()
    assert list(table.columns) == [
        "sentence_id",
        "position",
        "word",
        "contribution",
        "standard_error",
        "vector",
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
