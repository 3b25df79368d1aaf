"""The claims of Kurita et al. (NLP2023), and what a run says about each of them.

Every claim is about the paper's own encoders. Rows for other encoders of a run are kept apart by
the column ``paper``: they are of interest, but they test no claim of the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from wordweights.encoders import UNTRAINED
from wordweights.errors import WordweightsError
from wordweights.statistics.correlations import (
    Correlation,
    Difference,
    correlation,
    correlation_lead,
    correlation_rise,
)
from wordweights.statistics.spread import spread_growth
from wordweights.statistics.tables import published_correlations
from wordweights.words.frequencies import Frequencies, look_up

SUPPORTED = "supported"
NOT_SUPPORTED = "not supported"
NOT_TESTED = "not tested"

CLAIMS = {
    1: "Before fine-tuning, r with \N{MINUS SIGN}log P is positive.",
    2: "Fine-tuning raises r with \N{MINUS SIGN}log P.",
    3: "Contributions follow \N{MINUS SIGN}log P more closely than P: |r| is larger.",
    4: "The spread of contributions grows with information.",
    5: "In the two example sentences, SBERT gives the most informative word the largest weight.",
}
"""What the paper says, by the number of the claim."""

EXAMPLES = ("a woman is cutting an onion .", "there are dogs in the forest .")
"""The sentences of the fifth claim."""

_EXAMPLE_ENCODER = "SBERT (MEAN)"
_NORMAL_QUANTILE = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class Verdict:
    """What a run says about one claim for one encoder, pair of encoders or sentence.

    Attributes
    ----------
    claim : int
        A key of :data:`CLAIMS`.
    scope : str
        The encoder, the pair of encoders, or the encoder and the sentence.
    paper : bool
        Whether the scope is one of the paper's; other encoders test no claim of it.
    quantity : str
        What the estimate is of; above 0 it speaks for the claim. Empty when not tested.
    estimate : float
        NaN when not tested.
    low : float
        Lower end of its 95 % interval.
    high : float
        Upper end of its 95 % interval.
    verdict : str
        ``"supported"`` when the whole interval is above 0, ``"not supported"`` when it is not, and
        ``"not tested"`` when the run lacks an encoder.
    """

    claim: int
    scope: str
    paper: bool
    quantity: str = ""
    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan
    verdict: str = NOT_TESTED


def judge_claims(
    words: Mapping[str, pd.DataFrame],
    examples: Mapping[str, pd.DataFrame],
    frequencies: Frequencies,
    *,
    before: Mapping[str, str | None] | None = None,
    cluster: str = "sentence_id",
    n_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Judge every claim of the paper by the words of a run.

    Controls with random weights are left out: the paper claims nothing about them.

    Parameters
    ----------
    words : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, with columns contribution, information (nats),
        probability and the cluster; all of the same words.
    examples : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned for
        :data:`EXAMPLES`.
    frequencies : Frequencies
        The source of P(w) for the examples.
    before : Mapping[str, str | None] | None
        From an encoder's name to the name of the encoder it was fine-tuned from, where known.
    cluster : str
        The column that says which words are resampled together.
    n_resamples : int
        Bootstrap resamples.
    seed : int
        Of the resamples, the same for every row.

    Returns
    -------
    pd.DataFrame
        One row a :class:`Verdict`, by claim; the paper's own encoders first, in its order.
    """
    paper_encoders = published_correlations()["encoder"].tolist()
    paper_pairs = _paper_pairs()
    trained = [name for name in words if not name.endswith(UNTRAINED)]
    pairs = [*paper_pairs, *_pairs(trained, before or {})]
    options: dict[str, Any] = {"cluster": cluster, "n_resamples": n_resamples, "seed": seed}

    rows = []
    for name in dict.fromkeys(base for base, _ in pairs):
        row = Verdict(1, name, name in paper_encoders)
        if name in trained:
            r = correlation(words[name], "contribution", "information", **options)
            row = _judge(row, "r with \N{MINUS SIGN}ln P(w)", r)
        rows.append(row)
    for base, name in dict.fromkeys(pairs):
        row = Verdict(2, f"{base} \N{RIGHTWARDS ARROW} {name}", (base, name) in paper_pairs)
        if base in trained and name in trained:
            rise = correlation_rise(words[base], words[name], **options)
            row = _judge(row, "rise of r with \N{MINUS SIGN}ln P(w)", rise)
        rows.append(row)
    by_encoder: tuple[tuple[int, str, Callable[..., Difference]], ...] = (
        (3, "|r| with \N{MINUS SIGN}ln P(w), less |r| with P(w)", correlation_lead),
        (4, "relative growth of the spread for each nat", spread_growth),
    )
    for claim, quantity, estimate in by_encoder:
        for name in dict.fromkeys([*paper_encoders, *trained]):
            row = Verdict(claim, name, name in paper_encoders)
            if name in trained:
                row = _judge(row, quantity, estimate(words[name], **options))
            rows.append(row)
    for name in dict.fromkeys([_EXAMPLE_ENCODER, *(n for n in examples if n in trained)]):
        weighed = _example_sentences(examples[name], frequencies) if name in examples else {}
        for sentence in EXAMPLES:
            row = Verdict(5, f"{name}: {sentence}", name == _EXAMPLE_ENCODER)
            rows.append(_judge_example(row, weighed[sentence]) if sentence in weighed else row)
    rows.sort(key=lambda row: (row.claim, not row.paper))
    return pd.DataFrame([asdict(row) for row in rows])


