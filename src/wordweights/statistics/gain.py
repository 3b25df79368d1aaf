"""Information gain: what a word says about its neighbours, corrected for what chance would say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from wordweights.counting.contexts import Contexts
from wordweights.statistics.bootstrap import Array

_REDRAWS = 10


def information_gain(contexts: Contexts, *, seed: int = 0) -> pd.DataFrame:
    """Compute KL(w) = sum over w' of p(w'|w) ln(p(w'|w) / p(w')), of Oyama et al. (2023).

    A word with few neighbours has a large divergence by chance alone. As they do, the mean
    divergence of ten redraws, of as many neighbours as the word has, from p(w') itself is taken
    off: what is left is the divergence beyond chance. It is 0 in the mean for a word that says
    nothing. Of a rare word that says much, chance explains less than that, and the gain is too
    small. p(w'|w) is of one half of the corpus and p(w') of the other, so that no chance of one is
    in both; the value of a word is the mean over the two ways.

    Parameters
    ----------
    contexts : Contexts
        From :func:`wordweights.counting.contexts.count_contexts`.
    seed : int
        Of the redraws.

    Returns
    -------
    pd.DataFrame
        One row per word, indexed by word: raw and gain (corrected; nats), gain_0 and gain_1 (of
        each half), n (neighbours in both halves) and occurrences (of the word in the corpus).
    """
    rng = np.random.default_rng(seed)
    raw, gain = [], []
    for half in (0, 1):
        counts, background = contexts.counts[half], contexts.vocabulary[1 - half]
        p = background / background.sum()
        sizes = counts.sum(axis=1)
        found = np.array([divergence(row, p) for row in counts])
        chance = {
            n: np.mean([divergence(row, p) for row in rng.multinomial(n, p, _REDRAWS)])
            for n in np.unique(sizes)
        }
        raw.append(found)
        gain.append(found - [chance[n] for n in sizes])
    return pd.DataFrame(
        {
            "raw": np.mean(raw, axis=0),
            "gain": np.mean(gain, axis=0),
            "gain_0": gain[0],
            "gain_1": gain[1],
            "n": contexts.counts.sum(axis=(0, 2)),
            "occurrences": contexts.occurrences,
        },
        index=pd.Index(contexts.words, name="word"),
    )


def divergence(counts: Array, p: Array) -> float:
    """Compute the Kullback-Leibler divergence of counted frequencies from probabilities.

    Parameters
    ----------
    counts : Array
        Shape (outcomes,), not all 0.
    p : Array
        Probabilities, each above 0, shape (outcomes,).

    Returns
    -------
    float
        In nats.
    """
    seen = counts > 0
    q = counts[seen] / counts.sum()
    return float(q @ np.log(q / p[seen]))
