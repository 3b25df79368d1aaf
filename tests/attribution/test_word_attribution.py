"""The attribution class: closed forms, captum's own loop, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from wordweights.attribution import WordAttribution
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError


def embeddings(encoder: Encoder, batch: int = 3, tokens: int = 6) -> tuple[Tensor, Tensor]:
    """Inputs and [PAD] baselines of random sentences; first and last rows are equal in both."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, len(encoder.tokenizer), (batch, tokens), generator=generator)
    ids[:, 0], ids[:, -1] = encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id
    pads = ids.clone()
    pads[:, 1:-1] = encoder.tokenizer.pad_token_id
    return encoder.embed(ids), encoder.embed(pads)


def captum_loop(encoder: Encoder, w: Tensor, b: Tensor, n_nodes: int) -> Tensor:
    """captum's IntegratedGradients for every output by itself: (batch, rows, columns, outputs)."""
    ig = IntegratedGradients(encoder.vectors)
    return torch.stack(
        [
            ig.attribute(w, b, target=k, n_steps=n_nodes, method="gausslegendre")
            for k in range(encoder.hidden_size)
        ],
        dim=-1,
    )


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_exact_mode_equals_captum_for_every_output(tiny_encoder: Encoder, pooling: str) -> None:
    encoder = Encoder("tiny", pooling, tiny_encoder.tokenizer, tiny_encoder.model)
    w, b = embeddings(encoder)
    reference = captum_loop(encoder, w, b, n_nodes=12)
    ours, delta = WordAttribution(encoder.vectors).attribute(
        w, b, n_nodes=12, quadrature="gauss-legendre", return_convergence_delta=True
    )
    torch.testing.assert_close(ours, reference.norm(dim=(-2, -1)), rtol=1e-5, atol=0)
    change = encoder.vectors(w) - encoder.vectors(b)
    # the gap is a small difference, and captum rounds its weights to float32: judged by the change
    theirs = reference.sum(dim=(1, 2)) - change
    assert (delta - theirs).abs().max() < 1e-6 * change.abs().max()


def test_exact_mode_equals_a_plain_loop_of_autograd(tiny_encoder: Encoder) -> None:
    """The same integral written out: one gradient for each node, sentence and output."""
    w, b = embeddings(tiny_encoder, batch=2, tokens=5)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    total = torch.zeros(*w.shape, tiny_encoder.hidden_size, dtype=torch.float64)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        x = (b + node * (w - b)).requires_grad_()
        s = tiny_encoder.vectors(x)
        for k in range(s.shape[1]):
            (gradient,) = torch.autograd.grad(s[:, k].sum(), x, retain_graph=True)
            total[..., k] += weight * gradient * (w - b)
    ours = WordAttribution(tiny_encoder.vectors).attribute(
        w, b, n_nodes=8, quadrature="gauss-legendre"
    )
    torch.testing.assert_close(ours, total.norm(dim=(-2, -1)), rtol=1e-10, atol=1e-14)


def test_a_linear_model_has_the_norms_of_its_rows() -> None:
    """s = sum_i x_i M_i: IG(i, j, k) = (W - B)_ij M_i,jk, whatever the rule."""
    generator = torch.Generator().manual_seed(0)
    m = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64)
    w = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    b = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    expected = ((w - b).unsqueeze(-1) * m).norm(dim=(-2, -1))
    attribution = WordAttribution(lambda x: torch.einsum("bij,ijk->bk", x, m))
    for quadrature in ("gauss-legendre", "adaptive"):
        ours, delta = attribution.attribute(
            w, b, n_nodes=2, quadrature=quadrature, return_convergence_delta=True
        )
        # the adaptive rule integrates a constant only as well as the rule it chose
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=0)
        assert delta.abs().max() < 1e-8


def test_a_polynomial_model_is_integrated_exactly() -> None:
    """s_k = sum_ij x_ij^3: IG = (w - b) * integral 3 (b + a (w - b))^2 = w^3 - b^3."""
    w = torch.tensor([[[1.0, 2.0], [0.5, -1.0]]], dtype=torch.float64)
    b = torch.tensor([[[0.0, 1.0], [0.5, 3.0]]], dtype=torch.float64)
    attribution = WordAttribution(lambda x: (x**3).sum(dim=(1, 2), keepdim=True)[:, 0])
    ours = attribution.attribute(
        w, b, n_nodes=2, quadrature="gauss-legendre"
    )  # degree 2 needs two nodes
    torch.testing.assert_close(ours, (w**3 - b**3).norm(dim=-1), rtol=1e-12, atol=0)


