"""What the tables of the book show: their columns, for :func:`wordweights.figures.table_html`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.statistics.claims import AS_THE_PAPER, CLAIMS, NOT_TESTED

_R = "r with \N{MINUS SIGN}ln P(w)"
_WITHIN = "rank correlation\nwithin sentences"
_ARROW = "\N{NO-BREAK SPACE}\N{RIGHTWARDS ARROW}\N{NO-BREAK SPACE}"


def with_interval(value: str, low: str = "", high: str = "") -> str:
    """Show a column with its interval, from the columns low and high, on a second line.

    Parameters
    ----------
    value : str
        The column.
    low : str
        The column of the lower end; by default the first with ``_low``.
    high : str
        That of the upper end.

    Returns
    -------
    str
        The cells of a layout.
    """
    ends = low or f"{value}_low", high or f"{value}_high"
    return f"{{{value}}}\n[{{{ends[0]}}},\N{NO-BREAK SPACE}{{{ends[1]}}}]"


COUNTS = "{n_words:count}\n({n_sentences:count})"
"""Words, and the sentences that they are of."""

CERTIFICATES = {
    "encoder": "{encoder}",
    "sentences": "{n_sentences}",
    "words": "{n_words}",
    "residual, median [%]": "{residual_median:percent}",
    "residual, 95th percentile [%]": "{residual_p95:percent}",
    "residual, largest [%]": "{residual_max:percent}",
    "standard error, median [%]": "{error_median:percent}",
}
"""Of :func:`wordweights.statistics.certificates`."""

_SUBSETS = {
    f"{_R},\nall words": with_interval("r_information"),
    "without\npunctuation": with_interval("r_no_punctuation"),
    "content\nwords": with_interval("r_content"),
    "function\nwords": with_interval("r_function"),
    _WITHIN: with_interval("rho_sentence"),
}

SENTENCES = {"no.": "{sentence_id}", "sentence": "{sentence}"}
"""Of :func:`wordweights.filter_sentences`."""

COVERAGE = {
    "source": "{source}",
    "distinct words unseen": "{n_unseen}",
    "the most frequent of them": "{unseen}",
}
"""Of :func:`wordweights.statistics.coverage`."""

CORRELATIONS = {
    "encoder": "{encoder}\n{origin}\nfrom {made_from}\nmean of {n_seeds:count} seeds",
    **_SUBSETS,
    "r with P(w)": with_interval("r_probability"),
    "words\n(sentences)": COUNTS,
}
"""Of :func:`wordweights.statistics.arrange_before_after`."""

MEASURED = {
    "encoder": "{encoder}\n{origin}",
    "P(w) from": "{frequencies}",
    **_SUBSETS,
    "all words that\nall sources know": with_interval("r_common"),
    "r with P(w)": with_interval("r_probability"),
    "words\n(sentences)": COUNTS,
}
"""Of :func:`wordweights.statistics.measured_correlations`."""

RANKS = {"word": "{word}", "rank": "{rank:count}", "probability": "{probability:weight}"}
"""Of :func:`wordweights.statistics.rank_probability`."""

SOURCES = {
    "encoder": "{encoder}",
    "P(w) from": "{frequencies}",
    _R: with_interval("r_information"),
    "content words": with_interval("r_content"),
    "words that all\nsources know": "{n_words}",
    "r, all words\nit knows": "{r_own}",
    "words\nit knows": "{n_own}",
}
"""Of :func:`wordweights.statistics.correlations_by_source`, on common and on own words."""

COMPARISON = {
    "encoder": "{encoder}",
    "quantity": "{quantity}",
    "published": "{published}",
    "this run": with_interval("measured", "low", "high"),
    "this run\nless published": "{difference}",
}
"""Of :func:`wordweights.statistics.compare_published`."""

RISES = {
    "before": "{before}",
    "after": "{encoder}",
    "r before": "{r_before}",
    "r after": "{r_after}",
    "rise\n[95 % interval]": with_interval("rise", "low", "high"),
    "a rise": "{verdict:whole}",
    "content words:\nbefore, after": f"{{r_before_content}}{_ARROW}{{r_after_content}}",
    "rise": with_interval("rise_content", "low_content", "high_content"),
    "a rise of\ncontent words": "{verdict_content:whole}",
}
"""Of :func:`wordweights.statistics.rises_of_correlation`."""

BASELINES = {
    "baseline": "{encoder}",
    **_SUBSETS,
    "words\n(sentences)": COUNTS,
}
"""Of :func:`wordweights.statistics.correlation_table`, with a row per baseline."""

HEAVIEST = {
    "encoder": "{encoder}",
    "sentences": "{n_sentences}",
    "heaviest [%]": "{heaviest:percent}",
    "tie [%]": "{tie:percent}",
    "by chance [%]": "{chance:percent}",
}
"""Of :func:`wordweights.statistics.heaviest_table`."""

SUMMARY = {
    "no.": "({claim})",
    "claim of the paper": "{statement}",
    "cases tested": "{tested} of {scopes}",
    "in this run": "{verdict:whole}",
    "and measured otherwise": "{otherwise:whole}",
}
"""Of :func:`wordweights.statistics.summarise_claims`."""

VERDICTS = {
    "no.": "({claim})",
    "case": "{scope}",
    "by": "{variant}",
    "quantity": "{quantity}",
    "estimate\n[95 % interval]": with_interval("estimate", "low", "high"),
    "verdict": "{verdict:whole}",
}
"""Of :func:`arrange_verdicts`."""

CURVES = {
    "encoder": "{encoder}",
    "steps": "{steps}",
    f"{_R}\nat step 0": with_interval("r_first", "low_first", "high_first"),
    f"{_R}\nat the end": with_interval("r_last", "low_last", "high_last"),
    "r, content words,\nat the end": with_interval(
        "r_content_last", "r_content_low_last", "r_content_high_last"
    ),
    "largest r\n(at step)": "{top}\n({top_step})",
    "share of\n“onion”": f"{{onion_first}}{_ARROW}{{onion_last}}",
    "r of embedding\nlength": f"{{norm_r_first}}{_ARROW}{{norm_r_last}}",
    "STS-B\nSpearman": f"{{sts_spearman_first}}{_ARROW}{{sts_spearman_last}}",
}
"""Of :func:`wordweights.training.curves.ends_of_curves`."""

SEEDS = {
    "encoder": "{encoder}",
    "seed of\npre-training": "{pretraining_seed}",
    "seed of\nfine-tuning": "{finetuning_seed}",
    _R: f"{{r_before}}{_ARROW}{{r_after}}",
    "rise": with_interval("rise"),
    "r, content\nwords": f"{{r_content_before}}{_ARROW}{{r_content_after}}",
    "rise, content\nwords": with_interval("rise_content"),
    "STS-B\nSpearman": f"{{sts_before}}{_ARROW}{{sts_after}}",
}
"""Of :func:`wordweights.training.shipped_seeds`."""

EMBEDDINGS = {
    "encoder": "{encoder}",
    "the encoder": "{sts_encoder}",
    "its embeddings,\nequal weights": "{sts_mean}",
    "its embeddings,\nSIF weights": "{sts_sif}",
}
"""Of :func:`wordweights.training.shipped_embeddings`."""

SWAPS = {
    "pair": "{pair}",
    "embeddings": "{embeddings}",
    "layers": "{layers}",
    _R: with_interval("r", "low", "high"),
    "rise against\nthe first row": with_interval("rise"),
    "r, content\nwords": with_interval("r_content"),
    "rise, content\nwords": with_interval("rise_content"),
    "r of embedding\nlength": "{norm_r}",
}
"""Of :func:`arrange_swaps`."""

AGREEMENT = {
    "encoder": "{encoder}",
    "measure": "{measure}",
    _R: with_interval("r_information"),
    "r, content\nwords": with_interval("r_content"),
    _WITHIN: with_interval("rho_sentence"),
    "rank correlation\nwith Shapley values": with_interval("rho_shapley"),
    "faithfulness": with_interval("faithfulness"),
}
"""Of :func:`wordweights.statistics.agreement_table`."""

REPLACEMENTS = {"in place of\na word": "{baseline}", **AGREEMENT}
"""Of the same, for several baselines."""

LENGTHS = {
    "encoder": "{encoder}",
    "words of the\nsentence": "{low:count} to {high:count}",
    "sentences": "{n_sentences}",
    "words": "{n_words}",
    _R: with_interval("r_information"),
    "r, content\nwords": with_interval("r_content"),
    _WITHIN: with_interval("rho_sentence"),
}
"""Of :func:`wordweights.statistics.correlations_by_length`."""

PIECES = {
    "encoder": "{encoder}",
    "wordpieces": "{pieces:count}",
    "words": "{n_words}",
    "information,\nmean [nats]": "{information}",
    "relative weight,\nmean": "{relative}",
    "beyond\ninformation": with_interval("beyond"),
}
"""Of :func:`wordweights.statistics.beyond_information`, by wordpieces."""


def stack(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the tables of several encoders below one another, with a column encoder.

    Parameters
    ----------
    tables : Mapping[str, pd.DataFrame]
        By the names of the encoders.

    Returns
    -------
    pd.DataFrame
        All rows.
    """
    return pd.concat([table.assign(encoder=name) for name, table in tables.items()])


