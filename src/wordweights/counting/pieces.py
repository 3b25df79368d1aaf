"""Cut text into pieces that can be counted before they are understood.

Whitespace and punctuation of ASCII end a token in every tokenisation here, whatever stands around
them. So a block of bytes is cut there, in a few passes of vector instructions, and equal pieces are
counted by their bytes; only the distinct ones are ever decoded and tokenised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

# The whitespace of BERT's tokenizer in ASCII. It removes the other control characters, so that they
# part no word: they count as letters here, and the tokenizer sees them.
_SPACES = b" \t\n\r"
_SPACE, _INSIDE, _ALONE = 0, 1, 2
_PUNCTUATION = frozenset(b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")

_FACTORS = np.cumprod(np.full(64, 2654435769, np.uint32), dtype=np.uint32)  # golden section


@dataclass(frozen=True)
class Cutting:
    """Where a tokenisation surely cuts, byte by byte.

    Attributes
    ----------
    classes : bytes
        For each byte whether it is a space, inside a piece, or a piece alone.
    folded : bytes
        For each byte what it is counted as: a space for every kind of whitespace, and a small
        letter for a capital one where case makes no difference.
    """

    classes: bytes
    folded: bytes


def make_cutting(*, lower: bool, punctuation: bool) -> Cutting:
    """Describe where a tokenisation surely cuts.

    Parameters
    ----------
    lower : bool
        Whether capital letters are the same as small ones.
    punctuation : bool
        Whether each punctuation mark of ASCII is a token of its own.

    Returns
    -------
    Cutting
        Tables of 256 bytes.
    """
    classes, folded = bytearray([_INSIDE] * 256), bytearray(range(256))
    for byte in _SPACES:
        classes[byte], folded[byte] = _SPACE, ord(" ")
    if punctuation:
        for byte in _PUNCTUATION:
            classes[byte] = _ALONE
    if lower:
        for byte in range(ord("A"), ord("Z") + 1):
            folded[byte] = byte + 32
    return Cutting(bytes(classes), bytes(folded))


def cut(block: bytes, cutting: Cutting) -> tuple[pa.Array, np.ndarray]:
    """Cut a block into pieces, each with the spaces that follow it.

    Parameters
    ----------
    block : bytes
        Of less than 2 GiB; begins and ends between two tokens.
    cutting : Cutting
        Where to cut.

    Returns
    -------
    tuple[pa.Array, np.ndarray]
        The pieces, binary, and the place in the block where each begins.
    """
    classes = np.frombuffer(block.translate(cutting.classes), np.uint8)
    begins = np.empty(len(classes), np.bool_)
    begins[:1] = classes[:1] > _SPACE
    # inside a piece nothing begins; a piece alone is one, and so is what follows it
    np.greater(classes[1:], classes[:-1] & 1, out=begins[1:])
    starts = np.flatnonzero(begins)
    offsets = np.empty(len(starts) + 1, np.int32)
    offsets[:-1], offsets[-1] = starts, len(block)
    # the bytes are not copied: one piece ends where the next begins
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block.translate(cutting.folded))]
    return pa.Array.from_buffers(pa.binary(), len(starts), buffers), starts


def count_lines(block: bytes, starts: np.ndarray, open_line: bool) -> tuple[int, bool]:
    """Count the lines that begin in a block and hold more than whitespace.

    Parameters
    ----------
    block : bytes
        The text.
    starts : np.ndarray
        Where its pieces begin.
    open_line : bool
        Whether the block goes on with a line that holds something already.

    Returns
    -------
    tuple[int, bool]
        Their number, and the same about the block that follows.
    """
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    if not len(starts):
        return 0, open_line and not len(ends)
    before = np.searchsorted(starts, ends)  # pieces before the end of each line
    inner = before[(before > 0) & (before < len(starts))]
    lines = 1 + len(inner[:1]) + np.count_nonzero(np.diff(inner))
    if open_line and not (len(before) and before[0] == 0):
        lines -= 1
    return int(lines), not (len(before) and before[-1] == len(starts))


def strip_spaces(pieces: pa.Array) -> pa.Array:
    """Take away the spaces after each piece.

    Parameters
    ----------
    pieces : pa.Array
        Binary, as :func:`cut` makes them: none is empty, and none begins with a space.

    Returns
    -------
    pa.Array
        Binary.
    """
    if not len(pieces):
        return pieces
    content, offsets = _content(pieces)
    kept = content != ord(" ")
    lengths = np.add.reduceat(kept, offsets[:-1], dtype=np.int32)
    ends = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(content[kept])]
    return pa.Array.from_buffers(pa.binary(), len(pieces), buffers)


def is_plain(pieces: pa.Array) -> np.ndarray:
    """Find the pieces of which every byte is a printable character of ASCII.

    Parameters
    ----------
    pieces : pa.Array
        Binary; none is empty.

    Returns
    -------
    np.ndarray
        A truth value for each.
    """
    if not len(pieces):
        return np.empty(0, np.bool_)
    content, offsets = _content(pieces)
    # below a space wraps around to a large number
    return np.maximum.reduceat(content - np.uint8(ord(" ")), offsets[:-1]) < 127 - ord(" ")


def checksums(words: pa.Array) -> np.ndarray:
    """Compute a small number from each word, the same on every machine.

    Parameters
    ----------
    words : pa.Array
        Text or binary; none is empty.

    Returns
    -------
    np.ndarray
        Numbers below 256, spread about evenly.
    """
    if not len(words):
        return np.empty(0, np.int64)
    content, offsets = _content(words)
    places = np.arange(len(content), dtype=np.int32) - np.repeat(offsets[:-1], np.diff(offsets))
    # the sum of each byte times a number for its place; overflow is wanted
    sums = np.add.reduceat(content * _FACTORS[places % len(_FACTORS)], offsets[:-1])
    return (sums * _FACTORS[1] >> np.uint32(24)).astype(np.int64)


def _content(pieces: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Find the bytes of all pieces, one after the other, and where each begins and ends."""
    buffers: Any = pieces.buffers()
    offsets = np.frombuffer(buffers[1], np.int32)[pieces.offset :][: len(pieces) + 1]
    content = np.frombuffer(buffers[2], np.uint8)[offsets[0] : offsets[-1]]
    return content, offsets - offsets[0]
