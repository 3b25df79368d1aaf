"""An encoder by itself: its vectors, what it refuses, and its digest."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, processors
from transformers import PreTrainedTokenizerFast

from wordweights.attribution import attribute
from wordweights.attribution.alignment import tokenise
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError


def tokenizer_like(encoder: Encoder, *roles: str) -> PreTrainedTokenizerFast:
    """The encoder's tokenizer, with the special tokens of some roles only."""
    backend = Tokenizer.from_str(encoder.tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    names = {f"{role}_token": f"[{role.upper()}]" for role in ("unk", *roles)}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_vectors_are_those_of_the_model_from_embeddings_before_positions(
    tiny_encoder: Encoder, pooling: str
) -> None:
    encoder = Encoder("tiny", pooling, tiny_encoder.tokenizer, tiny_encoder.model)
    sentences = ["a woman is cutting an onion .", "there are dogs !"]
    for sentence, vector in zip(sentences, encoder.encode(sentences), strict=True):
        ids = encoder.tokenizer(sentence, return_tensors="pt")["input_ids"]
        hidden = encoder.model(input_ids=ids).last_hidden_state[0]
        expected = hidden[0] if pooling == "cls" else hidden.mean(dim=0)
        torch.testing.assert_close(vector, expected)
        assert torch.equal(encoder.embed(ids), encoder.model.get_input_embeddings()(ids))
        torch.testing.assert_close(encoder(encoder.embed(ids))[0], expected)
        torch.testing.assert_close(encoder(encoder.embed(ids), torch.ones_like(ids))[0], expected)


def test_a_sentence_that_is_too_long_is_cut_where_that_is_asked_for(tiny_encoder: Encoder) -> None:
    long = " ".join(["dog"] * 30)
    fits = " ".join(["dog"] * (tiny_encoder.max_tokens - 2))
    torch.testing.assert_close(tiny_encoder.encode([long], cut=True), tiny_encoder.encode([fits]))


def test_an_encoder_is_frozen_and_its_digest_is_that_of_its_weights(tiny_encoder: Encoder) -> None:
    assert not tiny_encoder.model.training
    assert not any(p.requires_grad for p in tiny_encoder.model.parameters())
    before = tiny_encoder.digest
    bias = tiny_encoder.model.embeddings.LayerNorm.bias
    bias[0] += 1e-3
    changed = tiny_encoder.digest
    bias[0] -= 1e-3
    tiny_encoder.model.float()
    assert len({before, changed, tiny_encoder.digest}) == 3
    assert tiny_encoder.model.double() is tiny_encoder.model


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tiny_encoder: Encoder, value: float) -> None:
    name = "encoder.layer.0.output.dense.bias"
    tiny_encoder.model.state_dict()[name].fill_(value)
    with pytest.raises(WordweightsError, match=rf"'{name}' holds 16 NaN or infinite"):
        Encoder("tiny", "cls", tiny_encoder.tokenizer, tiny_encoder.model)


def test_no_special_token_is_needed_but_by_a_baseline_of_it(tiny_encoder: Encoder) -> None:
    """Special are those that the tokenizer adds, whatever they are called, or none."""
    text = ["a woman is cutting an onion ."]
    for template, special in ((None, []), ("$A [SEP]", [-1]), ("[CLS] $A", [0])):
        tokenizer = tokenizer_like(tiny_encoder)
        if template:
            tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
                single=template, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
            )
        else:
            tokenizer.backend_tokenizer.post_processor = processors.Sequence([])
        encoder = Encoder("tiny", "lasttoken", tokenizer, tiny_encoder.model)
        (sentence,) = tokenise(encoder, text)
        word_of = list(sentence.word_of)
        assert [word_of.pop(place) for place in special] == [-1] * len(special)
        assert word_of == list(range(7))
        with pytest.raises(WordweightsError, match=r"needs a \[PAD\] token.* of 'mask', 'zero'"):
            attribute(encoder, text, progress=False)
        assert (attribute(encoder, text, baseline="zero", progress=False)["contribution"] > 0).all()


def test_a_tokenizer_of_another_model_is_refused(tiny_encoder: Encoder) -> None:
    tokenizer = tokenizer_like(tiny_encoder, "pad", "cls", "sep")
    tokenizer.add_tokens(["new"])
    with pytest.raises(WordweightsError, match="belong to different checkpoints"):
        Encoder("tiny", "cls", tokenizer, tiny_encoder.model)


def test_poolings_that_cannot_be_are_refused(tiny_encoder: Encoder) -> None:
    for unknown in ("middle", "cls+middle", "pooler+mean", ""):
        with pytest.raises(WordweightsError, match=r"pooling '.*' is not known; use one of 'cls'"):
            Encoder("tiny", unknown, tiny_encoder.tokenizer, tiny_encoder.model)
    with pytest.raises(WordweightsError, match=r"needs a pooler in the model.*'bert' has none"):
        Encoder("tiny", "pooler", tiny_encoder.tokenizer, tiny_encoder.model)
