"""Information gain: by hand, and without bias where there is nothing to gain."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from wordweights.counting.contexts import Contexts
from wordweights.statistics.gain import divergence, information_gain


def test_divergence_by_hand() -> None:
    assert divergence(np.array([2, 0, 2]), np.array([0.25, 0.5, 0.25])) == pytest.approx(np.log(2))
    counts, p = np.array([3, 1, 6]), np.array([0.2, 0.5, 0.3])
    assert divergence(counts, p) == pytest.approx(entropy(counts / 10, p))


def test_words_that_say_nothing_gain_nothing_however_rare() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(200))
    sizes = np.repeat([30, 300, 3000], 40)
    counts = np.stack([[rng.multinomial(n, p) for n in sizes] for _ in range(2)])
    background = np.round(p * 1e7).astype(int)[None].repeat(2, axis=0) + 1
    words = [f"w{i}" for i in range(len(sizes))]
    found = information_gain(Contexts(words, counts, background, 1, len(words), sizes), seed=3)
    rare = found[found["n"] == 60]
    assert rare["raw"].min() > 1
    for _, rows in found.groupby("n"):
        error = rows["gain"].std() / np.sqrt(len(rows))
        assert abs(rows["gain"].mean()) < 4 * error + 0.01
        assert rows["raw"].mean() > rows["gain"].mean() + 0.01


def test_each_half_is_judged_by_the_other() -> None:
    counts = np.array([[[50, 50], [90, 10]], [[50, 50], [90, 10]]])
    background = np.array([[10_000, 10_000], [30_000, 10_000]])
    seen = np.array([30, 20])
    found = information_gain(Contexts(["even", "uneven"], counts, background, 1, 2, seen))
    first = [entropy([0.5, 0.5], [0.75, 0.25]), entropy([0.9, 0.1], [0.75, 0.25])]
    second = [0.0, entropy([0.9, 0.1], [0.5, 0.5])]
    np.testing.assert_allclose(found["raw"], np.mean([first, second], axis=0))
    # about (outcomes - 1) / 2n is chance
    np.testing.assert_allclose(found["gain_0"], first, atol=0.03)
    assert (found["gain"] < found["raw"]).all()
    assert found["n"].tolist() == [200, 200]
    assert found["occurrences"].tolist() == [30, 20]
