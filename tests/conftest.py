"""Tiny tokenizers and models, made in memory: no test downloads anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis
import pytest
from families import random_bert
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from wordweights.encoders import Encoder

# no property is about time, and a busy machine is slow
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

WORDS = [
    "a",
    "an",
    "the",
    "in",
    "is",
    "are",
    "was",
    "on",
    "there",
    "woman",
    "man",
    "dog",
    "dogs",
    "forest",
    "onion",
    "cutting",
    "running",
    "sleeping",
    "and",
    "happy",
    "quick",
    ".",
    ",",
    "!",
    "?",
]
PIECES = ["##s", "##ing", "##er", "un", "play", "cut"]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

EVERY_PAGE = ("test_access.py", "test_looks.py")
"""Tests that open every page of the book."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave for the end what waits for the book, and may be done by any process."""
    items.sort(key=lambda item: item.path.name in EVERY_PAGE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a process a file at a time, or most of tests/book, which shares a run and a browser."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            shared = file.startswith("tests/book/") and not file.endswith(EVERY_PAGE)
            return "tests/book" if shared else file

    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def _own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test's results to itself."""
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "results"))


@pytest.fixture(scope="session")
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A lower-casing WordPiece tokenizer of a few words and pieces."""
    vocabulary = {word: i for i, word in enumerate(SPECIALS + WORDS + PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=24,
    )


@pytest.fixture
def tiny_encoder(tiny_tokenizer: PreTrainedTokenizerFast) -> Encoder:
    """A random encoder in float64, read by its mean."""
    return Encoder("tiny", "mean", tiny_tokenizer, random_bert(tiny_tokenizer).double())


@pytest.fixture
def tiny_checkpoint(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Path:
    """A model as a folder with a checkpoint, which does not say how to pool."""
    folder = tmp_path / "checkpoint"
    random_bert(tiny_tokenizer, seed=5).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder
