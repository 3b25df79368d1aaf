"""Words and wordpieces: every wordpiece has its word, whatever the text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wordweights.attribution.alignment import TokenisedSentence, tokenise
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError


def test_whole_words_and_pieces(tiny_encoder: Encoder) -> None:
    (sentence,) = tokenise(tiny_encoder, ["A dog is playing ."])
    assert sentence.words == ("A", "dog", "is", "playing", ".")
    pieces = tiny_encoder.tokenizer.convert_ids_to_tokens(list(sentence.ids))
    assert pieces == ["[CLS]", "a", "dog", "is", "play", "##ing", ".", "[SEP]"]
    assert sentence.word_of == (-1, 0, 1, 2, 3, 3, 4, -1)


def test_an_unknown_word_is_still_a_word(tiny_encoder: Encoder) -> None:
    (sentence,) = tokenise(tiny_encoder, ["the zebra is quick"])
    assert sentence.word_of == (-1, 0, 1, 2, 3, -1)
    assert sentence.ids[2] == tiny_encoder.tokenizer.unk_token_id


def test_what_the_tokenizer_splits_finer_than_spacy_stays_one_word(tiny_encoder: Encoder) -> None:
    (sentence,) = tokenise(tiny_encoder, ["dogs.dogs is"])
    assert sentence.words == ("dogs.dogs", "is")
    assert sentence.word_of == (-1, 0, 0, 0, 1, -1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(min_size=1, max_size=12).filter(lambda s: s.strip()))
def test_any_text_is_aligned_in_order(tiny_encoder: Encoder, text: str) -> None:
    """Only the outer tokens are nobody's; the others go through the words from left to right."""
    (sentence,) = tokenise(tiny_encoder, [text])
    assert sentence.word_of[0] == sentence.word_of[-1] == -1
    inner = sentence.word_of[1:-1]
    assert list(inner) == sorted(inner)
    assert all(0 <= word < max(1, len(sentence.words)) for word in inner)


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("", "Sentence 1 is empty or only whitespace"),
        (" \t\n", "Sentence 1 is empty or only whitespace"),
        (None, "Sentence 1 is None, not text"),
        (float("nan"), "Sentence 1 is nan, not text"),
        ("dog " * 30, "Sentence 1 has 32 wordpieces .* at most 24"),
    ],
)
def test_what_is_no_sentence_is_named(
    tiny_encoder: Encoder, sentence: object, message: str
) -> None:
    with pytest.raises(WordweightsError, match=message):
        tokenise(tiny_encoder, ["a dog", sentence])


def test_membership_sums_wordpieces_into_words() -> None:
    sentence = TokenisedSentence("", ("a", "b", "c"), (2, 7, 8, 9, 3), (-1, 0, 0, 1, -1))
    sums = np.array([[9.0, 1.0, 2.0, 4.0, 9.0]]) @ sentence.membership
    np.testing.assert_array_equal(sums, [[3.0, 4.0, 0.0]])


def test_the_key_is_what_the_encoder_sees(tiny_encoder: Encoder) -> None:
    texts = ["a dog is quick", "A dog is  quick", "a dog is happy", "un quick", "unquick"]
    one, spaced, other, apart, together = (s.key for s in tokenise(tiny_encoder, texts))
    assert one == spaced
    assert len({one, other, apart, together}) == 4
