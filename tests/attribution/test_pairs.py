"""Which words make two sentences alike: inner products of sentence vectors, shared out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from wordweights.attribution import (
    IntegratedGradients,
    attribute,
    attribute_pair,
    nearest_pairs,
    pair_matrix,
    words_of_pairs,
)
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

A, B = "the man is playing", "a dog is running ."  # play ##ing


def change(encoder: Encoder, sentence: str, neutral: int) -> np.ndarray:
    """What the words do to the sentence vector."""
    ids = torch.tensor([encoder.tokenizer(sentence)["input_ids"]])
    nothing = ids.clone()
    nothing[0, 1:-1] = neutral
    s, s0 = (encoder.vectors(encoder.embed(tokens))[0] for tokens in (ids, nothing))
    return (s - s0).numpy()


@pytest.mark.parametrize("baseline", ["pad", "mask"])
@pytest.mark.parametrize("texts", [(A, B), (B, A), (A, A)])
def test_the_pairs_of_words_sum_to_the_inner_product(
    tiny_encoder: Encoder, baseline: str, texts: tuple[str, str]
) -> None:
    table = attribute_pair(tiny_encoder, *texts, baseline=baseline)
    neutral = getattr(tiny_encoder.tokenizer, f"{baseline}_token_id")
    changes = [change(tiny_encoder, text, neutral) for text in texts]
    product = changes[0] @ changes[1]
    cosine = product / np.prod([np.linalg.norm(c) for c in changes])
    assert table["contribution"].sum() == pytest.approx(product, rel=1e-10, abs=1e-12)
    assert table["cosine"].sum() == pytest.approx(cosine, rel=1e-10, abs=1e-12)
    assert table.attrs["cosine"] == pytest.approx(cosine, rel=1e-10, abs=1e-12)
    assert table.attrs["gap"] == pytest.approx(0, abs=1e-12)
    assert table.attrs["settings"]["baseline"] == baseline


def test_a_pair_of_words_has_the_product_of_their_vectors(tiny_encoder: Encoder) -> None:
    table = attribute_pair(tiny_encoder, A, B)
    words = attribute(tiny_encoder, [A, B], "shapley", vectors=True, progress=False)
    first, second = (words[words["sentence_id"] == i] for i in (0, 1))
    rows = [
        (i, a, j, b, x @ y)
        for i, a, x in zip(first["position"], first["word"], first["vector"], strict=True)
        for j, b, y in zip(second["position"], second["word"], second["vector"], strict=True)
    ]
    columns = ["position_a", "word_a", "position_b", "word_b"]
    assert list(table[columns].itertuples(index=False, name=None)) == [row[:4] for row in rows]
    np.testing.assert_allclose(table["contribution"], [row[4] for row in rows], rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Missing")
def test_what_an_unknown_word_adds_is_in_the_gap(tiny_encoder: Encoder) -> None:
    """Of "the zebra is playing", zebra has no number but a part in the vector."""
    known = attribute_pair(tiny_encoder, "the dog is playing", B)
    table = attribute_pair(tiny_encoder, "the zebra is playing", B)
    assert list(table[table["cosine"].isna()]["word_a"]) == ["zebra"] * 5
    changes = [change(tiny_encoder, text, 0) for text in ("the zebra is playing", B)]
    cosine = changes[0] @ changes[1] / np.prod([np.linalg.norm(c) for c in changes])
    assert table.attrs["cosine"] == pytest.approx(cosine, rel=1e-10)
    assert table["cosine"].sum() == pytest.approx(cosine + table.attrs["gap"], rel=1e-10)
    assert abs(table.attrs["gap"]) > 1e-3
    assert abs(known.attrs["gap"]) < 1e-12


def test_integrated_gradients_leave_their_residual(tiny_encoder: Encoder) -> None:
    table = attribute_pair(tiny_encoder, A, B, "integrated-gradients", n_nodes=50)
    assert 0 < abs(table.attrs["gap"]) < 1e-3
    assert table["cosine"].sum() == pytest.approx(table.attrs["cosine"] + table.attrs["gap"])
    same = attribute_pair(tiny_encoder, A, B, IntegratedGradients(n_nodes=50))
    assert same.equals(table)


def test_what_cannot_be_shared_out_is_refused(tiny_encoder: Encoder) -> None:
    said = "'occlusion' do not add up.*'integrated-gradients', 'shapley'"
    with pytest.raises(WordweightsError, match=said):
        attribute_pair(tiny_encoder, A, B, "occlusion")
    with pytest.raises(WordweightsError, match="Sentence 1 is empty"):
        attribute_pair(tiny_encoder, A, " ")
    # every embedding is that of the baseline
    embedding = tiny_encoder.model.get_input_embeddings()
    with torch.no_grad():
        embedding.weight.copy_(embedding.weight[tiny_encoder.tokenizer.pad_token_id].clone())
    with pytest.raises(WordweightsError, match="vector of 'the man is playing' is that of its bas"):
        attribute_pair(tiny_encoder, A, B)


def test_a_word_gets_the_sum_of_its_row_or_column(tiny_encoder: Encoder) -> None:
    pair = attribute_pair(tiny_encoder, A, B)
    matrix = pair_matrix(pair)
    assert list(matrix.index) == A.split()
    assert list(matrix.columns) == B.split()
    words = words_of_pairs(tiny_encoder, pd.DataFrame({"a": [B, A], "b": [A, B]}))
    last = words[words["pair"] == 1]
    assert last["sentence_id"].tolist() == [2] * 4 + [3] * 5
    assert last["word"].tolist() == [*A.split(), *B.split()]
    sums = [*matrix.sum(axis=1), *matrix.sum(axis=0)]
    np.testing.assert_allclose(last["contribution"], sums, rtol=1e-9)


def test_sentences_are_paired_with_what_is_most_alike(tiny_encoder: Encoder) -> None:
    sentences = [A, "a dog !", "the dog is running .", "an onion", B]
    found = nearest_pairs(tiny_encoder, sentences, 2)
    vectors = tiny_encoder.encode(sentences).numpy()
    cosines = np.zeros((5, 5))
    for i, x in enumerate(vectors):
        for j, y in enumerate(vectors[:i]):
            cosines[j, i] = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    cosines[np.tril_indices(5)] = -2
    for row in found.itertuples():
        i, j = np.unravel_index(cosines.argmax(), cosines.shape)
        assert (row.a, row.b) == (sentences[i], sentences[j])
        assert row.likeness == pytest.approx(cosines[i, j])
        cosines[[i, j]] = -2
        cosines[:, [i, j]] = -2
    assert len(found) == 2
    assert len(nearest_pairs(tiny_encoder, sentences, 9)) == 2
