"""Sets of words: Shapley values of games whose values are known, and sums over all orders."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wordweights.attribution.alignment import tokenise
from wordweights.attribution.coalitions import (
    all_sets,
    best_sum,
    expected_sum,
    set_vectors,
    shapley_values,
)
from wordweights.encoders import Encoder

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 5)


def sums_of_all_orders(distances: np.ndarray, n: int) -> dict[tuple[int, ...], float]:
    """For each order, the sum of distances while its words go one by one."""
    found = {}
    for order in permutations(range(n)):
        standing, total = 2**n - 1, 0.0
        for word in order:
            standing -= 1 << word
            total += distances[standing]
        found[order] = total
    return found


def test_bit_i_of_a_set_is_word_i() -> None:
    sets = all_sets(3)
    assert sets[0b101].tolist() == [True, False, True]
    assert sets[0].sum() == 0
    assert sets[7].all()


@given(SIZES, SEEDS)
def test_singles_and_pairs_are_shared_out(n: int, seed: int) -> None:
    """v(S) = sum of a_i and of b_ij for both in S: phi_i = a_i + half of its pairs' b."""
    rng = np.random.default_rng(seed)
    singles, pairs = rng.normal(size=(n, 3)), np.triu(rng.normal(size=(3, n, n)), 1)
    vectors = np.array(
        [singles[s].sum(axis=0) + pairs[:, s][:, :, s].sum(axis=(1, 2)) for s in all_sets(n)]
    )
    expected = singles + (pairs.sum(axis=1) + pairs.sum(axis=2)).T / 2
    np.testing.assert_allclose(shapley_values(vectors), expected, atol=1e-12)


@given(SIZES, SEEDS)
def test_values_are_means_over_all_orders(n: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(2**n, 2))
    orders = list(permutations(range(n)))
    expected = np.zeros((n, 2))
    for order in orders:
        standing = 0
        for word in order:
            expected[word] += vectors[standing | 1 << word] - vectors[standing]
            standing |= 1 << word
    np.testing.assert_allclose(shapley_values(vectors), expected / len(orders), atol=1e-12)


@given(SIZES, SEEDS)
def test_sums_of_orders(n: int, seed: int) -> None:
    """The mean, the best, and that of orders in which some words are equal, by listing all."""
    rng = np.random.default_rng(seed)
    distances = rng.random(2**n)
    sums = sums_of_all_orders(distances, n)
    assert expected_sum(distances, [range(n)]) == pytest.approx(np.mean(list(sums.values())))
    assert best_sum(distances) == pytest.approx(max(sums.values()))
    order = next(iter(sums))
    assert expected_sum(distances, [[word] for word in order]) == pytest.approx(sums[order])
    rank = rng.integers(0, 2, n)  # two groups, of equal words
    groups = [np.flatnonzero(rank == value).tolist() for value in (1, 0)]
    allowed = [
        total
        for order, total in sums.items()
        if (np.diff(rank[list(order)]) <= 0).all()  # those of rank 1 go first
    ]
    assert expected_sum(distances, groups) == pytest.approx(np.mean(allowed))


def test_a_model_in_bfloat16_has_vectors(tiny_encoder: Encoder) -> None:
    sentences = tokenise(tiny_encoder, ["a dog !"])
    (exact,) = set_vectors(tiny_encoder, sentences, "pad", [all_sets(3)], memory=1)
    tiny_encoder.model.to(torch.bfloat16)
    (found,) = set_vectors(tiny_encoder, sentences, "pad", [all_sets(3)], memory=1)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, exact, atol=0.05)


@pytest.mark.parametrize("baseline", ["pad", "mask"])
def test_words_outside_a_set_are_the_baseline(tiny_encoder: Encoder, baseline: str) -> None:
    sentences = tokenise(tiny_encoder, ["the man is playing", "a dog . . ."])  # play ##ing
    sets = [all_sets(4), np.array([[True, False, True, False, True]])]
    found = set_vectors(tiny_encoder, sentences, baseline, sets, memory=1)
    tokenizer = tiny_encoder.tokenizer
    neutral = getattr(tokenizer, f"{baseline}_token_id")
    for sentence, some, vectors in zip(sentences, sets, found, strict=True):
        assert len(vectors) == len(some)
        for stands, vector in zip(some, vectors, strict=True):
            ids = [
                piece if word < 0 or stands[word] else neutral
                for piece, word in zip(sentence.ids, sentence.word_of, strict=True)
            ]
            (expected,) = tiny_encoder.vectors(tiny_encoder.embed(torch.tensor([ids])))
            np.testing.assert_allclose(vector, expected.numpy(), rtol=1e-9, atol=1e-12)
