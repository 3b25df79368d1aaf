"""Sentence vectors of sets of words: the words of the set stand, the others are the baseline.

A set of n words is a whole number whose bit i says whether word i stands: 0 is the baseline, and
2^n - 1 the sentence. Special tokens always stand, and a word goes with all of its wordpieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.encoders import Encoder

Array = NDArray[np.float64]
Sets = NDArray[np.bool_]
"""Shape (sets, words): whether a word stands."""


def all_sets(n: int) -> Sets:
    """List all sets of n words, in the order of their numbers, shape (2^n, n)."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.bool_)


def set_vectors(
    encoder: Encoder,
    sentences: Sequence[TokenisedSentence],
    baseline: str,
    sets: Sequence[Sets],
    memory: int,
) -> list[Array]:
    """Compute v(S), the sentence vector with the words of S alone, for some sets of each sentence.

    Parameters
    ----------
    encoder : Encoder
        In evaluation mode.
    sentences : Sequence[TokenisedSentence]
        At least one, of equally many wordpieces.
    baseline : str
        What stands in the place of the other words.
    sets : Sequence[Sets]
        For each sentence its sets.
    memory : int
        Bound on the memory of the passes under way, in bytes.

    Returns
    -------
    list[Array]
        For each sentence, shape (sets, d).
    """
    import torch

    from wordweights.attribution.path import lay_path

    path = lay_path(encoder, sentences, baseline, memory)
    numbers = [len(some) for some in sets]
    examples = np.repeat(np.arange(len(sentences)), numbers)
    rows = [_rows(some, sentence) for some, sentence in zip(sets, sentences, strict=True)]
    stands = torch.from_numpy(np.concatenate(rows)).to(path.inputs.device).unsqueeze(-1)

    def points(some: slice) -> torch.Tensor:
        whole, nothing = path.inputs[examples[some]], path.baselines[examples[some]]
        return torch.where(stands[some], whole, nothing)

    vectors = path.evaluate(examples, points).split(numbers)
    return [some.double().cpu().numpy() for some in vectors]  # numpy has no bfloat16


def shapley_values(vectors: Array) -> Array:
    """Compute the Shapley value of each player of a vector-valued game.

    phi_i = sum over sets S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S)), and the values
    sum to v(all) - v(none) (Shapley 1953, for each of the d games).

    Parameters
    ----------
    vectors : Array
        v(S) of all sets of n players in the order of their numbers, shape (2^n, d).

    Returns
    -------
    Array
        Shape (n, d).
    """
    n = len(vectors).bit_length() - 1
    sets = all_sets(n)
    sizes = sets.sum(axis=1)
    # of v(S) where player i stands in S, and where it does not
    inside = np.array([0.0, *(1 / (n * comb(n - 1, size - 1)) for size in range(1, n + 1))])
    outside = np.array([*(1 / (n * comb(n - 1, size)) for size in range(n)), 0.0])
    weights = np.where(sets, inside[sizes, None], -outside[sizes, None])  # (2^n, n)
    # weights of a player sum to 0; where nothing moves, rounding is not to move it either
    return weights.T @ (vectors - vectors[0])


def expected_sum(distances: Array, groups: Sequence[Sequence[int]]) -> float:
    """Sum the distances from the sentence while its words go, group by group.

    Parameters
    ----------
    distances : Array
        ||s(W) - v(S)|| of all sets, shape (2^n,).
    groups : Sequence[Sequence[int]]
        All words: those of the first group go first. Within a group all orders are equally likely,
        so after k of its words are gone each subset of k is as likely as any other.

    Returns
    -------
    float
        The expectation of sum over k from 1 to n of ||s(W) - s(without the first k)||.
    """
    standing, total = len(distances) - 1, 0.0
    for group in groups:
        bits = [1 << word for word in group]
        for k in range(1, len(bits) + 1):
            left = [standing - sum(gone) for gone in combinations(bits, k)]
            total += float(distances[left].mean())
        standing -= sum(bits)
    return total


def best_sum(distances: Array) -> float:
    """Find the largest sum of distances that any order of deletions reaches.

    Parameters
    ----------
    distances : Array
        ||s(W) - v(S)|| of all sets, shape (2^n,).

    Returns
    -------
    float
        By dynamic programming over the sets: the best order from S on begins with the word that
        leaves the largest distance and best rest.
    """
    best = np.zeros(len(distances))
    n = len(distances).bit_length() - 1
    for standing in range(1, len(distances)):
        left = [standing & ~(1 << word) for word in range(n) if standing >> word & 1]
        best[standing] = (distances[left] + best[left]).max()
    return float(best[-1])


def _rows(sets: Sets, sentence: TokenisedSentence) -> Sets:
    """Say which wordpieces stand, (sets, wordpieces): those of no word always do."""
    owners = np.asarray(sentence.word_of)
    return sets[:, owners] | (owners < 0)
