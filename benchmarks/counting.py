"""Time the ways to count the words of a text, and say which give the tokens of BERT.

    python benchmarks/counting.py [--corpus FILE] [--megabytes 64]

Prints a table: MB per second of processor time, of all threads together; how many of the tokens
that BERT's basic tokenizer finds the method counts right, or "exact" when it counts all of them and
no other; and the speed relative to the tokenizer of Hugging Face. Without --corpus the text is
drawn word by word from the probabilities of spaCy's table, with its capitals and punctuation: real
word shapes, and a vocabulary that grows. The file is read before, so that every method finds it in
memory. polars and DuckDB get the same job in their own language: lower case, runs of letters and
digits, and punctuation marks alone. "At spaces" is only a beginning: they split there and count
what stands between, which the library cuts by a few lines of its own before DuckDB counts it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import CountVectorizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from wordweights.counting import count_corpus
from wordweights.counting.corpus import list_shards
from wordweights.counting.engine import Settings, count_blocks
from wordweights.counting.reading import read_blocks
from wordweights.files import package_folder

# what BERT's tokens are in ASCII, and nearly elsewhere
PATTERN = r"[^\W_]+|[^\w\s]|_"
RUST_PATTERN = r"[\p{L}\p{N}\p{M}]+|[^\p{L}\p{N}\p{M}\s]"
Counts = dict[str, int]


def read_lines(path: Path) -> list[str]:
    """Read all lines."""
    return path.read_text("utf-8", errors="replace").split("\n")


def by_expression(path: Path) -> Counts:
    """Count matches of a regular expression."""
    find, counts = re.compile(PATTERN).findall, Counter[str]()
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            counts.update(find(line.lower()))
    return counts


def by_vectorizer(path: Path) -> Counts:
    """Count with scikit-learn, a document per line."""
    with path.open(encoding="utf-8", errors="replace") as file:
        vectorizer = CountVectorizer(token_pattern=PATTERN, strip_accents="unicode")
        sums = np.asarray(vectorizer.fit_transform(file).sum(axis=0)).ravel()
    return {word: int(sums[i]) for word, i in vectorizer.vocabulary_.items()}


def by_tokenizer(path: Path) -> Counts:
    """Count with the tokenizer of Hugging Face, line by line."""
    normalise, split = BertNormalizer(lowercase=True).normalize_str, BertPreTokenizer()
    counts = Counter[str]()
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            counts.update(token for token, _ in split.pre_tokenize_str(normalise(line)))
    return counts


def by_polars(path: Path, *, at_spaces: bool = False) -> Counts:
    """Count with polars."""
    line = pl.col("line").str.to_lowercase()
    words = (
        pl.scan_csv(path, has_header=False, new_columns=["line"], separator="\x01", quote_char=None)
        .select(line.str.split(" ") if at_spaces else line.str.extract_all(RUST_PATTERN))
        .explode("line")
        .drop_nulls()
        .group_by("line")
        .len()
        .collect(engine="streaming")
    )
    return dict(words.iter_rows())


def by_duckdb(path: Path, *, at_spaces: bool = False) -> Counts:
    """Count with DuckDB."""
    found = f"regexp_extract_all(lower(line), '{RUST_PATTERN}')"
    pieces = "string_split(lower(line), ' ')" if at_spaces else found
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.execute(
            f"select word, count(*) from (select unnest({pieces}) as word from read_csv(?, "
            "header=false, columns={'line': 'varchar'}, delim='\x01', quote='', escape='', "
            "max_line_size=10000000)) group by word",
            [str(path)],
        ).fetchall()
    return dict(rows)


def by_us(path: Path) -> Counts:
    """Count one shard, as a worker does."""
    (shard, *others), _ = list_shards([str(path)], 1 << 40)
    assert not others
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder, "counts.parquet")
        count_blocks(read_blocks(shard, "text"), Settings("bert"), counts)
        return read_words(counts)


def by_command(path: Path) -> Counts:
    """Count a corpus: the same, with the merge and the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORDWEIGHTS_RESULTS"] = folder
        report = count_corpus([path], Path(folder) / "counts.parquet", tokens="bert")
        return read_words(report.output)


def read_words(path: Path) -> Counts:
    """Read a table of counts, which may name a word twice."""
    counts = Counter[str]()
    table = pq.read_table(path, columns=["word", "count"]).to_pydict()
    for word, count in zip(*table.values(), strict=True):
        counts[word] += count
    return counts


METHODS: dict[str, Callable[[Path], Counts]] = {
    "regular expression, Counter": by_expression,
    "scikit-learn CountVectorizer": by_vectorizer,
    "tokenizers (BERT), Counter": by_tokenizer,
    "polars": by_polars,
    "polars, at spaces": partial(by_polars, at_spaces=True),
    "DuckDB": by_duckdb,
    "DuckDB, at spaces": partial(by_duckdb, at_spaces=True),
    "wordweights, a shard": by_us,
    "wordweights count": by_command,
}


def make_text(path: Path, megabytes: float) -> None:
    """Draw words by spaCy's probabilities; punctuation follows without a space."""
    folder = package_folder("spacy_lookups_data")
    assert folder is not None
    table = folder / "data" / "en_lexeme_prob.json.gz"
    logs = json.loads(gzip.decompress(table.read_bytes()))
    default = min(logs.values())
    words = [word for word in logs if logs[word] > default and not re.search(r"\s", word)]
    shares = np.exp([logs[word] for word in words])
    drawn = np.random.default_rng(0).choice(
        len(words), size=int(megabytes * 1e6 / 4.5), p=shares / shares.sum()
    )
    spaced = np.array([word if not word[0].isalnum() else f" {word}" for word in words], object)
    text = "".join(spaced[drawn].tolist()).replace(". ", ".\n")
    path.write_bytes(text.encode()[: int(megabytes * 1e6)] + b"\n")


def agreement(found: Counts, right: Counts) -> str:
    """Say how many of the right tokens a method counts, and whether it counts no other."""
    if found == right:
        return "exact"
    common = sum(min(n, found.get(word, 0)) for word, n in right.items())
    return f"{100 * common / max(sum(right.values()), sum(found.values())):.3f} %"


def copy_rate(path: Path) -> float:
    """Measure how fast this machine copies the text in memory: no method can be faster."""
    content = path.read_bytes()
    start = time.perf_counter()
    bytearray(content)
    return len(content) / (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="a file of text in UTF-8")
    parser.add_argument("--megabytes", type=float, default=64, help="of text to draw")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.corpus or Path(folder) / "text.txt"
        if arguments.corpus is None:
            make_text(path, arguments.megabytes)
        megabytes = path.stat().st_size / 1e6
        right = by_tokenizer(path)
        print(f"{megabytes:.1f} MB, {sum(right.values()):,} tokens, {len(right):,} distinct")
        print(f"a copy in memory: {copy_rate(path) / 1e6:,.0f} MB/s\n")
        print(f"{'method':30}  {'MB/s':>7}  {'x tokenizers':>12}  {'BERT tokens':>11}")
        rates: dict[str, tuple[float, str]] = {}
        for name, method in METHODS.items():
            seconds = []
            slow = False
            while len(seconds) < (1 if slow else arguments.repeats):
                start = time.process_time()
                found = method(path)
                seconds.append(time.process_time() - start)
                slow = seconds[0] > 20
            rates[name] = megabytes / min(seconds), agreement(found, right)
        base = rates["tokenizers (BERT), Counter"][0]
        for name, (rate, exact) in rates.items():
            print(f"{name:30}  {rate:7.1f}  {rate / base:12.1f}  {exact:>11}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\npeak memory of all methods together: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
