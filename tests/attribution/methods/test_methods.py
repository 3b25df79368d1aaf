"""Every method on an encoder of which all that they compute is known in closed form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PretrainedConfig, PreTrainedTokenizerFast

from wordweights.attribution import attribute
from wordweights.attribution.methods import METHODS
from wordweights.encoders import Encoder

SENTENCE = "the dogs are playing in the forest ."
WIDTH = 6
VECTOR = {"norm": "vector"}


class Quadratic(torch.nn.Module):
    """Hidden states x A + (x * x) C of embeddings x: no token sees another."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        self.config = PretrainedConfig(hidden_size=WIDTH, num_hidden_layers=1)
        self.words = torch.nn.Embedding(len(tokenizer), WIDTH)
        self.a, self.c = (torch.nn.Parameter(torch.randn(WIDTH, WIDTH)) for _ in range(2))

    def get_input_embeddings(self) -> torch.nn.Embedding:
        return self.words

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, *, inputs_embeds: Any = None
    ) -> SimpleNamespace:
        x = self.words(input_ids) if inputs_embeds is None else inputs_embeds
        return SimpleNamespace(last_hidden_state=x @ self.a + (x * x) @ self.c)


@pytest.fixture
def encoder(tiny_tokenizer: PreTrainedTokenizerFast) -> Encoder:
    """It, read by its mean."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = Quadratic(tiny_tokenizer).double()
    return Encoder("quadratic", "mean", tiny_tokenizer, model)


def expected(encoder: Encoder, name: str) -> list[float]:
    """What each word weighs, by the formulas."""
    tokenizer, model = encoder.tokenizer, encoder.model
    ids = tokenizer(SENTENCE)["input_ids"]
    w = model.words.weight[ids].numpy()
    b = np.where(np.eye(len(ids))[[0, -1]].sum(axis=0)[:, None], w, model.words.weight[0].numpy())
    d, e, (a, c) = w - b, w * w - b * b, (model.a.numpy(), model.c.numpy())
    # (rows, input columns, outputs): what each number of an embedding does to the mean
    whole = (d[:, :, None] * a + e[:, :, None] * c) / len(ids)
    at_the_end = d[:, :, None] * (a + 2 * w[:, :, None] * c) / len(ids)
    by_name = {
        "integrated-gradients": whole,
        "gradient-times-input": at_the_end,
        "token-norm": (w @ a + (w * w) @ c)[:, None] / len(ids),
        "embedding-distance": d[:, None],
    }
    found = by_name.get(name, whole)
    words, start = [], 1
    for word in SENTENCE.split():
        pieces = len(tokenizer(word, add_special_tokens=False)["input_ids"])
        words.append(found[start : start + pieces])
        start += pieces
    return [np.linalg.norm(rows.sum(axis=(0, 1))) for rows in words]


@pytest.mark.parametrize("name", METHODS)
def test_a_word_weighs_what_the_formula_says(encoder: Encoder, name: str) -> None:
    settings = VECTOR if hasattr(METHODS[name], "norm") else {}
    table = attribute(encoder, [SENTENCE], name, progress=False, **settings)
    np.testing.assert_allclose(table["contribution"], expected(encoder, name), rtol=1e-6)


@pytest.mark.parametrize("name", ["integrated-gradients", "gradient-times-input"])
def test_the_frobenius_norm_is_that_of_all_entries(encoder: Encoder, name: str) -> None:
    table = attribute(encoder, ["the dog ."], name, probes="all", progress=False)
    w = encoder.model.words.weight[encoder.tokenizer("the dog .")["input_ids"]].numpy()[1:-1]
    d, b = w - encoder.model.words.weight[0].numpy(), encoder.model.words.weight[0].numpy()
    along = w + b if name == "integrated-gradients" else 2 * w
    entries = d[:, :, None] * (
        encoder.model.a.numpy() + along[:, :, None] * encoder.model.c.numpy()
    )
    lengths = np.sqrt((entries**2).sum(axis=(1, 2))) / 5
    np.testing.assert_allclose(table["contribution"], lengths, rtol=1e-6)
