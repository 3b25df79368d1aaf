"""Whether the most informative word of a sentence is the one that weighs most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
import pandas as pd

from wordweights.statistics.bootstrap import Estimate, Resampling, TooFewWordsError, mean_of

HEAVIEST, TIE, NOT_HEAVIEST, UNKNOWN = "heaviest", "tie", "not the heaviest", "unknown"

_ERRORS = 2.0  # standard errors within which two weights are a tie


def heaviest_words(table: pd.DataFrame) -> pd.DataFrame:
    """Compare, in each sentence, the weight of the most informative word with the largest other.

    Weights whose ratio is within two standard errors of 1 are a tie. The errors are those of
    the probes, which all words of a sentence share, so the errors of two words go together, and
    this takes rather too many for ties. Exact weights have no error.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word, with columns sentence_id, word, contribution, standard_error and
        information (nats; NaN for a word that the source does not know, which can be the heaviest).

    Returns
    -------
    pd.DataFrame
        The rows of the most informative words, one per sentence, with rival (the heaviest of the
        words that are less informative or unknown), lead (the weight over its, less 1), low and
        high (lead with two standard errors to either side), verdict (``"heaviest"``, ``"tie"``,
        ``"not the heaviest"``, or ``"unknown"`` where nothing is known about the errors), n_words
        and chance (that of the heaviest word to be a most informative one). Of several words of the
        same information the heaviest counts, and they have as many chances. Sentences without two
        words to compare are left out, and so are those of which words were left out: one of these
        could be the heaviest.
    """
    rows = [_compare(words) for _, words in table.groupby("sentence_id", sort=False)]
    columns = [*table.columns, "rival", "lead", "low", "high", "verdict", "n_words", "chance"]
    return pd.DataFrame([row for row in rows if row], columns=columns)


def heaviest_lead(table: pd.DataFrame, **resampling: Unpack[Resampling]) -> Estimate:
    """Compute how much more often than by chance the most informative word is the heaviest.

    Chance is one in the number of words of a sentence, or as many as its most informative words. A
    tie does not count as the heaviest.

    Parameters
    ----------
    table : pd.DataFrame
        As for :func:`heaviest_words`, with the units.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    Estimate
        The share of the sentences, less that of chance. Sentences and the types of their most
        informative words are resampled.

    Raises
    ------
    TooFewWordsError
        For fewer than 3 sentences, and where nothing is known about the errors.
    """
    found = heaviest_words(table)
    what = "How often the most informative word is the heaviest"
    if (found["verdict"] == UNKNOWN).any() or found.empty:
        raise TooFewWordsError(f"{what} is unknown: the weights have no standard errors.")
    above = (found["verdict"] == HEAVIEST) - found["chance"]
    return mean_of(found.assign(above=above), "above", what, **resampling)


def heaviest_table(words: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Count how often the most informative word is the heaviest, by encoder.

    Parameters
    ----------
    words : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, as for :func:`heaviest_words`.

    Returns
    -------
    pd.DataFrame
        One row per encoder: encoder, n_sentences, and shares of them: heaviest, tie, and chance
        (the mean of that of each sentence). The first two are NaN where nothing is known about the
        errors of some weights.
    """
    rows = []
    for encoder, table in words.items():
        found = heaviest_words(table)
        row: dict[str, Any] = {"encoder": encoder, "n_sentences": len(found)}
        known = not (found["verdict"] == UNKNOWN).any()
        row |= {
            name: (found["verdict"] == name).mean() if known else np.nan for name in (HEAVIEST, TIE)
        }
        rows.append(row | {"chance": found["chance"].mean()})
    return pd.DataFrame(rows)


def _compare(words: pd.DataFrame) -> dict[str, Any] | None:
    weights = words["contribution"].to_numpy(dtype=float)
    information = words["information"].to_numpy(dtype=float)
    if len(words) < words.get("n_in_sentence", pd.Series([0])).iloc[0]:
        return None
    if np.isnan(information).all():
        return None
    most = information == np.nanmax(information)
    if most.all():
        return None
    top, rival = (int(np.where(chosen, weights, -np.inf).argmax()) for chosen in (most, ~most))
    if not weights[rival] > 0:  # nothing else weighs anything
        return None
    ratio = float(weights[top] / weights[rival])
    errors = words["standard_error"].to_numpy(dtype=float) / weights[rival]
    margin = _ERRORS * float(np.hypot(errors[top], ratio * errors[rival]))
    low, high = ratio - 1 - margin, ratio - 1 + margin
    if np.isnan(margin):
        verdict = UNKNOWN
    else:
        verdict = HEAVIEST if low > 0 else NOT_HEAVIEST if high < 0 else TIE
    return {
        **{name: words[name].iloc[top] for name in map(str, words.columns)},
        "rival": words["word"].iloc[rival],
        **{"lead": ratio - 1, "low": low, "high": high},
        **{"verdict": verdict, "n_words": len(words), "chance": float(most.mean())},
    }
