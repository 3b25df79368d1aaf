"""Sentences of the book that hold numbers of a run, as Markdown.

The tables that they take are those of :mod:`wordweights.statistics`, under the names that the
notebooks give them.
"""

from wordweights.figures.prose.attributions import (
    agreement_of_norms,
    error_of_estimates,
    example_takeaways,
    examples_shown,
    least_exact,
    loops_agree,
    residual_of_example,
)
from wordweights.figures.prose.corpora import (
    corpus_counted,
    counting_takeaways,
)
from wordweights.figures.prose.correlations import (
    answer,
    classes_compared,
    correlation_takeaways,
    heaviest_counted,
    how_measured,
    key_numbers,
    only_published,
    powers_compared,
    rises_of_others,
    spread_compared,
    wordpieces_counted,
    words_correlated,
)
from wordweights.figures.prose.measures import (
    agreement_found,
    faithfulness_found,
    lengths_takeaways,
    likeness_found,
    longer_sentences,
    measures_answer,
    measures_compared,
    measures_takeaways,
    pair_found,
    replacement_found,
)
from wordweights.figures.prose.training import (
    curves_measured,
    embeddings_alone,
    family_changes,
    rises_over_seeds,
    swaps_compared,
    training_direction,
    training_done,
    training_takeaways,
)
from wordweights.figures.prose.words import (
    frequency_takeaways,
    sentences_used,
    words_unknown,
)

__all__ = [
    "agreement_found",
    "agreement_of_norms",
    "answer",
    "classes_compared",
    "corpus_counted",
    "correlation_takeaways",
    "counting_takeaways",
    "curves_measured",
    "embeddings_alone",
    "error_of_estimates",
    "example_takeaways",
    "examples_shown",
    "faithfulness_found",
    "family_changes",
    "frequency_takeaways",
    "heaviest_counted",
    "how_measured",
    "key_numbers",
    "least_exact",
    "lengths_takeaways",
    "likeness_found",
    "longer_sentences",
    "loops_agree",
    "measures_answer",
    "measures_compared",
    "measures_takeaways",
    "only_published",
    "pair_found",
    "powers_compared",
    "replacement_found",
    "residual_of_example",
    "rises_of_others",
    "rises_over_seeds",
    "sentences_used",
    "spread_compared",
    "swaps_compared",
    "training_direction",
    "training_done",
    "training_takeaways",
    "wordpieces_counted",
    "words_correlated",
    "words_unknown",
]
