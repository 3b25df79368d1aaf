"""Counts of real text against the tokenizer itself."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from wordweights.counting import count_corpus

DATA = Path(os.environ["WORDWEIGHTS_DATA"])


@pytest.mark.parametrize("name", ["wikipedia_sentences.txt", "nli_sample.tsv", "stsb/train.csv"])
def test_counts_of_real_text_are_those_of_the_tokenizer(tmp_path: Path, name: str) -> None:
    normalise, split = BertNormalizer(lowercase=True).normalize_str, BertPreTokenizer()
    expected = Counter[str]()
    text = tmp_path / "text.txt"  # lines, whatever they are elsewhere
    text.write_bytes((DATA / name).read_bytes())
    for line in text.read_bytes().decode(errors="replace").split("\n"):
        expected.update(token for token, _ in split.pre_tokenize_str(normalise(line)))
    output = tmp_path / "counts.parquet"
    report = count_corpus([text], output, tokens="bert")
    table = pq.read_table(output).to_pydict()
    assert dict(zip(table["word"], table["count"], strict=True)) == expected
    assert report.tally.total == expected.total()
