"""Table 1: correlations by encoder and by source of P(w), and how their rows are arranged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from wordweights.encoders import UNTRAINED, split_name
from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import (
    CONFIDENCE,
    NO_ESTIMATE,
    Estimate,
    Resampling,
    TooFewWordsError,
    columns_of,
)
from wordweights.statistics.correlations import (
    correlation,
    correlation_error,
    correlation_within,
    correlation_within_error,
)
from wordweights.statistics.weighed import join_information
from wordweights.words.classes import CONTENT, FUNCTION, PARTS_OF_SPEECH, PUNCTUATION
from wordweights.words.frequencies import Frequencies, look_up

MEASURED = "this run"

SUBSETS = {
    "r_information": "all words",
    "r_no_punctuation": "without punctuation",
    "r_content": "content words",
    "r_function": "function words",
}
"""The words that r with information is computed over, by its column."""


def subset(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Choose the words over which a column of :data:`SUBSETS` is computed.

    Parameters
    ----------
    table : pd.DataFrame
        One row per word, with a column word_class.
    column : str
        A key of :data:`SUBSETS`.

    Returns
    -------
    pd.DataFrame
        The rows of these words.
    """
    if column == "r_information":
        return table
    if column == "r_no_punctuation":
        return table[table["word_class"] != PUNCTUATION]
    return table[table["word_class"] == {"r_content": CONTENT, "r_function": FUNCTION}[column]]


