"""Words that an encoder has weighed: beside their information, by sentence, and how exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.words.classes import PARTS_OF_SPEECH, classify_words
from wordweights.words.frequencies import Frequencies, add_information, look_up
from wordweights.words.splitting import as_meant

INFORMATION = "\N{MINUS SIGN}ln P(w) [nats]"


def add_units(table: pd.DataFrame, sentences: pd.DataFrame | None = None) -> pd.DataFrame:
    """Say of every word what it is resampled with: the columns that are called :data:`UNITS`.

    The same sentence twice has the same contributions twice, and a pair of the STS Benchmark is a
    sentence and its paraphrase: a bootstrap that took them for independent would promise too much.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word in the order of the sentences, with columns sentence_id and word.
    sentences : pd.DataFrame | None
        Where they are from, with sentence_id and, if sentences are paired, the number of their
        pair; None, or no column pair: there are no pairs.

    Returns
    -------
    pd.DataFrame
        The table with sentence_unit (one number for sentences of the same text, in upper or lower
        case, or of one pair, and so on from pair to pair) and word_type (the word as it is meant:
        see :func:`wordweights.words.splitting.as_meant`).
    """
    lower = table["word"].str.lower()
    text = lower.groupby(table["sentence_id"], sort=False).agg(tuple)
    unit = pd.Series(pd.factorize(text)[0], text.index)
    if sentences is not None and "pair" in sentences:
        pairs = sentences.set_index("sentence_id")["pair"].reindex(text.index)
        unit = _join_groups(unit, pairs)
    return table.assign(
        sentence_unit=table["sentence_id"].map(unit),
        word_type=[as_meant(word) for word in table["word"]],
    )


def _join_groups(first: pd.Series, second: pd.Series) -> pd.Series:
    """Join two groupings of the same things: groups with a thing in common are one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    codes = second.factorize()[0] + 1 + first.max()
    size = int(codes.max()) + 1
    edges = coo_array((np.ones(len(first)), (first.to_numpy(), codes)), (size, size))
    return pd.Series(connected_components(edges, directed=False)[1][first], first.index)


def join_information(
    contributions: Mapping[str, pd.DataFrame],
    frequencies: Frequencies,
    unseen: str = "drop",
    *,
    sentences: pd.DataFrame | None = None,
    rule: str = PARTS_OF_SPEECH,
) -> dict[str, pd.DataFrame]:
    """Give the words of every encoder their information, their class, and what to resample.

    Parameters
    ----------
    contributions : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned.
    frequencies : Frequencies
        The source of P(w).
    unseen : str
        What to do with a word that the source has not: see :func:`wordweights.add_information`.
    sentences : pd.DataFrame | None
        The attributed sentences, of which pairs are resampled together: see :func:`add_units`.
    rule : str
        How word classes are told apart: see :func:`wordweights.words.classes.classify_words`.

    Returns
    -------
    dict[str, pd.DataFrame]
        The same tables with the columns sentence_unit and word_type (the units of a bootstrap),
        word_class, n_in_sentence (words of the whole sentence), probability and information
        (nats), without the words whose contribution is missing by one of the encoders.
    """
    places = {encoder: number_occurrences(table) for encoder, table in contributions.items()}
    missing = {
        place
        for encoder, table in contributions.items()
        for place in places[encoder][table["contribution"].isna()]
    }
    return {
        encoder: add_information(
            # of whole sentences: an unknown word has a place in them, too
            add_units(table, sentences).assign(
                word_class=classify_words(table, rule),
                n_in_sentence=table.groupby("sentence_id")["word"].transform("size"),
            )[~places[encoder].isin(missing)],
            frequencies,
            unseen,
        )
        for encoder, table in contributions.items()
    }


def number_occurrences(table: pd.DataFrame) -> pd.MultiIndex:
    """Say of every word in which sentence it stands, and as which of those of the same text.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word in the order of the sentences, with columns sentence_id and word.

    Returns
    -------
    pd.MultiIndex
        For each row sentence_id, word, and how often it stands before that in its sentence: the
        same for the same word by any encoder, whose wordpieces may join other words.
    """
    # not at which position: one encoder's wordpieces can join words that another's do not
    keys = ["sentence_id", "word"]
    nth = table.groupby(keys).cumcount()
    return pd.MultiIndex.from_arrays([*(table[key] for key in keys), nth])


