"""Correlations of contributions with information, and summaries of what a run measured."""

from wordweights.statistics.correlations import Correlation, correlation
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
    PUBLISHED,
    arrange_before_after,
    correlation_table,
    published_correlations,
)

__all__ = [
    "INFORMATION",
    "MEASURED",
    "PUBLISHED",
    "Correlation",
    "arrange_before_after",
    "certificates",
    "correlation",
    "correlation_table",
    "coverage",
    "information_by_source",
    "published_correlations",
    "spread_by_information",
    "weights_by_sentence",
]
