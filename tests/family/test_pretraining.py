from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import BertForMaskedLM, PreTrainedTokenizerFast

from family.pretraining import (
    HEAD,
    encode_stream,
    head_state,
    new_model,
    pack,
    pretrain,
    sinusoids,
    start_from_counts,
)
from family.recipe import Pretraining
from wordweights.errors import WordweightsError

SMALL = Pretraining(
    layers=1,
    width=8,
    heads=2,
    positions=12,
    steps=4,
    batch=4,
    learning_rate=1e-3,
    masked=0.25,
    snapshots=2,
)


@given(st.integers(0, 60), st.integers(2, 9))
def test_examples_are_the_stream_behind_cls(n: int, length: int) -> None:
    stream = np.arange(10, 10 + n, dtype=np.int32)
    examples = pack(stream, length, 2)
    assert examples.shape == (n // (length - 1), length)
    assert (examples[:, 0] == 2).all()
    np.testing.assert_array_equal(examples[:, 1:].ravel(), stream[: examples[:, 1:].size])


def test_sentences_are_closed_by_sep(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    stream = encode_stream(tiny_tokenizer, ["a dog", "the woman ."])
    assert tiny_tokenizer.convert_ids_to_tokens(stream) == [
        "a", "dog", "[SEP]", "the", "woman", ".", "[SEP]",
    ]  # fmt: skip


def test_the_loss_over_masked_pieces_is_that_of_the_library() -> None:
    torch.manual_seed(0)
    ours = new_model(36, SMALL).double().eval()
    theirs = BertForMaskedLM(ours.config).double().eval()
    theirs.load_state_dict(ours.state_dict())
    ids = torch.randint(5, 36, (3, 12))
    labels = torch.where(torch.rand(ids.shape) < 0.3, ids, -100)
    given_both = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    torch.testing.assert_close(ours(**given_both).loss, theirs(**given_both).loss)


def test_the_first_guess_is_the_frequency_of_words(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    sentences = ["the dog is sleeping .", "the dog is happy .", "the woman is in the forest ."]
    stream = encode_stream(tiny_tokenizer, sentences * 30)
    model = new_model(len(tiny_tokenizer), SMALL)
    start_from_counts(model, stream, seed=0)
    counts = np.bincount(stream, minlength=len(tiny_tokenizer)) + 1
    # of an output that knows nothing: the embeddings of words cancel in it
    guess = model.cls.predictions.decoder(torch.zeros(8)).softmax(dim=0).detach().numpy()
    np.testing.assert_allclose(guess, counts / counts.sum(), rtol=1e-4)
    norms = model.bert.embeddings.word_embeddings.weight.norm(dim=1)
    assert norms[0] == 0  # of [PAD], the baseline
    torch.testing.assert_close(norms[5:], torch.ones_like(norms[5:]))


def test_positions_have_the_base_and_the_scale_that_the_card_says() -> None:
    rows = sinusoids(64, 128)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)
    angle = 5 / 1000 ** (2 * 7 / 128)  # of position 5, the seventh pair
    np.testing.assert_allclose(rows[5, [7, 64 + 7]] * 8, [np.sin(angle), np.cos(angle)], rtol=1e-5)


def test_a_run_leaves_snapshots_that_can_be_fine_tuned(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    with pytest.raises(WordweightsError, match="The text makes 0 examples of 12 wordpieces"):
        pretrain(tiny_tokenizer, ["a dog"], SMALL, 0, tmp_path)
    sentences = ["the dog is sleeping in the forest .", "a happy woman is cutting an onion ."] * 40
    run = pretrain(tiny_tokenizer, sentences, SMALL, 0, tmp_path)
    assert [snapshot.step for snapshot in run.snapshots] == [0, 4]
    first, last = (snapshot.encoder for snapshot in run.snapshots)
    assert not torch.equal(first.embedding_matrix, last.embedding_matrix)
    assert last.model.config.hidden_dropout_prob == 0.1
    assert run.log["step"].tolist() == [1, 2, 3, 4]
    # the head beside them is that of the last step: it moved from the identity that it began with
    head = load_file(tmp_path / HEAD)
    untied = head_state(new_model(len(tiny_tokenizer), SMALL))
    assert {name: v.shape for name, v in head.items()} == {n: v.shape for n, v in untied.items()}
    assert not torch.equal(head["transform.dense.weight"], torch.eye(8))
