"""Figures, tables and sentences of the book: one function each, from a data frame.

No figure touches pyplot, so nothing global is left behind. Text from sentences is always shown as
it is: never as mathtext (a word may be ``$``), never as HTML.
"""

from wordweights.figures import layouts, prose
from wordweights.figures.attributions import (
    plot_contributions,
    plot_convergence,
    plot_estimate,
    plot_gathered,
    plot_norms,
    plot_path,
    plot_weights,
)
from wordweights.figures.corpora import plot_growth, plot_source_correlations, plot_zipf
from wordweights.figures.correlations import plot_correlations, plot_powers, plot_rises
from wordweights.figures.html import shaded_rows, shaded_text, table_html
from wordweights.figures.integrals import draw_path, plot_matrix, plot_probes
from wordweights.figures.jumps import describe_jump, plot_jump
from wordweights.figures.measures import (
    plot_agreement,
    plot_beyond,
    plot_faithfulness,
    plot_lengths,
    plot_likeness,
    plot_pair,
)
from wordweights.figures.moving import explorer_script, path_slider, training_slider
from wordweights.figures.own_sentence import playground, weigh_sentence
from wordweights.figures.style import format_number, format_weight
from wordweights.figures.training import (
    plot_losses,
    plot_measures,
    plot_swaps,
    plot_trajectory,
)
from wordweights.figures.words import (
    plot_coverage,
    plot_information,
    plot_rank_frequency,
    plot_schemes,
    plot_sources,
)

__all__ = [
    "describe_jump",
    "draw_path",
    "explorer_script",
    "format_number",
    "format_weight",
    "layouts",
    "path_slider",
    "playground",
    "plot_agreement",
    "plot_beyond",
    "plot_contributions",
    "plot_convergence",
    "plot_correlations",
    "plot_coverage",
    "plot_estimate",
    "plot_faithfulness",
    "plot_gathered",
    "plot_growth",
    "plot_information",
    "plot_jump",
    "plot_lengths",
    "plot_likeness",
    "plot_losses",
    "plot_matrix",
    "plot_measures",
    "plot_norms",
    "plot_pair",
    "plot_path",
    "plot_powers",
    "plot_probes",
    "plot_rank_frequency",
    "plot_rises",
    "plot_schemes",
    "plot_source_correlations",
    "plot_sources",
    "plot_swaps",
    "plot_trajectory",
    "plot_weights",
    "plot_zipf",
    "prose",
    "shaded_rows",
    "shaded_text",
    "table_html",
    "training_slider",
    "weigh_sentence",
]
