"""Content words, function words and punctuation."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from wordweights.errors import WordweightsError
from wordweights.words import classes
from wordweights.words.classes import classify_words, pick_rule

TAGGED = {"a": "DET", "can": "NOUN", "cannot": "AUX", "rust": "VERB", "two": "NUM", ".": "PUNCT"}
MODEL = f"""
from spacy.language import Language
from spacy.lang.en import English

TAGS = {TAGGED}


@Language.component("made_up_tagger")
def tag(document):
    for token in document:
        token.pos_ = TAGS[token.text]
    return document


def load(exclude):
    assert "tagger" not in exclude
    nlp = English()
    nlp.add_pipe("made_up_tagger")
    return nlp
"""


def words(*sentences: str) -> pd.DataFrame:
    """Their words, under an index that does not begin at 0."""
    rows = [(7 - i, word) for i, text in enumerate(sentences) for word in text.split()]
    return pd.DataFrame(rows, columns=["sentence_id", "word"]).set_axis(
        range(100, 100 + len(rows)), axis="index"
    )


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a model that knows a few words, in place of any other."""
    package = tmp_path / "made_up_model"
    package.mkdir()
    (package / "__init__.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(classes, "MODELS", ("not_installed", "made_up_model"))
    yield
    sys.modules.pop("made_up_model", None)


@pytest.mark.usefixtures("model")
def test_parts_of_speech_are_those_of_the_given_words() -> None:
    # "cannot" is two tokens of spaCy, and one word here
    table = words("a can cannot rust .", "two rust")
    found = classify_words(table)
    assert found.tolist() == [
        *("function", "content", "function", "content", "punctuation"),
        *("function", "content"),
    ]
    assert found.index.equals(table.index)
    # a sentence whose words do not stand together is one sentence all the same
    mixed = table.iloc[[0, 5, 1, 2, 6, 3, 4]]
    assert classify_words(mixed).to_dict() == found.to_dict()
    assert pick_rule() == "parts-of-speech"
    assert pick_rule("stop-list") == "stop-list"


def test_the_stop_list_takes_the_place_of_a_model_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classes, "MODELS", ("not_installed",))
    assert pick_rule() == "stop-list"
    found = classify_words(words("The onion is n't ...", "$ café"))
    assert found.tolist() == [
        *("function", "content", "function", "function", "punctuation"),
        *("punctuation", "content"),
    ]
    with pytest.raises(WordweightsError, match="words is 'nouns'"):
        classify_words(words("a"), "nouns")
    assert classify_words(words()).empty


def test_the_model_tells_a_word_by_its_sentence() -> None:
    table = words("there are dogs in the forest .", "can you open a can ?")
    assert classify_words(table).tolist() == [
        *("function", "function", "content", "function", "function", "content", "punctuation"),
        *("function", "function", "content", "function", "content", "punctuation"),
    ]
