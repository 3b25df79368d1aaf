"""The integrated Jacobian as a linear map: by any way of cutting, thinning and stacking it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from wordweights.attribution import path as path_module
from wordweights.attribution.integral import Integral
from wordweights.attribution.path import StraightPath
from wordweights.attribution.probes import project
from wordweights.attribution.quadrature import gauss_legendre, thinned
from wordweights.encoders import Encoder

N = 9


@pytest.fixture
def stacked(tiny_encoder: Encoder) -> StraightPath:
    """Two sentences on their way from padding, by the layers."""
    ids = torch.tensor([[2, 9, 12, 7, 3], [2, 20, 6, 30, 3]])
    pads = torch.tensor([[2, 0, 0, 0, 3]] * 2)
    forward = tiny_encoder.as_stack()
    assert forward is not None
    return StraightPath(forward, tiny_encoder.embed(ids), tiny_encoder.embed(pads))


@pytest.fixture(params=["stack", "recorded"])
def path(
    request: pytest.FixtureRequest, tiny_encoder: Encoder, stacked: StraightPath
) -> StraightPath:
    """The same by the layers or by autograd."""
    if request.param == "stack":
        return stacked
    return replace(stacked, forward=tiny_encoder.vectors)


def jacobian(path: StraightPath, nodes: np.ndarray, weights: np.ndarray) -> torch.Tensor:
    """IG written out, for a model that autograd follows: (outputs, batch, rows, columns)."""
    total = torch.zeros(())
    for node, weight in zip(nodes, weights, strict=True):
        x = (path.baselines + node * path.step).requires_grad_()
        s = path.forward(x)
        rows = [torch.autograd.grad(s[:, k].sum(), x, retain_graph=True)[0] for k in range(16)]
        total = total + weight * torch.stack(rows)
    return total * path.step


@pytest.fixture
def exact(tiny_encoder: Encoder, path: StraightPath) -> torch.Tensor:
    """The same integral by plain autograd, whatever the path is made of."""
    rule = gauss_legendre(N)
    return jacobian(replace(path, forward=tiny_encoder.vectors), rule.nodes, rule.weights)


def integral(path: StraightPath) -> Integral:
    return Integral(path, (gauss_legendre(N),) * 2, outputs=16)


@pytest.mark.parametrize("points", [1, 4, 7, 1000])
def test_squares_are_those_of_autograd(
    path: StraightPath, exact: torch.Tensor, points: int
) -> None:
    """However many points a pass may have, also fewer than a path, and for stacked probes."""
    probes = torch.randn(5, 2, 16, generator=torch.Generator().manual_seed(0)).double()
    expected = torch.einsum("pbk,kbij->pbij", probes, exact).square().sum(dim=-1)
    (ours,) = integral(replace(path, points_at_once=points)).squares(probes)
    np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-9, atol=1e-16)


def test_the_map_along_a_direction_is_that_of_autograd(
    path: StraightPath, exact: torch.Tensor
) -> None:
    expected = exact.sum(dim=(2, 3)).T
    torch.testing.assert_close(
        integral(path).along(path.step[None])[0, 0], expected, rtol=1e-9, atol=1e-13
    )
    shares = integral(path).rows()
    torch.testing.assert_close(shares, exact.sum(dim=3).permute(1, 2, 0), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("points", [7, 13, 1000])
def test_a_thinned_integral_is_that_of_the_thinned_rule(
    tiny_encoder: Encoder, path: StraightPath, points: int
) -> None:
    """Whether it is of its parts, cut anywhere between its nodes, or linearised anew."""
    places, factors = thinned(N)
    rule = gauss_legendre(N)
    plain = replace(path, forward=tiny_encoder.vectors)
    coarse = jacobian(plain, rule.nodes[places], rule.weights[places] * factors)
    units = torch.eye(16, dtype=torch.float64)[:, None].expand(-1, 2, -1)
    (ours,) = integral(replace(path, points_at_once=points)).thinned().squares(units)
    np.testing.assert_allclose(ours, coarse.square().sum(dim=-1).numpy(), rtol=1e-9, atol=1e-16)


def test_projections_carry_some_probes_through_all_nodes(
    path: StraightPath, exact: torch.Tensor
) -> None:
    probes = torch.randn(8, 2, 16, generator=torch.Generator().manual_seed(1)).double()
    result = project(integral(path), probes)
    assert result.carried.tolist() == [True, True, False, False, False, True, False, False]
    fine = torch.einsum("pbk,kbij->pbij", probes, exact).square().sum(dim=-1).numpy()
    np.testing.assert_allclose(result.fine, fine[result.carried], rtol=1e-9, atol=1e-16)
    (coarse,) = integral(path).thinned().squares(probes)
    np.testing.assert_allclose(result.coarse, coarse, rtol=1e-9, atol=1e-16)
    words = slice(1, -1)  # the special tokens have nothing to compare
    assert np.abs(coarse[..., words] / fine[..., words] - 1).max() > 1e-6


def test_more_than_half_of_the_probes_are_all_carried(path: StraightPath) -> None:
    assert project(integral(path), torch.ones(9, 2, 16).double()).carried.all()
    assert project(integral(path), torch.ones(3, 2, 16).double(), skip=6).carried.all()


def test_what_does_not_move_has_no_share(path: StraightPath) -> None:
    still = integral(replace(path, inputs=path.baselines))
    assert still.rows().shape == (2, 5, 16)
    assert not still.rows().any()


def test_many_threads_give_what_one_gives_to_the_bit(
    stacked: StraightPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the nodes of an example are passes of their own, side by side."""
    monkeypatch.setattr(path_module, "ROWS", 20)
    assert stacked.points_in_pass < N
    probes = torch.randn(7, 2, 16, generator=torch.Generator().manual_seed(0)).double()
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, *[8] * 5):
            torch.set_num_threads(threads)
            squares = integral(stacked).squares(probes)
            results.append((squares, integral(stacked).along(stacked.step[None]).numpy()))
    finally:
        torch.set_num_threads(before)
    for squares, along in results[1:]:
        np.testing.assert_array_equal(squares, results[0][0])
        np.testing.assert_array_equal(along, results[0][1])


def test_selected_examples_keep_their_integral(path: StraightPath, exact: torch.Tensor) -> None:
    probes = torch.randn(3, 1, 16, generator=torch.Generator().manual_seed(2)).double()
    expected = torch.einsum("pbk,kbij->pbij", probes, exact[:, 1:]).square().sum(dim=-1)
    (ours,) = integral(path).select([1]).squares(probes)
    np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-9, atol=1e-16)


def test_what_is_linearised_is_not_linearised_again(
    stacked: StraightPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the examples that are kept, and by a coarser rule on their nodes."""
    probes = torch.randn(3, 1, 16, generator=torch.Generator().manual_seed(2)).double()
    anew = integral(stacked).select([1]).thinned().squares(probes)
    whole = integral(stacked)
    whole.along(stacked.step[None])

    def fail(self: StraightPath, alphas: np.ndarray) -> None:
        raise AssertionError("linearised again")

    monkeypatch.setattr(StraightPath, "linearise", fail)
    np.testing.assert_allclose(whole.select([1]).thinned().squares(probes), anew, rtol=1e-12)
