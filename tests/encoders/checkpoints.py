"""The paper's checkpoints in their repositories' real formats, with small widths.

File names and key names are those of the repositories; the two layers hold random numbers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping

import torch
from safetensors.torch import save
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import BertConfig, BertModel

# hub id: weights, and the files that hold them
Repositories = dict[str, tuple[dict[str, Tensor], dict[str, bytes]]]

WORDS = [
    "a",
    "an",
    "the",
    "is",
    "are",
    "was",
    "there",
    "woman",
    "man",
    "dogs",
    "onion",
    "cutting",
    "running",
    "in",
    "forest",
    ".",
    ",",
    "!",
]
# the special tokens are not the first ids, as in the real vocabulary
VOCABULARY = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
CONFIG = {
    "attention_probs_dropout_prob": 0.1,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 24,
    "initializer_range": 0.02,
    "intermediate_size": 48,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 64,
    "model_type": "bert",
    "num_attention_heads": 12,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "transformers_version": "4.6.0",
    "type_vocab_size": 2,
    "use_cache": True,
    "vocab_size": len(VOCABULARY),
}
SPECIAL_TOKENS = {
    f"{role}_token": f"[{role.upper()}]" for role in ["unk", "sep", "pad", "cls", "mask"]
}
NAMES = {
    "BERT (CLS)": "google-bert/bert-base-uncased",
    "BERT (MEAN)": "google-bert/bert-base-uncased",
    "Unsup. SimCSE (CLS)": "princeton-nlp/unsup-simcse-bert-base-uncased",
    "Sup. SimCSE (CLS)": "princeton-nlp/sup-simcse-bert-base-uncased",
    "Sup. SimCSE (pooler)": "princeton-nlp/sup-simcse-bert-base-uncased",
    "SBERT (MEAN)": "sentence-transformers/bert-base-nli-mean-tokens",
}


def random_weights(seed: int) -> dict[str, Tensor]:
    """Weights of a BERT with a pooler, large enough to be far from linear."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: tensor.shape for name, tensor in plain_model().state_dict().items()}
    return {
        name: 0.2 * torch.randn(shape, generator=generator) + name.endswith("LayerNorm.weight")
        for name, shape in shapes.items()
    }


def plain_model(weights: Mapping[str, Tensor] | None = None) -> BertModel:
    """The model as transformers builds it, without any code under test."""
    model = BertModel(BertConfig(**CONFIG))
    if weights is not None:
        model.load_state_dict(weights)
    return model.eval()


def wordpiece_ids(sentence: str) -> list[int]:
    """The ids of an uncased sentence whose words stand between spaces."""
    return [VOCABULARY.index(word) for word in ["[CLS]", *sentence.lower().split(), "[SEP]"]]


def bert_files(weights: Mapping[str, Tensor]) -> dict[str, bytes]:
    """google-bert/bert-base-uncased: a pretraining checkpoint with old names of LayerNorm."""
    d, v = CONFIG["hidden_size"], CONFIG["vocab_size"]
    heads = {
        "cls.predictions.bias": torch.zeros(v),
        "cls.predictions.transform.dense.weight": torch.eye(d),
        "cls.predictions.transform.dense.bias": torch.zeros(d),
        "cls.predictions.transform.LayerNorm.gamma": torch.ones(d),
        "cls.predictions.transform.LayerNorm.beta": torch.zeros(d),
        "cls.predictions.decoder.weight": weights["embeddings.word_embeddings.weight"].clone(),
        "cls.seq_relationship.weight": torch.zeros(2, d),
        "cls.seq_relationship.bias": torch.zeros(2),
    }
    tensors = {f"bert.{old_name(name)}": tensor for name, tensor in weights.items()} | heads
    return {
        "config.json": as_json(CONFIG | {"architectures": ["BertForMaskedLM"]}),
        "tokenizer_config.json": as_json({"do_lower_case": True, "model_max_length": 512}),
        "tokenizer.json": tokenizer_json(),
        "vocab.txt": vocab_txt(),
        "model.safetensors": save(tensors, {"format": "pt"}),
        "pytorch_model.bin": as_bin(tensors),
        "flax_model.msgpack": b"another framework",
        "coreml/fill-mask/float32_model.mlpackage/Manifest.json": b"{}",
        "README.md": b"---\nlanguage: en\n---\n",
    }


