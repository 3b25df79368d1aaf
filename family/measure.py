"""What is measured on every snapshot of a family."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from family.recipe import BASE
from wordweights.attribution import IntegratedGradients, attribute
from wordweights.encoders import Encoder
from wordweights.files import DATA_VARIABLE
from wordweights.training import Run, compare_correlations, weigh_words
from wordweights.words.frequencies import load_frequencies
from wordweights.words.sentences import filter_sentences, load_pairs, load_sentences

ONION = "a woman is cutting an onion ."
"""The paper's example; its fifth claim is about the onion."""

WEIGHING = IntegratedGradients(probes=16)
"""How words are weighed on the bundled sentences."""

_FREQUENCIES = "spacy"
_PACKAGES = ("wordweights", "torch", "transformers", "sentence-transformers")
_BATCH = 256  # sentences that are encoded at one time


def measure_family(runs: Mapping[str, Run], limit: int | None = None) -> pd.DataFrame:
    """Measure every snapshot on the bundled sentences."""
    tokenizers = [run.snapshots[-1].like.tokenizer for run in runs.values()]
    sentences = filter_sentences(load_sentences("bundled"), tokenizers, limit=limit)
    source = load_frequencies(_FREQUENCIES)
    tables = []
    for name, run in runs.items():
        weighed, others = {}, []
        for snapshot in run.snapshots:
            encoder = snapshot.encoder
            weighed[snapshot.step] = weigh_words(encoder, sentences, source, WEIGHING)
            others.append((onion_share(encoder), sts_spearman(encoder)))
        table = compare_correlations(weighed).rename_axis("step").reset_index()
        table[["onion", "sts_spearman"]] = others
        stage = "pre-training" if name.startswith(BASE) else "fine-tuning"
        tables.append(table.assign(encoder=name, run=run.name, stage=stage))
        click.echo(f"{name}: measured at {len(table)} steps", err=True)
    columns = ["encoder", "run", "step", "r", "low", "high", "onion", "norm_r", "sts_spearman"]
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in _PACKAGES}
    return pd.concat(tables, ignore_index=True)[[*columns, "stage"]].assign(
        settings=f"sentences=bundled n_words=7 frequencies={_FREQUENCIES} unseen=drop "
        f"tolerance=0.01 probes={WEIGHING.probes} seed=0 n_resamples=2000",
        date=datetime.now(UTC).date().isoformat(),
        versions=" ".join(f"{name}={version}" for name, version in versions.items()),
    )


def onion_share(encoder: Encoder) -> float:
    """Compute the share of the onion: its contribution, over the sum of those of all words."""
    words = attribute(encoder, [ONION], probes="all", progress=False)
    weights = words.set_index("word")["contribution"]
    return float(weights["onion"] / weights.sum())


def sts_spearman(encoder: Encoder) -> float:
    """Correlate cosines with human similarity on the test split of the STS Benchmark."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder or not (Path(folder) / "stsb" / "test.csv").is_file():
        return np.nan
    pairs = load_pairs("test")
    first, second = (_encode(encoder, pairs[name].tolist()) for name in ("sentence1", "sentence2"))
    cosines = torch.nn.functional.cosine_similarity(first, second)
    return float(spearmanr(cosines.numpy(), pairs["score"]).statistic)


def _encode(encoder: Encoder, sentences: list[str]) -> torch.Tensor:
    starts = range(0, len(sentences), _BATCH)
    parts = [encoder.encode(sentences[start : start + _BATCH], cut=True) for start in starts]
    return torch.cat(parts).double().cpu()
