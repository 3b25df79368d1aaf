"""Weights put back to work: averages of word vectors, and how similar they say sentences are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.attribution.alignment import tokenise
from wordweights.encoders import Encoder
from wordweights.encoders.encoder import rows_by_length
from wordweights.errors import WordweightsError
from wordweights.files import DATA_VARIABLE, SIMILARITY_FILE, find_kept
from wordweights.statistics.bootstrap import Array, Resampling
from wordweights.statistics.correlation_table import MEASURED
from wordweights.statistics.correlations import correlation, correlation_rise
from wordweights.statistics.published import OURS
from wordweights.statistics.weighed import join_information
from wordweights.words.frequencies import Frequencies, add_information
from wordweights.words.sentences import load_pairs
from wordweights.words.splitting import as_meant, split_meant
from wordweights.words.weights import distil, idf, is_stop_word, sif

if TYPE_CHECKING:
    from torch import Tensor

INPUT, ALONE, LAST = "input embeddings", "one-word outputs", "last hidden states"
OWN = "its own sentence vectors"
NONE, SIF, DISTILLED = "none", "SIF", "distilled"
WEIGHTS = (NONE, "stop list", "IDF", "\N{MINUS SIGN}ln P", SIF, DISTILLED)
SIMILARITY_COLUMNS = (
    *("encoder", "vectors", "weights", "removed", "a"),
    *("spearman", "spearman_low", "spearman_high", "rise", "rise_low", "rise_high"),
    *("n_pairs", "met"),
)
"""Columns of :func:`evaluate_weights`."""

_TRIED = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)  # of which the validation set chooses
_ON = ("similarity", "score")


@dataclass(frozen=True)
class Occurrences:
    """The words of sentences, with their vectors.

    Attributes
    ----------
    words : list[str]
        The word of each occurrence, as :func:`wordweights.words.splitting.as_meant` writes it.
    sentence : NDArray[np.intp]
        The number of its sentence, from 0 and rising; none is left out.
    vectors : Mapping[str, NDArray[np.floating]]
        By kind, shape (occurrences, d): the mean over the word's wordpieces of the input embeddings
        and of the last hidden states, and what the encoder makes of the word alone.
    own : NDArray[np.floating]
        The encoder's own sentence vectors, shape (sentences, vector size).
    """

    words: list[str]
    sentence: NDArray[np.intp]
    vectors: Mapping[str, NDArray[np.floating]]
    own: NDArray[np.floating]

    def average(self, vectors: str, weights: pd.Series) -> Array:
        """Average the vectors of each sentence's words by the weights of words.

        Parameters
        ----------
        vectors : str
            Their kind.
        weights : pd.Series
            Not negative, indexed by word. Where all words of a sentence weigh 0, all count alike.

        Returns
        -------
        Array
            Shape (sentences, d).
        """
        from scipy.sparse import csr_array

        w = weights.reindex(self.words).to_numpy(dtype=float)
        w = np.where(np.bincount(self.sentence, w)[self.sentence] > 0, w, 1.0)
        w /= np.bincount(self.sentence, w)[self.sentence]
        sums = csr_array((w, (self.sentence, np.arange(len(w)))))  # (sentences, occurrences)
        means: Array = sums @ self.vectors[vectors]
        return means


def find_pairs(*, hub: bool = False) -> tuple[dict[str, pd.DataFrame], str]:
    """Read the validation and the test pairs of the STS Benchmark, where they can be had.

    Parameters
    ----------
    hub : bool
        Whether to ask the Hugging Face hub where ``WORDWEIGHTS_DATA`` names no folder.

    Returns
    -------
    tuple[dict[str, pd.DataFrame], str]
        The pairs by split, from :func:`wordweights.words.sentences.load_pairs`; or none, and why.
    """
    if not (hub or os.environ.get(DATA_VARIABLE)):
        return {}, f"{DATA_VARIABLE} names no folder, and `hub` is off"
    try:
        return {split: load_pairs(split) for split in ("validation", "test")}, ""
    except WordweightsError as error:
        return {}, str(error)


def measured_similarity() -> pd.DataFrame:
    """Read what `make measured` has measured on the STS Benchmark.

    Returns
    -------
    pd.DataFrame
        From :func:`evaluate_weights`, with settings, date, versions and origin (``"measured by us
        on STS-B"``); no rows outside a checkout.
    """
    path = find_kept(SIMILARITY_FILE)
    if path is None:
        return pd.DataFrame(columns=[*SIMILARITY_COLUMNS, "origin"])
    # "none" is a kind of weights, and no missing value
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return table.assign(weights=table["weights"].fillna(""), origin=OURS)


def compare_weights(
    encoders: Mapping[str, Encoder],
    pairs: Mapping[str, pd.DataFrame],
    sentences: pd.DataFrame,
    contributions: Mapping[str, pd.DataFrame],
    frequencies: Frequencies,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Ask it of several encoders: see :func:`evaluate_weights`.

    Parameters
    ----------
    encoders : Mapping[str, Encoder]
        By name.
    pairs : Mapping[str, pd.DataFrame]
        From :func:`find_pairs`.
    sentences : pd.DataFrame
        Those that were weighed; those of the test set are not used (:func:`without_test`).
    contributions : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned for the sentences.
    frequencies : Frequencies
        The source of P(w).
    **resampling : Unpack[Resampling]
        As for :func:`evaluate_weights`.

    Returns
    -------
    pd.DataFrame
        Their rows.
    """
    used = without_test(sentences, pairs)["sentence_id"]
    texts = sentences["sentence"].tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # attribute() has named the words without a weight
        measured = {
            name: table.assign(length=_input_lengths(encoders[name], texts))
            for name, table in contributions.items()
        }
    words = join_information(measured, frequencies)
    return pd.concat(
        [
            evaluate_weights(
                encoders[name],
                pairs,
                table[table["sentence_id"].isin(used)],
                frequencies,
                **resampling,
            )
            for name, table in words.items()
        ],
        ignore_index=True,
    )


def without_test(sentences: pd.DataFrame, pairs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Leave out the sentences that the test set has, in upper or lower case, however spaced.

    Parameters
    ----------
    sentences : pd.DataFrame
        With a column sentence.
    pairs : Mapping[str, pd.DataFrame]
        From :func:`find_pairs`.

    Returns
    -------
    pd.DataFrame
        The other rows.
    """
    both = pd.concat([pairs["test"]["sentence1"], pairs["test"]["sentence2"]])
    test = {tuple(split_meant(text)) for text in both.unique()}
    return sentences[[tuple(split_meant(text)) not in test for text in sentences["sentence"]]]


def read_occurrences(encoder: Encoder, sentences: Sequence[str]) -> Occurrences:
    """Give every word of sentences its vectors.

    Parameters
    ----------
    encoder : Encoder
        Whose vectors.
    sentences : Sequence[str]
        Texts. Words that no wordpiece stands for are left out; one that the tokenizer does not know
        has the vectors of [UNK].

    Returns
    -------
    Occurrences
        In float32.

    Raises
    ------
    WordweightsError
        For sentences that cannot be tokenised, or are too long for the encoder.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of unknown words: the docstring says what becomes of them
        tokenised = tokenise(encoder, sentences)
    own: dict[int, NDArray[np.float32]] = {}
    found: dict[str, dict[int, NDArray[np.floating]]] = {INPUT: {}, LAST: {}}
    with torch.no_grad():
        for rows in rows_by_length([sentence.ids for sentence in tokenised]):
            ids = torch.tensor([tokenised[row].ids for row in rows], device=encoder.device)
            mask = torch.ones_like(ids)
            hidden = encoder.model(input_ids=ids, attention_mask=mask).last_hidden_state
            own.update(zip(rows, _numbers(encoder.pool(hidden, mask)), strict=True))
            for kind, tokens in ((INPUT, encoder.embed(ids)), (LAST, hidden)):
                for row, one in zip(rows, _numbers(tokens), strict=True):
                    belongs = tokenised[row].membership
                    found[kind][row] = _word_means(one, belongs[:, belongs.any(axis=0)])
    texts, sentence_of = [], []
    for row, one in enumerate(tokenised):
        here = [word for i, word in enumerate(one.words) if i in one.word_of]
        texts += here
        sentence_of += [row] * len(here)
    kinds, which = np.unique(np.array(texts), return_inverse=True)
    order = range(len(tokenised))
    return Occurrences(
        [as_meant(text) for text in texts],
        np.array(sentence_of),
        {
            INPUT: np.concatenate([found[INPUT][row] for row in order], dtype=np.float32),
            ALONE: _numbers(encoder.encode(kinds.tolist()))[which],
            LAST: np.concatenate([found[LAST][row] for row in order], dtype=np.float32),
        },
        np.stack([own[row] for row in order]),
    )


def evaluate_weights(
    encoder: Encoder,
    pairs: Mapping[str, pd.DataFrame],
    weighed: pd.DataFrame,
    frequencies: Frequencies,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Ask how well weighted averages of an encoder's word vectors know similar sentences.

    The weights of a word: none; 0 where it stands in the list of stop words, else 1; its inverse
    document frequency in the sentences of the validation set, ln N where they do not have it; -ln
    P; SIF (Arora, Liang and Ma 2017), with the `a` that is best on the validation set; and what is
    distilled from the encoder's own contributions (:func:`wordweights.words.weights.distil`). Each
    with and without the first principal component of the validation set's averages, not centred,
    taken away (the same authors). Nothing is fitted to the test set.

    Parameters
    ----------
    encoder : Encoder
        Whose vectors.
    pairs : Mapping[str, pd.DataFrame]
        The splits ``"validation"`` and ``"test"``, with columns sentence1, sentence2 and score.
    weighed : pd.DataFrame
        Words of sentences of which none is in the test set: word, contribution, length and
        information (nats).
    frequencies : Frequencies
        The source of P(w); a word that it has not gets the smallest P that it has.
    **resampling : Unpack[Resampling]
        ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`. The units are the
        pairs of the test set.

    Returns
    -------
    pd.DataFrame
        A row for the encoder's own sentence vectors (weights empty) and one for each of three kinds
        of vectors, six kinds of weights, and removed (whether the component is): encoder, vectors,
        weights, removed, a (of SIF), spearman (of the cosine with the score) and rise (over no
        weights, of the same vectors), each with its 95 % interval, n_pairs, met (share of the test
        set's words that have been weighed), and origin (``"this run"``).

    Raises
    ------
    WordweightsError
        For sentences that the encoder cannot read, and for pairs that are too few.
    """
    told = {split: _places(table) for split, table in pairs.items()}
    texts = {split: found[0] for split, found in told.items()}
    read = {split: read_occurrences(encoder, some) for split, some in texts.items()}
    known = sorted({*read["validation"].words, *read["test"].words})
    source = add_information(pd.DataFrame({"word": known}), frequencies, "floor").set_index("word")
    weighed = weighed.assign(word=weighed["word"].map(as_meant))
    documents = idf(_documents(read["validation"])).reindex(known)
    fixed = {
        NONE: pd.Series(1.0, known),
        "stop list": pd.Series(1.0 - is_stop_word(known), known),
        "IDF": documents.fillna(np.log(len(texts["validation"]))),
        "\N{MINUS SIGN}ln P": source["information"],
        DISTILLED: distil(weighed, source["information"]),
    }
    about: dict[str, Any] = {
        "encoder": encoder.name,
        "n_pairs": len(pairs["test"]),
        "met": float(np.isin(read["test"].words, weighed["word"]).mean()),
    }

    def similarity(split: str, vectors: NDArray[np.floating]) -> pd.DataFrame:
        _, first, second = told[split]
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosine = (unit[first] * unit[second]).sum(axis=1)
        return pd.DataFrame({"similarity": cosine, "score": pairs[split]["score"].to_numpy()})

    def judged(split: str, kind: str, weights: pd.Series, *, removed: bool) -> pd.DataFrame:
        vectors = read[split].average(kind, weights)
        if removed:
            direction = principal_direction(read["validation"].average(kind, weights))
            vectors -= np.outer(vectors @ direction, direction)
        return similarity(split, vectors)

    own = similarity("test", read["test"].own)
    rows = [about | {"vectors": OWN, "weights": "", "removed": False} | _spearman(own, resampling)]
    tried = {a: pd.Series(sif(source["probability"], a), known) for a in _TRIED}
    for kind, removed in product((INPUT, ALONE, LAST), (False, True)):
        validated = {
            a: _rank_correlation(judged("validation", kind, weights, removed=removed))
            for a, weights in tried.items()
        }
        best = max(validated, key=validated.__getitem__)
        plain = judged("test", kind, fixed[NONE], removed=removed)
        for name in WEIGHTS:
            weights = tried[best] if name == SIF else fixed[name]
            found = judged("test", kind, weights, removed=removed)
            row = about | {"vectors": kind, "weights": name, "removed": removed}
            row |= {"a": best} if name == SIF else {}
            row |= _spearman(found, resampling)
            rows.append(row if name == NONE else row | _rise(plain, found, resampling))
    table = pd.DataFrame(rows, columns=list(SIMILARITY_COLUMNS))
    return table.assign(origin=MEASURED)


def principal_direction(vectors: Array) -> Array:
    """Find the direction in which vectors, which are not centred, are largest.

    Parameters
    ----------
    vectors : Array
        Shape (sentences, d).

    Returns
    -------
    Array
        The first right singular vector, of length 1, shape (d,).
    """
    _, columns = np.linalg.eigh(vectors.T @ vectors)
    return np.asarray(columns[:, -1])


def _numbers(values: Tensor) -> NDArray[np.float32]:
    return np.asarray(values.float().cpu().numpy())


def _input_lengths(encoder: Encoder, sentences: Sequence[str]) -> NDArray[np.float64]:
    """Measure the input vector of each word, the mean over its wordpieces; 0 where it has none."""
    import torch

    found = [np.zeros(0)]
    for sentence in tokenise(encoder, sentences):
        rows = _numbers(encoder.embed(torch.tensor(sentence.ids, device=encoder.device)))
        found.append(np.linalg.norm(_word_means(rows, sentence.membership), axis=1))
    return np.concatenate(found)


def _word_means(rows: NDArray[np.float32], membership: Array) -> Array:
    """Average the rows of each word, (wordpieces, d) to (words, d); 0 for a word of none."""
    return np.asarray((membership / np.maximum(membership.sum(axis=0), 1)).T @ rows)


def _places(table: pd.DataFrame) -> tuple[list[str], NDArray[np.intp], NDArray[np.intp]]:
    """List the distinct sentences of pairs, and number the first and the second of each pair."""
    codes, sentences = pd.factorize(pd.concat([table["sentence1"], table["sentence2"]]))
    return list(sentences), codes[: len(table)], codes[len(table) :]


def _documents(read: Occurrences) -> list[list[str]]:
    words = pd.Series(read.words).groupby(read.sentence).agg(list)
    return list(words)


def _rank_correlation(table: pd.DataFrame) -> float:
    return float(table["similarity"].corr(table["score"], method="spearman"))


def _spearman(table: pd.DataFrame, resampling: Resampling) -> dict[str, float]:
    found = correlation(_by_pair(table), *_ON, method="spearman", **_units(resampling))
    return found.columns("spearman")


def _rise(before: pd.DataFrame, after: pd.DataFrame, resampling: Resampling) -> dict[str, float]:
    """Compare two Spearman coefficients: Pearson's of the ranks in the whole test set."""
    first, second = (_by_pair(table.rank()) for table in (before, after))
    return correlation_rise(first, second, *_ON, **_units(resampling)).columns("rise")


def _by_pair(table: pd.DataFrame) -> pd.DataFrame:
    """Give each pair a number: it is drawn by itself, as a sentence is elsewhere."""
    return table.assign(sentence_id=range(len(table)))


def _units(resampling: Resampling) -> Resampling:
    return {**resampling, "units": ("sentence_id",)}