def rises_of_correlation(
    words: Mapping[str, pd.DataFrame],
    before: Mapping[str, str | None],
    *,
    cluster: str = "sentence_id",
    n_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure how r with information rises from each encoder to those fine-tuned from it.

    Parameters
    ----------
    words : Mapping[str, pd.DataFrame]
        As for :func:`judge_claims`.
    before : Mapping[str, str | None]
        From an encoder's name to the name of the encoder it was fine-tuned from, where known.
    cluster : str
        The column that says which words are resampled together.
    n_resamples : int
        Bootstrap resamples.
    seed : int
        Of the resamples, the same for every row.

    Returns
    -------
    pd.DataFrame
        One row for every pair of which both are there: before, encoder, paper (whether the pair is
        one of the paper's), r_before, r_after, rise with the ends low and high of its paired 95 %
        interval, and the verdict ``"supported"`` or ``"not supported"``; no rows for no pairs.
    """
    options: dict[str, Any] = {"cluster": cluster, "n_resamples": n_resamples, "seed": seed}
    rows = []
    for base, name in _pairs(words, before):
        first, second = (
            correlation(words[one], "contribution", "information", **options).r
            for one in (base, name)
        )
        paper = (base, name) in _paper_pairs()
        rise = correlation_rise(words[base], words[name], **options)
        verdict = SUPPORTED if rise.low > 0 else NOT_SUPPORTED
        rows.append((base, name, paper, first, second, rise.value, rise.low, rise.high, verdict))
    columns = ["before", "encoder", "paper", "r_before", "r_after", "rise", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "verdict"]).astype({"paper": bool})


def summarise_claims(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Say for every claim as a whole whether a run supports it.

    Parameters
    ----------
    verdicts : pd.DataFrame
        From :func:`judge_claims`.

    Returns
    -------
    pd.DataFrame
        One row a claim: claim, statement, tested and scopes (how many of the paper's were tested,
        of how many), verdict: ``"not supported"`` if any of the paper's scopes is not supported,
        ``"supported"`` if all of them are, otherwise ``"not tested"``.
    """
    rows = []
    for claim, statement in CLAIMS.items():
        found = verdicts.loc[(verdicts["claim"] == claim) & verdicts["paper"], "verdict"]
        if (found == NOT_SUPPORTED).any():
            verdict = NOT_SUPPORTED
        elif len(found) and (found == SUPPORTED).all():
            verdict = SUPPORTED
        else:
            verdict = NOT_TESTED
        tested = int((found != NOT_TESTED).sum())
        rows.append((claim, statement, tested, len(found), verdict))
    return pd.DataFrame(rows, columns=["claim", "statement", "tested", "scopes", "verdict"])


def lost_claims(previous: pd.DataFrame, present: pd.DataFrame) -> pd.DataFrame:
    """Find which cases of the paper were supported before and are not any more.

    Parameters
    ----------
    previous : pd.DataFrame
        From :func:`judge_claims`, of an earlier run.
    present : pd.DataFrame
        Of this one.

    Returns
    -------
    pd.DataFrame
        claim, scope and the present verdict of these rows: ``"not supported"``, or
        ``"not tested"``, also for a row that is missing now.
    """
    columns = ["claim", "scope", "verdict"]
    now = {(row.claim, row.scope): row.verdict for row in present[columns].itertuples()}
    rows = [
        (row.claim, row.scope, now.get((row.claim, row.scope), NOT_TESTED))
        for row in previous.loc[previous["paper"], columns].itertuples()
        if row.verdict == SUPPORTED
    ]
    return pd.DataFrame([row for row in rows if row[-1] != SUPPORTED], columns=columns)


def _pairs(names: Iterable[str], before: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Pair encoders with the ones they were fine-tuned from; a control was fine-tuned from none."""
    there = [name for name in names if not name.endswith(UNTRAINED)]
    bases = ((before.get(name), name) for name in there)
    return [(base, name) for base, name in bases if base is not None and base in there]


def _paper_pairs() -> list[tuple[str, str]]:
    fine_tuned = published_correlations().dropna(subset="before")
    return list(zip(fine_tuned["before"], fine_tuned["encoder"], strict=True))


def _judge(row: Verdict, quantity: str, found: Correlation | Difference) -> Verdict:
    value = found.r if isinstance(found, Correlation) else found.value
    return _decide(row, quantity, value, found.low, found.high)


def _decide(row: Verdict, quantity: str, estimate: float, low: float, high: float) -> Verdict:
    if np.isnan(low):  # a single probe says nothing about its error
        return row
    verdict = SUPPORTED if low > 0 else NOT_SUPPORTED
    return replace(row, quantity=quantity, estimate=estimate, low=low, high=high, verdict=verdict)


def _example_sentences(table: pd.DataFrame, frequencies: Frequencies) -> dict[str, pd.DataFrame]:
    """Find the words of each example, with their information."""
    known = look_up(table["word"], frequencies)["information"].to_numpy()
    by_sentence = table.assign(information=known).groupby("sentence_id", sort=False)
    return {" ".join(part["word"]): part for _, part in by_sentence}


def _judge_example(row: Verdict, words: pd.DataFrame) -> Verdict:
    """Compare the weight of the most informative word with the largest weight of the others.

    Their standard errors are those of the probes, which all words of a sentence share, so the
    errors of two words go together and this interval is rather too wide; exact weights have none.
    """
    weights = words["contribution"].to_numpy(dtype=float)
    information = words["information"].to_numpy(dtype=float)
    if np.isnan(information).all():
        raise WordweightsError(
            f"The source of frequencies knows no word of {row.scope!r}: give another source."
        )
    top = int(np.nanargmax(information))
    rival = int(np.where(np.arange(len(words)) == top, -np.inf, weights).argmax())
    ratio = weights[top] / weights[rival]
    errors = (words["standard_error"].to_numpy(dtype=float) / weights)[[top, rival]]
    margin = _NORMAL_QUANTILE * ratio * float(np.hypot(*errors))
    names = words["word"].tolist()
    quantity = f"relative lead of “{names[top]}” over “{names[rival]}”"
    lead = float(ratio) - 1
    return _decide(row, quantity, lead, lead - margin, lead + margin)
