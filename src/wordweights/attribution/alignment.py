"""Words and wordpieces of a sentence, aligned by character offsets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.words.sentences import split_words


@dataclass(frozen=True)
class TokenisedSentence:
    """A sentence as the encoder reads it.

    Attributes
    ----------
    text : str
        The sentence.
    words : tuple[str, ...]
        Its spaCy tokens.
    ids : tuple[int, ...]
        Wordpiece ids with the special tokens.
    word_of : tuple[int, ...]
        For every wordpiece the position of its word, -1 for those that the tokenizer adds and for
        those of the encoder's prompt.
    """

    text: str
    words: tuple[str, ...]
    ids: tuple[int, ...]
    word_of: tuple[int, ...]

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

    A wordpiece belongs to the word that holds its first character. (Where a wordpiece spans two
    words, which happens when spaCy splits what the encoder's tokenizer keeps together, it counts
    for the first.)
    What the tokenizer adds and the encoder's prompt are nobody's; a wordpiece that holds the end of
    the prompt and the beginning of a word is the word's.

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
        For what is not text, an empty sentence, and one longer than the encoder's limit.
    """
    labels = range(len(sentences)) if ids is None else ids
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
    if not sentences:
        return []
    texts, lead = [encoder.prompt + sentence for sentence in sentences], len(encoder.prompt)
    encoded = encoder.tokenizer(texts, return_offsets_mapping=True, return_special_tokens_mask=True)
    result = []
    for row, (label, sentence) in enumerate(zip(labels, sentences, strict=True)):
        pieces, offsets = encoded["input_ids"][row], encoded["offset_mapping"][row]
        added, text = encoded["special_tokens_mask"][row], texts[row]
        if len(pieces) > encoder.max_tokens:
            raise WordweightsError(
                f"Sentence {label} has {len(pieces)} wordpieces with the special tokens"
                f"{' and the prompt' if lead else ''}, but "
                f"encoder {encoder.name!r} reads at most {encoder.max_tokens}: "
                f"{sentence[:60]!r}... Shorten or split it."
            )
        words = split_words(sentence)
        starts = np.array([word.start for word in words])
        word_of = []
        for special, (start, end) in zip(added, offsets, strict=True):
            if special or (lead and end <= lead):
                word_of.append(-1)
                continue
            # RoBERTa's offsets may include the space before a word
            first = start + len(text[start:end]) - len(text[start:end].lstrip()) - lead
            word_of.append(max(0, int(np.searchsorted(starts, first, side="right")) - 1))
        result.append(
            TokenisedSentence(sentence, tuple(w.text for w in words), tuple(pieces), tuple(word_of))
        )
    return result