def arrange_spreads(spreads: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put means and standard deviations by information side by side, encoder by encoder.

    Parameters
    ----------
    spreads : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.statistics.spread_by_information`
        returned, all of the same words.

    Returns
    -------
    tuple[pd.DataFrame, dict[str, str]]
        The table, one row per bin, and its layout.

    Raises
    ------
    WordweightsError
        For no encoders, and encoders with different bins.
    """
    if not spreads:
        raise WordweightsError("There is no encoder to show; name at least one.")
    bins = ["low", "high", "n"]
    table = next(iter(spreads.values()))[bins].copy()
    layout = {"from [nats]": "{low}", "to [nats]": "{high}", "words": "{n}"}
    for i, (encoder, spread) in enumerate(spreads.items()):
        if not spread[bins].equals(table[bins]):
            raise WordweightsError(
                f"Encoder {encoder!r} has other bins of information than the first one; give all "
                f"of them the same words."
            )
        table[[f"mean_{i}", f"sd_{i}", f"cv_{i}"]] = spread[["mean", "sd", "cv"]]
        cells = f"{{mean_{i}:weight}}\N{NO-BREAK SPACE}({{sd_{i}:weight}})\n{{cv_{i}}}"
        layout[f"{encoder}:\nmean (s.d.), s.d. / mean"] = cells
    return table, layout


def arrange_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Give the cases of a claim that were not tested one row, and say which are not the paper's.

    Parameters
    ----------
    verdicts : pd.DataFrame
        From :func:`wordweights.statistics.judge_claims`.

    Returns
    -------
    pd.DataFrame
        The same columns, fewer rows.
    """
    scope = verdicts["scope"].str.replace(" ", "\N{NO-BREAK SPACE}")
    # an encoder and a sentence
    example = (verdicts["claim"] == max(CLAIMS)) & (verdicts["variant"] == AS_THE_PAPER)
    scope = scope.mask(example, verdicts["scope"].str.replace(": ", ":\n", n=1))
    scope = scope.where(verdicts["paper"], scope + "\n(not a case of the paper)")
    rows = verdicts.assign(scope=scope)
    idle = rows["verdict"] == NOT_TESTED
    keys = ["claim", "variant", "paper", "verdict"]
    cases = rows[idle].groupby(keys, sort=False)["scope"]
    together = cases.agg("\n".join).reset_index()
    found = pd.concat([rows[~idle], together], ignore_index=True)
    order = found.assign(variant=found["variant"] != AS_THE_PAPER)
    order = order.sort_values(
        ["claim", "variant", "paper"], ascending=[True, True, False], kind="stable"
    )
    return found.loc[order.index]


def arrange_swaps(swaps: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put what swaps of embeddings and layers gave below one another, each pair named once.

    Parameters
    ----------
    swaps : Mapping[str, pd.DataFrame]
        From the name of a pair of encoders to its combinations, one row each.

    Returns
    -------
    pd.DataFrame
        Their rows, with the column pair.
    """
    rows = pd.concat([table.assign(pair=pair) for pair, table in swaps.items()], ignore_index=True)
    return rows.assign(pair=rows["pair"].mask(rows["pair"].duplicated(), ""))
