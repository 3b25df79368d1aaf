"""Shapley values of words: plain loops over orders and sets, and what is drawn beyond ten words."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

from wordweights.attribution import Shapley, attribute
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

SENTENCES = ["the man is playing", "a dog !"]  # play ##ing
LONG = "a dog is running and a woman is cutting an onion"  # eleven words
QUIET = {"progress": False}


def vector_of(encoder: Encoder, sentence: str, standing: set[int]) -> np.ndarray:
    """The vector with some words alone; words are numbered by their spaces."""
    encoded = encoder.tokenizer(sentence, return_offsets_mapping=True)
    ids = []
    for piece, (first, last) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        inside = last > first and sentence[:last].count(" ") not in standing
        ids.append(encoder.tokenizer.pad_token_id if inside else piece)
    return encoder.vectors(encoder.embed(torch.tensor([ids])))[0].numpy()


def by_loop(encoder: Encoder, sentence: str) -> np.ndarray:
    """Shapley values as means over all orders of the words, one after another."""
    n = sentence.count(" ") + 1
    values, orders = np.zeros((n, encoder.vector_size)), list(permutations(range(n)))
    for order in orders:
        for k, word in enumerate(order):
            before = vector_of(encoder, sentence, set(order[:k]))
            values[word] += vector_of(encoder, sentence, {*order[:k], word}) - before
    return values / len(orders)


def test_it_is_the_mean_over_all_orders(tiny_encoder: Encoder) -> None:
    table = attribute(tiny_encoder, SENTENCES, "shapley", vectors=True, **QUIET)
    expected = np.concatenate([by_loop(tiny_encoder, sentence) for sentence in SENTENCES])
    np.testing.assert_allclose(np.stack(table["vector"]), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(table["contribution"], np.linalg.norm(expected, axis=1), rtol=1e-9)
    assert (table["standard_error"] == 0).all()


@pytest.mark.parametrize("baseline", ["pad", "mask", "mean"])
def test_the_vectors_add_up(tiny_encoder: Encoder, baseline: str) -> None:
    sentences = [*SENTENCES, "there are dogs in the forest , cutting an onion"]
    table = attribute(
        tiny_encoder, sentences, "shapley", vectors=True, distances=True, baseline=baseline, **QUIET
    )
    for _, words in table.groupby("sentence_id"):
        total = np.stack(words["vector"]).sum(axis=0)
        distance = words["from_all"].iloc[0]
        assert len(distance) == 2 ** len(words)
        assert np.linalg.norm(total) == pytest.approx(distance[0], rel=1e-12)
        assert distance[-1] == 0


def test_the_distances_hold_occlusion_and_alone(tiny_encoder: Encoder) -> None:
    table = attribute(tiny_encoder, SENTENCES, "shapley", distances=True, **QUIET)
    occlusion, alone = (
        attribute(tiny_encoder, SENTENCES, name, **QUIET)["contribution"]
        for name in ("occlusion", "alone")
    )
    for row, words in table.iterrows():
        bit = 1 << words["position"]
        assert words["from_all"][-1 - bit] == pytest.approx(occlusion[row], rel=1e-9)
        assert words["from_none"][bit] == pytest.approx(alone[row], rel=1e-9)


def test_of_a_longer_sentence_orders_are_drawn(tiny_encoder: Encoder) -> None:
    said = r"^Sentence 1: up to 11 words.*more than 10.*estimated from 64 orders.*standard_error"
    with pytest.warns(UserWarning, match=said):
        table = attribute(tiny_encoder, ["a dog !", LONG], "shapley", vectors=True, **QUIET)
    long = table["sentence_id"] == 1
    assert (table.loc[~long, "standard_error"] == 0).all()
    assert (table.loc[long, "standard_error"] > 0).all()
    total = np.stack(table.loc[long, "vector"]).sum(axis=0)
    ends = [vector_of(tiny_encoder, LONG, words) for words in ({*range(11)}, set())]
    np.testing.assert_allclose(total, ends[0] - ends[1], rtol=1e-9, atol=1e-12)
    with pytest.raises(WordweightsError, match=r"Sentence 1: up to 11 words.*Leave out"):
        attribute(tiny_encoder, ["a dog !", LONG], "shapley", distances=True)


@pytest.mark.filterwarnings("ignore:Sentence 0")
def test_what_is_drawn_is_right_and_says_how_well(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("wordweights.attribution.methods.shapley.EXACT_WORDS", 11)
        exact = attribute(tiny_encoder, [LONG], "shapley", **QUIET)["contribution"]
    # else the exact values are what is stored
    draws = [
        attribute(tiny_encoder, [LONG], "shapley", permutations=40, seed=seed, **QUIET)
        for seed in range(1, 21)
    ]
    errors = np.stack([table["contribution"] - exact for table in draws])
    reported = np.stack([table["standard_error"] for table in draws])
    assert 0.8 < np.sqrt(np.mean(np.square(errors / reported))) < 1.25
    # the square of the norm is not biased: its mean is near the exact one
    squares = np.stack([table["contribution"] ** 2 for table in draws])
    bias = squares.mean(axis=0) - exact**2
    assert (np.abs(bias) < 4 * squares.std(axis=0) / np.sqrt(len(draws))).all()


def test_a_sentence_draws_its_own_orders(tiny_encoder: Encoder) -> None:
    with pytest.warns(UserWarning, match="Sentences 0, 1"):
        both = attribute(tiny_encoder, [f"{LONG} .", LONG], "shapley", permutations=4, **QUIET)
    with pytest.warns(UserWarning, match="Sentence 0"):
        alone = attribute(
            tiny_encoder, [LONG], "shapley", permutations=4, vectors=True, memory=1, **QUIET
        )
    again = both[both["sentence_id"] == 1].reset_index(drop=True)
    np.testing.assert_allclose(again["contribution"], alone["contribution"], rtol=1e-9)


@pytest.mark.parametrize("permutations", [2, 7, 4.5, "many"])
def test_orders_come_in_pairs(permutations: object) -> None:
    with pytest.raises(WordweightsError, match="permutations is"):
        Shapley(permutations=permutations)
