"""Words along a path that jumps, against bisection in float64 by a plain loop."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from families import jumping
from numpy.polynomial.legendre import leggauss
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from wordweights.attribution import attribute
from wordweights.attribution.alignment import tokenise
from wordweights.encoders import Encoder

SENTENCE = "a dog is sleeping in the forest ."


def by_bisection(encoder: Encoder, sentence: str) -> Tensor:
    """The vector of each word, shape (words, outputs): halve where three nodes are incomplete."""
    model = copy.deepcopy(encoder.model).double()
    double = Encoder("double", encoder.pooling, encoder.tokenizer, model)
    (tokenised,) = tokenise(double, [sentence])
    word_of, ids = torch.tensor(tokenised.word_of), torch.tensor([tokenised.ids])
    baseline = double.embed(torch.where(word_of < 0, ids, encoder.tokenizer.pad_token_id))
    way = double.embed(ids) - baseline  # (1, wordpieces, d)
    own = word_of == torch.arange(len(tokenised.words))[:, None]
    steps = way * own[:, :, None]  # of each word alone: (words, wordpieces, d)

    def slopes(alpha: float) -> Tensor:
        points = (baseline + alpha * way).repeat(len(steps), 1, 1)
        return torch.func.jvp(double.vectors, (points,), (steps,))[1]

    def vector(alpha: float) -> Tensor:
        return double.vectors(baseline + alpha * way)[0]

    def over(start: float, stop: float) -> Tensor:
        middle, half = (start + stop) / 2, (stop - start) / 2
        total = torch.zeros(len(steps), encoder.vector_size, dtype=torch.float64)
        for node, weight in zip(*leggauss(3), strict=True):
            total += half * weight * slopes(middle + half * node)
        if (total.sum(dim=0) - (vector(stop) - vector(start))).norm() <= 1e-3 * whole:
            return total
        return over(start, middle) + over(middle, stop)

    with torch.no_grad():
        whole = (vector(1.0) - vector(0.0)).norm()
        return over(0.0, 1.0)


@pytest.mark.slow
def test_words_of_a_path_that_jumps_are_those_of_an_adaptive_reference(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    encoder = jumping(tiny_tokenizer, 200.0)
    expected = by_bisection(encoder, SENTENCE).norm(dim=1).numpy()
    table = attribute(encoder, [SENTENCE], norm="vector", progress=False)
    assert table["converged"].all()
    np.testing.assert_allclose(table["contribution"], expected, rtol=0.02)
    # as many nodes of one rule as a smooth path may take see a part of it only
    fixed = attribute(
        encoder,
        [SENTENCE],
        norm="vector",
        n_nodes=32,
        quadrature="gauss-legendre",
        progress=False,
    )
    assert (np.abs(fixed["contribution"] / expected - 1) > 0.05).any()
