"""What fine-tuning moved: the word embeddings of an encoder, or the layers above them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.statistics import correlation, correlation_rise
from wordweights.training.trajectory import norm_correlation, swap_embeddings, weigh_words
from wordweights.words.frequencies import Frequencies

if TYPE_CHECKING:
    from wordweights.statistics import Estimate


def rise_between(
    first: Encoder,
    second: Encoder,
    sentences: pd.DataFrame,
    frequencies: Frequencies,
    *,
    n_steps: int | None = None,
    probes: int | str = 16,
    seed: int = 0,
    n_resamples: int = 2000,
) -> Estimate:
    """Measure how much r with information rises from one encoder to another.

    Parameters
    ----------
    first : Encoder
        Before.
    second : Encoder
        After, with the same tokenizer.
    sentences : pd.DataFrame
        As for :func:`weigh_words`.
    frequencies : Frequencies
        The source of P(w).
    n_steps : int | None
        Nodes of the quadrature; None chooses them for each sentence.
    probes : int | str
        Of the attribution.
    seed : int
        Of the probes and of the resamples.
    n_resamples : int
        Bootstrap resamples.

    Returns
    -------
    Estimate
        The second r less the first, with the interval of a paired bootstrap over texts.
    """
    options = {"n_steps": n_steps, "probes": probes, "seed": seed}
    before, after = (weigh_words(e, sentences, frequencies, **options) for e in (first, second))
    return correlation_rise(before, after, unit="text", n_resamples=n_resamples, seed=seed)


def what_moves(
    base: Encoder,
    tuned: Encoder,
    sentences: pd.DataFrame,
    frequencies: Frequencies,
    *,
    n_steps: int | None = None,
    probes: int | str = 16,
    seed: int = 0,
    n_resamples: int = 2000,
) -> pd.DataFrame:
    """Attribute with the embeddings of one encoder and the layers of another, in every combination.

    Parameters
    ----------
    base : Encoder
        Before fine-tuning.
    tuned : Encoder
        After it.
    sentences : pd.DataFrame
        As for :func:`weigh_words`.
    frequencies : Frequencies
        The source of P(w).
    n_steps : int | None
        Nodes of the quadrature; None chooses them for each sentence.
    probes : int | str
        Of the attribution.
    seed : int
        Of the probes and of the resamples.
    n_resamples : int
        Bootstrap resamples.

    Returns
    -------
    pd.DataFrame
        Four rows: embeddings and layers (``"before"`` or ``"after"``), r, low, high, norm_r (of
        the embeddings; NaN where all are of one length), rise, rise_low, rise_high against the
        first row, in which nothing is from after (NaN there), and, in the row of the layers alone,
        lead, lead_low, lead_high against the row of the embeddings alone.

    Raises
    ------
    WordweightsError
        For encoders of two poolings or vocabularies, which cannot be mixed.
    """
    if base.pooling != tuned.pooling:
        raise WordweightsError(
            f"The embeddings of {base.name!r} and {tuned.name!r} cannot be exchanged: the two are "
            f"read by {base.pooling!r} and by {tuned.pooling!r}. Give an encoder and one that was "
            f"fine-tuned from it."
        )
    variants = {
        ("before", "before"): base,
        ("after", "before"): swap_embeddings(tuned, base),
        ("before", "after"): swap_embeddings(base, tuned),
        ("after", "after"): tuned,
    }
    options = {"n_steps": n_steps, "probes": probes, "seed": seed}
    drawing: dict[str, Any] = {"unit": "text", "n_resamples": n_resamples, "seed": seed}
    weighed = {
        parts: weigh_words(encoder, sentences, frequencies, **options)
        for parts, encoder in variants.items()
    }
    before, embedded, layered, _ = weighed.values()
    rows = []
    for (embeddings, layers), words in weighed.items():
        r = correlation(words, "contribution", "information", **drawing)
        row: dict[str, Any] = {"embeddings": embeddings, "layers": layers}
        row |= {"r": r.r, "low": r.low, "high": r.high}
        row["norm_r"] = norm_correlation(words)
        if words is not before:
            row |= _ends("rise", correlation_rise(before, words, **drawing))
        if words is layered:
            row |= _ends("lead", correlation_rise(embedded, layered, **drawing))
        rows.append(row)
    return pd.DataFrame(rows)


def _ends(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
