"""Batches: of equal lengths, of bounded work, and the same after a run was broken off."""

from __future__ import annotations

from wordweights.attribution import IntegratedGradients, Occlusion
from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.batches import LONGEST, batch_size, in_batches
from wordweights.encoders import Encoder


def sentence(tokens: int, i: int) -> TokenisedSentence:
    return TokenisedSentence("", (), (i,) * tokens, (-1,) * tokens)


SENTENCES = [sentence(4 + i % 3, i) for i in range(20)]
ALL = {s.key: s for s in SENTENCES}


def test_batches_hold_every_sentence_once_and_equal_lengths() -> None:
    found = in_batches(ALL, set(), lambda _: 4)
    assert sorted(s.key for batch in found for s in batch) == sorted(ALL)
    assert all(len({len(s.ids) for s in batch}) == 1 for batch in found)
    assert max(map(len, found)) == 4


def test_what_is_missing_whole_is_batched_as_before() -> None:
    first = in_batches(ALL, set(), lambda _: 4)
    stored = {s.key for batch in first[:2] for s in batch} | {first[2][0].key}
    again = in_batches(ALL, stored, lambda _: 4)
    assert again[: len(first) - 3] == first[3:]
    assert [s.key for batch in again[len(first) - 3 :] for s in batch] == [
        s.key for s in first[2][1:]
    ]


def test_a_batch_is_bounded_in_work(tiny_encoder: Encoder) -> None:
    assert batch_size(tiny_encoder, Occlusion())(9) == LONGEST
    many = IntegratedGradients(n_nodes=10**9, probes="all")
    assert batch_size(tiny_encoder, many)(9) == 1
    few, more = (IntegratedGradients(n_nodes=n) for n in (10**6, 2 * 10**6))
    assert batch_size(tiny_encoder, few)(9) > batch_size(tiny_encoder, more)(9) >= 1
