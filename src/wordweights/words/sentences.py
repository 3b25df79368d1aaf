"""Sentences: read them as they are, split them into words, keep those of the paper's form.

Text is never altered: `NA`, `null`, `1,000`, leading zeros, HTML and double spaces stay what they
are in the file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.files import DATA_VARIABLE
from wordweights.words.splitting import spacy_tokenizer, split_words
from wordweights.words.tables import (
    DELIMITERS,
    LINE_END,
    check_filled,
    is_blank,
    kind_of,
    name_places,
    quoted,
    read_cells,
    read_table,
    read_text,
    resolve_source,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SOURCES = ("bundled", "stsb")

# Parquet files of the STS Benchmark with the columns sentence1, sentence2, score. The revision is
# pinned, so that the same sentences come back in every year.
STSB_HUB_ID = "sentence-transformers/stsb"
STSB_REVISION = "ab7a5ac0e35aa22088bdcf23e7fd99b220e53308"
# split of the benchmark: its file in the folder that WORDWEIGHTS_DATA names
_STSB_FILES = {"validation": "dev.csv", "test": "test.csv"}


def load_sentences(source: str | Path = "bundled", column: str = "sentence") -> pd.DataFrame:
    """Read sentences, one per row, exactly as they are in the source.

    Parameters
    ----------
    source : str | Path
        ``"bundled"``: sentences that come with this package. ``"stsb"``: the STS Benchmark (Cer et
        al. 2017), validation and test, sentence1 and sentence2 of each pair as two rows; from
        `sentence-transformers/stsb` on the Hugging Face hub, or, when the environment variable
        ``WORDWEIGHTS_DATA`` names a folder, from its ``stsb/dev.csv`` and ``stsb/test.csv`` (no
        header: sentence1,sentence2,score). Or a file: .csv or .tsv with a header and a column of
        sentences (`sentence_id` and `genre` if there are such; other columns are ignored; cells
        are parted by commas, semicolons or tabs; a cell with a line break or a delimiter stands in
        double quotes), .txt with one sentence per line (blank lines are skipped), or .parquet.
        Text is in UTF-8 or UTF-16, and may be compressed (.csv.gz, .tsv.gz, .txt.gz).
    column : str
        The column with the sentences, in a file that has columns.

    Returns
    -------
    pd.DataFrame
        Columns `sentence_id` (that of the file; where it has none, the row from 0, or the line from
        0 of a .txt file), `sentence`, and `genre` where a file has it (`split` and the number of
        the `pair` for ``"stsb"``).

    Raises
    ------
    WordweightsError
        For a source that is unknown, cannot be read, or has an empty or missing sentence, and for a
        sentence_id that is no whole number or not the only one of its kind.

    Examples
    --------
    >>> from pathlib import Path
    >>> from wordweights import load_sentences
    >>> Path("mine.txt").write_text("a dog runs .")
    12
    >>> load_sentences("mine.txt")
       sentence_id       sentence
    0            0  a dog runs .
    """
    name_or_path = resolve_source(source, SOURCES, (*DELIMITERS, ".txt", ".parquet"))
    if column != "sentence" and (name_or_path in SOURCES or kind_of(Path(name_or_path)) == ".txt"):
        raise WordweightsError(
            f"column is {column!r}, but {source} has no columns to choose from: leave it out."
        )
    if name_or_path == "stsb":
        return _load_stsb()
    if name_or_path == "bundled":
        with resources.as_file(resources.files("wordweights") / "data" / "sentences.csv") as path:
            return _load_file(path, column)
    return _load_file(Path(name_or_path), column)


def lines_to_sentences(text: str) -> pd.DataFrame:
    """Take each line of a text for a sentence, numbered from 0; blank ones are skipped."""
    lines = pd.Series(LINE_END.split(text), dtype=object)
    lines = lines[lines.str.strip() != ""]
    return _number(lines.to_frame("sentence"), lines.index)


def load_pairs(split: str = "test") -> pd.DataFrame:
    """Read the pairs of a split of the STS Benchmark with their similarity.

    Parameters
    ----------
    split : str
        ``"validation"`` or ``"test"``.

    Returns
    -------
    pd.DataFrame
        Columns sentence1, sentence2 and score, from 0 to 5 (from the hub perhaps from 0 to 1).

    Raises
    ------
    WordweightsError
        As :func:`load_sentences` does, and for a score that is no number.
    """
    pairs = _stsb_pairs(split)
    scores = pd.to_numeric(pairs["score"], errors="coerce")
    if scores.isna().any():
        first = pairs.loc[scores.isna(), "score"].iloc[0]
        raise WordweightsError(
            f"The STS Benchmark, split {split}: the score {first!r} is no number; the third field "
            f"of a row must be the similarity of its two sentences."
        )
    return pairs.assign(score=scores)


def filter_sentences(
    table: pd.DataFrame,
    tokenizers: Sequence[PreTrainedTokenizerBase],
    n_words: int | None = 7,
    limit: int | None = None,
) -> pd.DataFrame:
    """Keep the sentences of exactly `n_words` words, each a single wordpiece.

    The filter of Kurita et al. (2023). A sentence passes when spaCy gives exactly `n_words` tokens
    (punctuation counts, and so does a whitespace token, which a double space leaves and which is no
    wordpiece) and when every tokenizer, reading the whole sentence, gives exactly one known
    wordpiece for each of them, at the same characters. Of the 5,758 sentences of the STS
    Benchmark's validation and test sets 617 pass (495 distinct) with the wordpieces of
    BERT-base-uncased. A sentence with a word that spaCy parts and :func:`split_words` does not,
    such as "cannot", never passes.

    Parameters
    ----------
    table : pd.DataFrame
        With a text column `sentence`.
    tokenizers : Sequence[PreTrainedTokenizerBase]
        Fast tokenizers of Hugging Face; with none, only the number of words counts.
    n_words : int | None
        Number of words; None keeps every sentence, of any length and with any words.
    limit : int | None
        Keep only so many of the sentences that pass, the first; None keeps all of them.

    Returns
    -------
    pd.DataFrame
        A copy of the rows that pass, in their order, numbered anew; `sentence_id` stays.

    Raises
    ------
    WordweightsError
        If no sentence passes (the message counts the reasons), and for wrong parameters.

    Examples
    --------
    >>> import pandas as pd
    >>> from wordweights import filter_sentences, load_encoder
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> table = pd.DataFrame({"sentence": ["a dog runs .", "a dog runs fast ."]})
    >>> filter_sentences(table, [encoder.tokenizer], n_words=4)["sentence"].tolist()
    ['a dog runs .']
    """
    _check_filter(table, tokenizers, n_words, limit)
    if n_words is None:
        return table.iloc[:limit].reset_index(drop=True)
    split = spacy_tokenizer()
    lengths: Counter[int] = Counter()
    n_whitespace = n_joined = 0
    candidates: dict[int, list[tuple[int, int]]] = {}
    for row, sentence in enumerate(table["sentence"]):
        tokens = split(sentence)
        lengths[len(tokens)] += 1
        if len(tokens) == n_words:
            if any(token.is_space for token in tokens):
                n_whitespace += 1
            elif len(split_words(sentence)) < n_words:
                n_joined += 1
            else:
                candidates[row] = [(token.idx, token.idx + len(token)) for token in tokens]
    refused: Counter[str] = Counter()
    for tokenizer in tokenizers:
        passed = _single_wordpieces(table["sentence"].iloc[list(candidates)], candidates, tokenizer)
        refused[_tokenizer_name(tokenizer)] += len(candidates) - len(passed)
        candidates = passed
    if not candidates:
        usual, often = lengths.most_common(1)[0]
        reasons = [
            f"another number of words: {len(table) - lengths[n_words]} (the most frequent number "
            f"is {usual}: {often})",
            f"a whitespace token, such as a double space leaves: {n_whitespace}",
            f"a word that spaCy parts and BERT does not, such as 'cannot': {n_joined}",
            *(f"a word that is no single wordpiece of {name}: {n}" for name, n in refused.items()),
        ]
        raise WordweightsError(
            f"None of the {len(table)} sentences passes the filter with n_words={n_words}. Refused "
            f"for {'; '.join(reasons)}. Choose another n_words, or None for every sentence."
        )
    return table.iloc[list(candidates)[:limit]].reset_index(drop=True)


def _tokenizer_name(tokenizer: PreTrainedTokenizerBase) -> str:
    return Path(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__).name


def _check_filter(
    table: pd.DataFrame, tokenizers: Sequence[Any], n_words: int | None, limit: int | None
) -> None:
    for name, number, without in (
        ("n_words", n_words, "every length"),
        ("limit", limit, "every sentence that passes"),
    ):
        if number is not None and (
            isinstance(number, bool) or not isinstance(number, int) or number < 1
        ):
            raise WordweightsError(
                f"{name} is {number!r}: give a whole number from 1, or None for {without}."
            )
    if "sentence" not in table.columns:
        raise WordweightsError(
            f"The table of sentences has no column 'sentence', only {quoted(table.columns)}."
        )
    if table.empty:
        raise WordweightsError("The table of sentences is empty: give at least one sentence.")
    for row, sentence in enumerate(table["sentence"]):
        if not isinstance(sentence, str):
            raise WordweightsError(
                f"Row {row} of the table of sentences is {sentence!r}, not text: the column "
                f"'sentence' must hold strings."
            )
    if callable(tokenizers):
        raise WordweightsError("tokenizers is one tokenizer: give a list, such as [tokenizer].")
    for tokenizer in tokenizers:
        if not getattr(tokenizer, "is_fast", False):
            raise WordweightsError(
                f"Tokenizer {_tokenizer_name(tokenizer)} does not know character offsets: give a "
                f"fast tokenizer of Hugging Face (is_fast=True)."
            )


def _single_wordpieces(
    sentences: pd.Series, spans: dict[int, list[tuple[int, int]]], tokenizer: Any
) -> dict[int, list[tuple[int, int]]]:
    """Keep the rows of `spans` whose words are the wordpieces of `tokenizer`, one for one."""
    if not spans:
        return {}
    encoded = tokenizer(
        list(sentences), add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    passed = {}
    for (row, words), sentence, ids, offsets in zip(
        spans.items(), sentences, encoded["input_ids"], encoded["offset_mapping"], strict=True
    ):
        # some tokenizers count the space before a word as the wordpiece's
        pieces = [
            (end - len(sentence[start:end].lstrip()), start + len(sentence[start:end].rstrip()))
            for start, end in offsets
        ]
        if pieces == words and tokenizer.unk_token_id not in ids:
            passed[row] = words
    return passed


def _load_file(path: Path, column: str) -> pd.DataFrame:
    if kind_of(path) == ".txt":
        return lines_to_sentences(read_text(path))
    others = [name for name in ("sentence_id", "genre") if name != column]
    table = read_table(path, [column], others, numbers=["sentence_id"])
    check_filled(path, table[column])
    table = table.rename(columns={column: "sentence"})
    if "genre" in table:
        table["genre"] = table["genre"].fillna("")
    ids = _given_ids(path, table.pop("sentence_id")) if "sentence_id" in table else None
    return _number(table, pd.RangeIndex(len(table)) if ids is None else ids)


def _given_ids(path: Path, column: pd.Series) -> pd.Index:
    texts = column.astype("str").str.strip()
    wrong = ~texts.str.fullmatch(r"[+-]?[0-9]{1,18}")
    what = "is no whole number of at most 18 digits"
    if not wrong.any():
        wrong, what = texts.astype("int64").duplicated(), "stands on an earlier row, too"
    if wrong.any():
        raise WordweightsError(
            f"{path}, {name_places(column.index[wrong])}: the sentence_id "
            f"{column[wrong].iloc[0]!r} {what}; give each sentence its own, or leave the column "
            f"out to number the rows from 0."
        )
    return pd.Index(texts.astype("int64"))


def _number(table: pd.DataFrame, ids: pd.Index) -> pd.DataFrame:
    texts = {name: table[name].tolist() for name in table}
    return pd.DataFrame({"sentence_id": ids.to_numpy(dtype="int64"), **texts})


def _load_stsb() -> pd.DataFrame:
    rows = [
        (sentence, split)
        for split in _STSB_FILES
        for row in _stsb_pairs(split).itertuples()
        for sentence in (row.sentence1, row.sentence2)
    ]
    table = pd.DataFrame(rows, columns=["sentence", "split"])
    return _number(table, pd.RangeIndex(len(rows))).assign(pair=lambda t: t.index // 2)


def _stsb_pairs(split: str) -> pd.DataFrame:
    """Read sentence1, sentence2 and score."""
    folder = os.environ.get(DATA_VARIABLE)
    pairs = _stsb_from_folder(folder, split) if folder else _stsb_from_hub(split)
    return pairs.set_axis(["sentence1", "sentence2", "score"], axis=1)


def _stsb_from_folder(folder: str, split: str) -> pd.DataFrame:
    path = Path(folder) / "stsb" / _STSB_FILES[split]
    if not path.is_file():
        raise WordweightsError(
            f"{path} does not exist: {DATA_VARIABLE} must name a folder with stsb/dev.csv and "
            f"stsb/test.csv (no header: sentence1,sentence2,score), or be unset to take the STS "
            f"Benchmark from the Hugging Face hub."
        )
    cells = read_cells(path, ",")
    wrong = is_blank(cells[0]) | (is_blank(cells[1]) if len(cells.columns) == 3 else True)
    if wrong.any():
        raise WordweightsError(
            f"{path}, {name_places(cells.index[wrong])}: a row must be sentence1,sentence2,score, "
            f"with a sentence in double quotes where it holds a comma, and neither empty."
        )
    return cells


def _stsb_from_hub(split: str) -> pd.DataFrame:
    import datasets

    # whatever the hub, its cache or the network raises is for the user one thing: no data
    try:
        pairs = datasets.load_dataset(STSB_HUB_ID, split=split, revision=STSB_REVISION)
        return pd.DataFrame({name: pairs[name] for name in ("sentence1", "sentence2", "score")})
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "")
        raise WordweightsError(
            f"The STS Benchmark ({STSB_HUB_ID}, split {split}) could not be read from the Hugging "
            f"Face hub ({type(error).__name__}: {reason}). Without a network, set {DATA_VARIABLE} "
            f"to a folder that holds stsb/dev.csv and stsb/test.csv, or HF_HOME to a Hugging Face "
            f"cache that holds the data set, or give the path of your own sentences "
            f"(.csv, .tsv, .txt, .parquet), or 'bundled'."
        ) from None
