"""Correlations of contributions with information, and summaries of what a run measured."""

from wordweights.statistics.correlations import Correlation, correlation
from wordweights.statistics.summaries import (
    certificates,
    coverage,
    information_by_source,
    spread_by_information,
)
from wordweights.statistics.tables import (
    MEASURED,
    PUBLISHED,
    arrange_before_after,
    correlation_table,
    published_correlations,
)

__all__ = [
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
]
