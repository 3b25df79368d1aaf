"""From distinct pieces of text to words: the tokens of BERT's basic tokenizer, or of spaCy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from unicodedata import combining

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wordweights.counting.pieces import Cutting, is_plain, make_cutting, strip_spaces
from wordweights.words.sentences import spacy_tokenizer

TOKENS = ("bert", "spacy")
"""The tokenisations, by name."""

_CUTTINGS = {
    "bert": make_cutting(lower=True, punctuation=True),
    "spacy": make_cutting(lower=False, punctuation=False),
}
_SLICE = 1_000  # pieces that are Python objects at one time
_WORDS = 20_000  # words that are
_LONG = 1 << 16


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
    found: list[str] = []
    for part in _split_parts(text):
        found += part
    return found


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
    return [token.lower_ for token in spacy_tokenizer()(text) if not token.is_space]


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
    for words, invalid in _split_all(others, times, tokens):
        parts.append(words)
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


def _split_all(pieces: pa.Array, counts: pa.Array, tokens: str) -> Iterator[tuple[pa.Table, int]]:
    """Tokenise pieces one by one; give tables of some words, and how much was invalid."""
    split = _split_parts if tokens == "bert" else _split_spacy_parts
    totals: dict[str, int] = {}
    n_invalid = 0
    for start in range(0, len(pieces), _SLICE):
        some = (array.slice(start, _SLICE).to_pylist() for array in (pieces, counts))
        for piece, count in zip(*some, strict=True):
            text = piece.decode(errors="replace")
            if "\ufffd" in text:
                n_invalid += count * (text.count("\ufffd") - piece.count(b"\xef\xbf\xbd"))
            for part in split(text):
                for word in part:
                    totals[word] = totals.get(word, 0) + count
                if len(totals) > _WORDS:
                    yield _table(pa.array(totals, pa.string()), pa.array(totals.values())), 0
                    totals = {}
    yield _table(pa.array(totals, pa.string()), pa.array(totals.values(), pa.int64())), n_invalid


def _split_spacy_parts(text: str) -> Iterator[list[str]]:
    yield split_spacy(text)


def _table(words: pa.Array, counts: pa.Array) -> pa.Table:
    return pa.table({"word": words, "count": pc.cast(counts, pa.int64())})


def _split_parts(text: str) -> Iterator[list[str]]:
    """Split a very long piece part by part: the tokenizer takes a hundred bytes for each one."""
    if len(text) <= _LONG:
        yield _tokens(text)
        return
    start, open_word = 0, ""
    while start < len(text):
        end = _place_to_part(text, start + _LONG)
        found = _tokens(text[start:end])
        found[:1] = [open_word + word for word in found[:1]]
        joined = end < len(text) and _is_joined(text[end - 1], text[end])
        open_word = found.pop() if joined else ""
        yield found
        start = end


def _place_to_part(text: str, place: int) -> int:
    """Find a place between two characters of which each is a token, or a part of one."""
    while place < len(text) and not (
        # a mark that combines may change its place among its neighbours
        combining(text[place]) == 0 and _tokens(text[place]) and _tokens(text[place - 1])
    ):
        place += 1
    return min(place, len(text))


def _is_joined(left: str, right: str) -> bool:
    return len(_tokens(left + right)) < len(_tokens(left)) + len(_tokens(right))


def _tokens(text: str) -> list[str]:
    normalise, split = _bert()
    return [token for token, _ in split(normalise(text))]


@cache
def _bert() -> tuple[Callable[[str], str], Callable[[str], list[tuple[str, tuple[int, int]]]]]:
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    return BertNormalizer(lowercase=True).normalize_str, BertPreTokenizer().pre_tokenize_str