def correlation_table(
    words: Mapping[str, pd.DataFrame],
    *,
    before: Mapping[str, str | None] | None = None,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Correlate contributions with information and probability, one row per encoder (Table 1).

    Parameters
    ----------
    words : Mapping[str, pd.DataFrame]
        From an encoder's name to its words, from :func:`join_information`: with columns
        contribution, information (nats), probability, sentence_id, word_class and the units.
    before : Mapping[str, str | None] | None
        From an encoder's name to the name of the encoder it was fine-tuned from, where known.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.
        Encoders over the same sentences are compared on the same resamples.

    Returns
    -------
    pd.DataFrame
        encoder, before; r with information over each of :data:`SUBSETS`, r_probability and
        rho_sentence (see :func:`correlation_within`), each with its interval (_low, _high), NaN
        where a class has too few words for one; n_words, n_content, n_function, n_sentences,
        n_units and n_types (what was resampled), origin (``"this run"``).

    Raises
    ------
    WordweightsError
        As for :func:`correlation` over all words, with the encoder's name; and for no encoder.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from wordweights import correlation_table
    >>> draw = np.random.default_rng(0)
    >>> words = pd.DataFrame({"sentence_id": np.repeat(range(20), 5), "word": range(100)})
    >>> words["word_class"] = np.resize(["content", "function"], 100)
    >>> words["information"] = draw.uniform(2, 12, 100)  # nats
    >>> words["probability"] = np.exp(-words["information"])
    >>> words["contribution"] = words["information"] + draw.normal(0, 2, 100)
    >>> table = correlation_table({"mine": words}, n_resamples=100)
    >>> table[["encoder", "n_words", "n_content", "n_sentences"]].to_dict("records")
    [{'encoder': 'mine', 'n_words': 100, 'n_content': 50, 'n_sentences': 20}]
    """
    rows = []
    for encoder, table in words.items():
        try:
            information = correlation(table, **resampling)
            probability = correlation(table, y="probability", **resampling)
        except WordweightsError as error:
            raise WordweightsError(f"Encoder {encoder!r}: {error}") from None
        found = {"r_information": information}
        for column in list(SUBSETS)[1:]:
            found[column] = or_none(correlation, subset(table, column), **resampling)
        found["r_probability"] = probability
        found["rho_sentence"] = or_none(correlation_within, table, **resampling)
        rows.append(
            {
                "encoder": encoder,
                "before": (before or {}).get(encoder),
                **columns_of(found),
                "n_words": information.n,
                "n_content": found["r_content"].n,
                "n_function": found["r_function"].n,
                "n_sentences": table["sentence_id"].nunique(),
                "n_units": information.n_units,
                "n_types": information.n_types,
                "origin": MEASURED,
            }
        )
    if not rows:
        raise WordweightsError("There is no encoder to correlate; name at least one.")
    return pd.DataFrame(rows)


def or_none(statistic: Callable[..., Estimate], *tables: pd.DataFrame, **settings: Any) -> Estimate:
    """Compute a statistic of words; where they are too few for it, it is not known.

    Parameters
    ----------
    statistic : Callable[..., Estimate]
        Such as :func:`correlation`.
    *tables : pd.DataFrame
        What it takes.
    **settings : Any
        Its settings.

    Returns
    -------
    Estimate
        NaN for :class:`TooFewWordsError`, with the number of words.
    """
    try:
        return statistic(*tables, **settings)
    except TooFewWordsError:
        return replace(NO_ESTIMATE, n=len(tables[0]))


def with_controls(
    table: pd.DataFrame, control: str, controls: Mapping[Any, pd.DataFrame]
) -> pd.DataFrame:
    """Show a control with random weights as what it is, a distribution over seeds.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`correlation_table`.
    control : str
        The encoder whose row is replaced.
    controls : Mapping[Any, pd.DataFrame]
        From each seed to its words, as :func:`correlation_table` takes them; at least two.

    Returns
    -------
    pd.DataFrame
        The same table, with n_seeds (NaN in other rows): of the control, each correlation is the
        mean over seeds, and its interval is where another seed lies in 95 of 100 cases (Student's);
        numbers of words and sentences are those of a seed, and nothing is resampled.

    Raises
    ------
    WordweightsError
        For fewer than two seeds.
    """
    if len(controls) < 2:
        raise WordweightsError(
            f"A distribution of controls takes at least two seeds, and there are {len(controls)}; "
            f"raise `n_controls`."
        )
    seeds = correlation_table(controls, n_resamples=100)
    # of another seed, where mean and spread are known from so few
    quantile = stdtrit(len(controls) - 1, (1 + CONFIDENCE) / 2) * np.sqrt(1 + 1 / len(controls))
    row: dict[str, Any] = {name: seeds[name].iloc[0] for name in map(str, seeds.columns)}
    row |= {"encoder": control, "n_units": 0, "n_types": 0}
    for column in (*SUBSETS, "r_probability", "rho_sentence"):
        mean, sd = seeds[column].mean(skipna=False), seeds[column].std(skipna=False)
        low, high = np.clip([mean - quantile * sd, mean + quantile * sd], -1, 1)
        row |= Estimate(mean, low, high, 0, 0).columns(column)
    chosen = table["encoder"] == control
    found = table.assign(n_seeds=pd.Series(np.nan, table.index).mask(chosen, len(controls)))
    found.loc[chosen, list(row)] = list(row.values())
    return found


def correlations_by_source(
    contributions: Mapping[str, pd.DataFrame],
    sources: Sequence[Frequencies],
    *,
    common: bool = False,
    sentences: pd.DataFrame | None = None,
    rule: str = PARTS_OF_SPEECH,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Correlate contributions with information and probability under each source of P(w).

    Parameters
    ----------
    contributions : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.attribute` returned.
    sources : Sequence[Frequencies]
        Each of its own name.
    common : bool
        Whether to take only the words that all sources know; else each source is correlated on
        the words that it knows itself.
    sentences : pd.DataFrame | None
        As for :func:`join_information`.
    rule : str
        As for :func:`join_information`.
    **resampling : Unpack[Resampling]
        ``units``, ``n_resamples`` and ``seed``: see :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        One row per encoder and source, of the columns of :func:`correlation_table` and frequencies
        (the source), n_unseen (words that it does not know), and what the standard errors of
        contributions add to each, _error: for an r an upper bound (see :func:`correlation_error`
        and :func:`correlation_within_error`).

    Raises
    ------
    WordweightsError
        As for :func:`correlation_table`; and when the sources have no word in common.
    """
    tables = []
    for source in sources:
        words = join_information(contributions, source, sentences=sentences, rule=rule)
        n_unseen = [table.attrs["n_unseen"] for table in words.values()]
        if common:
            words = {name: _known_to_all(name, table, sources) for name, table in words.items()}
        table = correlation_table(words, **resampling)
        table = table.assign(frequencies=source.source, n_unseen=n_unseen)
        for column in (*SUBSETS, "r_probability", "rho_sentence"):
            table[f"{column}_error"] = [
                _error(rows, column) if known else np.nan
                for rows, known in zip(words.values(), table[column].notna(), strict=True)
            ]
        tables.append(table)
    # encoder by encoder: row i of every source is the same encoder
    return pd.concat(tables).sort_index(kind="stable").reset_index(drop=True)


def _error(table: pd.DataFrame, column: str) -> float:
    """Bound or estimate what the errors of contributions add to a correlation."""
    if column == "rho_sentence":
        return correlation_within_error(table)
    if column == "r_probability":
        return correlation_error(table, y="probability", sentence="sentence_unit")
    return correlation_error(subset(table, column), sentence="sentence_unit")


def arrange_before_after(*tables: pd.DataFrame) -> pd.DataFrame:
    """Put rows of correlation tables together: each encoder, its control, and what came of it.

    Parameters
    ----------
    *tables : pd.DataFrame
        With columns encoder, before and origin; from :func:`correlation_table`,
        :func:`measured_correlations` and :func:`published_correlations`.

    Returns
    -------
    pd.DataFrame
        All rows, with ``group`` (the encoder at the root of the fine-tuning), ``role``
        (``"control"``, ``"before"``: something of the table was fine-tuned from it, ``"after"``:
        it was fine-tuned from something, or ``""``) and ``made_from`` (what it was fine-tuned from,
        or random weights). Groups of this run come first.
    """
    rows = pd.concat(tables, ignore_index=True)
    parents = rows.dropna(subset="before").drop_duplicates("encoder")
    before = dict(zip(parents["encoder"], parents["before"], strict=True))
    names = [str(name) for name in rows["encoder"]]
    rows["group"] = [_line(name.replace(UNTRAINED, ""), before)[-1] for name in names]
    control = np.array([not split_name(name).trained for name in names], dtype=np.bool_)
    rows["role"] = np.select(
        [control, rows["encoder"].isin(before), rows["encoder"].isin(before.values())],
        ["control", "after", "before"],
        default="",
    )
    rows["made_from"] = rows["before"].mask(control, "random weights")
    measured = set(rows.loc[rows["origin"] == MEASURED, "group"])
    first_seen = {name: i for i, name in reversed(list(enumerate(rows["encoder"])))}
    order = pd.DataFrame(
        {
            "unmeasured": ~rows["group"].isin(measured),
            "group": rows["group"],
            "role": rows["role"].map({"control": 0, "before": 1, "": 1, "after": 2}),
            "encoder": rows["encoder"].map(first_seen),
            "origin": rows["origin"] != MEASURED,
        }
    )
    chosen = order.sort_values(order.columns.to_list(), kind="stable").index
    return rows.loc[chosen].reset_index(drop=True)


def choose_few(before: Mapping[str, str | None], most: int | None = 3) -> list[str]:
    """Choose encoders for a figure that has room for a few.

    Parameters
    ----------
    before : Mapping[str, str | None]
        From the name of each encoder of a run to the name of the one it was fine-tuned from.
    most : int | None
        How many to choose; None: all.

    Returns
    -------
    list[str]
        All of them where there are no more; else the first one of the run, the last pair of an
        encoder and what it was fine-tuned from, the control of the first, and then the others as
        they come. In the order of the run.

    Raises
    ------
    WordweightsError
        For a number below 1.
    """
    if most is not None and most < 1:
        raise WordweightsError(
            f"{most} encoders cannot be shown; give at least 1, or null for all."
        )
    names = list(before)
    pairs = [
        (base, name) for name, base in before.items() if base in before and split_name(name).trained
    ]
    wanted = [*names[:1], *(pairs[-1] if pairs else ()), *(name + UNTRAINED for name in names[:1])]
    ranked = dict.fromkeys([*(name for name in wanted if name in before), *names])
    chosen = list(ranked)[:most]
    return [name for name in names if name in chosen]


def by_family(before: Mapping[str, str | None]) -> list[list[str]]:
    """Put encoders that came of one another side by side, what came first before the others.

    Parameters
    ----------
    before : Mapping[str, str | None]
        From the name of each encoder of a run to the name of the one it was fine-tuned from.

    Returns
    -------
    list[list[str]]
        The names, one list per encoder at the root of a fine-tuning; a control stands with what it
        is the control of.
    """
    known = {name: base for name, base in before.items() if base is not None}
    lines = {name: _line(name.replace(UNTRAINED, ""), known) for name in before}
    families: dict[str, list[str]] = {line[-1]: [] for line in lines.values()}
    for name in sorted(before, key=lambda name: (len(lines[name]), UNTRAINED in name)):
        families[lines[name][-1]].append(name)
    return list(families.values())


def main_and_control(encoders: Iterable[str]) -> tuple[str, str | None]:
    """Choose the encoder that a run is about, and its control with random weights.

    Parameters
    ----------
    encoders : Iterable[str]
        The names of the run, at least one.

    Returns
    -------
    tuple[str, str | None]
        The first that is trained (of controls alone, the first), and its control; None where the
        run has none.
    """
    names = list(encoders)
    main = next((name for name in names if split_name(name).trained), names[0])
    return main, main + UNTRAINED if main + UNTRAINED in names else None


def _known_to_all(
    encoder: str, table: pd.DataFrame, sources: Sequence[Frequencies]
) -> pd.DataFrame:
    """Keep the words that all sources know."""
    found = [look_up(table["word"], source)["probability"].notna().to_numpy() for source in sources]
    known = np.logical_and.reduce(found)
    if not known.any():
        raise WordweightsError(
            f"The sources {', '.join(source.source for source in sources)} have none of the words "
            f"of {encoder!r} in common."
        )
    return table[known]


def _line(encoder: str, before: Mapping[str, str]) -> list[str]:
    """Follow the fine-tuning back to where it began."""
    line = [encoder]
    while (parent := before.get(line[-1])) is not None and parent not in line:
        line.append(parent)
    return line
