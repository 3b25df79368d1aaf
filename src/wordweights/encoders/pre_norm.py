"""Pre-norm transformers with rotary positions and gated units: ModernBERT, Qwen3, Llama.

All is computed in the type of the weights; transformers takes the softmax, the root mean square and
ModernBERT's rotation in float32 whatever that is, so that its own float64 is less exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wordweights.encoders.layer_map import LayerMap, Same
from wordweights.encoders.stack import (
    ACTIVATIONS,
    READ,
    Attention,
    Dense,
    FeedForward,
    Layer,
    Norm,
    Normalising,
    RootNorm,
    Sight,
    Stack,
)

# Kinds of rotary positions whose angles do not depend on the length of the sentence.
_ROPE_TYPES = {"default", "linear", "llama3", "yarn"}


class PreNormMap(LayerMap):
    """The derivative of a :class:`PreNorm` layer."""

    def tangent(self, change: Tensor) -> Tensor:
        """Map a change of the layer's input, (batch, tokens, d), to that of its output."""
        residual = change[:, self.attention.asking].clone()
        y = self.attention.tangent(self.attention_norm.tangent(change), residual)
        return self.feed_forward.tangent(self.feed_forward_norm.tangent(y), residual=y)

    def pullback(self, gradient: Tensor) -> Tensor:
        """Map a gradient by the layer's output to that by its input, (batch, tokens, d)."""
        by_inner = self.feed_forward.pullback(gradient, residual=None)
        y = self.feed_forward_norm.pullback(by_inner).add_(gradient)
        x = self.attention_norm.pullback(self.attention.pullback(y, residual=None))
        x[:, self.attention.asking] += y
        return x


class PreNorm(Layer):
    """A layer that normalises what attention and the feed-forward part read."""

    def linearise(
        self, x: Tensor, sight: Sight, asking: slice
    ) -> tuple[Tensor, Callable[[], PreNormMap]]:
        """Compute new hidden states, (batch, queries, d), and on demand the derivative."""
        normed, attention_norm = self.attention_norm.linearise(x)
        y, attention = self.attention.linearise(normed, sight, asking)
        normed, feed_forward_norm = self.feed_forward_norm.linearise(y.add_(x[:, asking]))
        z, feed_forward = self.feed_forward.linearise(normed)
        return z.add_(y), lambda: PreNormMap(
            attention(), attention_norm, feed_forward(), feed_forward_norm
        )


def stack_of(model: Any, pooling: str) -> Stack | None:
    """Read the weights of a model of transformers; None for one not known here."""
    # by class: a subclass of its own code, with the same configuration, may compute something else
    family = _FAMILIES.get(type(model).__name__)
    if family is None or pooling not in READ or pooling == "pooler":
        return None
    parts = family(model)
    rope = model.rotary_emb.rope_type  # one, or one for each kind of attention
    kinds = [layer.kind for layer in parts.layers]
    if (
        parts.activation not in ACTIVATIONS
        or (parts.causal and set(kinds) != {"full_attention"})
        or not _ROPE_TYPES.issuperset(rope.values() if isinstance(rope, dict) else [rope])
        or any(name.endswith(".bias") for name, _ in model.named_parameters())
        or model.dtype not in (torch.float32, torch.float64)
    ):
        return None
    heads = int(model.config.num_attention_heads)

    def sights(tokens: int) -> Sequence[Sight]:
        by_kind = {kind: _sight(model, parts.causal, kind, tokens) for kind in set(kinds)}
        return [by_kind[kind] for kind in kinds]

    return Stack(
        positions=None,
        embedding_norm=_norm(parts.embedding_norm),
        layers=tuple(_layer(layer, heads, parts.activation) for layer in parts.layers),
        sights=sights,
        last_norm=_norm(parts.last_norm),
        read=READ[pooling],
    )


