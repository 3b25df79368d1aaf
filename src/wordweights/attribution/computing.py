"""Contributions of a batch of sentences: the method, from wordpieces to rows that can be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from wordweights.attribution.alignment import TokenisedSentence, sum_by_word
from wordweights.attribution.batches import TYPICAL_STEPS, split_batch
from wordweights.attribution.integral import Integral
from wordweights.attribution.parallel import cores, release_memory, run_all
from wordweights.attribution.plan import integrate
from wordweights.attribution.probes import (
    ALL_PROBES,
    Squares,
    estimate_norms,
    probe_directions,
    project,
)
from wordweights.attribution.profile import path_of
from wordweights.attribution.settings import AUTO_PROBES, Settings
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

_FIRST_PROBES = 8  # of "auto"; doubled until the error is small enough


def attribute_batch(
    encoder: Encoder,
    forward: Callable[..., torch.Tensor],
    settings: Settings,
    batch: dict[str, TokenisedSentence],
    *,
    memory: int,
    split: int,
) -> pd.DataFrame:
    """Attribute a batch in pieces, each on one core, as many side by side as there are cores.

    Parameters
    ----------
    encoder : Encoder
        In evaluation mode.
    forward : Callable[..., torch.Tensor]
        The same encoder, as a stack of layers where it is one.
    settings : Settings
        What the rows depend on.
    batch : dict[str, TokenisedSentence]
        By key, of equal numbers of wordpieces.
    memory : int
        Bound on the memory of all passes together, in bytes.
    split : int
        For how many cores the pieces are made. It decides how sentences share passes, so it decides
        the last bits of the result; on how many cores they then run does not.

    Returns
    -------
    pd.DataFrame
        One row a sentence, with lists over its words.
    """
    attribute_some = partial(_attribute_batch, encoder, forward, settings, memory // split)
    # two a core and more, since their times are unequal; and as many as it takes for all nodes of
    # a piece to be in memory at the same time
    tokens = len(next(iter(batch.values())).ids)
    points = memory // split // encoder.activation_bytes(tokens)
    fitting = max(1, points // (settings.n_steps or TYPICAL_STEPS))
    pieces = split_batch(batch, max(2 * split if split > 1 else 1, -(-len(batch) // fitting)))
    tasks = [partial(attribute_some, piece) for piece in pieces]
    rows = pd.concat(run_all(tasks, min(split, cores())))
    release_memory()
    return rows


def _attribute_batch(
    encoder: Encoder,
    forward: Callable[..., torch.Tensor],
    settings: Settings,
    memory: int,
    batch: dict[str, TokenisedSentence],
) -> pd.DataFrame:
    """Attribute sentences of equal length: one row a sentence, with lists over its words."""
    sentences = list(batch.values())
    path = path_of(encoder, forward, sentences, settings.baseline)
    tokens = path.inputs.shape[1]
    path = replace(
        path,
        points_at_once=max(1, memory // encoder.activation_bytes(tokens)),
        half=settings.bfloat16,
    )
    outcomes = integrate(
        path,
        partial(_vectors, settings, sentences)
        if settings.norm == "vector"
        else partial(_estimates, settings, list(batch), sentences),
        n_steps=settings.n_steps,
        tolerance=settings.tolerance,
        max_steps=settings.max_steps,
        quadrature=settings.quadrature,
    )
    rows = [
        {
            "key": key,
            "residual": outcome.residual,
            "n_steps": outcome.n_steps,
            **outcome.value,
        }
        for key, outcome in zip(batch, outcomes, strict=True)
    ]
    for row in rows:
        if not (np.isfinite(row["contribution"]).all() and np.isfinite(row["residual"])):
            raise WordweightsError(
                f"A contribution by encoder {encoder.name!r} is NaN or infinite: the model "
                f"overflowed on the path. Use float32 or float64 weights."
            )
    return pd.DataFrame(rows)


def _vectors(
    settings: Settings,
    sentences: list[TokenisedSentence],
    integral: Integral,
    examples: list[int],
) -> list[dict[str, Any]]:
    """Give the words of some sentences their shares of the vector."""
    values = integral.rows().double().cpu().numpy()  # (examples, tokens, outputs)
    results = []
    for value, example in zip(values, examples, strict=True):
        sentence = sentences[example]
        by_word = sum_by_word(value.T, sentence.word_of, len(sentence.words)).T
        result: dict[str, Any] = {
            "contribution": np.linalg.norm(by_word, axis=1),
            "standard_error": np.zeros(len(by_word)),
        }
        if settings.vectors:
            result["vector"] = list(by_word)
        results.append(result)
    return results


def _estimates(
    settings: Settings,
    keys: list[str],
    sentences: list[TokenisedSentence],
    integral: Integral,
    examples: list[int],
) -> list[dict[str, Any]]:
    """Give the words of some sentences their Frobenius norms, with standard errors."""
    seeds = [[settings.seed, *_words_of_seed(keys[example])] for example in examples]
    d = integral.outputs
    squares: dict[int, Squares] = {}
    pairs: list[Any] = [None] * len(examples)
    pending = list(range(len(examples)))
    for probes, skip in _rounds(settings.probes, d):
        fresh = project(integral, probe_directions(probes, d, seeds, skip), skip)
        for i in pending:  # the others have been passed once more, but keep what they had
            words = fresh.over(partial(_of_words, sentences[examples[i]], i))
            squares[i] = squares[i].joined(words) if skip else words
            pairs[i] = estimate_norms(squares[i], d)
        pending = [i for i in pending if (pairs[i][1] > settings.max_error * pairs[i][0]).any()]
        if not pending:
            break
    return [{"contribution": norms, "standard_error": errors} for norms, errors in pairs]


def _rounds(probes: int | str, d: int) -> Iterator[tuple[int | str, int]]:
    """How many probes there are to be, and how many there were before, round by round."""
    if probes != AUTO_PROBES:
        yield probes, 0
        return
    drawn, wanted = 0, _FIRST_PROBES
    while 2 * wanted <= d:
        yield wanted, drawn
        drawn, wanted = wanted, 2 * wanted
    yield ALL_PROBES, 0  # more than half of them cost as much as all, which are exact


def _of_words(sentence: TokenisedSentence, i: int, squares: np.ndarray) -> np.ndarray:
    """Squares of example i's wordpieces, (probes, examples, tokens), summed into its words."""
    return sum_by_word(squares[:, i], sentence.word_of, len(sentence.words))


def _words_of_seed(key: str) -> list[int]:
    """Turn a key into seed words, so that a sentence draws the same probes in any batch."""
    return [int(key[i : i + 8], 16) for i in range(0, 32, 8)]
