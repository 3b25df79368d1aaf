"""Words of sentences with known correlations, and resamples of them row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

ALONE = ["sentence_id"]
"""Units of a bootstrap that draws sentences alone."""


def crossed(
    seed: int,
    n_sentences: int = 60,
    n_words: int = 7,
    r: float = 0.7,
    n_types: int = 150,
) -> pd.DataFrame:
    """Words with correlation r, whose variance is their sentence's, their type's and their own.

    Types are as frequent as Zipf's law says: a few are most of the words.
    """
    rng = np.random.default_rng(seed)
    mix = np.linalg.cholesky([[1.0, r], [r, 1.0]])
    sentence = np.repeat(np.arange(n_sentences), n_words)
    frequency = 1 / np.arange(1, n_types + 1)
    word = rng.choice(n_types, len(sentence), p=frequency / frequency.sum())
    effects = [rng.standard_normal((n, 2)) @ mix.T for n in (n_sentences, n_types, len(sentence))]
    parts = effects[0][sentence], effects[1][word], effects[2]
    xy = sum(np.sqrt(share) * part for share, part in zip((0.2, 0.5, 0.3), parts, strict=True))
    return pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "sentence_id": sentence, "word": word})


def correlated(
    seed: int, n_sentences: int = 40, n_words: int = 7, r: float = 0.7, icc: float = 0.5
) -> pd.DataFrame:
    """Words with correlation r, of whose variance the share icc belongs to the sentence."""
    rng = np.random.default_rng(seed)
    mix = np.linalg.cholesky([[1.0, r], [r, 1.0]])
    shared = rng.standard_normal((n_sentences, 1, 2)) @ mix.T
    own = rng.standard_normal((n_sentences, n_words, 2)) @ mix.T
    x, y = (np.sqrt(icc) * shared + np.sqrt(1 - icc) * own).reshape(-1, 2).T
    sentence = np.repeat(np.arange(n_sentences), n_words)
    row = np.arange(len(x))
    return pd.DataFrame({"x": x, "y": y, "sentence_id": sentence, "row": row, "word": row % 40})


def weighed(
    noise: float, seed: int = 0, growth: float = 0.5, n_sentences: int = 60
) -> pd.DataFrame:
    """Words whose contribution follows information, the more loosely the larger the noise."""
    shared = np.random.default_rng(9)  # the same words for every encoder
    information = shared.uniform(2, 12, n_sentences * 7)
    error = np.random.default_rng(seed).standard_normal(len(information))
    return pd.DataFrame(
        {
            "sentence_id": np.repeat(np.arange(n_sentences), 7),
            "word": [f"w{i}" for i in range(len(information))],
            "word_class": np.resize(["function", "content", "content", "punctuation"], len(error)),
            "information": information,
            "probability": np.exp(-information),
            "contribution": information + noise * error * (1 + growth * (information - 2)),
            "standard_error": 0.0,
        }
    )


def plain_bootstrap(
    table: pd.DataFrame,
    statistic: Callable[[pd.DataFrame], float],
    n: int,
    seed: int,
    units: Sequence[str] = ("sentence_id", "word"),
) -> list[float]:
    """A value and its interval by a loop that puts the rows of every resample together."""
    names = [list(dict.fromkeys(table[unit])) for unit in units]
    drawn = [
        np.random.default_rng([seed, i]).integers(0, len(some), (n, len(some)))
        for i, some in enumerate(names)
    ]
    found = []
    for resample in range(n):
        times = np.ones(len(table), dtype=int)
        for unit, some, numbers in zip(units, names, drawn, strict=True):
            chosen = [some[i] for i in numbers[resample]]
            times *= np.array([chosen.count(name) for name in table[unit]])
        found.append(statistic(table.loc[table.index.repeat(times)]))
    return [statistic(table), *np.percentile(found, [2.5, 97.5])]
