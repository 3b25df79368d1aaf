"""Encoders trained in the open: from text to a masked language model, and on to similarity."""

from wordweights.training.finetuning import OBJECTIVES, FineTuning, fine_tune
from wordweights.training.runs import Run, Snapshot
from wordweights.training.shipped import shipped_log, shipped_recipe, shipped_trajectory
from wordweights.training.texts import read_nli, read_sentences
from wordweights.training.trajectory import swap_embeddings, trajectory

__all__ = [
    "OBJECTIVES",
    "FineTuning",
    "Run",
    "Snapshot",
    "fine_tune",
    "read_nli",
    "read_sentences",
    "shipped_log",
    "shipped_recipe",
    "shipped_trajectory",
    "swap_embeddings",
    "trajectory",
]
