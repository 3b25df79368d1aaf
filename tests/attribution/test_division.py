"""Paths that jump, on a model whose integral is known in closed form."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from wordweights.attribution import IntegratedGradients
from wordweights.attribution.division import Stretch, divide
from wordweights.attribution.methods.integrated_gradients import Certified
from wordweights.attribution.norms import Weights
from wordweights.attribution.path import StraightPath
from wordweights.attribution.quadrature import gauss_legendre, pilot_nodes

ROWS, COLUMNS, OUTPUTS = 4, 5, 3
TOLERANCE = 0.01


@dataclass(frozen=True)
class Jumping:
    """s = sum_ij A_ij x_ij + r tanh((v . x - c) / width): it jumps by 2 r where v . x = c."""

    linear: Tensor  # A, (rows, columns, outputs)
    across: Tensor  # v, (rows, columns)
    height: Tensor  # r, (outputs,)
    place: float  # c
    width: float

    def __call__(self, x: Tensor) -> Tensor:
        linear, across, height = (t.to(x.dtype) for t in (self.linear, self.across, self.height))
        inside = (x * across).sum(dim=(1, 2)) - self.place
        straight = torch.einsum("pij,ijk->pk", x, linear)
        return straight + torch.tanh(inside / self.width)[:, None] * height

    def vectors(self, inputs: Tensor) -> np.ndarray:
        """The row's shares of s(W) - s(0), by the closed form: (rows, outputs)."""
        straight = torch.einsum("ij,ijk->ik", inputs, self.linear)
        parts = (inputs * self.across).sum(dim=1)
        ends = torch.tensor([parts.sum() - self.place, -self.place]) / self.width
        jumped = parts / parts.sum() * (ends[0].tanh() - ends[1].tanh())
        return (straight + jumped[:, None] * self.height).numpy()


def jumping(width: float, at: float = 0.2162, seed: int = 0) -> tuple[Jumping, Tensor]:
    """A model that jumps at that part of the way from zero to its input."""
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.rand(ROWS, COLUMNS, generator=draw, dtype=torch.float64)
    across = torch.rand(ROWS, COLUMNS, generator=draw, dtype=torch.float64)
    linear = torch.randn(ROWS, COLUMNS, OUTPUTS, generator=draw, dtype=torch.float64)
    height = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    total = float((inputs * across).sum())
    return Jumping(linear, across, height, at * total, width * total), inputs


def path_of(
    model: Jumping, inputs: Tensor, dtype: torch.dtype, wide: Callable[[], Jumping] | None = None
) -> StraightPath:
    some = inputs[None].to(dtype)
    return StraightPath(model, some, torch.zeros_like(some), wide=wide)


def attributed(path: StraightPath, **fields: object) -> tuple[Certified, Weights]:
    method = IntegratedGradients(norm="vector", tolerance=TOLERANCE, **fields)  # type: ignore[arg-type]
    ((found, (weights,)),) = method.along(path, [np.eye(ROWS)], [[0]])
    return found, weights


