"""Heads that guess words, and encoders cut after some of their layers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from families import SIZES, random_bert
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from wordweights.encoders import Encoder, load_encoder
from wordweights.encoders.heads import cut_after, load_language_model
from wordweights.errors import WordweightsError

SENTENCES = ["the dog is running .", "an onion !"]


@pytest.fixture
def guesser(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Path:
    """A masked language model as a folder."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = BertForMaskedLM(BertConfig(vocab_size=len(tiny_tokenizer), **SIZES))
    model.save_pretrained(tmp_path / "guesser")
    tiny_tokenizer.save_pretrained(tmp_path / "guesser")
    return tmp_path / "guesser"


def test_a_checkpoint_with_a_head_is_a_language_model_and_the_same_encoder(guesser: Path) -> None:
    encoder = load_encoder(f"{guesser} (MEAN)")
    model = load_language_model(f"{guesser} (MEAN)")
    assert model is not None
    ids = torch.tensor([encoder.tokenizer(SENTENCES[0])["input_ids"]])
    hidden = model.bert(ids).last_hidden_state
    torch.testing.assert_close(hidden.mean(dim=1), encoder.encode(SENTENCES[:1]))
    assert model(ids).logits.shape[-1] == len(encoder.tokenizer)
    # random weights guess nothing
    assert load_language_model(f"{guesser} (untrained)") is None


def test_a_checkpoint_without_a_head_is_none(tiny_checkpoint: Path) -> None:
    assert load_language_model(str(tiny_checkpoint)) is None
    assert load_language_model("all-MiniLM-L6-v2") is None
    with pytest.raises(WordweightsError, match="neither a known name"):
        load_language_model("nobody")


def test_a_cut_encoder_pools_the_hidden_states_of_its_last_layer(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    encoder = Encoder("tiny", "mean", tiny_tokenizer, random_bert(tiny_tokenizer).double())
    ids = torch.tensor([tiny_tokenizer(SENTENCES[0])["input_ids"]])
    states = encoder.model(ids, output_hidden_states=True).hidden_states
    assert len(states) == 3
    for layer, state in enumerate(states):
        cut = cut_after(encoder, layer)
        torch.testing.assert_close(cut.encode(SENTENCES[:1]), state.mean(dim=1))
        assert cut.name == f"tiny, layer {layer}"
    # each has results of its own, and the given one is as it was
    assert len({cut_after(encoder, layer).digest for layer in range(3)}) == 3
    assert len(encoder.model.encoder.layer) == 2
    assert cut_after(encoder, 2).digest == encoder.digest


def test_what_cannot_be_cut_says_why(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    encoder = Encoder("tiny", "cls", tiny_tokenizer, random_bert(tiny_tokenizer))
    with pytest.raises(WordweightsError, match=r"'tiny' cannot be cut after layer 3: it has 2"):
        cut_after(encoder, 3)
    pooled = Encoder("tiny", "pooler", tiny_tokenizer, random_bert(tiny_tokenizer, pooler=True))
    with pytest.raises(WordweightsError, match="more behind its layers than a pooling"):
        cut_after(pooled, 1)
