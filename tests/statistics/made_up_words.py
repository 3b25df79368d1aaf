"""Words of sentences with known correlations, and resamples of them row by row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd


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
    return pd.DataFrame({"x": x, "y": y, "sentence_id": sentence, "row": np.arange(len(x))})


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
            "information": information,
            "probability": np.exp(-information),
            "contribution": information + noise * error * (1 + growth * (information - 2)),
        }
    )


def plain_bootstrap(
    table: pd.DataFrame, statistic: Callable[[pd.DataFrame], float], n: int, seed: int
) -> list[float]:
    """A value and its interval by a loop that puts the rows of every resample together."""
    parts = [rows for _, rows in table.groupby("sentence_id", sort=False)]
    drawn = np.random.default_rng(seed).integers(0, len(parts), (n, len(parts)))
    found = [statistic(pd.concat([parts[i] for i in row])) for row in drawn]
    return [statistic(table), *np.percentile(found, [2.5, 97.5])]
