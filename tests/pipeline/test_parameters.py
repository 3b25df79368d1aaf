from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordweights.errors import WordweightsError
from wordweights.pipeline.parameters import as_names, as_texts

names = st.text(min_size=1, max_size=20).map(str.strip).filter(bool)


@given(st.lists(names, min_size=1, unique=True))
def test_lists_and_their_json_are_the_same(given_names):
    assert as_names(given_names) == given_names
    assert as_names(tuple(given_names)) == given_names
    assert as_names(json.dumps(given_names)) == given_names
    assert as_names(" " + json.dumps(given_names)) == given_names


def test_one_name():
    assert as_names("all-MiniLM-L6-v2 (untrained)") == ["all-MiniLM-L6-v2 (untrained)"]
    assert as_names(" a ") == ["a"]


def test_a_repeated_name_counts_once():
    assert as_names(["b", "a", "b"]) == ["b", "a"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "empty"),
        ("", "empty"),
        ("[]", "empty"),
        (["a", " "], "empty"),
        ("['a']", "double quotes"),
        ("[1]", "list of names"),
        ([None], "list of names"),
        ({"a": 1}, "list of names"),
        (3, "list of names"),
    ],
)
def test_what_is_no_list_of_names(value, message):
    with pytest.raises(WordweightsError, match=message):
        as_names(value)


sentences = st.text(min_size=1, max_size=20).filter(str.strip)


@given(st.lists(sentences, min_size=1))
def test_sentences_stay_as_they_are(texts):
    assert as_texts(texts) == texts
    assert as_texts(tuple(texts)) == texts
    assert as_texts(" " + json.dumps(texts)) == texts


@pytest.mark.parametrize("text", [" a  dog ", "[a dog] is here .", "[", '"a dog"', "7"])
def test_one_sentence(text):
    assert as_texts(text) == [text]


def test_repeated_sentences_stay():
    assert as_texts(["b", "a ", "b"]) == ["b", "a ", "b"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "empty"),
        ("", "empty"),
        ("[]", "empty"),
        (["a", " "], "blank sentence"),
        ("[1]", "list of sentences"),
        ([None], "list of sentences"),
        ({"a": 1}, "list of sentences"),
        (3, "list of sentences"),
    ],
)
def test_what_is_no_list_of_sentences(value, message):
    with pytest.raises(WordweightsError, match=message):
        as_texts(value)
