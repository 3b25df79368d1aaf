"""From text to pieces, of which the distinct ones are then split into words or tokens.

White space and punctuation of ASCII end a token of BERT whatever stands around them, and white
space a word or a token of spaCy. So a block of bytes is cut there, in a few passes of vector
instructions; the engine counts equal pieces, and only the distinct ones are split into tokens. The
engines' own expressions for this find 99.9 % of BERT's tokens, DuckDB's at less than half the speed
(`benchmarks/README.md`).
"""

from __future__ import annotations

import importlib
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from wordweights.counting.reading import SPACES
from wordweights.words.splitting import spacy_tokenizer

_SPACE, _INSIDE, _ALONE = 0, 1, 2
_PUNCTUATION = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_SMALL = bytes(range(256)).upper().lower()  # only letters of ASCII have another case


def forgetting(tokens: str) -> AbstractContextManager[Any]:
    """Free what a tokenizer has learned inside: spaCy keeps half a kilobyte for each new word."""
    if tokens == "bert":
        return nullcontext()
    _import_spacy()
    return spacy_tokenizer().vocab.memory_zone()


def _import_spacy() -> None:
    """Import spaCy without torch, which it takes where it is: up to 600 MB of no use here."""
    if "torch" in sys.modules or "spacy" in sys.modules:
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        importlib.import_module("spacy")
    finally:
        del sys.modules["torch"]


def cut(text: bytes, tokens: str) -> pa.Array:
    """Cut text in UTF-8 into pieces, each with the spaces that follow it."""
    classes, folded = _tables(tokens)
    kinds = np.frombuffer(text.translate(classes), np.uint8)
    begins = np.empty(len(kinds), np.bool_)
    begins[:1] = kinds[:1] > _SPACE
    # inside a piece nothing begins; a mark alone is one, and so is what follows it
    np.greater(kinds[1:], kinds[:-1] & 1, out=begins[1:])
    starts = np.flatnonzero(begins)
    offsets = np.empty(len(starts) + 1, np.int32)
    offsets[:-1], offsets[-1] = starts, len(text)
    # the bytes are not copied: one piece ends where the next begins
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text.translate(folded))]
    return pa.Array.from_buffers(pa.string(), len(starts), buffers)


@cache
def _tables(tokens: str) -> tuple[bytes, bytes]:
    """Say of each byte where it stands in a piece, and what it is counted as."""
    classes, folded = bytearray([_INSIDE] * 256), bytearray(range(256))
    if tokens == "bert":
        folded = bytearray(_SMALL)
        for mark in _PUNCTUATION:
            classes[mark] = _ALONE
    for space in SPACES:
        classes[space], folded[space] = _SPACE, ord(" ")
    return bytes(classes), bytes(folded)
