"""Correlations of contributions with information, and summaries of what a run measured."""

from wordweights.statistics.claims import (
    EXAMPLES,
    judge_claims,
    lost_claims,
    rises_of_correlation,
    summarise_claims,
)
from wordweights.statistics.columns import number_texts
from wordweights.statistics.correlations import (
    Correlation,
    Difference,
    correlation,
    correlation_error,
    correlation_lead,
    correlation_rise,
)
from wordweights.statistics.sources import (
    correlations_by_source,
    power_law,
    rank_probability,
)
from wordweights.statistics.spread import spread_growth
from wordweights.statistics.summaries import (
    INFORMATION,
    certificates,
    coverage,
    information_by_source,
    spread_by_information,
    weights_by_sentence,
)
from wordweights.statistics.tables import (
    MEASURED,
    OURS,
    PUBLISHED,
    arrange_before_after,
    choose_few,
    compare_published,
    correlation_table,
    measured_correlations,
    published_correlations,
)

__all__ = [
    "EXAMPLES",
    "INFORMATION",
    "MEASURED",
    "OURS",
    "PUBLISHED",
    "Correlation",
    "Difference",
    "arrange_before_after",
    "certificates",
    "choose_few",
    "compare_published",
    "correlation",
    "correlation_error",
    "correlation_lead",
    "correlation_rise",
    "correlation_table",
    "correlations_by_source",
    "coverage",
    "information_by_source",
    "judge_claims",
    "lost_claims",
    "measured_correlations",
    "number_texts",
    "power_law",
    "published_correlations",
    "rank_probability",
    "rises_of_correlation",
    "spread_by_information",
    "spread_growth",
    "summarise_claims",
    "weights_by_sentence",
]
