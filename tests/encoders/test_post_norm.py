"""Layers linearised by hand, against autograd, for every family that has them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from families import FAMILIES, SIZES, make
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from wordweights.attribution import WordAttribution
from wordweights.encoders import Encoder

POINTS, TOKENS = 3, 6


def points(encoder: Encoder) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    shape = (POINTS, TOKENS, encoder.hidden_size)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.fixture(params=["cls", "mean"])
def pooling(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=FAMILIES, ids=lambda family: family.__name__)
def encoder(
    request: pytest.FixtureRequest, tiny_tokenizer: PreTrainedTokenizerFast, pooling: str
) -> Encoder:
    return make(request.param, tiny_tokenizer, pooling)


@pytest.fixture
def with_pooler(tiny_tokenizer: PreTrainedTokenizerFast) -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = BertModel(BertConfig(vocab_size=len(tiny_tokenizer), **SIZES)).double()
    return Encoder("with a pooler", "pooler", tiny_tokenizer, model)


def check(encoder: Encoder) -> None:
    stack = encoder.as_stack()
    assert stack is not None
    x = points(encoder)
    near = {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(stack(x), encoder.vectors(x), **near)
    linear = stack.linearise(x)
    torch.testing.assert_close(linear.outputs, stack(x), rtol=0, atol=0)

    change = torch.randn_like(x)
    expected = torch.func.jvp(encoder.vectors, (x,), (change,))[1]
    torch.testing.assert_close(linear.tangent(change), expected, **near)

    moving = x.clone().requires_grad_()
    outputs = encoder.vectors(moving)
    gradient = torch.randn_like(outputs)
    (expected,) = torch.autograd.grad(outputs, moving, gradient)
    for _ in range(2):  # a map can be used again
        torch.testing.assert_close(linear.pullback(gradient), expected, **near)

    chosen = torch.tensor([2, 0, 2])
    taken = linear.take(chosen).pullback(gradient[chosen])
    torch.testing.assert_close(taken, expected[chosen], **near)
    part = linear.take(slice(1, 3)).tangent(change[1:3])
    torch.testing.assert_close(part, linear.tangent(change)[1:3], **near)


def test_values_and_derivatives_are_those_of_autograd(encoder: Encoder) -> None:
    check(encoder)


def test_a_pooler_is_part_of_the_stack(with_pooler: Encoder) -> None:
    check(with_pooler)


def test_products_in_bfloat16_are_close(encoder: Encoder) -> None:
    single = replace(encoder, model=encoder.model.float())
    stack = single.as_stack()
    assert stack is not None
    x = points(single).float()
    full = stack.linearise(x)
    half = full.rounded(torch.bfloat16)
    gradient = torch.randn_like(full.outputs)
    exact, close = full.pullback(gradient), half.pullback(gradient)
    assert close.dtype == torch.float32
    assert 1e-5 < (close - exact).norm() / exact.norm() < 0.03


def test_an_encoder_is_attributed_by_its_layers_as_by_autograd(encoder: Encoder) -> None:
    x = points(encoder)
    b = torch.zeros_like(x)
    by_layers = WordAttribution(encoder).attribute(x, b, n_nodes=4)
    by_autograd = WordAttribution(encoder.vectors).attribute(x, b, n_nodes=4)
    torch.testing.assert_close(by_layers, by_autograd, rtol=1e-9, atol=1e-13)


def test_another_activation_has_no_stack(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    config = BertConfig(vocab_size=len(tiny_tokenizer), hidden_act="relu", **SIZES)
    model = BertModel(config, add_pooling_layer=False)
    assert Encoder("relu", "cls", tiny_tokenizer, model).as_stack() is None


def test_a_model_that_computes_something_else_has_no_stack(tiny_encoder: Encoder) -> None:
    """A layer changed by hand or by a hook is noticed: then autograd follows the model itself."""
    assert tiny_encoder.as_stack() is not None
    layer = tiny_encoder.model.encoder.layer[1]
    handle = layer.output.register_forward_hook(lambda _module, _inputs, output: 1.5 * output)
    assert tiny_encoder.as_stack() is None
    handle.remove()
    assert tiny_encoder.as_stack() is not None
