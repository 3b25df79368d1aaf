"""Surprisal by a tiny random masked language model, beside a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from families import SIZES
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from wordweights.attribution.surprisal import surprisal
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError


@pytest.fixture
def model(tiny_tokenizer: PreTrainedTokenizerFast) -> BertForMaskedLM:
    """Of two layers, with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return BertForMaskedLM(BertConfig(vocab_size=len(tiny_tokenizer), **SIZES)).double().eval()


@pytest.mark.parametrize("rows", [2, 64])
def test_a_word_is_hidden_with_all_its_pieces(
    tiny_tokenizer: PreTrainedTokenizerFast,
    model: BertForMaskedLM,
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
) -> None:
    monkeypatch.setattr("wordweights.attribution.surprisal.MASKED_AT_ONCE", rows)
    encoder = Encoder("tiny", "mean", tiny_tokenizer, model.bert)
    found = surprisal(encoder, model, ["the dogs are playing .", "an onion !"])
    assert len(found) == 5 + 3
    ids = tiny_tokenizer("the dogs are playing .")["input_ids"]
    expected = []
    for pieces in ([1], [2], [3], [4, 5], [6]):
        hidden = list(ids)
        for piece in pieces:
            hidden[piece] = tiny_tokenizer.mask_token_id
        with torch.no_grad():
            p = model(input_ids=torch.tensor([hidden])).logits[0].softmax(dim=-1)
        expected.append(-sum(np.log(float(p[piece, ids[piece]])) for piece in pieces))
    np.testing.assert_allclose(found[:5], expected, rtol=1e-10)


def test_a_word_without_a_wordpiece_of_its_own_has_none(
    tiny_tokenizer: PreTrainedTokenizerFast, model: BertForMaskedLM
) -> None:
    encoder = Encoder("tiny", "mean", tiny_tokenizer, model.bert)
    found = surprisal(encoder, model, ["the zebra is happy ."])
    assert np.isnan(found).tolist() == [False, True, False, False, False]
    assert surprisal(encoder, model, []).shape == (0,)


def test_the_words_must_be_those_that_are_asked_about(
    tiny_tokenizer: PreTrainedTokenizerFast, model: BertForMaskedLM
) -> None:
    encoder = Encoder("tiny", "mean", tiny_tokenizer, model.bert)
    text = ["the dogs", "are happy"]
    found = surprisal(encoder, model, text, ["the", "dogs", "are", "happy"])
    np.testing.assert_array_equal(found, surprisal(encoder, model, text))
    for words in (["the", "dogs", "arehappy"], ["the", "dogs", "are"]):
        with pytest.raises(WordweightsError, match=r"'tiny' has other words.* 'are|'happy'"):
            surprisal(encoder, model, text, words)
