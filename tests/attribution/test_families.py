"""Every family of encoders is attributed: its vectors, its derivatives, its wordpieces."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from families import FAMILIES, make, roberta
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

from wordweights.attribution import WordAttribution, attribute
from wordweights.attribution.alignment import tokenise
from wordweights.attribution.quadrature import gauss_legendre

SENTENCES = ["the dogs are running .", "a woman was playing on the forest !"]


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_of_the_ids(
    tiny_tokenizer: PreTrainedTokenizerFast,
    family: Callable[[int], torch.nn.Module],
    pooling: str,
) -> None:
    """Word embeddings in, or ids in: the same sentence vector, alone or padded in a batch."""
    encoder = make(family, tiny_tokenizer, pooling)
    batch = encoder.encode(SENTENCES)
    for sentence, vector in zip(SENTENCES, batch, strict=True):
        ids = torch.tensor([tiny_tokenizer(sentence)["input_ids"]])
        hidden = encoder.model(input_ids=ids).last_hidden_state[0]
        expected = hidden[0] if pooling == "cls" else hidden.mean(dim=0)
        alone = encoder.vectors(encoder.embed(ids))[0]
        torch.testing.assert_close(alone, expected, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(vector, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_attributed_completely(
    tiny_tokenizer: PreTrainedTokenizerFast, family: Callable[[int], torch.nn.Module]
) -> None:
    """Exact contributions equal a plain loop of autograd, and the certificate is met."""
    encoder = make(family, tiny_tokenizer, "mean")
    ids = torch.tensor([tiny_tokenizer(SENTENCES[0])["input_ids"]])
    pads = ids.clone()
    pads[:, 1:-1] = tiny_tokenizer.pad_token_id
    w, b = encoder.embed(ids), encoder.embed(pads)
    total = torch.zeros(*w.shape, 16, dtype=torch.float64)
    rule = gauss_legendre(6)
    for node, weight in zip(rule.nodes, rule.weights, strict=True):
        x = (b + node * (w - b)).requires_grad_()
        s = encoder.vectors(x)[0]
        for k in range(16):
            (gradient,) = torch.autograd.grad(s[k], x, retain_graph=True)
            total[..., k] += weight * gradient * (w - b)
    ours = WordAttribution(encoder.vectors).attribute(w, b, n_nodes=6, quadrature="gauss-legendre")
    torch.testing.assert_close(ours, total.norm(dim=(-2, -1)), rtol=1e-9, atol=1e-13)
    table = attribute(encoder, SENTENCES, tolerance=1e-4, probes="all", progress=False)
    assert table["converged"].all()


def test_byte_level_pieces_find_their_words() -> None:
    """RoBERTa's pieces begin with the space before the word; the word is still theirs."""
    letters = {letter: i + 5 for i, letter in enumerate(sorted(ByteLevel.alphabet()))}
    specials = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}
    tokenizer = Tokenizer(models.BPE({**specials, **letters}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=False
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=40,
    )
    encoder = make(roberta, fast, "cls")
    (sentence,) = tokenise(encoder, ["an ox."])
    assert sentence.words == ("an", "ox", ".")
    # <s> a n Ġ o x . </s>: the space belongs to the word that follows it
    assert sentence.word_of[:3] == (-1, 0, 0)
    assert sentence.word_of[4:] == (1, 1, 2, -1)
