"""Layers of ModernBERT, Qwen3 and Llama linearised by hand, against autograd in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from linearised import check, check_bytes, check_narrowed, check_rounded
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers import (
    LlamaConfig,
    LlamaModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3Model,
)

from wordweights.attribution import WordAttribution
from wordweights.encoders import Encoder
from wordweights.encoders.pre_norm import stack_of

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "initializer_range": 0.3,
    "attn_implementation": "eager",
    "vocab_size": 36,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
ROPE = {"rope_theta": 100.0, "factor": 2.0, "original_max_position_embeddings": 20}
READ: dict[str, Callable[[Tensor], Tensor]] = {
    "cls": lambda hidden: hidden[:, 0],
    "mean": lambda hidden: hidden.mean(dim=1),
    "lasttoken": lambda hidden: hidden[:, -1],
}


def modernbert(**settings: Any) -> ModernBertModel:
    """Three of four layers see three tokens to each side."""
    settings = {"local_attention": 6, "cls_token_id": 2, "sep_token_id": 3} | settings
    return ModernBertModel(ModernBertConfig(**SIZES, **settings))


def qwen3(**settings: Any) -> Qwen3Model:
    """Two heads share keys and values; together they are wider than the model."""
    settings = {"num_key_value_heads": 2, "head_dim": 6} | settings
    return Qwen3Model(Qwen3Config(**SIZES, **settings))


def llama(**settings: Any) -> LlamaModel:
    return LlamaModel(LlamaConfig(**SIZES, num_key_value_heads=2, **settings))


def llama_both_ways() -> LlamaModel:
    return llama(is_causal=False)


MODELS = [modernbert, qwen3, llama, llama_both_ways]


def make(build: Callable[..., nn.Module], **settings: Any) -> Any:
    """Build a random model in float64, with norms that have weights of their own."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = build(**settings).double().eval().requires_grad_(False)
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def points(tokens: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(3, tokens, 16, generator=generator, dtype=torch.float64)


def vectors(model: Any, pooling: str) -> Callable[[Tensor], Tensor]:
    return lambda x: READ[pooling](model(inputs_embeds=x).last_hidden_state)


class InDouble(TorchFunctionMode):
    """Keep in float64 what transformers takes in float32: roots, rotations and the softmax."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        double = bool(args) and isinstance(args[0], Tensor) and args[0].dtype == torch.float64
        if double and (
            function is Tensor.float or (function is Tensor.to and args[1:] == (torch.float32,))
        ):
            return args[0]
        kwargs = kwargs or {}
        if double and function is nn.functional.softmax:
            kwargs = kwargs | {"dtype": torch.float64}
        return function(*args, **kwargs)


@pytest.mark.parametrize("tokens", [1, 3, 13])
@pytest.mark.parametrize("pooling", READ)
@pytest.mark.parametrize("build", MODELS)
def test_values_and_derivatives_are_those_of_autograd(
    build: Callable[[], nn.Module], pooling: str, tokens: int
) -> None:
    model = make(build)
    with InDouble():
        check(stack_of(model, pooling), vectors(model, pooling), points(tokens))


@pytest.mark.parametrize("kind", ["linear", "llama3", "yarn"])
def test_scaled_rotary_positions_are_those_of_the_model(kind: str) -> None:
    rope = ROPE | {"rope_type": kind}
    if kind == "llama3":
        rope |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    model = make(llama, rope_parameters=rope)
    with InDouble():
        check(stack_of(model, "lasttoken"), vectors(model, "lasttoken"), points(9))


@pytest.mark.parametrize("build", [modernbert, qwen3])
def test_a_map_of_float64_does_the_same_in_float32(build: Callable[[], nn.Module]) -> None:
    check_narrowed(stack_of(make(build).float(), "mean"), points(6).float())


@pytest.mark.parametrize("build", [modernbert, qwen3])
def test_products_in_bfloat16_are_close(build: Callable[[], nn.Module]) -> None:
    check_rounded(stack_of(make(build).float(), "mean"), points(6).float())


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (modernbert, {"hidden_activation": "relu"}),
        (modernbert, {"attention_bias": True}),
        (modernbert, {"mlp_bias": True}),
        (modernbert, {"norm_bias": True}),
        (qwen3, {"hidden_act": "gelu_pytorch_tanh"}),
        (qwen3, {"attention_bias": True}),
        (qwen3, {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 2}),
        (llama, {"mlp_bias": True}),
        (llama, {"rope_parameters": ROPE | {"rope_type": "dynamic"}}),
    ],
)
def test_what_the_map_does_not_cover_has_no_stack(
    build: Callable[..., nn.Module], settings: dict[str, Any]
) -> None:
    assert stack_of(make(build), "mean") is not None
    assert stack_of(make(build, **settings), "mean") is None


def test_a_subclass_has_no_stack() -> None:
    class Changed(LlamaModel):
        pass

    config = LlamaConfig(**SIZES)
    assert stack_of(LlamaModel(config), "mean") is not None
    assert stack_of(Changed(config), "mean") is None


def test_half_precision_has_no_stack() -> None:
    assert stack_of(make(modernbert).bfloat16(), "mean") is None


@pytest.mark.parametrize("pooling", ["pooler", "max"])
def test_another_pooling_has_no_stack(pooling: str) -> None:
    assert stack_of(make(modernbert), pooling) is None


@pytest.fixture(params=[modernbert, qwen3])
def encoder(request: pytest.FixtureRequest, tiny_tokenizer: PreTrainedTokenizerFast) -> Encoder:
    return Encoder("tiny", "mean", tiny_tokenizer, make(request.param))


def test_an_encoder_is_attributed_by_its_layers_as_by_autograd(encoder: Encoder) -> None:
    assert encoder.as_stack() is not None
    x = points(6)
    b = torch.zeros_like(x)
    with InDouble():
        by_layers = WordAttribution(encoder).attribute(x, b, n_nodes=4)
        by_autograd = WordAttribution(encoder.vectors).attribute(x, b, n_nodes=4)
    torch.testing.assert_close(by_layers, by_autograd, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("build", "place"), [(qwen3, "0.self_attn"), (modernbert, "1.attn")])
def test_a_model_whose_tokens_see_what_they_should_not_has_no_stack(
    build: Callable[[], nn.Module], place: str, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    """Later tokens, or those outside of the window."""
    encoder = Encoder("changed", "mean", tiny_tokenizer, make(build))
    assert encoder.as_stack() is not None

    def unmask(_module: nn.Module, inputs: Any, settings: dict[str, Any]) -> Any:
        return inputs, settings | {"attention_mask": None}

    attention = encoder.model.layers.get_submodule(place)
    handle = attention.register_forward_pre_hook(unmask, with_kwargs=True)
    assert encoder.as_stack() is None
    handle.remove()
    assert encoder.as_stack() is not None


@pytest.mark.parametrize("build", [modernbert, qwen3])
def test_the_memory_of_a_map_is_counted(build: Callable[[], nn.Module]) -> None:
    check_bytes(stack_of(make(build).float(), "mean"), points(6).float())
