"""Probes: orthonormal, unbiased, exact when complete, and honest about their error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from wordweights.attribution.probes import Squares, estimate_norms, orthonormal_probes

D = 12
SEED = 17


def matrix(seed: int = 0) -> np.ndarray:
    """A matrix with d columns and a decaying spectrum."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((30, D)) * 0.7 ** np.arange(D)


def projected(a: np.ndarray, probes: np.ndarray) -> np.ndarray:
    return ((a @ probes.T) ** 2).sum(axis=0)[:, None]


def squares(a: np.ndarray, m: int, seed: int) -> Squares:
    """All probes carried."""
    values = projected(a, orthonormal_probes(m, a.shape[1], [SEED, seed]))
    return Squares(values, values, np.full(m, True))


def two_phases(a: np.ndarray, near: np.ndarray, m: int, carried: np.ndarray, seed: int) -> Squares:
    """All probes through a nearby matrix, some through the matrix itself."""
    probes = orthonormal_probes(m, a.shape[1], [SEED, seed])
    return Squares(projected(near, probes), projected(a, probes[carried]), carried)


@pytest.mark.parametrize("m", [1, 3, D])
def test_rows_are_orthonormal(m: int) -> None:
    r = orthonormal_probes(m, D, [1, 2, 3])
    np.testing.assert_allclose(r @ r.T, np.eye(m), atol=1e-12)


def test_the_seed_decides() -> None:
    first, again, other = (orthonormal_probes(3, D, seed) for seed in ([1], [1], [2]))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_more_probes_begin_with_those_that_fewer_would_have_been() -> None:
    few, many = (orthonormal_probes(m, D, [5]) for m in (3, 9))
    np.testing.assert_allclose(many[:3], few, atol=1e-12)


def test_all_probes_are_exact_with_no_error() -> None:
    a = matrix()
    norms, errors = estimate_norms(squares(a, D, 0), D)
    assert norms[0] == pytest.approx(np.linalg.norm(a), rel=1e-12)
    assert errors[0] == 0


def test_the_squared_norm_is_unbiased() -> None:
    """Over 4,000 seeds the mean is within four of its own standard errors of the exact value."""
    a = matrix()
    estimates = np.array([estimate_norms(squares(a, 4, s), D)[0][0] ** 2 for s in range(4000)])
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    assert abs(estimates.mean() - np.linalg.norm(a) ** 2) < 4 * error


@pytest.mark.parametrize("m", [4, 9])
def test_the_reported_error_matches_the_spread(m: int) -> None:
    """The mean squared reported error is the variance, up to the noise of 4,000 seeds."""
    a = matrix()
    pairs = [estimate_norms(squares(a, m, s), D) for s in range(4000)]
    # of c^2, where the formula is exact: se(c^2) = 2 c se(c)
    values = np.array([c[0] ** 2 for c, _ in pairs])
    reported = np.array([(2 * c[0] * e[0]) ** 2 for c, e in pairs])
    assert reported.mean() == pytest.approx(values.var(ddof=1), rel=0.1)


def test_the_error_covers_the_exact_value_at_its_nominal_rate() -> None:
    """A 95 % interval of Student's t covers in 95 % of 1,500 seeds, up to a binomial error of 2 %.

    The matrix is large enough for a mean of squares to be nearly normal, as those of an encoder.
    """
    d, m, seeds = 64, 16, 1500
    a = np.random.default_rng(0).standard_normal((30, d)) * 0.97 ** np.arange(d)
    quantile = stats.t.ppf(0.975, m - 1)
    covered = 0
    for seed in range(seeds):
        norms, errors = estimate_norms(squares(a, m, seed), d)
        covered += abs(norms[0] - np.linalg.norm(a)) <= quantile * errors[0]
    assert abs(covered / seeds - 0.95) < 0.02


def test_one_probe_knows_no_error() -> None:
    norms, errors = estimate_norms(squares(matrix(), 1, 0), D)
    assert norms[0] > 0
    assert np.isnan(errors[0])


