"""Families of encoders as checkpoints, against the model that sentence-transformers runs."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import families
import pytest
import torch
import transformers as hf
from sentence_models import by_loop, save, settings_of, weigh
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import processors
from tokenizers.pre_tokenizers import ByteLevel

from wordweights.attribution.alignment import tokenise
from wordweights.encoders import as_encoder, load_encoder, pretrained
from wordweights.errors import WordweightsError

SENTENCES = ["the dogs are running .", "an onion"]
WORDS = ["the", "dogs", "are", "running", "an", "onion", "a", "woman", "is", "cutting", "."]
# a checkpoint does not say how attention is computed
SIZES = {name: size for name, size in families.SIZES.items() if name != "attn_implementation"}
BERTS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTAS = ["<s>", "<pad>", "</s>", "<unk>"]


def wordpiece(kind: Any, specials: list[str] = BERTS) -> Any:
    """A vocabulary of whole words, such as vocab.txt."""
    return kind(vocab={word: i for i, word in enumerate([*specials, *WORDS])})


def unigram(kind: Any, specials: list[str], last: list[str] | None = None) -> Any:
    """Pieces with scores, as a model of sentencepiece has them."""
    letters = sorted(set("".join(WORDS)))
    pieces = [*specials, "▁", *(f"▁{word}" for word in WORDS), *letters, *(last or [])]
    return kind(vocab=[(piece, -float(i) / 10) for i, piece in enumerate(pieces)])


def letters(kind: Any, specials: list[str], alphabet: list[str], **settings: Any) -> Any:
    """Byte pairs without merges: every letter is a piece."""
    vocabulary = {piece: i for i, piece in enumerate([*specials, *alphabet])}
    return kind(vocab=vocabulary, merges=[], **settings)


def qwen() -> Any:
    tokenizer = letters(hf.Qwen2Tokenizer, ["<|endoftext|>"], sorted(ByteLevel.alphabet()))
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", 0)]
    )
    return tokenizer


def pieces_of(kind: Any, specials: list[str], **settings: Any) -> Any:
    pieces = ["▁", *sorted(set("".join(WORDS)))]
    return letters(kind, specials, pieces, add_bos_token=True, **settings)


@dataclass(frozen=True)
class Family:
    """A head on top, as a checkpoint of pretraining has it; a tokenizer; what the latter adds."""

    model: Any
    config: Any
    tokenizer: Callable[[], Any]
    added: tuple[int, int] = (1, 1)  # before the words, and behind them
    pooling: str = "mean"
    limit: int = 40
    size: int = 16
    near: float = (
        1e-8  # some compute attention or normalisations in float32, whatever they are given
    )


T5_SIZES = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
LLM = SIZES | {"num_key_value_heads": 1, "head_dim": 8}
GEMMA = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
FAMILIES = {
    "bert": Family(
        hf.BertForPreTraining,
        lambda n: hf.BertConfig(vocab_size=n, **SIZES),
        lambda: wordpiece(hf.BertTokenizer),
    ),
    "roberta": Family(
        hf.RobertaForMaskedLM,
        lambda n: hf.RobertaConfig(vocab_size=n, **SIZES),
        lambda: letters(hf.RobertaTokenizer, [*ROBERTAS, "<mask>"], sorted(ByteLevel.alphabet())),
        pooling="cls",
        limit=38,
    ),
    "xlm-roberta": Family(
        hf.XLMRobertaForMaskedLM,
        lambda n: hf.XLMRobertaConfig(vocab_size=n, **SIZES),
        lambda: unigram(hf.XLMRobertaTokenizer, ROBERTAS, ["<mask>"]),
        limit=38,
    ),
    "roberta-prelayernorm": Family(
        hf.RobertaPreLayerNormForMaskedLM,
        lambda n: hf.RobertaPreLayerNormConfig(vocab_size=n, **SIZES),
        lambda: unigram(hf.XLMRobertaTokenizer, ROBERTAS, ["<mask>"]),
        limit=38,
    ),
    "mpnet": Family(
        hf.MPNetForMaskedLM,
        lambda n: hf.MPNetConfig(vocab_size=n, **SIZES),
        lambda: wordpiece(hf.MPNetTokenizer, ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]),
        limit=38,
    ),
    "distilbert": Family(
        hf.DistilBertForMaskedLM,
        lambda n: hf.DistilBertConfig(
            vocab_size=n,
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=32,
            max_position_embeddings=40,
            initializer_range=0.2,
        ),
        lambda: wordpiece(hf.DistilBertTokenizer),
    ),
    "albert": Family(
        hf.AlbertForPreTraining,
        lambda n: hf.AlbertConfig(vocab_size=n, embedding_size=8, **SIZES),
        lambda: unigram(hf.AlbertTokenizer, ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]),
    ),
    "electra": Family(
        hf.ElectraForMaskedLM,
        lambda n: hf.ElectraConfig(vocab_size=n, embedding_size=8, **SIZES),
        lambda: wordpiece(hf.ElectraTokenizer),
        pooling="cls",
    ),
    "electra discriminator": Family(
        hf.ElectraForPreTraining,
        lambda n: hf.ElectraConfig(vocab_size=n, embedding_size=8, **SIZES),
        lambda: wordpiece(hf.ElectraTokenizer),
    ),
    "convbert": Family(
        hf.ConvBertForMaskedLM,
        lambda n: hf.ConvBertConfig(
            vocab_size=n, embedding_size=8, conv_kernel_size=3, head_ratio=1, **SIZES
        ),
        lambda: wordpiece(hf.ConvBertTokenizer),
    ),
    "deberta-v3": Family(
        hf.DebertaV2ForMaskedLM,
        lambda n: hf.DebertaV2Config(
            vocab_size=n,
            relative_attention=True,
            pos_att_type=["p2c", "c2p"],
            position_biased_input=False,
            position_buckets=8,
            norm_rel_ebd="layer_norm",
            share_att_key=True,
            type_vocab_size=0,
            **SIZES,
        ),
        lambda: unigram(hf.DebertaV2Tokenizer, ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], ["[MASK]"]),
    ),
    "deberta-v2": Family(
        hf.DebertaV2ForMaskedLM,
        lambda n: hf.DebertaV2Config(
            vocab_size=n,
            relative_attention=True,
            pos_att_type=["c2p", "p2c"],
            conv_kernel_size=3,
            conv_act="gelu",
            position_buckets=8,
            **SIZES,
        ),
        lambda: unigram(hf.DebertaV2Tokenizer, ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], ["[MASK]"]),
    ),
    "modernbert": Family(
        hf.ModernBertForMaskedLM,
        lambda n: hf.ModernBertConfig(
            vocab_size=n,
            global_attn_every_n_layers=2,
            local_attention=4,
            pad_token_id=0,
            cls_token_id=2,
            bos_token_id=2,
            sep_token_id=3,
            eos_token_id=3,
            **SIZES,
        ),
        lambda: wordpiece(hf.BertTokenizer),
        pooling="cls",
        near=1e-5,
    ),
    "nomic": Family(
        hf.NomicBertForMaskedLM,
        lambda n: hf.NomicBertConfig(vocab_size=n, **SIZES),
        lambda: wordpiece(hf.BertTokenizer),
    ),
    "t5": Family(
        hf.T5ForConditionalGeneration,
        lambda n: hf.T5Config(vocab_size=n, **T5_SIZES),
        lambda: unigram(
            lambda vocab: hf.T5Tokenizer(vocab, extra_ids=0, model_max_length=33),
            ["<pad>", "</s>", "<unk>"],
        ),
        added=(0, 1),
        limit=33,
        near=1e-5,
    ),
    "mt5": Family(
        hf.MT5ForConditionalGeneration,
        lambda n: hf.MT5Config(vocab_size=n, feed_forward_proj="gated-gelu", **T5_SIZES),
        lambda: unigram(
            lambda vocab: hf.T5Tokenizer(vocab, extra_ids=0), ["<pad>", "</s>", "<unk>"]
        ),
        added=(0, 1),
        limit=2**31,
        near=1e-5,
    ),
    "xlnet": Family(
        hf.XLNetLMHeadModel,
        lambda n: hf.XLNetConfig(vocab_size=n, d_model=16, n_layer=2, n_head=2, d_inner=32),
        lambda: unigram(
            hf.XLNetTokenizer, ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"]
        ),
        added=(0, 2),
        limit=2**31,
    ),
    "qwen3": Family(
        hf.Qwen3ForCausalLM,
        lambda n: hf.Qwen3Config(vocab_size=n, **LLM),
        qwen,
        added=(0, 1),
        pooling="lasttoken",
        near=1e-5,
    ),
    "llama": Family(
        hf.LlamaForCausalLM,
        lambda n: hf.LlamaConfig(vocab_size=n, **LLM),
        lambda: pieces_of(hf.LlamaTokenizer, ["<unk>", "<s>", "</s>"], pad_token="</s>"),
        added=(1, 0),
        pooling="lasttoken",
        near=1e-5,
    ),
    "gemma3": Family(
        hf.Gemma3ForCausalLM,
        lambda n: hf.Gemma3TextConfig(vocab_size=n, sliding_window=4, **LLM),
        lambda: pieces_of(hf.GemmaTokenizer, GEMMA),
        added=(1, 0),
        pooling="lasttoken",
        near=1e-5,
    ),
    "gemma3 in both directions": Family(
        hf.Gemma3ForCausalLM,
        lambda n: hf.Gemma3TextConfig(
            vocab_size=n, sliding_window=4, use_bidirectional_attention=True, **LLM
        ),
        lambda: pieces_of(hf.GemmaTokenizer, GEMMA),
        added=(1, 0),
        near=1e-5,
    ),
}


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def made(family: Family) -> tuple[Any, Any]:
    """A random model with its head, large enough to be far from linear, and a tokenizer."""
    tokenizer = family.tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = family.model(family.config(len(tokenizer)))
        for weight in model.parameters():
            weight.data += 0.1 * torch.randn_like(weight)
    return model, tokenizer


def test_a_family_is_the_one_that_sentence_transformers_runs(
    family: Family, tmp_path: Path
) -> None:
    """As an object, a folder, and from the checkpoint of its pretraining, head and all."""
    model = save(tmp_path, *made(family), family.pooling).double()
    taken = as_encoder(model)
    folder = load_encoder(tmp_path / "model", dtype=torch.float64)
    pretrained = load_encoder(tmp_path / "transformer", family.pooling, dtype=torch.float64)
    assert settings_of(taken) == settings_of(folder)
    assert (taken.max_tokens, taken.vector_size) == (family.limit, family.size)

    alone = [model.encode([sentence], convert_to_tensor=True)[0] for sentence in SENTENCES]
    (sentence,) = tokenise(taken, SENTENCES[:1])
    before, behind = family.added
    inner = sentence.word_of[before : len(sentence.ids) - behind]
    assert list(sentence.word_of) == [-1] * before + list(inner) + [-1] * behind
    assert set(inner) == set(range(5))
    ids = torch.tensor(sentence.ids)
    assert torch.equal(folder.embedding_matrix[ids], folder.embed(ids))
    loop = by_loop(model, SENTENCES[0], sentence.word_of)
    for encoder in (taken, folder, pretrained):
        vectors = encoder.encode(SENTENCES)
        torch.testing.assert_close(vectors, torch.stack(alone), rtol=family.near, atol=family.near)
    contributions = weigh(folder, SENTENCES[0])
    torch.testing.assert_close(contributions, loop, rtol=10 * family.near, atol=1e-12)


def test_a_family_is_read_up_to_its_limit(family: Family, tmp_path: Path) -> None:
    model, tokenizer = made(family)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    encoder = load_encoder(tmp_path, family.pooling)
    long = ["an onion " * 100]
    assert torch.isfinite(encoder.encode(long, cut=True)).all()
    if family.limit < 1000:
        with pytest.raises(WordweightsError, match=f"than the {family.limit} that encoder"):
            tokenise(encoder, long)


def test_the_control_of_a_family_is_random(family: Family, tmp_path: Path) -> None:
    model, tokenizer = made(family)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    first, second = (
        load_encoder(tmp_path, family.pooling, trained=False, seed=seed) for seed in (0, 1)
    )
    trained = load_encoder(tmp_path, family.pooling)
    assert len({first.digest, second.digest, trained.digest}) == 3
    assert type(first.model) is type(trained.model)


# --- families that do not fit


REFUSED = {
    # its embedding layer scales by the share of masks among the ids
    "esm": Family(
        hf.EsmForMaskedLM,
        lambda n: hf.EsmConfig(
            vocab_size=n, pad_token_id=0, mask_token_id=4, token_dropout=True, **SIZES
        ),
        lambda: wordpiece(hf.BertTokenizer),
    ),
    # it pools tokens between its layers, and fails for short texts
    "funnel": Family(
        hf.FunnelForPreTraining,
        lambda n: hf.FunnelConfig(
            vocab_size=n,
            d_model=16,
            n_head=2,
            d_head=8,
            d_inner=32,
            block_sizes=[1, 1],
            num_decoder_layers=1,
        ),
        lambda: wordpiece(hf.FunnelTokenizer, ["<pad>", "<unk>", "<cls>", "<sep>", "<mask>"]),
    ),
    "bart": Family(
        hf.BartForConditionalGeneration,
        lambda n: hf.BartConfig(
            vocab_size=n,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
        ),
        lambda: unigram(hf.XLMRobertaTokenizer, ROBERTAS, ["<mask>"]),
    ),
    "canine": Family(
        hf.CanineModel,
        lambda n: hf.CanineConfig(num_hash_buckets=16, num_hash_functions=2, **SIZES),
        lambda: wordpiece(hf.BertTokenizer),
    ),
    "llama read at its first token": Family(
        hf.LlamaForCausalLM,
        lambda n: hf.LlamaConfig(vocab_size=n, **LLM),
        FAMILIES["llama"].tokenizer,
        pooling="cls",
    ),
}
MESSAGES = {
    "esm": r"family 'esm' .* not the one from the tokens \(it is off by 0\.\d+ of its length\)",
    "funnel": r"family 'funnel' cannot be attributed, .* Families known to work: BERT",
    "bart": r"'bart' cannot be attributed, for they are encoders with decoders, and only t5, mt5",
    "canine": "family 'canine' have no table of word embeddings",
    "llama read at its first token": r"whatever the words are: with the pooling 'cls'",
}


@pytest.mark.parametrize("name", ["bart", "esm", "funnel"])
def test_an_object_of_a_family_that_does_not_fit_is_refused_in_words(
    name: str, tmp_path: Path
) -> None:
    model, tokenizer = made(REFUSED[name])
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    modules = [Transformer(str(tmp_path)), Pooling(16, "mean")]
    with pytest.raises(WordweightsError, match=MESSAGES[name]):
        as_encoder(SentenceTransformer(modules=modules, device="cpu"))


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("name", REFUSED)
def test_a_family_that_does_not_fit_is_refused_in_words(
    name: str, trained: bool, tmp_path: Path
) -> None:
    family = REFUSED[name]
    model, tokenizer = made(family)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(WordweightsError, match=MESSAGES[name]):
        load_encoder(tmp_path, family.pooling, trained=trained)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, r"is spm\.model without .*: pip install sentencepiece protobuf, or use"),
        ("it is installed", r"cannot be loaded .* must hold tokenizer\.json"),
    ],
)
def test_a_model_of_sentencepiece_alone_is_refused_with_what_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, said: str
) -> None:
    """So DeBERTa v3 is published; transformers itself would advise another package."""
    monkeypatch.setattr(pretrained, "find_spec", lambda _: found)
    model, tokenizer = made(FAMILIES["deberta-v3"])
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "spm.model").write_bytes(b"pieces")
    with pytest.raises(WordweightsError, match=said):
        load_encoder(tmp_path, "mean")


def test_tokens_of_other_types_than_0_are_refused(
    tiny_checkpoint: Path, tiny_tokenizer: hf.PreTrainedTokenizerFast
) -> None:
    """Their embeddings would be left out."""
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save_pretrained(tiny_checkpoint)
    path = tiny_checkpoint / "tokenizer_config.json"
    names = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
    path.write_text(json.dumps(json.loads(path.read_text()) | names))
    with pytest.raises(WordweightsError, match="marks tokens by types other than 0"):
        load_encoder(tiny_checkpoint, "mean")