def same_words(contributions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Give the words of several encoders, which must be the same, row by row.

    Parameters
    ----------
    contributions : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned.

    Returns
    -------
    pd.DataFrame
        sentence_id, position and word, numbered from 0.

    Raises
    ------
    WordweightsError
        For no tables, and for tables of different words.
    """
    keys = ["sentence_id", "position", "word"]
    if not contributions:
        raise WordweightsError("There is no encoder to show; name at least one.")
    words = next(iter(contributions.values()))[keys].reset_index(drop=True)
    for encoder, table in contributions.items():
        if not table[keys].reset_index(drop=True).equals(words):
            raise WordweightsError(
                f"Encoder {encoder!r} was attributed on other sentences than the first one, or its "
                f"wordpieces join other words; give all of them the same, or show it alone."
            )
    return words


def weights_by_sentence(
    contributions: Mapping[str, pd.DataFrame], frequencies: Frequencies
) -> list[pd.DataFrame]:
    """Put the information and the contributions of each sentence's words side by side.

    Parameters
    ----------
    contributions : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned, all of the same
        sentences.
    frequencies : Frequencies
        The source of P(w).

    Returns
    -------
    list[pd.DataFrame]
        One table per sentence, in order: word, -ln P(w) in nats (column :data:`INFORMATION`, NaN
        for a word that the source has never seen), and the contributions by each encoder.

    Raises
    ------
    WordweightsError
        For no tables, and for tables of different words.
    """
    words = same_words(contributions)
    columns = {INFORMATION: look_up(words["word"], frequencies)["information"].to_numpy()}
    columns |= {name: table["contribution"].to_numpy() for name, table in contributions.items()}
    together = words.assign(**columns)
    return [
        sentence.drop(columns=["sentence_id", "position"]).reset_index(drop=True)
        for _, sentence in together.groupby("sentence_id", sort=False)
    ]


def certificates(contributions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Summarise how exact attributions are: completeness residuals and standard errors.

    Parameters
    ----------
    contributions : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned.

    Returns
    -------
    pd.DataFrame
        One row per encoder: encoder, n_sentences, n_words, residual_median, residual_p95,
        residual_max (relative, one per sentence; NaN for a method without residuals) and
        error_median (standard error of a contribution relative to it; 0 where exact, NaN where
        nothing is known about it).
    """
    rows = []
    for encoder, table in contributions.items():
        residuals = table.drop_duplicates("sentence_id").get("residual", pd.Series(dtype=float))
        moved = table[table["contribution"] > 0]
        rows.append(
            {
                "encoder": encoder,
                "n_sentences": table["sentence_id"].nunique(),
                "n_words": len(table),
                "residual_median": residuals.median(),
                "residual_p95": residuals.quantile(0.95),
                "residual_max": residuals.max(),
                "error_median": (moved["standard_error"] / moved["contribution"]).median(),
            }
        )
    return pd.DataFrame(rows)


def errors_by_probes(estimates: pd.DataFrame, exact: pd.DataFrame) -> pd.DataFrame:
    """Compare estimates from several numbers of probes with exact contributions.

    Parameters
    ----------
    estimates : pd.DataFrame
        From :func:`wordweights.attribute`, with the number of probes in the column n_probes; any
        number of estimates of each word.
    exact : pd.DataFrame
        From the same with ``probes="all"``, of the same sentences.

    Returns
    -------
    pd.DataFrame
        One row per number of probes: n_probes, and the root mean square over all estimates,
        relative to the exact contribution, of their error (``error``) and of the standard error
        that they report (``standard_error``).
    """
    known = exact.set_index(["sentence_id", "position"])["contribution"]
    of_word = known.loc[list(zip(estimates["sentence_id"], estimates["position"], strict=True))]
    true = of_word.to_numpy()
    squares = pd.DataFrame(
        {
            "n_probes": estimates["n_probes"],
            "error": ((estimates["contribution"] - true) / true) ** 2,
            "standard_error": (estimates["standard_error"] / true) ** 2,
        }
    )
    return squares.groupby("n_probes").mean().pow(0.5).reset_index()
