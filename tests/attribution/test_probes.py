"""Probes: orthonormal, unbiased, exact when complete, and honest about their error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from wordweights.attribution.probes import estimate_norms, orthonormal_probes

D = 12


def matrix(seed: int = 0) -> np.ndarray:
    """A matrix with d columns and a decaying spectrum."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((30, D)) * 0.7 ** np.arange(D)


def squares(a: np.ndarray, m: int, seed: int) -> np.ndarray:
    return ((a @ orthonormal_probes(m, D, [seed]).T) ** 2).sum(axis=0)[:, None]


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
        drawn = ((a @ orthonormal_probes(m, d, [seed]).T) ** 2).sum(axis=0)[:, None]
        norms, errors = estimate_norms(drawn, d)
        covered += abs(norms[0] - np.linalg.norm(a)) <= quantile * errors[0]
    assert abs(covered / seeds - 0.95) < 0.02


def test_one_probe_knows_no_error() -> None:
    norms, errors = estimate_norms(squares(matrix(), 1, 0), D)
    assert norms[0] > 0
    assert np.isnan(errors[0])


def test_zero_stays_zero() -> None:
    norms, errors = estimate_norms(np.zeros((3, 2)), D)
    assert (norms == 0).all()
    assert (errors == 0).all()
