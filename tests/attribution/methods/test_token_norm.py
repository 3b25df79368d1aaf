"""The length of last hidden states: what a plain run of the model gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wordweights.attribution import attribute
from wordweights.encoders import Encoder

SENTENCES = ["the man is playing", "a woman is running"]  # play ##ing


@pytest.mark.parametrize("memory", [None, 1])
def test_it_is_the_addend_of_a_mean(tiny_encoder: Encoder, memory: int | None) -> None:
    table = attribute(
        tiny_encoder, SENTENCES, "token-norm", vectors=True, memory=memory, progress=False
    )
    expected = []
    for sentence in SENTENCES:
        ids = torch.tensor([tiny_encoder.tokenizer(sentence)["input_ids"]])
        (states,) = tiny_encoder.model(input_ids=ids).last_hidden_state
        words = [states[i] for i in range(1, len(states) - 1)]
        if sentence == SENTENCES[0]:
            words[3:] = [words[3] + words[4]]
        expected += [word.numpy() / len(states) for word in words]
        # with those of the special tokens they are the whole sentence vector
        vector = tiny_encoder.vectors(tiny_encoder.embed(ids))[0]
        torch.testing.assert_close(sum([*words, states[0], states[-1]]) / len(states), vector)
    np.testing.assert_allclose(np.stack(table["vector"]), expected, rtol=1e-9)
    np.testing.assert_allclose(table["contribution"], np.linalg.norm(expected, axis=1), rtol=1e-9)
    assert (table["standard_error"] == 0).all()


def test_it_needs_no_baseline(tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_encoder.tokenizer, "_special_tokens_map", {})
    assert tiny_encoder.tokenizer.pad_token_id is None
    assert len(attribute(tiny_encoder, SENTENCES, "token-norm", progress=False)) == 8
