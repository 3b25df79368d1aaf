"""What every count is compared with: the tokenizer itself, line by line, without any cutting."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from wordweights.counting import count_corpus

count_bert = partial(count_corpus, tokens="bert")

_NORMALISER, _SPLITTER = BertNormalizer(lowercase=True), BertPreTokenizer()


def bert_tokens(text: str) -> Counter[str]:
    """The counts of BERT-base-uncased's tokens before they become wordpieces."""
    normal = _NORMALISER.normalize_str(text)
    return Counter(token for token, _ in _SPLITTER.pre_tokenize_str(normal))


def read_counts(path: Path) -> Counter[str]:
    """The counts of a table."""
    table = pq.read_table(path)
    words = table["word"].to_pylist()
    assert len(set(words)) == len(words)
    return Counter(dict(zip(words, table["count"].to_pylist(), strict=True)))
