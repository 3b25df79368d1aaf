"""The path of a sentence: its speed integrates to its change, and its nodes are those of a rule."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import simpson

from wordweights.attribution import attribute, path_gathered, path_speed
from wordweights.attribution.quadrature import gauss_legendre
from wordweights.encoders import Encoder


def test_the_speed_is_the_length_of_the_derivative(tiny_encoder: Encoder) -> None:
    table = path_speed(tiny_encoder, "the dogs are running .", n_nodes=5)
    ids = torch.tensor([tiny_encoder.tokenizer("the dogs are running .")["input_ids"]])
    pads = ids.clone()
    pads[:, 1:-1] = tiny_encoder.tokenizer.pad_token_id
    w, b = tiny_encoder.embed(ids), tiny_encoder.embed(pads)
    change = (tiny_encoder.vectors(w) - tiny_encoder.vectors(b)).norm()
    for alpha, speed in table.loc[[0, 40, 203], ["alpha", "speed"]].to_numpy():
        slope = torch.func.jvp(tiny_encoder.vectors, (b + alpha * (w - b),), (w - b,))[1]
        assert speed == pytest.approx(float(slope.norm() / change), rel=1e-9)
    even = table[table["quadrature"].isna()]
    assert simpson(even["speed"], x=even["alpha"]) >= 1 - 1e-6  # a way is no shorter than straight


def test_the_nodes_are_those_of_the_rules(tiny_encoder: Encoder) -> None:
    table = path_speed(tiny_encoder, "the dogs are running .", n_nodes=5)
    nodes = {rule: rows["alpha"].to_numpy() for rule, rows in table.groupby("quadrature")}
    assert set(nodes) == {"adaptive", "gauss-legendre"}
    np.testing.assert_array_equal(nodes["gauss-legendre"], gauss_legendre(5).nodes)
    assert len(nodes["adaptive"]) == 5


@pytest.mark.slow
def test_words_gather_on_the_path_what_the_vector_norm_gives_them(tiny_encoder: Encoder) -> None:
    sentence = "the dogs are running ."
    table = path_gathered(tiny_encoder, sentence, n_steps=20)
    lengths = table.pivot_table(index="alpha", columns="position", values="gathered")
    np.testing.assert_allclose(lengths.index, np.linspace(0, 1, 21))
    assert (lengths.loc[0.0] == 0).all()
    words = attribute(tiny_encoder, [sentence], norm="vector", tolerance=1e-6, progress=False)
    assert table["word"].tolist() == 21 * words["word"].tolist()
    np.testing.assert_allclose(lengths.loc[1.0], words["contribution"], rtol=1e-5)
    # on the way: a plain loop for one word, whose embedding is the second wordpiece's
    ids = torch.tensor([tiny_encoder.tokenizer(sentence)["input_ids"]])
    pads = ids.clone()
    pads[:, 1:-1] = tiny_encoder.tokenizer.pad_token_id
    w, b = tiny_encoder.embed(ids), tiny_encoder.embed(pads)
    step = torch.zeros_like(w)
    step[:, 2] = (w - b)[:, 2]
    middles = (torch.arange(200, dtype=torch.float64) + 0.5) / 400
    slopes = [
        torch.func.jvp(tiny_encoder.vectors, (b + alpha * (w - b),), (step,))[1]
        for alpha in middles.to(w.dtype)
    ]
    assert lengths.loc[0.5, 1] == pytest.approx(float((sum(slopes) / 400).norm()), rel=1e-4)
