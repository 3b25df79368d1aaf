"""Words and wordpieces of a sentence, aligned by character offsets."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.words.splitting import find_words, split_words
from wordweights.words.tables import name_places, quoted

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class TokenisedSentence:
    """A sentence as the encoder reads it.

    Attributes
    ----------
    text : str
        The sentence.
    words : tuple[str, ...]
        Its words.
    ids : tuple[int, ...]
        Wordpiece ids with the special tokens.
    word_of : tuple[int, ...]
        For every wordpiece the position of its word, -1 for those that the tokenizer adds and for
        those of the encoder's prompt.
    missing : tuple[int, ...]
        Positions of the words that no wordpiece stands for alone: no weight is theirs.
    """

    text: str
    words: tuple[str, ...]
    ids: tuple[int, ...]
    word_of: tuple[int, ...]
    missing: tuple[int, ...] = ()

    @cached_property
    def key(self) -> str:
        """SHA-256 of what an encoder sees of it and of how its words share that."""
        content = json.dumps([self.ids, self.word_of, len(self.words)])
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def membership(self) -> NDArray[np.float64]:
        """1 where a wordpiece belongs to a word, else 0, shape (wordpieces, words)."""
        belongs = np.asarray(self.word_of)[:, None] == np.arange(len(self.words))
        return belongs.astype(np.float64)


def tokenise(
    encoder: Encoder, sentences: Sequence[str], ids: Sequence[int] | None = None
) -> list[TokenisedSentence]:
    """Split sentences into words and wordpieces, and say which belongs to which.

    The words are those of :func:`wordweights.words.splitting.split_words`, the same for every
    encoder, so that all are words that a corpus is counted by. A word is marked as missing where no
    wordpiece stands for it alone: the tokenizer leaves out its characters, does not know them,
    takes it for a special token, or has a wordpiece that reaches over several words (`?!` of
    RoBERTa), which are then all missing; such a wordpiece goes with the first of them. Warnings
    name the words that spaCy would part, and those that are missing. A wordpiece of whitespace
    alone, which some tokenizers have, belongs to the word before it. What the tokenizer adds and
    the encoder's prompt are nobody's; a wordpiece that holds the end of the prompt and the
    beginning of a word is the word's.

    Parameters
    ----------
    encoder : Encoder
        Its tokenizer and its limit are used.
    sentences : Sequence[str]
        Texts.
    ids : Sequence[int] | None
        What messages call them by, such as their rows in a file; None counts from 0.

    Returns
    -------
    list[TokenisedSentence]
        In the given order.

    Raises
    ------
    WordweightsError
        For what is not text, an empty sentence, one of which the encoder reads nothing, and all
        that are longer than its limit.
    """
    labels = list(range(len(sentences)) if ids is None else ids)
    for label, sentence in zip(labels, sentences, strict=True):
        if not isinstance(sentence, str):
            raise WordweightsError(
                f"Sentence {label} is {sentence!r}, not text; give a list of strings or a table "
                f"with a text column 'sentence'."
            )
        if not sentence.strip():
            raise WordweightsError(
                f"Sentence {label} is empty or only whitespace; remove it, a sentence needs a word."
            )
        if not sentence.isascii() and _SURROGATE.search(sentence):
            raise WordweightsError(
                f"Sentence {label} is {sentence[:60]!r}, which holds half of a character (a lone "
                f"surrogate); read the text anew in the encoding in which it was written."
            )
    if not sentences:
        return []
    texts, lead = [encoder.prompt + sentence for sentence in sentences], len(encoder.prompt)
    encoded = encoder.tokenizer(
        texts, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False
    )
    lengths = [len(pieces) for pieces in encoded["input_ids"]]
    long = [label for label, n in zip(labels, lengths, strict=True) if n > encoder.max_tokens]
    if long:
        raise WordweightsError(
            f"{_name(long, most=None)}: more wordpieces with the special tokens"
            f"{' and the prompt' if lead else ''} than the {encoder.max_tokens} that encoder "
            f"{encoder.name!r} reads, up to {max(lengths)}. Shorten or split what is too long, or "
            f"leave it out (--skip-long, or in Python those for which "
            f"wordweights.attribution.fits is false)."
        )
    specials = set(encoder.tokenizer.all_special_ids)
    result, unread = [], []
    joined: dict[str, None] = {}
    missing: dict[str, None] = {}
    for row, (label, sentence) in enumerate(zip(labels, sentences, strict=True)):
        pieces, offsets = encoded["input_ids"][row], encoded["offset_mapping"][row]
        outer = [
            bool(added) or (lead > 0 and end <= lead)
            for added, (_, end) in zip(encoded["special_tokens_mask"][row], offsets, strict=True)
        ]
        # in the sentence, without the prompt
        spans = [
            (0, 0) if is_outer else _without_spaces(sentence, max(0, start - lead), end - lead)
            for is_outer, (start, end) in zip(outer, offsets, strict=True)
        ]
        words = split_words(sentence)
        reached = find_words(words, spans)
        word_of = _fill(reached, outer)
        if all(outer):
            unread.append(label)
        without_own = {i for i, piece in zip(word_of, pieces, strict=True) if piece in specials}
        without_own |= {i for some in reached if len(some) > 1 for i in some}
        without = [i for i in range(len(words)) if i in without_own or i not in word_of]
        joined |= dict.fromkeys(word.text for word in words if word.parts > 1)
        missing |= dict.fromkeys(words[i].text for i in without)
        names = tuple(word.text for word in words)
        result.append(
            TokenisedSentence(sentence, names, tuple(pieces), tuple(word_of), tuple(without))
        )
    if unread:
        raise WordweightsError(
            f"{_name(unread)}: encoder {encoder.name!r} reads nothing there, only characters that "
            f"its tokenizer leaves out, such as {next(iter(missing))!r}; remove what has no word."
        )
    _warn("One word here, because spaCy parts it where the tokenizer does not", joined)
    _warn(f"Missing, because encoder {encoder.name!r} has no wordpiece for it alone", missing)
    return result


def fits(encoder: Encoder, sentences: Sequence[str]) -> NDArray[np.bool_]:
    """Say which sentences an encoder reads whole.

    Parameters
    ----------
    encoder : Encoder
        Its tokenizer and its limit are used.
    sentences : Sequence[str]
        Texts.

    Returns
    -------
    NDArray[np.bool_]
        Shape (sentences,).

    Examples
    --------
    >>> from wordweights import load_encoder
    >>> from wordweights.attribution import fits
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> fits(encoder, ["a dog runs .", "very " * encoder.max_tokens + "long"]).tolist()
    [True, False]
    """
    texts = [encoder.prompt + sentence for sentence in sentences]
    encoded = encoder.tokenizer(texts, verbose=False)["input_ids"] if texts else []
    return np.array([len(pieces) <= encoder.max_tokens for pieces in encoded], dtype=np.bool_)


def count_pieces(encoder: Encoder, sentences: Sequence[str]) -> NDArray[np.intp]:
    """Count the wordpieces of every word.

    Parameters
    ----------
    encoder : Encoder
        Its tokenizer is used.
    sentences : Sequence[str]
        Texts.

    Returns
    -------
    NDArray[np.intp]
        Shape (words of all sentences,), in the order of :func:`wordweights.attribute`.

    Examples
    --------
    >>> from wordweights import load_encoder
    >>> from wordweights.attribution import count_pieces
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> count_pieces(encoder, ["a dog runs ."]).tolist()
    [1, 1, 1, 1]
    """
    found = [np.zeros(0, dtype=np.intp)]
    for sentence in tokenise(encoder, sentences):
        owners = np.array([owner for owner in sentence.word_of if owner >= 0], dtype=np.intp)
        found.append(np.bincount(owners, minlength=len(sentence.words)))
    return np.concatenate(found)


def _without_spaces(sentence: str, start: int, end: int) -> tuple[int, int]:
    """Leave out the spaces that some tokenizers count to a wordpiece."""
    piece = sentence[start:end]
    first = start + len(piece) - len(piece.lstrip())
    return first, first + len(piece.strip())


def _fill(reached: Sequence[range], outer: Sequence[bool]) -> list[int]:
    """Give a piece to its first word; where it is in none, to the word before it or the first."""
    filled = []
    last = next((words[0] for words in reached if words), -1)
    for words, is_outer in zip(reached, outer, strict=True):
        last = words[0] if words else last
        filled.append(-1 if is_outer else last)
    return filled


def _name(labels: Sequence[int], most: int | None = 10) -> str:
    return name_places(pd.Index(labels, name="Sentence"), most)


def _warn(what: str, words: Mapping[str, None]) -> None:
    if words:
        more = f" and {len(words) - 10} more" if len(words) > 10 else ""
        warnings.warn(f"{what}: {quoted(list(words)[:10])}{more}.", stacklevel=3)
