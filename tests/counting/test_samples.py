"""Corpora that every reader has, and the growth of a vocabulary."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from plain_counts import bert_tokens

from wordweights.counting import corpus_files, count_source, vocabulary_growth
from wordweights.errors import WordweightsError
from wordweights.words.sentences import load_sentences


def test_the_bundled_sentences_are_a_source() -> None:
    expected = bert_tokens("\n".join(load_sentences("bundled")["sentence"]))
    report, source = count_source("bundled", "bert")
    assert source.source == "bundled"
    assert report.tally.total == expected.total()
    assert source.probabilities["the"] == pytest.approx(expected["the"] / expected.total())
    assert source.note.startswith("Counts from bundled: ")


@pytest.mark.slow
def test_the_descriptions_of_packages_are_a_corpus() -> None:
    (path,) = corpus_files("packages")
    written = Path(path).stat().st_mtime_ns
    assert corpus_files("packages") == [path]
    assert Path(path).stat().st_mtime_ns == written, "what is made of it is found by its time"
    counts = bert_tokens(Path(path).read_text("utf-8"))
    assert counts.total() > 50_000
    assert counts.most_common(20)[0][1] > counts["python"] > 100


def test_a_corpus_of_ones_own_is_itself(text_file: Path) -> None:
    assert corpus_files(str(text_file)) == [str(text_file)]
    assert count_source(str(text_file), "spacy")[1].source == "text.txt"


def test_growth_ends_with_all_words(text_file: Path) -> None:
    counts: Counter[str] = bert_tokens(text_file.read_text("utf-8"))
    growth = vocabulary_growth([str(text_file)], "bert")
    assert growth.iloc[-1].tolist() == [counts.total(), len(counts)]
    assert growth["tokens"].is_monotonic_increasing
    assert (growth["words"] <= growth["tokens"]).all()
    first = vocabulary_growth([str(text_file)], n_bytes=100)
    assert first["tokens"].iloc[-1] < 40


def test_growth_names_a_corpus_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(WordweightsError, match=r"broken\.parquet cannot be read \(ArrowInvalid: "):
        vocabulary_growth([str(tmp_path / "broken.parquet")])


def test_growth_of_what_nobody_counts(text_file: Path) -> None:
    with pytest.raises(WordweightsError, match="tokens is 'letters': give one of words, bert, sp"):
        vocabulary_growth([str(text_file)], "letters")


def test_nothing_grows_in_an_empty_corpus(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    assert vocabulary_growth([str(tmp_path / "empty.txt")]).empty