def test_rows_equal_to_their_baseline_contribute_exactly_nothing(tiny_encoder: Encoder) -> None:
    w, b = embeddings(tiny_encoder)
    for probes in ("all", 4):
        ours = WordAttribution(tiny_encoder.vectors).attribute(w, b, n_nodes=5, probes=probes)
        assert (ours[:, [0, -1]] == 0).all()
        assert (ours[:, 1:-1] > 0).all()


def test_all_directions_drawn_at_random_are_exact_too(tiny_encoder: Encoder) -> None:
    w, b = embeddings(tiny_encoder)
    attribution = WordAttribution(tiny_encoder.vectors)
    exact = attribution.attribute(w, b, n_nodes=6)
    drawn = attribution.attribute(w, b, n_nodes=6, probes=tiny_encoder.hidden_size)
    torch.testing.assert_close(drawn, exact, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("quadrature", ["adaptive", "gauss-legendre"])
def test_the_vectors_sum_to_the_change_up_to_the_gap(
    tiny_encoder: Encoder, quadrature: str
) -> None:
    w, b = embeddings(tiny_encoder)
    attribution = WordAttribution(tiny_encoder.vectors)
    options = {"n_nodes": 5, "quadrature": quadrature}
    vectors = attribution.vectors(w, b, **options)
    norms, delta = attribution.attribute(
        w, b, norm="vector", return_convergence_delta=True, **options
    )
    change = tiny_encoder.vectors(w) - tiny_encoder.vectors(b)
    torch.testing.assert_close(vectors.sum(dim=1), change + delta, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(norms, vectors.norm(dim=-1), rtol=1e-12, atol=0)


def test_a_vector_is_the_row_sum_of_captums_attributions(tiny_encoder: Encoder) -> None:
    w, b = embeddings(tiny_encoder, batch=2, tokens=5)
    reference = captum_loop(tiny_encoder, w, b, n_nodes=10).sum(dim=2)  # over columns
    ours = WordAttribution(tiny_encoder.vectors).vectors(
        w, b, n_nodes=10, quadrature="gauss-legendre"
    )
    torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_steps_are_chosen_until_the_tolerance_is_met(tiny_encoder: Encoder) -> None:
    w, b = embeddings(tiny_encoder, batch=6)
    attribution = WordAttribution(tiny_encoder.vectors)
    change = tiny_encoder.vectors(w) - tiny_encoder.vectors(b)
    for quadrature in ("adaptive", "gauss-legendre"):
        for tolerance in (1e-2, 1e-5):
            exact, delta = attribution.attribute(
                w, b, quadrature=quadrature, tolerance=tolerance, return_convergence_delta=True
            )
            assert (delta.norm(dim=-1) <= tolerance * change.norm(dim=-1)).all()
            reference = attribution.attribute(w, b, n_nodes=60, quadrature="gauss-legendre")
            torch.testing.assert_close(exact, reference, rtol=tolerance, atol=1e-12)


@pytest.mark.parametrize("probes", ["all", 3])
def test_the_cut_of_the_path_changes_nothing(tiny_encoder: Encoder, probes: int | str) -> None:
    w, b = embeddings(tiny_encoder)
    attribution = WordAttribution(tiny_encoder.vectors)
    whole = attribution.attribute(w, b, n_nodes=9, probes=probes, return_convergence_delta=True)
    cut = attribution.attribute(
        w, b, n_nodes=9, probes=probes, internal_batch_size=6, return_convergence_delta=True
    )
    for one, other in zip(whole, cut, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_more_steps_close_the_gap(tiny_encoder: Encoder) -> None:
    w, b = embeddings(tiny_encoder)
    attribution = WordAttribution(tiny_encoder.vectors)
    gaps = [
        attribution.attribute(
            w, b, n_nodes=n, quadrature="gauss-legendre", return_convergence_delta=True
        )[1].norm()
        for n in (2, 8, 32)
    ]
    assert gaps[0] > 10 * gaps[1] > 100 * gaps[2]


def test_arguments_travel_with_their_example(tiny_encoder: Encoder) -> None:
    """A mask a sentence is repeated along the path: padding then changes nothing."""
    w, b = embeddings(tiny_encoder, batch=2, tokens=5)
    padding = tiny_encoder.embed(torch.zeros(2, 2, dtype=torch.long))
    mask = torch.tensor([[1, 1, 1, 1, 1, 0, 0]] * 2)
    attribution = WordAttribution(tiny_encoder.vectors)
    alone = attribution.attribute(w, b, n_nodes=4)
    padded = attribution.attribute(
        torch.cat([w, padding], 1), torch.cat([b, padding], 1), mask, n_nodes=4
    )
    torch.testing.assert_close(padded[:, :5], alone, rtol=1e-9, atol=1e-14)
    assert (padded[:, 5:] == 0).all()


def test_a_constant_argument_stays_whole_in_every_pass(tiny_encoder: Encoder) -> None:
    """Also when a pass happens to hold as many examples as the constant is long."""
    w, b = embeddings(tiny_encoder, batch=3, tokens=5)
    scale = torch.tensor([2.0, 3.0], dtype=torch.float64)

    def scaled(x: Tensor, factors: Tensor) -> Tensor:
        return tiny_encoder.vectors(x) * factors.prod()

    plain = WordAttribution(tiny_encoder.vectors).attribute(w, b, n_nodes=4)
    ours = WordAttribution(scaled).attribute(w, b, scale, n_nodes=4, internal_batch_size=8)
    torch.testing.assert_close(ours, 6 * plain, rtol=1e-9, atol=1e-13)


def test_nothing_is_left_behind(tiny_encoder: Encoder) -> None:
    w, b = (t.clone() for t in embeddings(tiny_encoder))
    w.requires_grad_()
    calls = 0

    def breaks(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise RuntimeError("broken on purpose")
        return tiny_encoder.vectors(x)

    WordAttribution(tiny_encoder.vectors).attribute(w, b, n_nodes=3)
    with pytest.raises(RuntimeError, match="on purpose"):
        WordAttribution(breaks).attribute(w, b, n_nodes=3, internal_batch_size=3)
    assert w.grad is None
    assert torch.is_grad_enabled()
    assert all(p.grad is None and not p.requires_grad for p in tiny_encoder.model.parameters())
    for module in tiny_encoder.model.modules():
        assert not module.training
        assert not module._forward_hooks
        assert not module._backward_hooks


def test_it_works_where_gradients_are_off(tiny_encoder: Encoder) -> None:
    w, b = embeddings(tiny_encoder)
    attribution = WordAttribution(tiny_encoder.vectors)
    with torch.no_grad():
        inside = attribution.attribute(w, b, n_nodes=3)
    torch.testing.assert_close(inside, attribution.attribute(w, b, n_nodes=3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probes": 0}, "probes is 0"),
        ({"probes": 17}, "probes is 17"),
        ({"probes": "some"}, "probes is 'some'"),
        ({"probes": True}, "probes is True"),
        ({"n_nodes": 0}, "n_nodes is 0"),
        ({"n_nodes": 2.5}, "n_nodes is 2.5"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"max_nodes": 0}, "max_nodes is 0"),
        ({"norm": "max"}, "norm 'max' is not known"),
        ({"n_nodes": 0, "quadrature": "adaptive"}, "n_nodes is 0"),
        ({"quadrature": "riemann_trapezoid"}, "'adaptive', 'gauss-legendre'"),
    ],
)
def test_settings_out_of_range_are_named(
    tiny_encoder: Encoder, options: dict[str, object], message: str
) -> None:
    w, b = embeddings(tiny_encoder)
    with pytest.raises(WordweightsError, match=message):
        WordAttribution(tiny_encoder.vectors).attribute(w, b, **options)


def test_shapes_are_checked() -> None:
    with pytest.raises(WordweightsError, match="batch, rows, columns"):
        WordAttribution(lambda x: x).attribute(torch.zeros(2, 3))
    with pytest.raises(WordweightsError, match="one vector"):
        WordAttribution(lambda x: x.sum(dim=(1, 2))).attribute(torch.ones(2, 3, 4))
