"""Several measures of weight on the same words: side by side, how far they agree, how faithful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

import numpy as np
import pandas as pd

from wordweights.attribution import EXACT_WORDS, attribute_all
from wordweights.attribution.coalitions import best_sum, expected_sum
from wordweights.attribution.methods import Method
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import UNITS, Resampling, columns_of, mean_of
from wordweights.statistics.correlation_table import or_none, subset
from wordweights.statistics.correlations import correlation, correlation_within
from wordweights.words.lengths import count_words

COMPUTED = (
    "integrated-gradients",
    "gradient-times-input",
    "shapley",
    "token-norm",
    "embedding-distance",
)
"""Methods that are compared, by name, and"""

FROM_SETS = ("occlusion", "alone")
"""those that :func:`side_by_side` reads from the distances of all sets that Shapley values take."""

_KEYS = ["sentence_id", "position", "word"]
_REFERENCE = "shapley"


def short_enough(sentences: pd.DataFrame) -> pd.DataFrame:
    """Keep the sentences of which all sets of words can be computed.

    Parameters
    ----------
    sentences : pd.DataFrame
        With a column sentence.

    Returns
    -------
    pd.DataFrame
        The rows with at most :data:`wordweights.attribution.EXACT_WORDS` words.

    Raises
    ------
    WordweightsError
        If none is left.
    """
    kept = sentences[count_words(sentences["sentence"]) <= EXACT_WORDS]
    if kept.empty:
        raise WordweightsError(
            f"Each of the {len(sentences)} sentences has more than {EXACT_WORDS} words, too many "
            f"for all sets of them. Give shorter sentences, or choose them by n_words."
        )
    return kept


def weigh_by_measures(
    encoders: Mapping[str, Encoder],
    sentences: Sequence[str] | pd.DataFrame,
    methods: Mapping[str, Method],
    cluster: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Weigh the same words by several methods and several encoders.

    Parameters
    ----------
    encoders : Mapping[str, Encoder]
        By any names.
    sentences : Sequence[str] | pd.DataFrame
        As for :func:`wordweights.attribute`.
    methods : Mapping[str, Method]
        By name; ``"shapley"`` with ``distances=True`` is among them.
    cluster : str | None
        As for :func:`wordweights.attribute`.

    Returns
    -------
    dict[str, pd.DataFrame]
        For each encoder what :func:`side_by_side` gives.
    """
    found = {
        name: attribute_all(encoders, sentences, method, cluster=cluster)
        for name, method in methods.items()
    }
    return {
        encoder: side_by_side({name: tables[encoder] for name, tables in found.items()})
        for encoder in encoders
    }


