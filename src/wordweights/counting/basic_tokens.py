"""From distinct pieces of text to words: the tokens of BERT's basic tokenizer, or of spaCy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wordweights.counting.pieces import Cutting, is_plain, make_cutting, strip_spaces

TOKENS = ("bert", "spacy")
"""The tokenisations, by name."""

_CUTTINGS = {
    "bert": make_cutting(lower=True, punctuation=True),
    "spacy": make_cutting(lower=False, punctuation=False),
}
_SLICE = 20_000  # pieces that are Python objects at one time
_LONG = 1 << 16
# An ideograph is a token by itself, so text may be parted before it.
_BESIDE_IDEOGRAPHS = re.compile("(?=[\u4e00-\u9fff])")


def cutting_of(tokens: str) -> Cutting:
    """Find where a tokenisation surely cuts.

    Parameters
    ----------
    tokens : str
        A name in :data:`TOKENS`.

    Returns
    -------
    Cutting
        For :func:`wordweights.counting.pieces.cut`.
    """
    return _CUTTINGS[tokens]


def split_bert(text: str) -> list[str]:
    """Split text as BERT-base-uncased does before it looks for wordpieces.

    In lower case, accents stripped, control characters removed, punctuation marks and ideographs
    alone. This is the tokenizer of Hugging Face itself.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list[str]
        Its tokens.
    """
    normalise, split = _bert()
    return [token for part in _parts(text) for token, _ in split(normalise(part))]


def split_spacy(text: str) -> list[str]:
    """Split text into spaCy's English tokens, in lower case, without whitespace.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list[str]
        Its tokens.
    """
    return [token.lower_ for token in _spacy()(text) if not token.is_space]


def to_words(pieces: pa.Table, tokens: str) -> tuple[pa.Table, int]:
    """Tokenise distinct pieces, each once, and add up the counts of equal words.

    Parameters
    ----------
    pieces : pa.Table
        Columns `piece` (binary) and `count`.
    tokens : str
        A name in :data:`TOKENS`.

    Returns
    -------
    tuple[pa.Table, int]
        Columns `word` (text) and `count`, each word once; and how many invalid sequences of bytes
        stood in the text, which are read as U+FFFD.
    """
    parts: list[pa.Table] = []
    n_invalid = 0
    counts = pieces["count"].combine_chunks()
    stripped = strip_spaces(pieces["piece"].combine_chunks())
    plain = is_plain(stripped) if tokens == "bert" else np.zeros(len(stripped), np.bool_)
    # a run of letters and digits, or a single mark: it is a token already
    parts.append(_table(stripped.filter(plain).cast(pa.string()), counts.filter(plain)))
    others, times = stripped.filter(~plain), counts.filter(~plain)
    split = split_bert if tokens == "bert" else split_spacy
    for start in range(0, len(others), _SLICE):
        words, repeats, invalid = _split_all(
            others.slice(start, _SLICE), times.slice(start, _SLICE), split
        )
        parts.append(add_up(_table(words, repeats)))
        n_invalid += invalid
    return add_up(pa.concat_tables(parts)), n_invalid


def add_up(table: pa.Table) -> pa.Table:
    """Add up the counts of equal words or pieces.

    Parameters
    ----------
    table : pa.Table
        Two columns: something, and `count`.

    Returns
    -------
    pa.Table
        The same columns, each value once.
    """
    name = table.column_names[0]
    summed = table.group_by(name, use_threads=False).aggregate([("count", "sum")])
    return pa.table({name: summed[name], "count": summed["count_sum"]})


def _split_all(
    pieces: pa.Array, counts: pa.Array, split: Callable[[str], list[str]]
) -> tuple[pa.Array, pa.Array, int]:
    words: list[str] = []
    lengths: list[int] = []
    n_invalid = 0
    for piece, count in zip(pieces.to_pylist(), counts.to_pylist(), strict=True):
        try:
            text = piece.decode()
        except UnicodeDecodeError:
            text = piece.decode(errors="replace")
            n_invalid += count * (text.count("\ufffd") - piece.count(b"\xef\xbf\xbd"))
        found = split(text)
        words += found
        lengths.append(len(found))
    repeats = np.repeat(counts.to_numpy(), lengths)
    return pa.array(words, pa.string()), pa.array(repeats, pa.int64()), n_invalid


def _table(words: pa.Array, counts: pa.Array) -> pa.Table:
    return pa.table({"word": words, "count": pc.cast(counts, pa.int64())})


def _parts(text: str) -> Iterator[str]:
    """Part a very long piece where no token crosses: the tokenizer takes 50 bytes a byte."""
    if len(text) <= _LONG:
        yield text
        return
    start, last = 0, 0
    for found in _BESIDE_IDEOGRAPHS.finditer(text):
        if found.start() - start > _LONG:
            yield text[start : last or found.start()]
            start = last or found.start()
        last = found.start()
    yield text[start:]


@cache
def _bert() -> tuple[Callable[[str], str], Callable[[str], list[tuple[str, tuple[int, int]]]]]:
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    return BertNormalizer(lowercase=True).normalize_str, BertPreTokenizer().pre_tokenize_str


@cache
def _spacy() -> Callable:
    import spacy

    return spacy.blank("en").tokenizer
