"""How the weighing of words changes while an encoder is trained."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from wordweights.attribution import attribute
from wordweights.attribution.alignment import tokenise
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.files import DATA_VARIABLE
from wordweights.statistics import correlation, number_texts
from wordweights.training.runs import Run
from wordweights.words.frequencies import Frequencies, add_information
from wordweights.words.sentences import load_pairs

ONION = "a woman is cutting an onion ."
"""The paper's example; its fifth claim is about the onion."""

_BATCH = 256  # sentences that are encoded at one time


def trajectory(
    run: Run,
    sentences: pd.DataFrame,
    frequencies: Frequencies,
    *,
    n_steps: int | None = None,
    probes: int | str = 16,
    seed: int = 0,
    n_resamples: int = 2000,
) -> pd.DataFrame:
    """Measure every snapshot of a run.

    Parameters
    ----------
    run : Run
        Of training.
    sentences : pd.DataFrame
        With a column `sentence`; what the correlation is over.
    frequencies : Frequencies
        The source of P(w); words that it does not know are left out.
    n_steps : int | None
        Nodes, as for :func:`wordweights.attribute`.
    probes : int | str
        As there.
    seed : int
        Of probes and resamples.
    n_resamples : int
        Of the intervals.

    Returns
    -------
    pd.DataFrame
        One row a snapshot: encoder, run, step; r of contribution and information with its 95 %
        interval (low, high); onion, the share of "onion" in the contributions to the vector of
        :data:`ONION`; norm_r, Pearson's r of the lengths of the words' embeddings, that of [PAD]
        taken away, with information; sts_spearman (see :func:`sts_spearman`; NaN without the data).
    """
    rows = []
    for snapshot in run.snapshots:
        encoder = snapshot.encoder
        known = weigh_words(
            encoder, sentences, frequencies, n_steps=n_steps, probes=probes, seed=seed
        )
        r = correlation(
            known, "contribution", "information", unit="text", n_resamples=n_resamples, seed=seed
        )
        rows.append(
            {
                "encoder": snapshot.like.name,
                "run": run.name,
                "step": snapshot.step,
                "r": r.r,
                "low": r.low,
                "high": r.high,
                "onion": onion_share(encoder),
                "norm_r": norm_correlation(known),
                "sts_spearman": sts_spearman(encoder),
            }
        )
    return pd.DataFrame(rows)


def weigh_words(
    encoder: Encoder, sentences: pd.DataFrame, frequencies: Frequencies, **options: Any
) -> pd.DataFrame:
    """Attribute sentences, and look their words up.

    Parameters
    ----------
    encoder : Encoder
        Whose contributions.
    sentences : pd.DataFrame
        From :func:`wordweights.filter_sentences`.
    frequencies : Frequencies
        The source of P(w); a word that it has never seen is left out.
    **options : Any
        As for :func:`wordweights.attribute`.

    Returns
    -------
    pd.DataFrame
        One row a word: contribution, information (nats), probability, norm (of its embedding, that
        of [PAD] taken away), and ``text``, the number of its text, by which a bootstrap draws.
    """
    words = attribute(encoder, sentences, progress=False, **options)
    words = words.assign(text=number_texts(words), norm=embedding_norms(encoder, sentences))
    return add_information(words, frequencies, unseen="drop")


def norm_correlation(words: pd.DataFrame) -> float:
    """Correlate the lengths of the words' embeddings with information.

    Parameters
    ----------
    words : pd.DataFrame
        From :func:`weigh_words`.

    Returns
    -------
    float
        Pearson's r; NaN when all lengths are equal.
    """
    norms = words["norm"]
    if np.ptp(norms) <= 1e-6 * norms.abs().max():
        return np.nan
    return float(np.corrcoef(norms, words["information"])[0, 1])


def onion_share(encoder: Encoder) -> float:
    """Compute the share of the onion: its contribution, over the sum of those of all words.

    Parameters
    ----------
    encoder : Encoder
        Any.

    Returns
    -------
    float
        Between 0 and 1; exact up to the integral.
    """
    words = attribute(encoder, [ONION], probes="all", progress=False)
    weights = words.set_index("word")["contribution"]
    return float(weights["onion"] / weights.sum())


def embedding_norms(encoder: Encoder, sentences: pd.DataFrame) -> np.ndarray:
    """Measure how far the words' embeddings are from that of [PAD], the baseline.

    Parameters
    ----------
    encoder : Encoder
        Any.
    sentences : pd.DataFrame
        With a column `sentence`.

    Returns
    -------
    np.ndarray
        The Euclidean (of several wordpieces, Frobenius) norm of each word, in the order of the
        rows of :func:`wordweights.attribute`.
    """
    away = encoder.embedding_matrix - encoder.embed(torch.tensor(encoder.tokenizer.pad_token_id))
    squares = away.double().square().sum(dim=1).cpu().numpy()
    found = []
    for sentence in tokenise(encoder, sentences["sentence"].tolist()):
        sums = np.zeros(len(sentence.words))
        for piece, word in zip(sentence.ids, sentence.word_of, strict=True):
            if word >= 0:
                sums[word] += squares[piece]
        found.append(np.sqrt(sums))
    return np.concatenate(found)


def sts_spearman(encoder: Encoder) -> float:
    """Correlate cosines with human similarity on the test split of the STS Benchmark.

    Parameters
    ----------
    encoder : Encoder
        Any; a sentence longer than it can read is cut.

    Returns
    -------
    float
        Spearman's coefficient; NaN where ``WORDWEIGHTS_DATA`` names no folder with
        ``stsb/test.csv``.
    """
    from scipy.stats import spearmanr

    folder = os.environ.get(DATA_VARIABLE)
    if not folder or not (Path(folder) / "stsb" / "test.csv").is_file():
        return np.nan
    pairs = load_pairs("test")
    sides = [_normalised(encoder, pairs[name].tolist()) for name in ("sentence1", "sentence2")]
    cosines = (sides[0] * sides[1]).sum(dim=1).numpy()
    return float(spearmanr(cosines, pairs["score"]).statistic)


def swap_embeddings(embeddings: Encoder, layers: Encoder) -> Encoder:
    """Put the word embeddings of one encoder under the layers of another.

    Parameters
    ----------
    embeddings : Encoder
        Whose word embeddings are taken.
    layers : Encoder
        Whose everything else is taken: positions, layers, pooling.

    Returns
    -------
    Encoder
        A new one.

    Raises
    ------
    WordweightsError
        When their vocabularies or widths differ.
    """
    ours, theirs = embeddings.embedding_matrix, layers.embedding_matrix
    if ours.shape != theirs.shape or (
        embeddings.tokenizer.get_vocab() != layers.tokenizer.get_vocab()
    ):
        raise WordweightsError(
            f"The embeddings of {embeddings.name!r} {tuple(ours.shape)} do not fit under the "
            f"layers of {layers.name!r} {tuple(theirs.shape)}: take an encoder and one that was "
            f"fine-tuned from it."
        )
    model = copy.deepcopy(layers.model)
    model.get_input_embeddings().weight.data.copy_(ours)
    name = f"{layers.name} with the embeddings of {embeddings.name}"
    return Encoder(name, layers.pooling, layers.tokenizer, model)


def _normalised(encoder: Encoder, sentences: list[str]) -> torch.Tensor:
    parts = [
        encoder.encode(sentences[start : start + _BATCH], cut=True)
        for start in range(0, len(sentences), _BATCH)
    ]
    return torch.nn.functional.normalize(torch.cat(parts).double().cpu(), dim=1)
