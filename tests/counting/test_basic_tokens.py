"""The tokens counted are those of the tokenizers that they are named after, on any text."""

from __future__ import annotations

import codecs
import importlib.util
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_counts import bert_tokens

from wordweights.counting.engine import Settings, count_blocks
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


Count = Callable[..., tuple[Counter[str], int]]


@pytest.fixture(scope="module")
def count(tmp_path_factory: pytest.TempPathFactory) -> Count:
    """Counts blocks as those of a shard; gives the words, and the number of invalid sequences."""
    path = tmp_path_factory.mktemp("counts") / "partial.parquet"

    def count_all(blocks: list[bytes], tokens: str = "bert") -> tuple[Counter[str], int]:
        tally = count_blocks((Block(block, 1) for block in blocks), Settings(tokens), path)
        table = pq.read_table(path, columns=["word", "count"]).to_pydict()
        found: Counter[str] = Counter()
        for word, n in zip(*table.values(), strict=True):
            found[word] += n
        assert tally.total == found.total()
        assert (tally.documents, tally.n_bytes) == (len(blocks), sum(map(len, blocks)))
        return found, tally.n_invalid

    return count_all


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_tokens_of_any_text_are_those_of_bert(count: Count, text: str) -> None:
    assert count([text.encode()]) == (bert_tokens(text), 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXT, max_size=4))
def test_tokens_of_lines_in_blocks_are_those_of_all_text(count: Count, lines: list[str]) -> None:
    blocks = [f"{line}\n".encode() for line in lines]
    assert count(blocks)[0] == bert_tokens("".join(f"{line}\n" for line in lines))


@pytest.mark.slow
def test_every_character_between_two_letters(count: Count) -> None:
    """All planes in which anything is assigned, each character by itself."""
    places = [*range(0x32400), *range(0xE0000, 0xE0200), 0xF0000, 0x10FFFF]
    every = [chr(place) for place in places if not 0xD800 <= place < 0xE000]
    text = "".join(f"q{character}x\n" for character in every)
    assert count([text.encode()])[0] == bert_tokens(text)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=6), TEXT.map(str.encode)), max_size=8))
def test_bytes_that_are_not_utf8_are_replaced_and_counted(count: Count, parts: list[bytes]) -> None:
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


def test_tokens_of_real_text_in_many_scripts(count: Count) -> None:
    text = shipped_text()
    assert count([text.encode()])[0] == bert_tokens(text)


def test_tokens_of_spacy_are_those_of_whole_lines(count: Count) -> None:
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


def test_unknown_tokens() -> None:
    with pytest.raises(ValueError, match="tokens is 'letters': give one of words, bert, spacy"):
        Settings("letters")
