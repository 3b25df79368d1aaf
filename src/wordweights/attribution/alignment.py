"""Words and wordpieces of a sentence, aligned by character offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
        For every wordpiece the position of its word, -1 for special tokens.
    """

    text: str
    words: tuple[str, ...]
    ids: tuple[int, ...]
    word_of: tuple[int, ...]


def tokenise(
    encoder: Encoder, sentences: Sequence[str], ids: Sequence[int] | None = None
) -> list[TokenisedSentence]:
    """Split sentences into words and wordpieces, and say which belongs to which.

    A wordpiece belongs to the word that holds its first character. (Where a wordpiece spans two
    words, which happens when spaCy splits what the encoder's tokenizer keeps together, it counts
    for the first.)

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
    encoded = encoder.tokenizer(list(sentences), return_offsets_mapping=True)
    special = set(encoder.tokenizer.all_special_ids) - {encoder.tokenizer.unk_token_id}
    result = []
    for row, (label, sentence) in enumerate(zip(labels, sentences, strict=True)):
        pieces, offsets = encoded["input_ids"][row], encoded["offset_mapping"][row]
        if len(pieces) > encoder.max_tokens:
            raise WordweightsError(
                f"Sentence {label} has {len(pieces)} wordpieces with the special tokens, but "
                f"encoder {encoder.name!r} reads at most {encoder.max_tokens}: "
                f"{sentence[:60]!r}... Shorten or split it."
            )
        words = split_words(sentence)
        starts = np.array([word.start for word in words])
        word_of = []
        for token, (start, end) in zip(pieces, offsets, strict=True):
            if start == end and token in special:
                word_of.append(-1)
                continue
            # RoBERTa's offsets may include the space before a word
            first = start + len(sentence[start:end]) - len(sentence[start:end].lstrip())
            word_of.append(max(0, int(np.searchsorted(starts, first, side="right")) - 1))
        result.append(
            TokenisedSentence(sentence, tuple(w.text for w in words), tuple(pieces), tuple(word_of))
        )
    return result


def sum_by_word(
    values: NDArray[np.float64], word_of: Sequence[int], n_words: int
) -> NDArray[np.float64]:
    """Sum values of wordpieces into their words.

    Parameters
    ----------
    values : NDArray[np.float64]
        Shape (..., wordpieces).
    word_of : Sequence[int]
        For every wordpiece the position of its word, -1 for none.
    n_words : int
        Number of words.

    Returns
    -------
    NDArray[np.float64]
        Shape (..., words); a word without wordpieces has 0.
    """
    belongs = np.asarray(word_of)[:, None] == np.arange(n_words)  # (wordpieces, words)
    return values @ belongs.astype(np.float64)
