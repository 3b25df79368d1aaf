"""What is promised of every stack of layers, against autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass

import pytest
import torch
from torch import Tensor

from wordweights.encoders.stack import Stack


def check(stack: Stack | None, vectors: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Compare sentence vectors and both derivatives at three points, (3, tokens, d)."""
    assert stack is not None
    near = {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(stack(x), vectors(x), **near)
    linear = stack.linearise(x)
    torch.testing.assert_close(linear.outputs, stack(x), rtol=0, atol=0)

    change = torch.randn_like(x)
    expected = torch.func.jvp(vectors, (x,), (change,))[1]
    torch.testing.assert_close(linear.tangent(change), expected, **near)

    moving = x.clone().requires_grad_()
    outputs = vectors(moving)
    gradient = torch.randn_like(outputs)
    (expected,) = torch.autograd.grad(outputs, moving, gradient)
    for _ in range(2):  # a map can be used again
        torch.testing.assert_close(linear.pullback(gradient), expected, **near)

    chosen = torch.tensor([2, 0, 2])
    taken = linear.take(chosen).pullback(gradient[chosen])
    torch.testing.assert_close(taken, expected[chosen], **near)
    part = linear.take(slice(1, 3)).tangent(change[1:3])
    torch.testing.assert_close(part, linear.tangent(change)[1:3], **near)


def check_rounded(stack: Stack | None, x: Tensor) -> None:
    """Compare gradients with products in bfloat16 with those in float32."""
    assert stack is not None
    full = stack.linearise(x)
    half = full.rounded(torch.bfloat16)
    gradient = torch.randn_like(full.outputs)
    exact, close = full.pullback(gradient), half.pullback(gradient)
    assert close.dtype == torch.float32
    assert 1e-5 < (close - exact).norm() / exact.norm() < 0.03


def check_narrowed(stack: Stack | None, x: Tensor) -> None:
    """Compare a map taken in float64 with the same on the weights of the stack, in float32."""
    assert stack is not None
    wide = stack.widened()
    exact = wide.linearise(x.double())
    close = stack.narrowed(exact, wide)
    change, gradient = torch.randn_like(x.double()), torch.randn_like(exact.outputs)
    for ours, theirs in (
        (close.outputs, exact.outputs),
        (close.tangent(change.float()), exact.tangent(change)),
        (close.pullback(gradient.float()), exact.pullback(gradient)),
    ):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() / theirs.norm() < 1e-5
    # no layer holds a copy of its weights
    assert all(
        ours.attention.qkv is theirs.attention.qkv.weight
        for ours, theirs in zip(close.layers, stack.layers, strict=True)
    )


def check_bytes(stack: Stack | None, x: Tensor) -> None:
    """Compare what is said of the memory of a map with the memory of its tensors."""
    assert stack is not None
    linear = stack.linearise(x)
    own = {tensor.data_ptr() for tensor in tensors_of(stack)}
    held = {t.data_ptr(): t.untyped_storage().nbytes() for t in tensors_of(linear)}
    found = sum(n for place, n in held.items() if place not in own) / len(x)
    # what is beside the layers, a third of so small a model, is 2 % of all-MiniLM-L6-v2
    assert stack.bytes_per_point(x.shape[1]) == pytest.approx(found, rel=0.35)


def tensors_of(part: object) -> list[Tensor]:
    """List the tensors that a part of dataclasses and tuples is made of."""
    if isinstance(part, Tensor):
        return [part]
    if isinstance(part, tuple):
        return [tensor for inner in part for tensor in tensors_of(inner)]
    if not is_dataclass(part):
        return []
    return [t for field in fields(part) for t in tensors_of(getattr(part, field.name))]
