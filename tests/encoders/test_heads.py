"""Heads that guess words, and what would be pooled after every layer."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FAMILIES, SIZES, cut_by_hand, make, random_bert
from sentence_transformers.sentence_transformer.modules import Normalize
from transformers import BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

from wordweights.encoders import Encoder, load_encoder
from wordweights.encoders.heads import every_layer, load_language_model
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


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_every_layer_is_pooled_as_by_a_model_cut_after_it(
    tiny_tokenizer: PreTrainedTokenizerFast,
    family: Callable[[int], torch.nn.Module],
    pooling: str,
) -> None:
    encoder = make(family, tiny_tokenizer, pooling)
    joined = every_layer(encoder)
    found = joined.encode(SENTENCES)
    assert found.shape == (2, 3 * encoder.vector_size)
    for layer, vectors in enumerate(found.chunk(3, dim=1)):
        torch.testing.assert_close(vectors, cut_by_hand(encoder, layer).encode(SENTENCES))
    ids = torch.tensor([tiny_tokenizer(SENTENCES[0])["input_ids"]])
    torch.testing.assert_close(joined.vectors(joined.embed(ids)), found[:1])
    # it is another encoder than the one that it is made of, by its results and on a cluster
    assert joined.digest != encoder.digest
    with pytest.raises(WordweightsError, match="no derivatives here"):
        joined.as_stack().linearise(joined.embed(ids))
    with pytest.raises(WordweightsError, match="takes no padding"):
        joined.vectors(joined.embed(ids), torch.zeros_like(ids))
    sent = pickle.loads(pickle.dumps(joined))
    assert sent.digest == joined.digest
    torch.testing.assert_close(sent.encode(SENTENCES), found)
    assert pickle.loads(pickle.dumps(encoder)).digest == encoder.digest


def test_an_encoder_with_more_than_a_pooling_behind_its_layers_is_refused(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    pooled = Encoder("tiny", "pooler", tiny_tokenizer, random_bert(tiny_tokenizer, pooler=True))
    with pytest.raises(WordweightsError, match="'tiny' has a pooler behind its layers"):
        every_layer(pooled)
    cut = replace(pooled, pooling="cls", truncate_dim=4)
    behind = replace(pooled, pooling="cls", behind=(Normalize(),))
    for encoder in (cut, behind):
        with pytest.raises(WordweightsError, match="more stands behind them than a pooling"):
            every_layer(encoder)


def test_a_model_that_changes_its_last_hidden_state_is_refused(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    class Scaled(BertModel):
        def forward(self, *args: Any, **options: Any) -> Any:
            found = super().forward(*args, **options)
            found.last_hidden_state = 2 * found.last_hidden_state
            return found

    config = BertConfig(vocab_size=len(tiny_tokenizer), **SIZES)
    encoder = Encoder("tiny", "cls", tiny_tokenizer, Scaled(config, add_pooling_layer=False))
    with pytest.raises(WordweightsError, match="its layers are not known"):
        every_layer(encoder)