def side_by_side(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the weights of the same words by several measures side by side.

    Parameters
    ----------
    found : Mapping[str, pd.DataFrame]
        From a measure's name to what :func:`wordweights.attribute` returned for one encoder;
        ``"shapley"`` is among them, with ``distances=True``.

    Returns
    -------
    pd.DataFrame
        One row per word: sentence_id, position, word, contribution (by the first measure), a column
        for each measure, and for :data:`FROM_SETS`, each with its standard error (_error); from_all
        as Shapley has it.

    Raises
    ------
    WordweightsError
        For tables of different words, and Shapley values without distances.
    """
    sets = found.get(_REFERENCE)
    if sets is None or "from_all" not in sets:
        raise WordweightsError(
            f"The measures {', '.join(found)} lack the distances of all sets of words: give "
            f"{_REFERENCE!r} among them, weighed with distances=True."
        )
    first = next(iter(found.values()))
    table = first[[*_KEYS, "contribution"]].reset_index(drop=True)
    for measure, other in found.items():
        if not other[_KEYS].reset_index(drop=True).equals(table[_KEYS]):
            raise WordweightsError(
                f"The measure {measure!r} weighed other words than the first one; give all of them "
                f"the same sentences."
            )
        table[measure] = other["contribution"].to_numpy()
        table[f"{measure}_error"] = other["standard_error"].to_numpy()
    # ||v(all) - v(all but w)|| and ||v(w) - v(none)||
    bits = [1 << int(position) for position in table["position"]]
    for measure, column, sign in zip(FROM_SETS, ("from_all", "from_none"), (-1, 1), strict=True):
        distances = sets[column].to_list()
        places = [bit if sign > 0 else -1 - bit for bit in bits]
        table[measure] = [some[place] for some, place in zip(distances, places, strict=True)]
        table[measure] = table[measure].mask(table[_REFERENCE].isna())
        table[f"{measure}_error"] = 0.0  # these are read, not estimated
    return table.assign(from_all=sets["from_all"].to_list())


def faithfulness(words: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """Say how well each measure orders the words of each sentence, exactly.

    Words are replaced by the baseline one after another, the weightiest first, and the score of an
    order is the sum over k of ||s(W) - s(without the first k)||. It is scaled so that the mean over
    all orders is 0 and the best order 1: the mean by averages over the sets of each size, the best
    by dynamic programming over all sets. Words of equal weight go in all of their orders, of which
    the mean is taken.

    Parameters
    ----------
    words : pd.DataFrame
        One row per word: sentence_id, position, from_all (of all sets of its sentence's words; see
        :class:`wordweights.attribution.Shapley`) and the measures.
    measures : Sequence[str]
        Columns of weights, such as ``"information"``.

    Returns
    -------
    pd.DataFrame
        One row per sentence, with the columns of `words` that are the same for all of its words
        (sentence_id and, where it is there, sentence_unit) and one for each measure. A sentence is
        left out in which a word has no weight, is not in the table, or all orders are alike.
    """
    shared = [name for name in ("sentence_id", UNITS[0]) if name in words]
    rows = []
    for _, sentence in words.groupby("sentence_id", sort=False):
        distances = np.asarray(sentence["from_all"].iloc[0])
        if len(distances) != 2 ** len(sentence) or sentence[list(measures)].isna().any(axis=None):
            continue
        chance = expected_sum(distances, [sentence["position"].tolist()])
        best = best_sum(distances)
        if best - chance <= np.finfo(np.float32).eps * best:
            continue
        row = {name: sentence[name].iloc[0] for name in shared}
        places = sentence["position"].to_numpy()
        for measure in measures:
            weights = sentence[measure].to_numpy()
            falling = np.unique(weights)[::-1]
            groups = [places[weights == weight].tolist() for weight in falling]
            row[measure] = (expected_sum(distances, groups) - chance) / (best - chance)
        rows.append(row)
    return pd.DataFrame(rows, columns=[*shared, *measures])


def agreement_table(
    words: Mapping[str, pd.DataFrame], measures: Sequence[str], **resampling: Unpack[Resampling]
) -> pd.DataFrame:
    """Compare measures: with information, with Shapley values, and by what their order deletes.

    Parameters
    ----------
    words : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`side_by_side` gave, with information and word classes:
        through :func:`wordweights.statistics.join_information`.
    measures : Sequence[str]
        Columns to compare; ``"information"`` may be one of them.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.
        Faithfulness is of sentences, so its interval draws the first of the units alone.

    Returns
    -------
    pd.DataFrame
        One row per encoder and measure: encoder, measure, and each with its interval (_low, _high)
        r_information (Pearson's, with information), r_content (over content words alone),
        rho_sentence (Spearman's with information within sentences), rho_shapley (Spearman's with
        Shapley values over all words) and faithfulness (mean over sentences; see
        :func:`faithfulness`); NaN where words are too few. n_words and n_sentences say over how
        many.
    """
    rows = []
    sentences_alone: Resampling = {**resampling, "units": resampling.get("units", UNITS)[:1]}
    for encoder, table in words.items():
        faithful = faithfulness(table, measures)
        for measure in measures:
            weighed = table.assign(contribution=table[measure], reference=table[_REFERENCE])
            content = subset(weighed, "r_content")
            found = {
                "r_information": or_none(correlation, weighed, **resampling),
                "r_content": or_none(correlation, content, **resampling),
                "rho_sentence": or_none(correlation_within, weighed, **resampling),
                "rho_shapley": or_none(
                    correlation, weighed, y="reference", method="spearman", **resampling
                ),
                "faithfulness": or_none(mean_of, faithful, column=measure, **sentences_alone),
            }
            row = {"encoder": encoder, "measure": measure, **columns_of(found)}
            rows.append({**row, "n_words": len(table), "n_sentences": len(faithful)})
    return pd.DataFrame(rows)


def agreement(words: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """Correlate the ranks of words by each two measures, over all words.

    Parameters
    ----------
    words : pd.DataFrame
        One row per word.
    measures : Sequence[str]
        Columns of weights.

    Returns
    -------
    pd.DataFrame
        Spearman's coefficients, shape (measures, measures).
    """
    return words[list(measures)].corr(method="spearman")
