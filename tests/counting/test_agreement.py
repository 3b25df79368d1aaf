"""A corpus counted by default has a P(w) for every word that attribution meets in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_basic_tokens import TEXT

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
