"""Batches: of equal lengths, of bounded work, and the same after a run was broken off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wordweights.attribution import batches
from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.batches import batch_size, missing_batches, split_batch
from wordweights.attribution.settings import Settings, make_settings
from wordweights.encoders import Encoder


def sentence(tokens: int) -> TokenisedSentence:
    return TokenisedSentence("", (), (0,) * tokens, (-1,) * tokens)


ALL = {f"k{i}": sentence(4 + i % 3) for i in range(20)}


@pytest.fixture
def settings(tiny_encoder: Encoder) -> Settings:
    return make_settings(
        tiny_encoder,
        norm="frobenius",
        n_steps=10,
        tolerance=0.01,
        max_steps=100,
        quadrature="adaptive",
        probes=4,
        max_error=0.05,
        baseline="pad",
        seed=0,
        vectors=False,
        bfloat16=False,
    )


def test_batches_hold_every_sentence_once_and_equal_lengths() -> None:
    found = missing_batches(ALL, set(), lambda _: 4)
    assert sorted(key for batch in found for key in batch) == sorted(ALL)
    assert all(len({len(s.ids) for s in batch.values()}) == 1 for batch in found)
    assert max(map(len, found)) == 4


def test_what_is_missing_whole_is_batched_as_before() -> None:
    first = missing_batches(ALL, set(), lambda _: 4)
    stored = {*first[0], next(iter(first[3]))}
    again = missing_batches(ALL, stored, lambda _: 4)
    for batch in first[1:3] + first[4:]:
        assert batch in again
    assert sorted(key for batch in again for key in batch) == sorted(set(ALL) - stored)


def test_pieces_keep_the_order() -> None:
    pieces = split_batch(ALL, 3)
    assert [len(piece) for piece in pieces] == [7, 7, 6]
    assert [key for piece in pieces for key in piece] == list(ALL)
    assert split_batch({"a": sentence(3)}, 4) == [{"a": sentence(3)}]


def test_a_batch_has_bounded_work(
    tiny_encoder: Encoder, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = 2 * (4 * 16 * 16 + 4 * 16 + 2 * 16 * 32 + 32 + 16 + 4 * 16)  # weights, biases, norms
    one = 2 * 5 * layers * 4 * 10  # tokens, probes, steps
    monkeypatch.setattr(batches, "_WORK", 7.5 * one)
    assert batch_size(tiny_encoder, settings, 32, 5) == 7
    assert batch_size(tiny_encoder, settings, 3, 5) == 3
    every = replace(settings, probes="all")  # 16 outputs instead of 4 probes
    assert batch_size(tiny_encoder, every, 32, 5) == 1
    assert batch_size(tiny_encoder, replace(settings, n_steps=1000), 32, 5) == 1
    assert batch_size(tiny_encoder, replace(settings, norm="vector"), 32, 5) == 6
