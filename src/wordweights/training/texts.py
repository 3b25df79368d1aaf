"""What encoders are trained on: sentences of corpora, and pairs of sentences with NLI labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from wordweights.counting.corpus import DATA_SET, open_data_set
from wordweights.counting.reading import read_lines
from wordweights.counting.samples import corpus_files
from wordweights.errors import WordweightsError
from wordweights.words.tables import (
    DELIMITERS,
    is_blank,
    name_places,
    quoted,
    read_table,
    resolve_source,
)

NLI_LABELS = ("entailment", "neutral", "contradiction")
"""In the order of the class numbers that data sets use."""

_SHORTEST = 4  # words of a sentence that is worth reading: less is a heading or a rest
_LONGEST = 1_000_000  # characters of a line: what spaCy takes at once


def read_sentences(corpora: Sequence[str]) -> list[str]:
    """Read the distinct sentences of some corpora, in order.

    Lines are split by spaCy's rule-based sentencizer; a line that holds one sentence stays whole.

    Parameters
    ----------
    corpora : Sequence[str]
        Each as for :func:`wordweights.counting.corpus_files`: a name, a file, a folder, an
        address, or ``dataset:name``.

    Returns
    -------
    list[str]
        Those of at least four words.

    Raises
    ------
    WordweightsError
        For a corpus that cannot be read, and one without a sentence.
    """
    import spacy

    split = spacy.blank("en")
    split.add_pipe("sentencizer")
    found: dict[str, None] = {}
    for corpus in corpora:
        before = len(found)
        for document in split.pipe(_lines(corpus), batch_size=256):
            for sentence in document.sents:
                text = " ".join(sentence.text.split())
                if text.count(" ") + 1 >= _SHORTEST:
                    found[text] = None
        if len(found) == before:
            raise WordweightsError(
                f"The corpus {corpus} has no sentence of at least {_SHORTEST} words that was not "
                f"in the corpora before it: give one with prose."
            )
    return list(found)


def digest_text(corpora: Sequence[str]) -> str:
    """Name the text of some corpora by what stands in it.

    Parameters
    ----------
    corpora : Sequence[str]
        As for :func:`read_sentences`.

    Returns
    -------
    str
        SHA-256 of its lines.
    """
    sha = hashlib.sha256()
    for corpus in corpora:
        for line in read_lines(corpus_files(corpus)):
            sha.update(line + b"\n")
    return sha.hexdigest()


def read_nli(source: str | Path) -> pd.DataFrame:
    """Read pairs of sentences, and whether the first entails the second.

    Parameters
    ----------
    source : str | Path
        A CSV, TSV or parquet file with the columns label, premise and hypothesis, or
        ``dataset:name`` for a data set with them, such as ``dataset:stanfordnlp/snli``.

    Returns
    -------
    pd.DataFrame
        Columns label (a name of :data:`NLI_LABELS`), premise, hypothesis. Rows without a label, as
        SNLI has where its annotators did not agree, are left out.

    Raises
    ------
    WordweightsError
        For a source that cannot be read, an unknown label, and a blank sentence.
    """
    columns = ["label", "premise", "hypothesis"]
    if str(source).startswith(DATA_SET):
        data = open_data_set(str(source))
        if missing := set(columns).difference(data.column_names or columns):
            raise WordweightsError(
                f"The data set {source} has no column {quoted(sorted(missing))}: name one with "
                f"label, premise and hypothesis."
            )
        table = pd.DataFrame([{name: row[name] for name in columns} for row in data], dtype=object)
        table.index = pd.RangeIndex(1, len(table) + 1, name="row")
    else:
        path = resolve_source(source, [f"{DATA_SET}name"], [*DELIMITERS, ".parquet"])
        table = read_table(Path(path), columns, numbers=["label"])
    table["label"] = table["label"].map(_label)
    table = table[table["label"] != ""]
    unknown = ~table["label"].isin(NLI_LABELS)
    blank = is_blank(table["premise"]) | is_blank(table["hypothesis"])
    for bad, what in ((unknown, "the label is unknown"), (blank, "a sentence is empty")):
        if bad.any():
            raise WordweightsError(
                f"{source}, {name_places(table.index[bad])}: {what}; a row needs a premise, a "
                f"hypothesis and one of {', '.join(NLI_LABELS)} (or its number, 0 to 2)."
            )
    return table.reset_index(drop=True)


def _label(value: Any) -> str:
    """Name a label; what annotators left open is the empty name."""
    text = str(value).strip().lower()
    if text in ("-", "-1"):
        return ""
    return NLI_LABELS[int(text)] if text in ("0", "1", "2") else text


def _lines(corpus: str) -> Iterator[str]:
    for line in read_lines(corpus_files(corpus)):
        text = line.decode(errors="replace")
        for start in range(0, len(text), _LONGEST):
            yield text[start : start + _LONGEST]
