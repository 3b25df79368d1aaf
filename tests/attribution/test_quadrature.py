"""Quadrature: exactness where it is promised, and better than plain where it is meant to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordweights.attribution.quadrature import (
    Peak,
    choose_rule,
    gauss_legendre,
    path_moments,
    peaked_rule,
    pilot_nodes,
    thinned,
)
from wordweights.errors import WordweightsError


@given(n=st.integers(1, 40), data=st.data())
def test_gauss_legendre_is_exact_on_polynomials(n: int, data: st.DataObject) -> None:
    degree = data.draw(st.integers(0, 2 * n - 1))
    rule = gauss_legendre(n)
    assert rule.weights @ rule.nodes**degree == pytest.approx(1 / (degree + 1), rel=1e-12)


@given(n=st.integers(2, 9), ends=st.tuples(st.floats(0.0, 0.4), st.floats(0.6, 1.0)))
def test_a_rule_integrates_over_another_stretch(n: int, ends: tuple[float, float]) -> None:
    start, stop = ends
    rule = gauss_legendre(n).on(start, stop)
    assert (start < rule.nodes).all()
    assert (rule.nodes < stop).all()
    assert rule.weights @ rule.nodes**3 == pytest.approx((stop**4 - start**4) / 4, rel=1e-12)


@given(st.integers(4, 12), st.lists(st.floats(-2, 2), min_size=1, max_size=5))
def test_moments_of_a_pilot_are_those_of_a_rule(n: int, coefficients: list[float]) -> None:
    curve = np.polynomial.Polynomial(coefficients)
    rule = gauss_legendre(n)
    moments = path_moments(curve(pilot_nodes())[:, None])[:, 0]
    np.testing.assert_allclose(rule.moments @ curve.deriv()(rule.nodes), moments, atol=1e-9)
    assert moments[0] == pytest.approx(curve(1) - curve(0), abs=1e-9)


PEAKS = st.lists(
    st.builds(Peak, st.floats(0.0, 1.0), st.floats(0.02, 5.0)), min_size=1, max_size=3
).map(lambda peaks: [replace(peak, share=1 / len(peaks)) for peak in peaks])


def variable(alpha: np.ndarray, peaks: list[Peak]) -> tuple[np.ndarray, np.ndarray]:
    """The new variable u(alpha) and its slope, written out one peak after the other."""
    u, slope = np.zeros_like(alpha), np.zeros_like(alpha)
    for peak in peaks:
        low, high = (np.arctan((end - peak.centre) / peak.width) for end in (0, 1))
        x = (alpha - peak.centre) / peak.width
        u += peak.share * (np.arctan(x) - low) / (high - low)
        slope += peak.share / (peak.width * (1 + x**2) * (high - low))
    return u, slope


@given(n=st.integers(1, 30), peaks=PEAKS, data=st.data())
def test_a_peaked_rule_is_exact_on_polynomials_in_its_own_variable(
    n: int, peaks: list[Peak], data: st.DataObject
) -> None:
    degree = data.draw(st.integers(0, 2 * n - 1))
    rule = peaked_rule(n, peaks)
    u, slope = variable(rule.nodes, peaks)
    assert rule.weights @ (u**degree * slope) == pytest.approx(1 / (degree + 1), rel=1e-9)


@given(n=st.integers(1, 30), peaks=PEAKS)
def test_nodes_ascend_inside_the_interval_with_positive_weights(n: int, peaks: list[Peak]) -> None:
    rule = peaked_rule(n, peaks)
    assert (rule.weights > 0).all()
    assert (np.diff(rule.nodes) > 0).all()
    assert rule.nodes[0] > 0
    assert rule.nodes[-1] < 1


def test_a_wide_peak_is_gauss_legendre() -> None:
    wide, plain = peaked_rule(7, [Peak(0.5, 1e5)]), gauss_legendre(7)
    np.testing.assert_allclose(wide.nodes, plain.nodes, rtol=1e-9)
    np.testing.assert_allclose(wide.weights, plain.weights, rtol=1e-9)


@pytest.mark.parametrize("centre", [0.2, 0.41, 0.7])
def test_the_chosen_rule_follows_the_peak(centre: float) -> None:
    """On a peaked path ten chosen nodes beat ten plain ones by far, and know where the peak is."""

    def path(alpha: np.ndarray) -> np.ndarray:  # (points, 2 outputs), a steep step and a bend
        return np.stack([np.tanh((alpha - centre) / 0.06), np.arctan((alpha - centre) / 0.1)], -1)

    def derivative(alpha: np.ndarray) -> np.ndarray:
        x = (alpha - centre) / 0.06
        y = (alpha - centre) / 0.1
        return np.stack([1 / np.cosh(x) ** 2 / 0.06, 1 / (1 + y**2) / 0.1], -1)

    change = path(np.ones(1))[0] - path(np.zeros(1))[0]
    chosen, predicted = choose_rule(path(pilot_nodes()), 10)
    plain = gauss_legendre(10)
    gaps = [
        np.linalg.norm(rule.weights @ derivative(rule.nodes) - change) / np.linalg.norm(change)
        for rule in (chosen, plain)
    ]
    assert gaps[0] < 0.02
    assert gaps[0] == pytest.approx(predicted, abs=0.002)  # the pilot foresees it
    assert gaps[0] < gaps[1] / 4
    assert abs(np.median(chosen.nodes) - centre) < 0.1


def test_a_straight_path_keeps_a_rule_that_is_exact_on_it() -> None:
    path = np.outer(pilot_nodes(), [1.0, -2.0, 0.5])
    rule, predicted = choose_rule(path, 6)
    assert rule.weights.sum() == pytest.approx(1.0, rel=1e-9)
    assert predicted < 1e-9


def test_a_path_that_does_not_move_has_a_rule() -> None:
    rule, predicted = choose_rule(np.ones((len(pilot_nodes()), 3)), 4)
    assert len(rule.nodes) == 4
    assert predicted == 0


@given(n=st.integers(1, 128), data=st.data())
def test_a_thinned_rule_is_exact_on_polynomials_below_its_number(
    n: int, data: st.DataObject
) -> None:
    rule = gauss_legendre(n)
    places, factors = thinned(n)
    assert len(places) == max(1, n // 2)
    assert (np.diff(places) > 0).all()
    degree = data.draw(st.integers(0, len(places) - 1))
    weights = rule.weights[places] * factors
    assert weights @ rule.nodes[places] ** degree == pytest.approx(1 / (degree + 1), rel=1e-9)


@given(n=st.integers(1, 128))
def test_a_thinned_rule_adds_up_without_cancelling(n: int) -> None:
    places, factors = thinned(n)
    assert np.abs(gauss_legendre(n).weights[places] * factors).sum() < 1.2


@given(n=st.integers(4, 30), peaks=PEAKS)
def test_a_peaked_rule_is_thinned_in_its_own_variable(n: int, peaks: list[Peak]) -> None:
    rule = peaked_rule(n, peaks)
    places, factors = thinned(n)
    u, slope = variable(rule.nodes[places], peaks)
    assert (rule.weights[places] * factors) @ (u * slope) == pytest.approx(0.5, rel=1e-9)


def test_the_pilot_crowds_at_the_baseline() -> None:
    nodes = pilot_nodes()
    assert nodes[0] == 0
    assert nodes[-1] == pytest.approx(1)
    gaps = np.diff(nodes)
    assert (np.diff(gaps) > 0).all()


def test_no_steps_is_an_error() -> None:
    with pytest.raises(WordweightsError, match="n_nodes is 0"):
        gauss_legendre(0)