@pytest.mark.parametrize("width", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_jump_is_found_and_goes_to_its_rows(width: float, dtype: torch.dtype) -> None:
    model, inputs = jumping(width)
    path = path_of(model, inputs, dtype, (lambda: model) if dtype == torch.float32 else None)
    found, weights = attributed(path)
    assert found.residual[0] <= TOLERANCE
    assert found.integral.n_nodes <= 128
    expected = model.vectors(inputs)
    change = np.linalg.norm(expected.sum(axis=0))
    assert weights.vectors is not None
    assert np.abs(weights.vectors - expected).max() <= 0.02 * change
    # a rule that does not look misses it
    if width < 1e-3:
        blind, _ = attributed(path, quadrature="gauss-legendre", n_nodes=100)
        assert blind.residual[0] > 5 * TOLERANCE


@pytest.mark.parametrize("places", [(0.31, 0.69), (0.4, 0.5), (0.2, 0.9)])
def test_a_jump_that_is_taken_back_is_found_too(places: tuple[float, float]) -> None:
    """The whole is complete without both of them, so completeness of the whole says nothing.

    Two words carry them, and each weighs what it carries.
    """
    draw = torch.Generator().manual_seed(0)
    linear = torch.zeros(2, 1, OUTPUTS, dtype=torch.float64)
    linear[:, 0] = torch.randn(2, OUTPUTS, generator=draw, dtype=torch.float64)
    height = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    first, second = torch.eye(2, dtype=torch.float64)[:, :, None]
    up = Jumping(linear, first, height, places[0], 1e-4)
    down = Jumping(0 * linear, second, -height, places[1], 1e-4)
    inputs = torch.ones(1, 2, 1, dtype=torch.float64)
    path = StraightPath(lambda x: up(x) + down(x), inputs, torch.zeros_like(inputs))
    method = IntegratedGradients(norm="vector", tolerance=TOLERANCE)
    ((found, (weights,)),) = method.along(path, [np.eye(2)], [[0]])
    assert weights.vectors is not None
    expected = linear[:, 0] + torch.stack([2 * height, -2 * height])
    assert found.even == [True]
    np.testing.assert_allclose(weights.vectors, expected, atol=0.1)
    # a rule that does not look is complete, and knows nothing of either
    blind = IntegratedGradients(norm="vector", n_nodes=8, quadrature="gauss-legendre")
    ((found, (weights,)),) = blind.along(path, [np.eye(2)], [[0]])
    assert found.residual[0] < TOLERANCE
    assert np.abs(weights.vectors - expected.numpy()).max() > 1


def test_few_nodes_that_step_over_two_jumps_are_flagged() -> None:
    height = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    linear = torch.ones(1, 1, OUTPUTS, dtype=torch.float64)
    across = torch.ones(1, 1, dtype=torch.float64)
    models = [Jumping(linear, across, r, c, 1e-4) for r, c in ((height, 0.31), (-height, 0.69))]
    inputs = torch.ones(1, 1, 1, dtype=torch.float64)
    path = StraightPath(lambda x: models[0](x) + models[1](x), inputs, torch.zeros_like(inputs))
    method = IntegratedGradients(norm="vector", n_nodes=6)
    (found,) = method.certify(path)
    assert found.even == [False]


def test_the_frobenius_norm_has_the_jump_too() -> None:
    """Through nodes of both precisions."""
    model, inputs = jumping(1e-6)
    path = path_of(model, inputs, torch.float32, lambda: model)
    method = IntegratedGradients(probes="all", tolerance=1e-3, max_nodes=300)
    ((_, (weights,)),) = method.along(path, [np.eye(ROWS)], [[0]])
    ends = np.tanh(np.array([1 - 0.2162, -0.2162]) / 1e-6)
    part = (inputs * model.across / (inputs * model.across).sum()).numpy() * (ends[0] - ends[1])
    full = (inputs[..., None] * model.linear).numpy() + part[..., None] * model.height.numpy()
    expected = np.sqrt(np.square(full).sum(axis=(1, 2)))
    np.testing.assert_allclose(weights.contribution, expected, rtol=0.01)


def test_a_jump_that_no_precision_at_hand_resolves_is_flagged() -> None:
    model, inputs = jumping(1e-9)
    found, _ = attributed(path_of(model, inputs, torch.float32), max_nodes=200)
    assert found.residual[0] > TOLERANCE


@pytest.mark.slow
def test_a_path_that_is_not_a_number_is_flagged() -> None:
    model, inputs = jumping(1e-3)

    class Broken(Jumping):
        def __call__(self, x: Tensor) -> Tensor:
            return super().__call__(x) * torch.where(x.sum(dim=(1, 2)) > 1, torch.nan, 1.0)[:, None]

    broken = Broken(model.linear, model.across, model.height, model.place, model.width)
    found, _ = attributed(path_of(broken, inputs, torch.float64))
    assert np.isnan(found.residual[0])


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(0.05, 0.95), min_size=1, max_size=3, unique=True),
    st.floats(-7, -2),
    st.integers(0, 100),
)
def test_several_jumps_anywhere(places: list[float], exponent: float, seed: int) -> None:
    """The gap that is reported is that of the rule, and within what was asked, or flagged."""
    models = [jumping(10**exponent, at, seed)[0] for at in places]
    inputs = jumping(1.0, 0.5, seed)[1]
    path = StraightPath(
        lambda x: torch.stack([model(x) for model in models]).sum(dim=0),
        inputs[None],
        torch.zeros(1, ROWS, COLUMNS, dtype=torch.float64),
    )
    points = pilot_nodes()
    outputs = path.outputs(points[None])[0].numpy()
    rule, gap, even = divide(path, points, outputs, TOLERANCE, 400, even=3 * TOLERANCE)
    assert even
    assert rule.weights.sum() == pytest.approx(1)
    assert (np.diff(rule.nodes) > 0).all()
    slopes = path.slopes(rule.nodes)[1].numpy()
    missed = rule.weights @ slopes - (outputs[-1] - outputs[0])
    np.testing.assert_allclose(gap, missed, atol=1e-9 * np.linalg.norm(outputs[-1] - outputs[0]))
    assert np.linalg.norm(gap) <= TOLERANCE * np.linalg.norm(outputs[-1] - outputs[0])


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.floats(-7, -1))
def test_no_more_nodes_than_allowed(most: int, exponent: float) -> None:
    model, inputs = jumping(10**exponent)
    found, _ = attributed(path_of(model, inputs, torch.float64), max_nodes=most)
    assert found.integral.n_nodes <= most
    # what is left unused is less than a division adds
    assert found.residual[0] <= TOLERANCE or found.integral.n_nodes >= most - 1


@given(st.integers(1, 6), st.integers(0, 50))
def test_a_stretch_misses_nothing_of_a_polynomial(n: int, seed: int) -> None:
    """Neither as a whole nor between its nodes, up to the degree that n slopes determine."""
    polynomial = np.polynomial.Polynomial(np.random.default_rng(seed).normal(size=n + 1))
    start, stop = 0.3, 0.35
    nodes = start + (stop - start) * gauss_legendre(n).nodes
    stretch = Stretch(start, stop, polynomial(nodes)[:, None], polynomial.deriv()(nodes)[:, None])
    ends = polynomial(np.array([[start], [stop]]))
    np.testing.assert_allclose(stretch.misses(ends), 0, atol=1e-9)
    parts = stretch.parts(ends)
    assert parts[0][0] == start
    assert parts[-1][1] == stop
    assert all(left[1] == right[0] for left, right in itertools.pairwise(parts))
