"""Where words begin and end, whatever the text."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from wordweights.words.splitting import Word, as_meant, find_words, join_words, split_words

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ENGLISH = spacy.blank("en")


def test_words_of_a_sentence() -> None:
    words = split_words("She's  here, isn't she?")
    assert [word.text for word in words] == ["She", "'s", "here", ",", "isn't", "she", "?"]
    assert (words[2].start, words[2].end) == (7, 11)
    assert [word.parts for word in words] == [1, 1, 1, 1, 2, 1, 1]
    assert split_words("") == split_words(" \n") == []


@pytest.mark.parametrize(
    "text",
    [
        "cannot",
        "Gonna",
        "don't",
        "won\N{RIGHT SINGLE QUOTATION MARK}t",
        "dont",
        "5km",
        "£5",
        "👩\u200d💻",
    ],
)
def test_what_spacy_parts_and_bert_does_not_is_one_word(text: str) -> None:
    assert len(ENGLISH(text)) > 1
    assert [word.text for word in split_words(f"a {text} b")] == ["a", text, "b"]


@given(TEXT)
def test_words_and_whitespace_are_the_sentence(sentence: str) -> None:
    end = 0
    for word in split_words(sentence):
        assert sentence[end : word.start].strip() == ""
        assert sentence[word.start : word.end] == word.text != ""
        assert word.text.strip() != ""
        end = word.end
    assert sentence[end:].strip() == ""


@given(TEXT)
def test_words_are_whole_for_spacy_and_for_bert(sentence: str) -> None:
    """A word ends where both end a token: the tokens of BERT in its words are those in the text."""
    words = split_words(sentence)
    ends = {token.idx + len(token) for token in ENGLISH.tokenizer(sentence)}
    assert {word.end for word in words} <= ends

    def bert(text: str) -> list[str]:
        normal = BertNormalizer(lowercase=True).normalize_str(text)
        return [token for token, _ in BertPreTokenizer().pre_tokenize_str(normal)]

    assert [token for word in words for token in bert(word.text)] == bert(sentence)


@given(st.text("ab ", max_size=12), st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4))))
def test_no_piece_reaches_over_two_words(sentence: str, places: list[tuple[int, int]]) -> None:
    bounds = list(range(len(sentence) + 1))
    words = [Word(sentence[a:b], a, b) for a, b in pairwise(bounds) if sentence[a:b] != " "]
    pieces = [(start, start + length) for start, length in places]
    joined = join_words(sentence, words, pieces)
    assert sum(word.parts for word in joined) == len(words)
    for some in (words, joined):
        for (start, end), found in zip(pieces, find_words(some, pieces), strict=True):
            touched = [i for i, w in enumerate(some) if w.start < end and start < w.end]
            assert list(found) == touched  # one of spaces alone, too, in a word that was joined
            assert some is words or len(found) <= 1


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Don\N{RIGHT SINGLE QUOTATION MARK}t", "don't"),
        ("\N{LEFT SINGLE QUOTATION MARK}Tis", "'tis"),
        ("o\N{MODIFIER LETTER APOSTROPHE}clock", "o'clock"),
        ("CAFE\N{COMBINING ACUTE ACCENT}", "caf\xe9"),
        ("Caf\xe9", "caf\xe9"),
        ("10\N{NO-BREAK SPACE}000", "10 000"),
        ("dog\N{NARROW NO-BREAK SPACE}", "dog"),
        ("co\N{SOFT HYPHEN}operate", "cooperate"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}The", "the"),
        # marks that are words themselves are what they are
        ("\N{RIGHT SINGLE QUOTATION MARK}", "\N{RIGHT SINGLE QUOTATION MARK}"),
        ("\N{LEFT DOUBLE QUOTATION MARK}", "\N{LEFT DOUBLE QUOTATION MARK}"),
        ("\N{ZERO WIDTH SPACE}", "\N{ZERO WIDTH SPACE}"),
        ("\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}"),
    ],
)
def test_a_word_is_meant_however_it_is_typed(typed: str, meant: str) -> None:
    assert as_meant(typed) == meant


@given(TEXT)
def test_what_is_meant_is_meant(word: str) -> None:
    meant = as_meant(word)
    assert as_meant(meant) == meant
    assert as_meant(unicodedata.normalize("NFD", word)) == meant