def test_zero_stays_zero() -> None:
    norms, errors = estimate_norms(Squares(*[np.zeros((3, 2))] * 2, np.full(3, True)), D)
    assert (norms == 0).all()
    assert (errors == 0).all()


WIDE = 64


def carried(m: int) -> np.ndarray:
    """Which of m probes are passed through all nodes."""
    places = np.arange(m)
    return (places % 5 == 0) | (places == 1)


def near_pair(scale: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A matrix of a decaying spectrum, and one that is off by some noise and a little small."""
    rng = np.random.default_rng(3)
    decay = 0.95 ** np.arange(WIDE)
    a = rng.standard_normal((30, WIDE)) * decay
    return a, scale * a + noise * rng.standard_normal(a.shape) * decay


def estimates(pair: tuple[np.ndarray, np.ndarray], m: int, seeds: int) -> np.ndarray:
    """Norms and errors of many seeds, shape (2, seeds)."""
    found = [estimate_norms(two_phases(*pair, m, carried(m), s), WIDE) for s in range(seeds)]
    return np.array([[norm[0], error[0]] for norm, error in found]).T


@pytest.mark.parametrize(
    ("m", "scale", "noise"),
    [
        (20, 0.97, 0.1),
        (31, 0.9, 0.5),  # near half of the outputs, with a rule so coarse that its error counts
    ],
)
def test_two_phases_are_unbiased_and_their_error_matches_the_spread_and_covers(
    m: int, scale: float, noise: float
) -> None:
    """However far off the coarser rule is, the carried probes correct the mean and the error."""
    pair = near_pair(scale, noise)
    exact = np.linalg.norm(pair[0])
    norms, errors = estimates(pair, m, 4000)
    squared = norms**2
    assert abs(squared.mean() - exact**2) < 4 * squared.std(ddof=1) / np.sqrt(len(squared))
    assert abs(np.linalg.norm(pair[1]) ** 2 - exact**2) > 20 * squared.std() / np.sqrt(len(squared))
    reported = ((2 * norms * errors) ** 2).mean()  # of c^2, where the formula is exact
    assert reported == pytest.approx(squared.var(ddof=1), rel=0.1)
    covered = np.abs(norms - exact) <= stats.t.ppf(0.975, m - 1) * errors
    assert abs(covered.mean() - 0.95) < 0.02


@pytest.mark.parametrize("m", [3, 4, 8])
def test_few_probes_never_claim_to_be_exact(m: int) -> None:
    """Two or three carried probes say little of how the rules differ: the error is rather large."""
    pair = near_pair(0.97, 0.05)
    norms, errors = estimates(pair, m, 1000)
    assert (errors > 0).all()
    covered = np.abs(norms - np.linalg.norm(pair[0])) <= stats.t.ppf(0.975, m - 1) * errors
    assert covered.mean() > 0.93


def test_a_correction_beyond_the_estimate_leaves_what_is_carried() -> None:
    """The coarser rule says 1 of the carried probes and 0.1 of the others, the finer one 0.2."""
    values = np.array([[1.0], [1.0], [0.1], [0.1]])
    known = np.array([True, True, False, False])
    norms, errors = estimate_norms(Squares(values, np.array([[0.15], [0.25]]), known), WIDE)
    assert norms[0] == pytest.approx(np.sqrt(WIDE * 0.2))
    assert errors[0] > 0


def test_probes_are_joined_in_order() -> None:
    pair, known = near_pair(0.97, 0.1), carried(20)
    whole = two_phases(*pair, 20, known, 0)
    parts = [
        Squares(whole.coarse[:8], whole.fine[:3], known[:8]),
        Squares(whole.coarse[8:], whole.fine[3:], known[8:]),
    ]
    joined = parts[0].joined(parts[1])
    for one, other in zip(estimate_norms(joined, WIDE), estimate_norms(whole, WIDE), strict=True):
        np.testing.assert_array_equal(one, other)
