"""Words that an encoder has weighed: beside their information, by sentence, and how exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.errors import WordweightsError
from wordweights.words.frequencies import Frequencies, add_information, look_up

INFORMATION = "\N{MINUS SIGN}ln P(w) [nats]"


def number_texts(table: pd.DataFrame) -> NDArray[np.intp]:
    """Give every row the number of its text, from 0: repeated sentences have one number.

    The same sentence twice has the same contributions twice, and says nothing new: a bootstrap that
    took both for independent would promise too much. These numbers are the units to resample.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word in the order of the sentences, with columns sentence_id and word.

    Returns
    -------
    NDArray[np.intp]
        Shape (rows,). Upper and lower case are the same text, as they are for the encoders here.
    """
    lower = table["word"].str.lower()
    text = lower.groupby(table["sentence_id"], sort=False).agg(tuple)
    codes, _ = pd.factorize(table["sentence_id"].map(text))
    return codes


def join_information(
    contributions: Mapping[str, pd.DataFrame], frequencies: Frequencies, unseen: str = "drop"
) -> dict[str, pd.DataFrame]:
    """Give the words of every encoder their information, and the numbers of their texts.

    Parameters
    ----------
    contributions : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned.
    frequencies : Frequencies
        The source of P(w).
    unseen : str
        What to do with a word that the source has not: see :func:`wordweights.add_information`.

    Returns
    -------
    dict[str, pd.DataFrame]
        The same tables with the columns text (the unit of a bootstrap: see :func:`number_texts`),
        probability and information (nats), without the words whose contribution is missing by one
        of the encoders.
    """
    places = {encoder: _places(table) for encoder, table in contributions.items()}
    missing = {
        place
        for encoder, table in contributions.items()
        for place in places[encoder][table["contribution"].isna()]
    }
    return {
        encoder: add_information(
            table.assign(text=number_texts(table))[~places[encoder].isin(missing)],
            frequencies,
            unseen,
        )
        for encoder, table in contributions.items()
    }


def _places(table: pd.DataFrame) -> pd.MultiIndex:
    """Say of every word in which sentence it stands, and at which position."""
    sentences = table["sentence_id"]
    return pd.MultiIndex.from_arrays([sentences, sentences.groupby(sentences).cumcount()])


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
    keys = ["sentence_id", "position", "word"]
    if not contributions:
        raise WordweightsError("There is no encoder to show; name at least one.")
    words = next(iter(contributions.values()))[keys].reset_index(drop=True)
    columns = {INFORMATION: look_up(words["word"], frequencies)["information"].to_numpy()}
    for encoder, table in contributions.items():
        if not table[keys].reset_index(drop=True).equals(words):
            raise WordweightsError(
                f"Encoder {encoder!r} was attributed on other sentences than the first one, or its "
                f"wordpieces join other words; give all of them the same, or show it alone."
            )
        columns[encoder] = table["contribution"].to_numpy()
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
        One row an encoder: encoder, n_sentences, n_words, residual_median, residual_p95,
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
