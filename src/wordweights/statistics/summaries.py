"""Summaries of attributions and of frequency sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.statistics.columns import finite_values
from wordweights.words.frequencies import Frequencies, look_up

INFORMATION = "\N{MINUS SIGN}ln P(w) [nats]"


def spread_by_information(table: pd.DataFrame, n_bins: int = 8) -> pd.DataFrame:
    """Summarise contributions in bins of information that hold about equally many words.

    Words of the same information are never parted, so a frequent word can make its bin larger and
    the number of bins smaller.

    Parameters
    ----------
    table : pd.DataFrame
        One row a word, with columns contribution and information (nats).
    n_bins : int
        The largest number of bins.

    Returns
    -------
    pd.DataFrame
        One row a bin, by rising information: low, high and mean_information (nats), n, mean and sd
        of the contribution (with n - 1; NaN for a bin of one word, which has no spread).

    Raises
    ------
    WordweightsError
        For a missing column, NaN or infinite values, no words, or no bins.
    """
    if n_bins < 1:
        raise WordweightsError(f"n_bins is {n_bins}; it must be at least 1.")
    words = pd.DataFrame({c: finite_values(table, c) for c in ("information", "contribution")})
    counts = words["information"].value_counts().sort_index()
    middle = counts.cumsum() - counts / 2  # where a value's words lie among all, by rank
    bins = (middle / len(words) * n_bins).astype(int)  # rounds down
    grouped = words.groupby(words["information"].map(bins), sort=True)
    return grouped.agg(
        low=("information", "min"),
        high=("information", "max"),
        mean_information=("information", "mean"),
        n=("contribution", "size"),
        mean=("contribution", "mean"),
        sd=("contribution", "std"),
    ).reset_index(drop=True)


def certificates(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Summarise how exact attributions are: completeness residuals and standard errors.

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned.

    Returns
    -------
    pd.DataFrame
        One row an encoder: encoder, n_sentences, n_words, residual_median, residual_p95,
        residual_max (relative, one a sentence) and error_median (standard error of a contribution
        relative to it, 0 where exact, NaN where a single probe says nothing about it).
    """
    rows = []
    for encoder, table in tables.items():
        residuals = table.drop_duplicates("sentence_id")["residual"]
        moved = table[table["contribution"] > 0]
        rows.append(
            {
                "encoder": encoder,
                "n_sentences": len(residuals),
                "n_words": len(table),
                "residual_median": residuals.median(),
                "residual_p95": residuals.quantile(0.95),
                "residual_max": residuals.max(),
                "error_median": (moved["standard_error"] / moved["contribution"]).median(),
            }
        )
    return pd.DataFrame(rows)


def weights_by_sentence(
    tables: Mapping[str, pd.DataFrame], frequencies: Frequencies
) -> list[pd.DataFrame]:
    """Put the information and the contributions of each sentence's words side by side.

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned, all of the same
        sentences.
    frequencies : Frequencies
        The source of P(w).

    Returns
    -------
    list[pd.DataFrame]
        One table a sentence, in order: word, -ln P(w) in nats (column :data:`INFORMATION`, NaN for
        a word that the source has never seen), and the contributions by each encoder.

    Raises
    ------
    WordweightsError
        For no tables, and for tables of different words.
    """
    keys = ["sentence_id", "position", "word"]
    if not tables:
        raise WordweightsError("There is no encoder to show; name at least one.")
    words = next(iter(tables.values()))[keys]
    columns = {INFORMATION: look_up(words["word"], frequencies)["information"].to_numpy()}
    for encoder, table in tables.items():
        if not table[keys].reset_index(drop=True).equals(words.reset_index(drop=True)):
            raise WordweightsError(
                f"Encoder {encoder!r} was attributed on other sentences than the first one; give "
                f"all of them the same."
            )
        columns[encoder] = table["contribution"].to_numpy()
    together = words.assign(**columns)
    return [
        sentence.drop(columns=["sentence_id", "position"]).reset_index(drop=True)
        for _, sentence in together.groupby("sentence_id", sort=False)
    ]


def information_by_source(words: Iterable[str], sources: Sequence[Frequencies]) -> pd.DataFrame:
    """Look words up in several frequency sources.

    Parameters
    ----------
    words : Iterable[str]
        Word occurrences; case does not matter.
    sources : Sequence[Frequencies]
        At least one, each of its own name.

    Returns
    -------
    pd.DataFrame
        Index: the distinct words in lower case; one column a source with -ln P(w) in nats, NaN
        where the source has never seen the word; column ``count`` with the occurrences.

    Raises
    ------
    WordweightsError
        For no words, and for two sources of one name.
    """
    counts = pd.Series([word.lower() for word in words], dtype=object).value_counts(sort=False)
    names = [source.source for source in sources]
    if counts.empty:
        raise WordweightsError("There are no words to look up.")
    if len(set(names)) < len(names):
        raise WordweightsError(f"A frequency source is named twice among {', '.join(names)}.")
    table = pd.DataFrame({"count": counts}).rename_axis("word")
    for source in sources:
        table[source.source] = look_up(table.index, source)["information"].to_numpy()
    return table


def coverage(information: pd.DataFrame) -> pd.DataFrame:
    """Count the words that each frequency source knows.

    Parameters
    ----------
    information : pd.DataFrame
        From :func:`information_by_source`.

    Returns
    -------
    pd.DataFrame
        One row a source: source, distinct and occurrences (the shares that it knows), n_unseen
        (distinct words) and unseen (the most frequent of them, at most ten).
    """
    counts = information["count"]
    rows = []
    for source in information.columns.drop("count"):
        unseen = information[source].isna()
        rows.append(
            {
                "source": source,
                "distinct": 1 - unseen.mean(),
                "occurrences": 1 - counts[unseen].sum() / counts.sum(),
                "n_unseen": int(unseen.sum()),
                "unseen": " ".join(counts[unseen].sort_values(ascending=False).index[:10]),
            }
        )
    return pd.DataFrame(rows)
