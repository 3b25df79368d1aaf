"""What word embeddings give alone, against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from family.measure import mean_embeddings, measure_embeddings
from wordweights.encoders import Encoder, load_encoder
from wordweights.training import shipped_embeddings

SENTENCES = ("a woman is cutting an onion .", "A dog , unfathomably , is a dog .")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini SBERT (MEAN)")


def test_the_embedding_of_a_sentence_is_a_weighted_mean_over_its_words(encoder: Encoder) -> None:
    found = mean_embeddings(encoder, SENTENCES, lambda words: np.array([len(w) for w in words]))
    rows = encoder.model.get_input_embeddings().weight
    for vector, sentence in zip(found, SENTENCES, strict=True):
        words, total = sentence.split(), torch.zeros(encoder.hidden_size, dtype=torch.float64)
        for word in words:
            pieces = encoder.tokenizer.convert_tokens_to_ids(encoder.tokenizer.tokenize(word))
            for piece in pieces:
                total += len(word) * rows[piece].double() / len(pieces)
        torch.testing.assert_close(vector, total / len(words))


@pytest.mark.slow
def test_without_the_benchmark_nothing_is_scored(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    table = measure_embeddings({"mini": encoder})
    assert table["encoder"].tolist() == ["mini"]
    assert table[["sts_encoder", "sts_mean", "sts_sif"]].isna().all(axis=None)
    assert list(table) == list(shipped_embeddings())
