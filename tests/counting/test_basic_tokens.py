"""The tokens counted are those of the tokenizers that they are named after, on any text."""

from __future__ import annotations

import codecs
import importlib.util
import json
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import bert_tokens, read_counts

from wordweights.counting.basic_tokens import split_bert
from wordweights.counting.engine import Settings, count_blocks
from wordweights.counting.pieces import count_lines, cut, make_cutting
from wordweights.counting.reading import Block
from wordweights.words.sentences import load_sentences

# Characters that tokenizers disagree about: spaces, controls, marks that combine and reorder,
# letters that become several, ideographs at the edges of their ranges, unassigned, private.
# ruff: noqa: RUF001
TRAPS = (
    "\x00\x01\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x7f\x85\xa0\xad\u1680\u180e\u2000\u2009\u200b\u200d"
    "\u2028\u2029\u202e\u202f\u205f\u2060\u3000\ufeff\ufffd\ufffe\U000e0001"
    "\u0300\u0301\u0307\u0323\u0327\u0338\u0345\u034f\u05b0\u0c3c\u0d4d\u1715\u302e\u3099"
    "\U0001d165\U0001d16d\u07fd\u0898"
    "İıßẞŁłØøſKÅΩΣσςǅǈ\ufb01\ufb03ªº½²Ⅷⓐ\uac00\u1100\u1161\u11a8"
    "\u4dff\u4e00\u9fff\ua000\u3400\u4dbf\uf900\ufaff\U00020000\U0002a6df\U0002f800ひカ"
    ";`≮≠«»“”‘’…–—¿¡、。・､·\u0378\ue000\U000f0000😀👩\u200d💻🇬🇧"
    "aAzZ09!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)
TEXT = st.text(
    st.one_of(
        st.sampled_from(TRAPS), st.characters(exclude_categories=["Cs"]), st.sampled_from("ab .,\n")
    ),
    max_size=60,
)


def count(blocks: list[bytes], tokens: str = "bert") -> tuple[Counter[str], int]:
    """Count blocks, as a shard is counted; also the number of invalid sequences."""
    with tempfile.TemporaryDirectory() as folder:
        tally = count_blocks(map(Block, blocks), Settings(tokens), Path(folder))
        found = sum(map(read_counts, Path(folder).glob("*.parquet")), Counter())
    assert tally.total == found.total()
    assert tally.n_bytes == sum(map(len, blocks))
    return found, tally.n_invalid


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_tokens_of_any_text_are_those_of_bert(text: str) -> None:
    assert count([text.encode()]) == (bert_tokens(text), 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXT, max_size=4))
def test_tokens_of_lines_in_blocks_are_those_of_all_text(lines: list[str]) -> None:
    blocks = [f"{line}\n".encode() for line in lines]
    assert count(blocks)[0] == bert_tokens("".join(f"{line}\n" for line in lines))


def test_every_character_between_two_letters() -> None:
    """All planes in which anything is assigned, each character by itself."""
    places = [*range(0x32400), *range(0xE0000, 0xE0200), 0xF0000, 0x10FFFF]
    every = [chr(place) for place in places if not 0xD800 <= place < 0xE000]
    text = "".join(f"q{character}x\n" for character in every)
    assert count([text.encode()])[0] == bert_tokens(text)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=6), TEXT.map(str.encode)), max_size=8))
def test_bytes_that_are_not_utf8_are_replaced_and_counted(parts: list[bytes]) -> None:
    content = b"".join(parts)
    wrong = []

    def note(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        wrong.append(error.start)
        return "", error.end

    codecs.register_error("wordweights-test", note)
    content.decode(errors="wordweights-test")
    assert count([content]) == (bert_tokens(content.decode(errors="replace")), len(wrong))


def shipped_text() -> str:
    """Real text in many scripts that comes with installed packages."""
    folder = Path(str(importlib.util.find_spec("spacy").origin)).parent / "lang"
    examples = [path.read_text("utf-8") for path in sorted(folder.glob("*/examples.py"))]
    assert len(examples) > 30
    return "\n".join([*examples, *load_sentences("bundled")["sentence"]])


def test_tokens_of_real_text_in_many_scripts() -> None:
    text = shipped_text()
    assert count([text.encode()])[0] == bert_tokens(text)


@pytest.mark.parametrize(
    "part",
    [
        "你好。\u0301世界か\u3099",
        "ก\u0e35ข",
        "é",
        "\u2014",
        "x\u200b\u200b\u0301",
        "\u0301",
        "\x00",
        "각𝅥𝅭ab\xa0",
    ],
)
def test_a_very_long_piece_is_split_like_a_short_one(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wordweights.counting.basic_tokens._LONG", 50)
    assert Counter(split_bert(part * 100)) == bert_tokens(part * 100)


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_any_text_is_split_in_parts_like_as_a_whole(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wordweights.counting.basic_tokens._LONG", 3)
        assert Counter(split_bert(text)) == bert_tokens(text)


def test_tokens_of_spacy_are_those_of_whole_lines() -> None:
    split = spacy.blank("en").tokenizer
    lines = [
        *load_sentences("bundled")["sentence"],
        *json.dumps(shipped_text()[:20_000]).split(r"\n"),
    ]
    lines += ["a\xa0b c\x0bd  e", "don't U.K. :-) he's e.g. http://a.b/c?d=1,2 (x)", ""]
    expected = Counter(
        token.lower_ for line in lines for token in split(line) if not token.is_space
    )
    assert count(["\n".join(lines).encode()], "spacy")[0] == expected


@settings(max_examples=200, deadline=None)
@given(st.text("a. \t\n", max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_lines_that_hold_something_are_counted_across_blocks(text: str, cuts: list[int]) -> None:
    cutting = make_cutting(lower=True, punctuation=True)
    places = [0, *sorted(min(place, len(text)) for place in cuts), len(text)]
    total, open_line = 0, False
    for start, stop in pairwise(places):
        block = text[start:stop].encode()
        lines, open_line = count_lines(block, cut(block, cutting)[1], open_line)
        total += lines
    assert total == sum(bool(line.strip()) for line in text.split("\n"))


def test_unknown_tokens() -> None:
    with pytest.raises(ValueError, match="tokens is 'words': give one of bert, spacy"):
        Settings("words")
