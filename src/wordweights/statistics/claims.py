"""The claims of Kurita et al. (NLP2023), and what a run says about each of them.

Every claim is about the paper's own encoders. Rows for other encoders of a run are kept apart by
the column ``paper``: they are of interest, but they test no claim of the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

import numpy as np
import pandas as pd

from wordweights.encoders import split_name
from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import NO_ESTIMATE, Estimate, Resampling
from wordweights.statistics.correlation_table import or_none, subset
from wordweights.statistics.correlations import correlation, correlation_lead, correlation_rise
from wordweights.statistics.heaviest import UNKNOWN, heaviest_lead, heaviest_words
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

AS_THE_PAPER = "as the paper says"
CONTENT_WORDS = "content words"
LOGARITHM = "ln c"
ALL_SENTENCES = "all sentences"
"""Variants: what else a claim is judged by, beside what the paper says."""

_EXAMPLE_ENCODER = "SBERT (MEAN)"
_COLUMNS = ["claim", "scope", "variant", "paper", "quantity"]
_COLUMNS += ["estimate", "low", "high", "verdict"]
_ARROW = " \N{RIGHTWARDS ARROW} "
_RISE = ("r_before", "r_after", "rise", "low", "high", "verdict")
_Measure = Callable[..., Estimate]


def _of_content(measure: _Measure) -> _Measure:
    """Measure the same over content words."""

    def measured(*tables: pd.DataFrame, **resampling: Any) -> Estimate:
        content = [subset(table, "r_content") for table in tables]
        return or_none(measure, *content, **resampling)

    return measured


def _growth_of_logarithm(table: pd.DataFrame, **resampling: Unpack[Resampling]) -> Estimate:
    """Test whether ln c spreads: a spread in proportion to the mean is none of ln c."""
    if not (table["contribution"] > 0).all():
        return NO_ESTIMATE
    logarithm = np.log(table["contribution"])
    return or_none(spread_growth, table.assign(contribution=logarithm), **resampling)


# by claim: variant, what above 0 speaks for it, how it is measured on the words of an encoder or
# of a pair
_MEASURES: tuple[tuple[int, str, str, _Measure], ...] = (
    (1, AS_THE_PAPER, "r with \N{MINUS SIGN}ln P(w)", correlation),
    (2, AS_THE_PAPER, "rise of r with \N{MINUS SIGN}ln P(w)", correlation_rise),
    (2, CONTENT_WORDS, "the same over content words", _of_content(correlation_rise)),
    (3, AS_THE_PAPER, "|r| with \N{MINUS SIGN}ln P(w), less |r| with P(w)", correlation_lead),
    (3, CONTENT_WORDS, "the same over content words", _of_content(correlation_lead)),
    (4, AS_THE_PAPER, "relative growth of the spread of c for each nat", spread_growth),
    (4, LOGARITHM, "relative growth of the spread of ln c for each nat", _growth_of_logarithm),
    (
        *(5, ALL_SENTENCES, "how often the most informative word is the heaviest, less chance"),
        lambda table, **resampling: or_none(heaviest_lead, table, **resampling),
    ),
)


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
        From an encoder's name to its words, with columns contribution, standard_error,
        information (nats), probability, word_class and the units; all of the same words.
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
        One row per claim, variant and scope, by claim, the paper's own encoders first: claim (a key
        of :data:`CLAIMS`), scope (the encoder, the pair, or the encoder and the sentence), variant
        (``"as the paper says"``; ``"content words"`` alone; ``"ln c"``, whose spread is that of c
        relative to its level; or ``"all sentences"`` instead of the examples), paper (whether the
        scope is a case of the paper), quantity (what the estimate is of; above 0 it speaks
        for the claim), estimate, low and high (its 95 % interval), verdict: ``"supported"`` when
        the whole interval is above 0, ``"not supported"`` when it is not, ``"not tested"`` when
        the run lacks an encoder or has too few words (then quantity is empty and the numbers are
        NaN).
    """
    paper = published_correlations()["encoder"].tolist()
    trained = [name for name in words if split_name(name).trained]
    pairs = list(dict.fromkeys([*_paper_pairs(), *_pairs(trained, before or {})]))
    bases = [(base,) for base in dict.fromkeys(base for base, _ in pairs)]
    everyone = [(name,) for name in dict.fromkeys([*paper, *trained])]
    scopes: dict[int, list[Any]] = {1: bases, 2: pairs, 3: everyone, 4: everyone, 5: everyone}
    of_paper = {*_paper_pairs(), *((name,) for name in paper)}
    rows = []
    for claim, variant, quantity, measure in _MEASURES:
        for names in scopes[claim]:
            case = (claim, _ARROW.join(names), variant, names in of_paper)
            if all(name in trained for name in names):
                found = measure(*(words[name] for name in names), **resampling)
                rows.append(_verdict(case, quantity, found.value, found.low, found.high))
            else:
                rows.append(_verdict(case))
    for name in dict.fromkeys([_EXAMPLE_ENCODER, *(n for n in examples if n in trained)]):
        weighed = _example_sentences(examples[name], frequencies) if name in examples else {}
        for sentence in EXAMPLES:
            case = (5, f"{name}: {sentence}", AS_THE_PAPER, name == _EXAMPLE_ENCODER)
            rows.append(_judge_example(case, weighed.get(sentence)))
    rows.sort(key=lambda row: (row[0], row[2] != AS_THE_PAPER, not row[3]))
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
        interval, and the verdict ``"supported"`` or ``"not supported"``; the same over content
        words, with ``_content`` (``"not tested"`` for too few); no rows for no pairs.
    """
    rows = []
    for base, name in _pairs(words, before):
        row: dict[str, Any] = {"before": base, "encoder": name}
        row["paper"] = (base, name) in _paper_pairs()
        for end, column in (("", "r_information"), ("_content", "r_content")):
            tables = [subset(words[one], column) for one in (base, name)]
            rs = [table["contribution"].corr(table["information"]) for table in tables]
            rise = or_none(correlation_rise, *tables, **resampling)
            verdict = _verdict((), "", rise.value, rise.low, rise.high)[-1]
            found = (*rs, rise.value, rise.low, rise.high, verdict)
            row |= dict(zip((f"{name}{end}" for name in _RISE), found, strict=True))
        rows.append(row)
    columns = ["before", "encoder", "paper", *_RISE, *(f"{name}_content" for name in _RISE)]
    return pd.DataFrame(rows, columns=columns).astype({"paper": bool})


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
        supported, ``"supported"`` if all of them are, otherwise ``"not tested"``; otherwise: the
        same of the claim's other variants, in words; missing without.
    """
    rows = []
    for claim, statement in CLAIMS.items():
        cases = verdicts[(verdicts["claim"] == claim) & verdicts["paper"]]
        said = cases.loc[cases["variant"] == AS_THE_PAPER, "verdict"].tolist()
        others = cases[cases["variant"] != AS_THE_PAPER].groupby("variant", sort=False)["verdict"]
        otherwise = "\n".join(f"{name}: {_summarise(found.tolist())}" for name, found in others)
        tested = len(said) - said.count(NOT_TESTED)
        rows.append((claim, statement, tested, len(said), _summarise(said), otherwise or None))
    columns = ["claim", "statement", "tested", "scopes", "verdict", "otherwise"]
    return pd.DataFrame(rows, columns=columns)


