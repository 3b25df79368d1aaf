"""The claims of Kurita et al. (NLP2023), and what a run says about each of them.

Every claim is about the paper's own encoders. Rows for other encoders of a run are kept apart by
the column ``paper``: they are of interest, but they test no claim of the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

import numpy as np
import pandas as pd

from wordweights.encoders import UNTRAINED
from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import NORMAL_QUANTILE, Estimate, Resampling
from wordweights.statistics.correlations import correlation, correlation_lead, correlation_rise
from wordweights.statistics.published import published_correlations
from wordweights.statistics.spread import spread_growth
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
_COLUMNS = ["claim", "scope", "paper", "quantity", "estimate", "low", "high", "verdict"]
_ARROW = " \N{RIGHTWARDS ARROW} "

# by claim: what above 0 speaks for it, and how it is measured, on the words of an encoder or a pair
_MEASURES: dict[int, tuple[str, Callable[..., Estimate]]] = {
    1: ("r with \N{MINUS SIGN}ln P(w)", correlation),
    2: ("rise of r with \N{MINUS SIGN}ln P(w)", correlation_rise),
    3: ("|r| with \N{MINUS SIGN}ln P(w), less |r| with P(w)", correlation_lead),
    4: ("relative growth of the spread for each nat", spread_growth),
}


def judge_claims(
    words: Mapping[str, pd.DataFrame],
    examples: Mapping[str, pd.DataFrame],
    frequencies: Frequencies,
    *,
    before: Mapping[str, str | None] | None = None,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Judge every claim of the paper by the words of a run.

    Controls with random weights are left out: the paper claims nothing about them.

    Parameters
    ----------
    words : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, with columns contribution, information (nats),
        probability and the unit; all of the same words.
    examples : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned for
        :data:`EXAMPLES`.
    frequencies : Frequencies
        The source of P(w) for the examples.
    before : Mapping[str, str | None] | None
        From an encoder's name to the name of the encoder it was fine-tuned from, where known.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        One row per claim and scope, by claim, the paper's own encoders first: claim (a key of
        :data:`CLAIMS`), scope (the encoder, the pair, or the encoder and the sentence), paper
        (whether that is a case of the paper), quantity (what the estimate is of; above 0 it speaks
        for the claim), estimate, low and high (its 95 % interval), verdict: ``"supported"`` when
        the whole interval is above 0, ``"not supported"`` when it is not, ``"not tested"`` when
        the run lacks an encoder (then quantity is empty and the numbers are NaN).
    """
    paper = published_correlations()["encoder"].tolist()
    trained = [name for name in words if not name.endswith(UNTRAINED)]
    pairs = list(dict.fromkeys([*_paper_pairs(), *_pairs(trained, before or {})]))
    bases = [(base,) for base in dict.fromkeys(base for base, _ in pairs)]
    everyone = [(name,) for name in dict.fromkeys([*paper, *trained])]
    scopes: dict[int, list[Any]] = {1: bases, 2: pairs, 3: everyone, 4: everyone}
    of_paper = {*_paper_pairs(), *((name,) for name in paper)}
    rows = []
    for claim, (quantity, measure) in _MEASURES.items():
        for names in scopes[claim]:
            case = (claim, _ARROW.join(names), names in of_paper)
            if all(name in trained for name in names):
                found = measure(*(words[name] for name in names), **resampling)
                rows.append(_verdict(case, quantity, found.value, found.low, found.high))
            else:
                rows.append(_verdict(case))
    for name in dict.fromkeys([_EXAMPLE_ENCODER, *(n for n in examples if n in trained)]):
        weighed = _example_sentences(examples[name], frequencies) if name in examples else {}
        for sentence in EXAMPLES:
            case = (5, f"{name}: {sentence}", name == _EXAMPLE_ENCODER)
            rows.append(_judge_example(case, weighed.get(sentence)))
    rows.sort(key=lambda row: (row[0], not row[2]))
    return pd.DataFrame(rows, columns=_COLUMNS)


