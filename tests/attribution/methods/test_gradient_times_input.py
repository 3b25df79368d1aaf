"""Gradient times input: the derivative at the sentence itself, by plain autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wordweights.attribution import attribute
from wordweights.encoders import Encoder

SENTENCE = "the man is playing"  # play ##ing


@pytest.fixture
def matrices(tiny_encoder: Encoder) -> torch.Tensor:
    """(W - B)_ij d s_k / d W_ij at W, per word: (words, columns of its rows, outputs)."""
    ids = torch.tensor([tiny_encoder.tokenizer(SENTENCE)["input_ids"]])
    pads = ids.clone()
    pads[:, 1:-1] = tiny_encoder.tokenizer.pad_token_id
    w, b = tiny_encoder.embed(ids), tiny_encoder.embed(pads)
    jacobian = torch.func.jacrev(lambda x: tiny_encoder.vectors(x)[0])(w)[:, 0]
    return (jacobian * (w - b)[0]).permute(1, 2, 0)  # (rows, columns, outputs)


def words_of(rows: torch.Tensor) -> list[torch.Tensor]:
    return [rows[1:2], rows[2:3], rows[3:4], rows[4:6]]


def test_the_frobenius_norm_is_that_of_autograd(
    tiny_encoder: Encoder, matrices: torch.Tensor
) -> None:
    table = attribute(tiny_encoder, [SENTENCE], "gradient-times-input", probes="all")
    expected = [rows.norm().item() for rows in words_of(matrices)]
    np.testing.assert_allclose(table["contribution"], expected, rtol=1e-9)
    assert (table["standard_error"] == 0).all()
    assert "residual" not in table


def test_the_vector_norm_is_that_of_autograd(tiny_encoder: Encoder, matrices: torch.Tensor) -> None:
    table = attribute(tiny_encoder, [SENTENCE], "gradient-times-input", norm="vector", vectors=True)
    expected = np.stack([rows.sum(dim=(0, 1)).numpy() for rows in words_of(matrices)])
    np.testing.assert_allclose(np.stack(table["vector"]), expected, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(table["contribution"], np.linalg.norm(expected, axis=1), rtol=1e-9)


def test_probes_estimate_it(tiny_encoder: Encoder, matrices: torch.Tensor) -> None:
    exact = np.array([rows.norm().item() for rows in words_of(matrices)])
    gaps = []
    for seed in range(20):
        table = attribute(
            tiny_encoder, [SENTENCE], "gradient-times-input", probes=8, seed=seed, progress=False
        )
        gaps.append((table["contribution"] - exact) / table["standard_error"])
    assert np.sqrt(np.mean(np.square(gaps))) < 2
