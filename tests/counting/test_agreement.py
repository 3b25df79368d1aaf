"""A corpus counted by default has a P(w) for every word that attribution meets in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from families import random_bert
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_basic_tokens import TEXT
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from wordweights.attribution.alignment import tokenise
from wordweights.cli import app
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.words.frequencies import load_frequencies, look_up
from wordweights.words.sentences import load_sentences

pytestmark = pytest.mark.filterwarnings("ignore:One word here", "ignore:Missing")

PHRASES = [
    "I cannot, you don't, he can\N{RIGHT SINGLE QUOTATION MARK}t, we're gonna",
    "It's 5km to the U.K.; e.g. http://a.b/c?d=1,2 (x) :-)",
    "caf\xe9 cafe\N{COMBINING ACUTE ACCENT} CAF\xc9 co\xadoperate 10\xa0000 \xa35",
    "\N{WOMAN}\u200d\N{PERSONAL COMPUTER} \N{HEAVY BLACK HEART}\ufe0f!",
]
MARKS = [
    '"Is it?!" he said (twice).',
    'He said "no." (It\'s "5km...")',
    "well-known -- [MASK] </s>",
]


def unknown_words(encoder: Encoder, corpus: Path) -> list[str]:
    """Count a corpus, and give the words of its sentences that have no P(w)."""
    counts = corpus.with_name("counts.parquet")
    command = ["count", str(corpus), "-o", str(counts)]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    words = []
    for sentence in load_sentences(corpus)["sentence"]:
        try:
            words += tokenise(encoder, [sentence])[0].words
        except WordweightsError as error:  # a line of characters that are not read
            assert "reads nothing there" in str(error)
    known = look_up(words, load_frequencies(counts))["probability"]
    return [word for word, unknown in zip(words, known.isna(), strict=True) if unknown]


@pytest.fixture
def patient_encoder(tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """One that does not mind how long a sentence is: it only shows its tokenizer here."""
    monkeypatch.setattr(Encoder, "max_tokens", 10_000)
    return tiny_encoder


@pytest.fixture(scope="module")
def byte_level_encoder() -> Encoder:
    """One of RoBERTa's kind, whose wordpieces reach over several marks."""
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    trainer = trainers.BpeTrainer(
        special_tokens=list(special.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator([*PHRASES, *MARKS] * 9, trainer)
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **special)
    return Encoder("bytes", "mean", tokenizer, random_bert(tokenizer))


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.one_of(TEXT, st.sampled_from(PHRASES)), min_size=1, max_size=4))
def test_every_word_of_odd_texts_is_known(
    patient_encoder: Encoder, tmp_path: Path, texts: list[str]
) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(["a dog .", *texts]), encoding="utf-8", newline="")
    assert unknown_words(patient_encoder, corpus) == []


def test_every_word_of_prose_is_known(patient_encoder: Encoder, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    lines = [*PHRASES, *load_sentences("bundled")["sentence"]]
    corpus.write_text("\n".join(lines), encoding="utf-8")
    assert unknown_words(patient_encoder, corpus) == []


def test_words_are_the_same_for_an_encoder_whose_wordpieces_reach_over_several(
    patient_encoder: Encoder, byte_level_encoder: Encoder, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus.txt"
    lines = [*PHRASES, *MARKS, *load_sentences("bundled")["sentence"][:50]]
    corpus.write_text("\n".join(lines), encoding="utf-8")
    assert unknown_words(byte_level_encoder, corpus) == []
    ours, theirs = (tokenise(encoder, lines) for encoder in (patient_encoder, byte_level_encoder))
    assert [sentence.words for sentence in ours] == [sentence.words for sentence in theirs]
    (marked,) = tokenise(byte_level_encoder, MARKS[:1])
    words = ['"', "Is", "it", "?", "!", '"', "he", "said", "(", "twice", ")", "."]
    assert list(marked.words) == words
    # one wordpiece is ?!" and another ).
    assert [words[i] for i in marked.missing] == ["?", "!", '"', ")", "."]
