"""Correlations of contributions with information, and summaries of what a run measured."""

from wordweights.statistics.bootstrap import (
    NORMAL_QUANTILE,
    UNITS,
    Estimate,
    TooFewWordsError,
    estimate,
)
from wordweights.statistics.claims import (
    EXAMPLES,
    judge_claims,
    lost_claims,
    rises_of_correlation,
    summarise_claims,
)
from wordweights.statistics.correlation_table import (
    SUBSETS,
    arrange_before_after,
    choose_few,
    correlation_table,
    correlations_by_source,
    main_and_control,
    with_controls,
)
from wordweights.statistics.correlations import (
    POWERS,
    best_power,
    correlation,
    correlation_by_power,
    correlation_error,
    correlation_lead,
    correlation_rise,
    correlation_within,
    correlation_within_error,
)
from wordweights.statistics.heaviest import heaviest_lead, heaviest_table, heaviest_words
from wordweights.statistics.published import (
    OURS,
    compare_published,
    measured_correlations,
    published_correlations,
)
from wordweights.statistics.sources import (
    coverage,
    information_by_source,
    power_law,
    rank_probability,
)
from wordweights.statistics.spread import spread_by_information, spread_growth
from wordweights.statistics.weighed import (
    INFORMATION,
    add_units,
    certificates,
    join_information,
    weights_by_sentence,
)

__all__ = [
    "EXAMPLES",
    "INFORMATION",
    "NORMAL_QUANTILE",
    "OURS",
    "POWERS",
    "SUBSETS",
    "UNITS",
    "Estimate",
    "TooFewWordsError",
    "add_units",
    "arrange_before_after",
    "best_power",
    "certificates",
    "choose_few",
    "compare_published",
    "correlation",
    "correlation_by_power",
    "correlation_error",
    "correlation_lead",
    "correlation_rise",
    "correlation_table",
    "correlation_within",
    "correlation_within_error",
    "correlations_by_source",
    "coverage",
    "estimate",
    "heaviest_lead",
    "heaviest_table",
    "heaviest_words",
    "information_by_source",
    "join_information",
    "judge_claims",
    "lost_claims",
    "main_and_control",
    "measured_correlations",
    "power_law",
    "published_correlations",
    "rank_probability",
    "rises_of_correlation",
    "spread_by_information",
    "spread_growth",
    "summarise_claims",
    "weights_by_sentence",
    "with_controls",
]
