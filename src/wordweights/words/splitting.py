"""Where the words of a text are, and as what they are counted and looked up.

A word is a token of spaCy, or several that BERT's tokenizer reads as one: spaCy parts "cannot" and
"don't" where no encoder does, so a part would have no weight of its own.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

_APOSTROPHES = str.maketrans(
    dict.fromkeys(
        "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
        "\N{MODIFIER LETTER APOSTROPHE}\N{FULLWIDTH APOSTROPHE}",
        "'",
    )
)
INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff")
"""Soft hyphen and spaces without width: hints where a line may break or may not."""

_LAYOUT = str.maketrans(dict.fromkeys("\u00a0\u2007\u202f", " ") | dict.fromkeys(INVISIBLE))


@dataclass(frozen=True)
class Word:
    """A word as it stands in its sentence: ``sentence[start:end] == text``."""

    text: str
    start: int
    end: int
    parts: int = 1  # tokens of spaCy that are joined in it


def split_words(sentence: str) -> list[Word]:
    """Split a sentence into words, punctuation marks among them.

    They are the tokens of ``spacy.blank("en")`` that are not whitespace, joined where a token of
    BERT-base-uncased's basic tokenizer, before it looks for wordpieces, reaches over several:
    "cannot", "don't", "£5" and an emoji of several characters are one word; "he's" is two.

    Parameters
    ----------
    sentence : str
        The text as it is.

    Returns
    -------
    list[Word]
        In the order of the sentence. What lies between two words is whitespace.
    """
    words = spacy_words(sentence)
    if len(words) < 2:
        return words
    return join_words(sentence, words, _basic_tokenizer().encode(sentence).offsets)


def join_words(
    sentence: str, words: Sequence[Word], pieces: Sequence[tuple[int, int]]
) -> list[Word]:
    """Join words that share a piece of the sentence, so that no piece reaches over several.

    Parameters
    ----------
    sentence : str
        The text as it is.
    words : Sequence[Word]
        Its words, in order.
    pieces : Sequence[tuple[int, int]]
        Where each piece begins and ends, in characters.

    Returns
    -------
    list[Word]
        The words.
    """
    joined_to_next = {i for reach in find_words(words, pieces) for i in reach[:-1]}
    joined: list[Word] = []
    for i, word in enumerate(words):
        if i - 1 in joined_to_next:
            start, parts = joined[-1].start, joined[-1].parts + word.parts
            joined[-1] = Word(sentence[start : word.end], start, word.end, parts)
        else:
            joined.append(word)
    return joined


def find_words(words: Sequence[Word], pieces: Sequence[tuple[int, int]]) -> list[range]:
    """Find the words that each piece of a sentence reaches into, by their positions.

    Parameters
    ----------
    words : Sequence[Word]
        The words of the sentence, in order.
    pieces : Sequence[tuple[int, int]]
        Where each piece begins and ends, in characters.

    Returns
    -------
    list[range]
        One per piece; empty where it is in no word.
    """
    starts, ends = [word.start for word in words], [word.end for word in words]
    return [range(bisect_right(ends, a), bisect_left(starts, b)) for a, b in pieces]


def as_meant(word: str) -> str:
    """Write a word as it is counted and looked up, however it was typed.

    Parameters
    ----------
    word : str
        A word, or an entry of a table of words.

    Returns
    -------
    str
        In lower case, accents composed (NFC), with a straight apostrophe for a typographic one
        that is not the whole word, plain spaces for those that do not break, and without soft
        hyphens and spaces of no width.
    """
    text = word.lower()
    if not text.isascii():
        # of the word itself: its accents may decide what its lower case is
        composed = unicodedata.normalize("NFC", word.translate(_LAYOUT))
        text = unicodedata.normalize("NFC", composed.lower()).strip()
        if len(text) > 1:
            text = text.translate(_APOSTROPHES)
    return text.strip() or word


def split_meant(text: str) -> list[str]:
    """Split text into words as they are counted and looked up."""
    return [as_meant(word.text) for word in split_words(text)]


def split_bert(text: str) -> list[str]:
    """Split text as BERT-base-uncased does before it looks for wordpieces."""
    tokenizer = _basic_tokenizer()
    normal = tokenizer.normalizer.normalize_str(text)
    return [token for token, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


def split_spacy(text: str) -> list[str]:
    """Split text into spaCy's English tokens, in lower case, without white space."""
    return [token.lower_ for token in spacy_tokenizer()(text) if not token.is_space]


SPLITS: dict[str, Callable[[str], list[str]]] = {
    "words": split_meant,
    "bert": split_bert,
    "spacy": split_spacy,
}
"""What a table may count, by name."""


def spacy_words(sentence: str) -> list[Word]:
    """Find spaCy's English tokens that are not whitespace."""
    return [
        Word(token.text, token.idx, token.idx + len(token))
        for token in spacy_tokenizer()(sentence)
        if not token.is_space
    ]


@cache
def spacy_tokenizer() -> Any:
    """Make spaCy's English tokenizer, once: from text to tokens, those of whitespace too."""
    import spacy

    return spacy.blank("en").tokenizer


@cache
def _basic_tokenizer() -> Any:
    """Make BERT-base-uncased's tokenizer without its wordpieces: all tokens are unknown to it."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer
