from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wordweights.training import embeddings
from wordweights.training.embeddings import cooccurrences, ppmi_embeddings


def plain_counts(ids: list[int], size: int, window: int, ignored: int) -> np.ndarray:
    counts = np.zeros((size, size))
    for i, left in enumerate(ids):
        for right in ids[i + 1 : i + 1 + window]:
            if min(left, right) >= ignored:
                counts[left, right] += 1
                counts[right, left] += 1
    return counts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 4), st.integers(1, 9))
def test_cooccurrences_are_those_of_a_plain_loop(ids: list[int], window: int, step: int) -> None:
    before = embeddings._STEP
    embeddings._STEP = step
    try:
        found = cooccurrences(np.array(ids, dtype=np.int32), 7, window, 2).toarray()
    finally:
        embeddings._STEP = before
    np.testing.assert_array_equal(found, plain_counts(ids, 7, window, 2))


def test_rows_have_one_length_and_words_of_the_same_contexts_one_direction() -> None:
    rng = np.random.default_rng(0)
    # 5 and 6 stand beside 7, much the same; 8 and 9 beside 10; 11 is never seen
    text = []
    for _ in range(3000):
        text += [rng.choice([5, 6]), 7, 0, rng.choice([8, 9]), 10, 0]
    counts = cooccurrences(np.array(text, dtype=np.int32), 12, 1, 5)
    rows = ppmi_embeddings(counts, 4, 0.5)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 0.5, rtol=1e-5)
    cosines = rows @ rows.T / 0.25
    assert cosines[5, 6] > 0.99
    assert cosines[8, 9] > 0.99
    assert cosines[5, 8] < 0.1


def test_frequent_words_are_no_longer_than_rare_ones() -> None:
    rng = np.random.default_rng(1)
    probabilities = 1 / np.arange(1, 96)
    ids = 5 + rng.choice(95, 20_000, p=probabilities / probabilities.sum())
    rows = ppmi_embeddings(cooccurrences(ids.astype(np.int32), 100, 4, 5), 16, 0.2)
    assert np.ptp(np.linalg.norm(rows[5:], axis=1)) < 1e-6


def test_the_same_seed_gives_the_same_rows() -> None:
    ids = np.random.default_rng(2).integers(5, 40, 5000).astype(np.int32)
    counts = cooccurrences(ids, 40, 2, 5)
    np.testing.assert_array_equal(
        ppmi_embeddings(counts, 8, 1.0, 3), ppmi_embeddings(counts, 8, 1.0, 3)
    )
