"""The null: distances of embeddings from that of a baseline."""

from __future__ import annotations

import numpy as np
import pytest

from wordweights.attribution import attribute
from wordweights.encoders import Encoder

SENTENCES = ["the man is playing", "a dog !"]  # play ##ing


@pytest.mark.parametrize("baseline", ["pad", "mask", "zero"])
def test_it_is_the_distance_of_rows_of_the_table(tiny_encoder: Encoder, baseline: str) -> None:
    table = attribute(
        tiny_encoder, SENTENCES, "embedding-distance", baseline=baseline, progress=False
    )
    tokenizer = tiny_encoder.tokenizer
    rows = tiny_encoder.embedding_matrix.numpy()
    away = 0 if baseline == "zero" else rows[getattr(tokenizer, f"{baseline}_token_id")]
    expected = []
    for words in (["the", "man", "is", "play ##ing"], ["a", "dog", "!"]):
        for word in words:
            ids = tokenizer.convert_tokens_to_ids(word.split())
            expected.append(np.linalg.norm(sum(rows[i] - away for i in ids)))
    np.testing.assert_allclose(table["contribution"], expected, rtol=1e-9)
