"""Checks on real data, in the folder that WORDWEIGHTS_DATA names; run by `make verify`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from wordweights import filter_sentences, load_encoder, load_frequencies, load_sentences
from wordweights.words.frequencies import BERT_COUNTS_FILE

SPECIAL_IDS = range(100, 104)  # [UNK] [CLS] [SEP] [MASK]


@pytest.fixture(scope="module")
def data() -> Path:
    """The folder."""
    return Path(os.environ["WORDWEIGHTS_DATA"])


def test_sts_benchmark_has_the_sentences_of_the_paper() -> None:
    every = load_sentences("stsb")
    assert len(every) == 5758
    kept = filter_sentences(every, [load_encoder("all-MiniLM-L6-v2").tokenizer], n_words=7)
    assert len(kept) == 617
    assert kept["sentence"].nunique() == 495


def test_bert_counts_are_normalised_without_special_tokens(data: Path) -> None:
    _, counts, ids = np.loadtxt(data / BERT_COUNTS_FILE, dtype=np.int64, unpack=True)
    ordinary = ~np.isin(ids, SPECIAL_IDS)
    total = counts[ordinary].sum()
    found = load_frequencies("bert-pretraining").probabilities

    tokenizer = load_encoder("all-MiniLM-L6-v2").tokenizer
    tokens = np.array(tokenizer.convert_ids_to_tokens(ids.tolist()))
    whole = ordinary & ~np.char.startswith(tokens, "##")
    assert found.sum() == pytest.approx(counts[whole].sum() / total, rel=1e-12)
    for word in ("the", "dog", "onion", "."):
        (count,) = counts[tokens == word]
        assert found[word] == pytest.approx(count / total, rel=1e-12)
    assert found.index.intersection(["[UNK]", "[CLS]", "[SEP]", "[MASK]"]).empty
