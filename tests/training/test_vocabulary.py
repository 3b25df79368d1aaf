from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from wordweights.errors import WordweightsError
from wordweights.training.vocabulary import (
    SPECIAL_TOKENS,
    learn_vocabulary,
    make_tokenizer,
    save_tokenizer,
)
from wordweights.words.sentences import load_sentences

TEXT = ["The cat sat on the mat.", "A dog sat on the log!", "Résumé of the cats and dogs"] * 5


def test_words_stay_whole_however_rare_they_are() -> None:
    vocabulary = learn_vocabulary(TEXT, 50, ["onion", "zebra", "the"])
    assert len(vocabulary) == len(set(vocabulary)) == 50
    assert vocabulary[:5] == list(SPECIAL_TOKENS)
    tokenizer = make_tokenizer(vocabulary, 16)
    assert tokenizer.tokenize("The ONION zebra") == ["the", "onion", "zebra"]


def test_no_word_that_must_stay_gives_way_to_another() -> None:
    words = {word.lower().strip(".!") for line in TEXT for word in line.split()} - {"résumé"}
    rare = [f"{letter}{letter}{letter}" for letter in "abcdefghijkl"]
    for size in range(60, 90):
        vocabulary = learn_vocabulary(TEXT, size, [*words, *rare])
        assert {*words, *rare, *SPECIAL_TOKENS} <= set(vocabulary)
        assert len(vocabulary) == len(set(vocabulary)) <= size


def test_the_same_text_gives_the_same_vocabulary() -> None:
    """Many pairs are equally frequent here; the learner of the library joins them as they come."""
    sentences = load_sentences("bundled")["sentence"].tolist()
    found = {tuple(learn_vocabulary(sentences, 600, ["onion"])) for _ in range(4)}
    assert len(found) == 1


def test_text_is_read_as_bert_does() -> None:
    tokenizer = make_tokenizer(learn_vocabulary(TEXT, 80, []), 16)
    ids = tokenizer("Résumé, cat", return_tensors="pt")["input_ids"][0]
    pieces = tokenizer.convert_ids_to_tokens(ids)
    assert (pieces[0], pieces[-1]) == ("[CLS]", "[SEP]")
    assert tokenizer.pad_token_id == 0
    assert "".join(pieces[1:-1]).replace("##", "").startswith("resume")


def test_a_vocabulary_too_small_for_its_words_says_how_many() -> None:
    with pytest.raises(WordweightsError, match=r"has room for .* words .* but 40 more must stay"):
        learn_vocabulary(TEXT, 60, [f"word{i}" for i in range(40)])


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40))
def test_the_small_form_of_a_tokenizer_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    tokenizer = make_tokenizer(learn_vocabulary(TEXT, 80, []), 16)
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(tokenizer, folder)
    assert not (folder / "tokenizer.json").exists()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    loaded = AutoTokenizer.from_pretrained(folder)
    assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert loaded.model_max_length == 16
