"""The kept slope of GELU: the same derivative, and the function as it was afterwards."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from wordweights.attribution.activations import GeluSlopesKept


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_values_and_slopes_are_those_of_torch(approximate: str) -> None:
    x = torch.linspace(-6, 6, 101, dtype=torch.float64, requires_grad=True)
    upstream = torch.linspace(-1, 2, 101, dtype=torch.float64)
    plain = functional.gelu(x, approximate=approximate)
    (expected,) = torch.autograd.grad(plain, x, upstream)
    with GeluSlopesKept():
        kept = functional.gelu(input=x, approximate=approximate)
    torch.testing.assert_close(kept, plain, rtol=0, atol=0)
    for _ in range(2):  # many backward passes share one forward pass
        (ours,) = torch.autograd.grad(kept, x, upstream, retain_graph=True)
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-15)


def test_the_function_is_as_it_was_after_an_error() -> None:
    x = torch.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match="on purpose"), GeluSlopesKept():
        raise RuntimeError("on purpose")
    assert "GeluBackward" in type(functional.gelu(x).grad_fn).__name__
