"""Fine-tuning watched: snapshots of an encoder on the way, and how each of them weighs words."""

from wordweights.training.curves import (
    compare_with_curve,
    ends_of_curves,
    shipped_card,
    shipped_embeddings,
    shipped_like,
    shipped_log,
    shipped_seeds,
    shipped_trajectory,
)
from wordweights.training.finetuning import OBJECTIVES, FineTuning, fine_tune
from wordweights.training.runs import Run, Snapshot
from wordweights.training.swaps import swap_embeddings, swap_pairs, swap_parts
from wordweights.training.texts import read_nli, read_sentences
from wordweights.training.trajectories import compare_correlations, weigh_words

__all__ = [
    "OBJECTIVES",
    "FineTuning",
    "Run",
    "Snapshot",
    "compare_correlations",
    "compare_with_curve",
    "ends_of_curves",
    "fine_tune",
    "read_nli",
    "read_sentences",
    "shipped_card",
    "shipped_embeddings",
    "shipped_like",
    "shipped_log",
    "shipped_seeds",
    "shipped_trajectory",
    "swap_embeddings",
    "swap_pairs",
    "swap_parts",
    "weigh_words",
]
