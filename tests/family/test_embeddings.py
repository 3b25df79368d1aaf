from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from family.embeddings import cooccurrences, ppmi_embeddings


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 4), st.integers(1, 9))
def test_cooccurrences_are_those_of_a_plain_loop(ids: list[int], window: int, at_once: int) -> None:
    expected = np.zeros((7, 7))
    for i, left in enumerate(ids):
        for right in ids[i + 1 : i + 1 + window]:
            if min(left, right) >= 2:
                expected[left, right] += 1
                expected[right, left] += 1
    found = cooccurrences(np.array(ids, dtype=np.int32), 7, window, 2, at_once).toarray()
    np.testing.assert_array_equal(found, expected)


def test_rows_have_one_length_and_words_of_the_same_contexts_one_direction() -> None:
    rng = np.random.default_rng(0)
    # 5 and 6 stand beside 7, much the same; 8 and 9 beside 10; 11 is never seen
    text = [[rng.choice([5, 6]), 7, 0, rng.choice([8, 9]), 10, 0] for _ in range(3000)]
    counts = cooccurrences(np.array(text, dtype=np.int32).ravel(), 12, 1, 5)
    rows = ppmi_embeddings(counts, 4, 0.5, seed=3)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 0.5, rtol=1e-5)
    cosines = rows @ rows.T / 0.25
    assert cosines[5, 6] > 0.99
    assert cosines[8, 9] > 0.99
    assert cosines[5, 8] < 0.1
    np.testing.assert_array_equal(rows, ppmi_embeddings(counts, 4, 0.5, seed=3))
