"""Words and wordpieces: every wordpiece has its word, whatever the text."""

from __future__ import annotations

import numpy as np
import pytest
from families import random_bert
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from wordweights.attribution.alignment import TokenisedSentence, count_pieces, fits, tokenise
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError


def test_whole_words_and_pieces(tiny_encoder: Encoder) -> None:
    (sentence,) = tokenise(tiny_encoder, ["A dog is playing ."])
    assert sentence.words == ("A", "dog", "is", "playing", ".")
    pieces = tiny_encoder.tokenizer.convert_ids_to_tokens(list(sentence.ids))
    assert pieces == ["[CLS]", "a", "dog", "is", "play", "##ing", ".", "[SEP]"]
    assert sentence.word_of == (-1, 0, 1, 2, 3, 3, 4, -1)


def test_wordpieces_are_counted_word_by_word(tiny_encoder: Encoder) -> None:
    counts = count_pieces(tiny_encoder, ["A dog is playing .", "a", "cutting playing dogs"])
    assert counts.tolist() == [1, 1, 1, 2, 1, 1, 1, 2, 1]
    assert count_pieces(tiny_encoder, []).tolist() == []


@pytest.mark.parametrize(
    ("text", "words", "word_of", "missing"),
    [
        # what spaCy parts and a wordpiece does not
        ("a dog cannot", ["a", "dog", "cannot"], [0, 1, 2], [2]),
        ("isn't a dog", ["isn't", "a", "dog"], [0, 0, 0, 1, 2], [0]),
        # no wordpiece of its own: unknown, typed, of several characters, invisible
        ("the zebra is quick", ["the", "zebra", "is", "quick"], [0, 1, 2, 3], [1]),
        ("a [MASK] dog", ["a", "[", "MASK", "]", "dog"], [0, 1, 4], [1, 2, 3]),
        (
            "dog [SEP] [UNK]",
            ["dog", "[", "SEP", "]", "[", "UNK", "]"],
            [0, 1, 4],
            [1, 2, 3, 4, 5, 6],
        ),
        ("a 👩\u200d💻 dog", ["a", "👩\u200d💻", "dog"], [0, 1, 2], [1]),
        ("a \u200b dog", ["a", "\u200b", "dog"], [0, 2], [1]),
        ("\ue000 dog", ["\ue000", "dog"], [1], [0]),
    ],
)
@pytest.mark.filterwarnings("ignore:One word here", "ignore:Missing")
def test_a_word_has_wordpieces_of_its_own_or_is_missing(
    tiny_encoder: Encoder, text: str, words: list[str], word_of: list[int], missing: list[int]
) -> None:
    (sentence,) = tokenise(tiny_encoder, [text])
    assert list(sentence.words) == words
    assert sentence.word_of == (-1, *word_of, -1)
    assert list(sentence.missing) == missing


def test_what_is_joined_or_missing_is_named_once(tiny_encoder: Encoder) -> None:
    with pytest.warns() as caught:
        tokenise(tiny_encoder, ["a dog isn't quick", "a dog", "isn't a zebra"])
    assert [str(warning.message) for warning in caught] == [
        'One word here, because spaCy parts it where the tokenizer does not: "isn\'t".',
        "Missing, because encoder 'tiny' has no wordpiece for it alone: \"isn't\", 'zebra'.",
    ]


def test_spaces_that_wordpieces_hold_and_words_that_share_one() -> None:
    """A tokenizer of RoBERTa's kind, to whose wordpieces the spaces before them belong."""
    pieces = ["<s>", "</s>", "<unk>", "Ġa", "Ġ", "Ġdog", "Ġis", "n't", "?!"]
    words = Tokenizer(models.WordLevel({p: i for i, p in enumerate(pieces)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    special = {"cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **special)
    encoder = Encoder("bytes", "mean", tokenizer, random_bert(tokenizer))
    with pytest.warns(UserWarning, match=r"^Missing, because .* for it alone: '\?', '!'\.$"):
        (sentence,) = tokenise(encoder, [" a  dog is dog?!"])
    assert sentence.words == ("a", "dog", "is", "dog", "?", "!")
    assert sentence.word_of == (-1, 0, 0, 1, 2, 3, 4, -1)
    assert sentence.missing == (4, 5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(min_size=1, max_size=12).filter(lambda s: s.strip()))
@pytest.mark.filterwarnings("ignore:One word here", "ignore:Missing")
def test_any_text_is_aligned_in_order(tiny_encoder: Encoder, text: str) -> None:
    """Only the outer tokens are nobody's; the others go through the words from left to right."""
    try:
        (sentence,) = tokenise(tiny_encoder, [text])
    except WordweightsError as error:
        assert "reads nothing there" in str(error)
        assert tiny_encoder.tokenizer.tokenize(text) == []
        return
    assert sentence.word_of[0] == sentence.word_of[-1] == -1
    inner = sentence.word_of[1:-1]
    assert list(inner) == sorted(inner)
    # a word with nothing to weigh is marked, not weighed as nothing
    assert set(inner) | set(sentence.missing) == set(range(len(sentence.words)))


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("", "Sentence 1 is empty or only whitespace"),
        (" \t\n", "Sentence 1 is empty or only whitespace"),
        (None, "Sentence 1 is None, not text"),
        (float("nan"), "Sentence 1 is nan, not text"),
        ("\u200b", "Sentence 1: encoder 'tiny' reads nothing there, .* such as '.u200b'"),
        ("a \ud83d dog", "Sentence 1 is 'a .ud83d dog', which holds half of a character"),
    ],
)
def test_what_is_no_sentence_is_named(
    tiny_encoder: Encoder, sentence: object, message: str
) -> None:
    with pytest.raises(WordweightsError, match=message):
        tokenise(tiny_encoder, ["a dog", sentence])


def test_all_sentences_that_are_too_long_are_named(tiny_encoder: Encoder) -> None:
    texts = ["dog " * 22, "dog " * 23, "a dog", "dog " * 30]
    message = "^Sentences 7, 9: more wordpieces .* than the 24 that .* reads, up to 32"
    with pytest.raises(WordweightsError, match=message):
        tokenise(tiny_encoder, texts, [6, 7, 8, 9])
    with pytest.raises(
        WordweightsError, match=f"^Sentences {', '.join(map(str, range(25)))}: more"
    ):
        tokenise(tiny_encoder, texts[1:2] * 25)
    assert fits(tiny_encoder, texts).tolist() == [True, False, True, False]
    assert fits(tiny_encoder, []).tolist() == []


def test_membership_sums_wordpieces_into_words() -> None:
    sentence = TokenisedSentence("", ("a", "b", "c"), (2, 7, 8, 9, 3), (-1, 0, 0, 1, -1))
    sums = np.array([[9.0, 1.0, 2.0, 4.0, 9.0]]) @ sentence.membership
    np.testing.assert_array_equal(sums, [[3.0, 4.0, 0.0]])


def test_the_key_is_what_the_encoder_sees(tiny_encoder: Encoder) -> None:
    texts = ["a dog is quick", "A dog is  quick", "a dog is happy", "dogs . dogs", "dogs.dogs"]
    one, spaced, other, apart, together = (s.key for s in tokenise(tiny_encoder, texts))
    assert one == spaced
    assert len({one, other, apart, together}) == 4