def _sight(model: Any, causal: bool, kind: str, tokens: int) -> Sight:
    weight = model.get_input_embeddings().weight
    at = torch.arange(tokens, device=weight.device)
    away = at - at[:, None]  # of what is seen from the token that sees it
    hidden = (away > 0) & causal
    if kind == "sliding_attention":
        hidden |= away.abs() > model.config.sliding_window
    bias = weight.new_zeros(1, tokens, tokens).masked_fill_(hidden, -torch.inf)
    of_kind = [kind] if isinstance(model.rotary_emb.rope_type, dict) else []
    cos, sin = model.rotary_emb(weight, at[None], *of_kind)  # (1, tokens, head width)
    half = cos.shape[-1] // 2  # the other has the same angles
    return Sight(bias, torch.complex(cos[0, :, None, :half], sin[0, :, None, :half]))


class LayerParts(NamedTuple):
    """The parts of a layer, whatever a family calls them."""

    kind: str  # of attention: full or sliding
    projections: Sequence[Tensor]  # weights: to queries, keys and values
    query_norm: Any
    key_norm: Any
    mix: Any
    attention_norm: Any
    inner: Sequence[Tensor]  # weights: of the gate, and of what it lets through
    outer: Any
    feed_forward_norm: Any


class ModelParts(NamedTuple):
    """The parts of a model."""

    layers: Sequence[LayerParts]
    embedding_norm: Any
    last_norm: Any
    activation: str
    causal: bool


def _modernbert(model: Any) -> ModelParts:
    layers = [
        LayerParts(
            layer.attention_type,
            layer.attn.Wqkv.weight.chunk(3),
            nn.Identity(),
            nn.Identity(),
            layer.attn.Wo,
            layer.attn_norm,
            layer.mlp.Wi.weight.chunk(2),
            layer.mlp.Wo,
            layer.mlp_norm,
        )
        for layer in model.layers
    ]
    activation = model.config.hidden_activation
    return ModelParts(layers, model.embeddings.norm, model.final_norm, activation, causal=False)


def _llama(model: Any) -> ModelParts:
    layers = []
    for layer in model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        layers.append(
            LayerParts(
                getattr(attention, "layer_type", "full_attention"),  # Llama has no other
                [part.weight for part in projections],
                getattr(attention, "q_norm", nn.Identity()),  # Qwen3 has them, Llama none
                getattr(attention, "k_norm", nn.Identity()),
                attention.o_proj,
                layer.input_layernorm,
                (mlp.gate_proj.weight, mlp.up_proj.weight),
                mlp.down_proj,
                layer.post_attention_layernorm,
            )
        )
    causal = getattr(model.config, "is_causal", True)
    return ModelParts(layers, nn.Identity(), model.norm, model.config.hidden_act, causal)


_FAMILIES: dict[str, Callable[[Any], ModelParts]] = {
    "ModernBertModel": _modernbert,
    "Qwen3Model": _llama,
    "LlamaModel": _llama,
}


def _layer(parts: LayerParts, heads: int, activation: str) -> PreNorm:
    queries, keys, values = parts.projections
    width = len(queries) // heads
    qkv = torch.cat([_paired(queries, width), _paired(keys, width), values])
    attention = Attention(
        Dense(qkv),
        Dense(parts.mix.weight),
        heads,
        len(keys) // width,
        _norm(parts.query_norm, width),
        _norm(parts.key_norm, width),
    )
    inner = tuple(Dense(weight) for weight in parts.inner)
    return PreNorm(
        attention,
        _norm(parts.attention_norm),
        FeedForward(inner, Dense(parts.outer.weight), activation),
        _norm(parts.feed_forward_norm),
    )


def _paired(rows: Tensor, width: int) -> Tensor:
    """Put rows that are rotated together, half a head apart, next to each other."""
    # in that order a rotation is one complex product; scores do not depend on the order
    return rows.unflatten(0, (-1, 2, width // 2)).transpose(1, 2).flatten(0, 2)


def _norm(module: Any, width: int | None = None) -> Normalising:
    """Read a normalisation; one of heads of a width has the order of their rotated dimensions."""
    if isinstance(module, nn.Identity):
        return Same()
    if isinstance(module, nn.LayerNorm):
        return Norm(module.weight, None, module.eps)
    weight = module.weight if width is None else _paired(module.weight, width)
    return RootNorm(weight, module.variance_epsilon)