def simcse_files(weights: Mapping[str, Tensor]) -> dict[str, bytes]:
    """princeton-nlp/*-simcse-bert-base-uncased: only a .bin, with a pooler, no tokenizer.json."""
    return {
        "config.json": as_json(
            CONFIG | {"architectures": ["BertModel"], "_name_or_path": "result/simcse"}
        ),
        "tokenizer_config.json": as_json(
            {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}
            | SPECIAL_TOKENS
            | {"name_or_path": "bert-base-uncased", "special_tokens_map_file": None}
        ),
        "special_tokens_map.json": as_json(SPECIAL_TOKENS),
        "vocab.txt": vocab_txt(),
        "pytorch_model.bin": as_bin(with_position_ids(weights)),
        "README.md": b"---\ntags:\n- feature-extraction\n---\n",
    }


def sbert_files(weights: Mapping[str, Tensor]) -> dict[str, bytes]:
    """sentence-transformers/bert-base-nli-mean-tokens: modules, pooling, both kinds of weights."""
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling")))
    ]
    modes = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    versions = {"sentence_transformers": "2.0.0", "transformers": "4.7.0", "pytorch": "1.9.0"}
    return {
        "config.json": as_json(CONFIG | {"architectures": ["BertModel"]}),
        "config_sentence_transformers.json": as_json({"__version__": versions}),
        "modules.json": as_json(modules),
        "sentence_bert_config.json": as_json({"max_seq_length": 128, "do_lower_case": False}),
        "1_Pooling/config.json": as_json(
            {"word_embedding_dimension": CONFIG["hidden_size"]}
            | {f"pooling_mode_{mode}": mode == "mean_tokens" for mode in modes}
        ),
        "tokenizer_config.json": as_json(
            {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "model_max_length": 512}
            | SPECIAL_TOKENS
        ),
        "special_tokens_map.json": as_json(SPECIAL_TOKENS),
        "added_tokens.json": b"{}",
        "tokenizer.json": tokenizer_json(),
        "vocab.txt": vocab_txt(),
        "model.safetensors": save(with_position_ids(weights), {"format": "pt"}),
        "pytorch_model.bin": as_bin(with_position_ids(weights)),
        "README.md": b"---\npipeline_tag: sentence-similarity\n---\n",
    }


def paper_repositories() -> Iterator[tuple[str, dict[str, Tensor], dict[str, bytes]]]:
    """The four repositories: hub id, weights, files."""
    formats = (bert_files, simcse_files, simcse_files, sbert_files)
    for seed, (hub_id, files) in enumerate(
        zip(dict.fromkeys(NAMES.values()), formats, strict=True)
    ):
        weights = random_weights(seed)
        yield hub_id, weights, files(weights)


def old_name(name: str) -> str:
    """The name of a weight in checkpoints converted from the first release."""
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
        "LayerNorm.bias", "LayerNorm.beta"
    )


def with_position_ids(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The buffer that transformers wrote until version 4.31."""
    positions = torch.arange(CONFIG["max_position_embeddings"])[None]
    return {"embeddings.position_ids": positions, **weights}


def as_bin(tensors: Mapping[str, Tensor]) -> bytes:
    """A pytorch_model.bin."""
    buffer = io.BytesIO()
    torch.save(dict(tensors), buffer)
    return buffer.getvalue()


def as_json(value: object) -> bytes:
    """A file in JSON."""
    return json.dumps(value, indent=2).encode()


def vocab_txt() -> bytes:
    """A vocabulary, one wordpiece a line."""
    return "".join(f"{word}\n" for word in VOCABULARY).encode()


def tokenizer_json() -> bytes:
    """The tokenizer in the format of the library tokenizers, lower-casing."""
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(token, VOCABULARY.index(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS.values()))
    return tokenizer.to_str().encode()
