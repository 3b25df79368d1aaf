"""Layers linearised by hand, against autograd, for every family that has them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from families import FAMILIES, SIZES, make
from linearised import check, check_bytes, check_narrowed, check_rounded
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


def test_values_and_derivatives_are_those_of_autograd(encoder: Encoder) -> None:
    check(encoder.as_stack(), encoder.vectors, points(encoder))


def test_a_pooler_is_part_of_the_stack(with_pooler: Encoder) -> None:
    check(with_pooler.as_stack(), with_pooler.vectors, points(with_pooler))


def test_products_in_bfloat16_are_close(encoder: Encoder) -> None:
    single = replace(encoder, model=encoder.model.float())
    check_rounded(single.as_stack(), points(single).float())


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


def test_a_stack_in_float64_is_that_of_the_model_in_float64(encoder: Encoder) -> None:
    """The same weights, and what is computed from them without the rounding of float32."""
    model = encoder.model.float()
    narrow = replace(encoder, model=model).as_stack()
    assert narrow is not None
    widened = narrow.widened()
    wide = replace(encoder, model=model.double()).as_stack()
    assert wide is not None
    assert wide.positions is not None
    assert widened.positions is not None
    # what is added up of them in float32 stays as it was rounded
    torch.testing.assert_close(widened.positions, wide.positions, rtol=1e-6, atol=1e-8)
    wide, x = replace(wide, positions=widened.positions), points(encoder)
    torch.testing.assert_close(widened(x), wide(x), rtol=1e-12, atol=1e-14)
    ours, theirs = widened.linearise(x), wide.linearise(x)
    torch.testing.assert_close(ours.tangent(x), theirs.tangent(x), rtol=1e-12, atol=1e-14)
    gradient = theirs.outputs
    torch.testing.assert_close(
        ours.pullback(gradient), theirs.pullback(gradient), rtol=1e-11, atol=1e-14
    )


def test_a_map_of_float64_does_the_same_in_float32(encoder: Encoder) -> None:
    narrow = replace(encoder, model=encoder.model.float()).as_stack()
    check_narrowed(narrow, points(encoder))


def test_the_memory_of_a_map_is_counted(encoder: Encoder) -> None:
    check_bytes(encoder.as_stack(), points(encoder))