def rises_of_correlation(
    words: Mapping[str, pd.DataFrame],
    before: Mapping[str, str | None],
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Measure how r with information rises from each encoder to those fine-tuned from it.

    Parameters
    ----------
    words : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, as for :func:`judge_claims`.
    before : Mapping[str, str | None]
        From an encoder's name to the name of the encoder it was fine-tuned from, where known.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        One row for every pair of which both are there: before, encoder, paper (whether the pair is
        one of the paper's), r_before, r_after, rise with the ends low and high of its paired 95 %
        interval, and the verdict ``"supported"`` or ``"not supported"``; no rows for no pairs.
    """
    rows = []
    for base, name in _pairs(words, before):
        rs = [words[one]["contribution"].corr(words[one]["information"]) for one in (base, name)]
        rise = correlation_rise(words[base], words[name], **resampling)
        verdict = SUPPORTED if rise.low > 0 else NOT_SUPPORTED
        paper = (base, name) in _paper_pairs()
        rows.append((base, name, paper, *rs, rise.value, rise.low, rise.high, verdict))
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
        One row per claim: claim, statement, tested and scopes (how many of the paper's were
        tested, of how many), verdict: ``"not supported"`` if any of the paper's scopes is not
        supported, ``"supported"`` if all of them are, otherwise ``"not tested"``.
    """
    rows = []
    for claim, statement in CLAIMS.items():
        found = verdicts.loc[(verdicts["claim"] == claim) & verdicts["paper"], "verdict"].tolist()
        verdict = NOT_TESTED
        if NOT_SUPPORTED in found:
            verdict = NOT_SUPPORTED
        elif set(found) == {SUPPORTED}:
            verdict = SUPPORTED
        tested = len(found) - found.count(NOT_TESTED)
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
    keys = ["claim", "scope"]
    supported = previous.loc[previous["paper"] & (previous["verdict"] == SUPPORTED), keys]
    now = supported.merge(present[[*keys, "verdict"]], on=keys, how="left")
    now["verdict"] = now["verdict"].fillna(NOT_TESTED)
    return now[now["verdict"] != SUPPORTED].reset_index(drop=True)


def _pairs(names: Iterable[str], before: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Pair encoders with the ones they were fine-tuned from; a control was fine-tuned from none."""
    there = [name for name in names if not name.endswith(UNTRAINED)]
    bases = ((before.get(name), name) for name in there)
    return [(base, name) for base, name in bases if base is not None and base in there]


def _paper_pairs() -> list[tuple[str, str]]:
    fine_tuned = published_correlations().dropna(subset="before")
    return list(zip(fine_tuned["before"], fine_tuned["encoder"], strict=True))


def _verdict(
    case: tuple[int, str, bool],
    quantity: str = "",
    value: float = np.nan,
    low: float = np.nan,
    high: float = np.nan,
) -> tuple[Any, ...]:
    """Make a row of the table of verdicts."""
    if np.isnan(low):  # not in the run, or nothing is known about its error
        return (*case, "", np.nan, np.nan, np.nan, NOT_TESTED)
    return (*case, quantity, value, low, high, SUPPORTED if low > 0 else NOT_SUPPORTED)


def _example_sentences(table: pd.DataFrame, frequencies: Frequencies) -> dict[str, pd.DataFrame]:
    """Find the words of each example, with their information."""
    known = look_up(table["word"], frequencies)["information"].to_numpy()
    by_sentence = table.assign(information=known).groupby("sentence_id", sort=False)
    return {" ".join(part["word"]): part for _, part in by_sentence}


def _judge_example(case: tuple[int, str, bool], words: pd.DataFrame | None) -> tuple[Any, ...]:
    """Compare the weight of the most informative word with the largest weight of the others.

    Their standard errors are those of the probes, which all words of a sentence share, so the
    errors of two words go together and this interval is rather too wide; exact weights have none.
    """
    if words is None:
        return _verdict(case)
    weights = words["contribution"].to_numpy(dtype=float)
    information = words["information"].to_numpy(dtype=float)
    if np.isnan(information).all():
        raise WordweightsError(
            f"The source of frequencies knows no word of {case[1]!r}: give another source."
        )
    top = int(np.nanargmax(information))
    rival = int(np.where(np.arange(len(words)) == top, -np.inf, weights).argmax())
    ratio = float(weights[top] / weights[rival])
    errors = (words["standard_error"].to_numpy(dtype=float) / weights)[[top, rival]]
    margin = NORMAL_QUANTILE * ratio * float(np.hypot(*errors))
    names = words["word"].tolist()
    quantity = f"relative lead of “{names[top]}” over “{names[rival]}”"
    return _verdict(case, quantity, ratio - 1, ratio - 1 - margin, ratio - 1 + margin)