def _summarise(found: list[str]) -> str:
    """Judge a claim by the verdicts on its cases."""
    if NOT_SUPPORTED in found:
        return NOT_SUPPORTED
    return SUPPORTED if set(found) == {SUPPORTED} else NOT_TESTED


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
        claim, scope, variant and the present verdict of these rows: ``"not supported"``, or
        ``"not tested"``, also for a row that is missing now. Tables from before there were variants
        say what the paper says.
    """
    keys = ["claim", "scope", "variant"]
    previous, present = (
        table if "variant" in table else table.assign(variant=AS_THE_PAPER)
        for table in (previous, present)
    )
    supported = previous.loc[previous["paper"] & (previous["verdict"] == SUPPORTED), keys]
    now = supported.merge(present[[*keys, "verdict"]], on=keys, how="left")
    now["verdict"] = now["verdict"].fillna(NOT_TESTED)
    return now[now["verdict"] != SUPPORTED].reset_index(drop=True)


def _pairs(names: Iterable[str], before: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Pair encoders with the ones they were fine-tuned from; a control was fine-tuned from none."""
    there = [name for name in names if split_name(name).trained]
    bases = ((before.get(name), name) for name in there)
    return [(base, name) for base, name in bases if base is not None and base in there]


def _paper_pairs() -> list[tuple[str, str]]:
    fine_tuned = published_correlations().dropna(subset="before")
    return list(zip(fine_tuned["before"], fine_tuned["encoder"], strict=True))


def _verdict(
    case: tuple[Any, ...],
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


def _judge_example(case: tuple[Any, ...], words: pd.DataFrame | None) -> tuple[Any, ...]:
    """Compare the weight of the most informative word with the largest weight of the others."""
    if words is None:
        return _verdict(case)
    found = heaviest_words(words.assign(sentence_id=0))
    if found.empty:
        raise WordweightsError(
            f"The source of frequencies knows no word of {case[1]!r} apart from the others: give "
            f"another source."
        )
    (row,) = found.to_dict("records")
    if row["verdict"] == UNKNOWN:
        return _verdict(case)
    quantity = f"relative lead of “{row['word']}” over “{row['rival']}”"
    return _verdict(case, quantity, row["lead"], row["low"], row["high"])
