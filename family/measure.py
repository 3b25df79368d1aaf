"""What is measured on every snapshot of a family."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from family.recipe import BASE
from wordweights.attribution import IntegratedGradients, attribute
from wordweights.encoders import Encoder, load_encoder
from wordweights.errors import WordweightsError
from wordweights.files import DATA_VARIABLE
from wordweights.pipeline.measured import made_today
from wordweights.training import Run, compare_correlations, shipped_trajectory, weigh_words
from wordweights.training.curves import FAMILY
from wordweights.words.frequencies import load_frequencies, look_up
from wordweights.words.sentences import filter_sentences, load_pairs, load_sentences
from wordweights.words.splitting import split_words
from wordweights.words.weights import sif

ONION = "a woman is cutting an onion ."
"""The paper's example; its fifth claim is about the onion."""

WEIGHING = IntegratedGradients(probes=16)
"""How words are weighed on the bundled sentences."""

FREQUENCIES = "spacy"
"""Where P(w) is from."""

_PACKAGES = ("wordweights", "torch", "transformers", "sentence-transformers")
_BATCH = 256  # sentences that are encoded at one time


def measure_family(runs: Mapping[str, Run], limit: int | None = None) -> pd.DataFrame:
    """Measure every snapshot on the bundled sentences."""
    sentences, source = measured_sentences(runs, limit), load_frequencies(FREQUENCIES)
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
    content = ["r_content", "r_content_low", "r_content_high"]
    columns = ["encoder", "run", "step", "r", "low", "high", *content]
    columns += ["onion", "norm_r", "sts_spearman"]
    return pd.concat(tables, ignore_index=True)[[*columns, "stage"]].assign(**how_measured())


def measured_sentences(runs: Mapping[str, Run], limit: int | None = None) -> pd.DataFrame:
    """Choose the bundled sentences that all encoders of a family can be measured on."""
    tokenizers = [run.snapshots[-1].like.tokenizer for run in runs.values()]
    return filter_sentences(load_sentences("bundled"), tokenizers, limit=limit)


def how_measured() -> dict[str, str]:
    """Say by what the tables of correlations were measured, as columns of them."""
    return {
        "settings": f"sentences=bundled n_words=7 frequencies={FREQUENCIES} unseen=drop "
        f"tolerance=0.01 probes={WEIGHING.probes} seed=0 n_resamples=2000",
        **made_today(_PACKAGES),
    }


def onion_share(encoder: Encoder) -> float:
    """Compute the share of the onion: its contribution, over the sum of those of all words."""
    words = attribute(encoder, [ONION], probes="all", progress=False)
    weights = words.set_index("word")["contribution"]
    return float(weights["onion"] / weights.sum())


def sts_spearman(encoder: Encoder) -> float:
    """Correlate cosines with human similarity on the test split of the STS Benchmark."""
    return _sts_spearman(lambda sentences: _encode(encoder, sentences))


def measure_embeddings(encoders: Mapping[str, Encoder]) -> pd.DataFrame:
    """Score encoders, and what their word embeddings give alone, on the STS Benchmark.

    Columns: encoder; Spearman's coefficient on the test split, of the whole encoder (sts_encoder),
    of the mean of its words' embeddings (sts_mean), and of their mean with SIF weights (sts_sif; no
    component is removed); settings, date and versions.
    """
    source = load_frequencies(FREQUENCIES)

    def sif_weights(words: list[str]) -> np.ndarray:
        # a word that was never counted has P = 0, and so the weight 1
        return sif(look_up(words, source)["probability"].fillna(np.finfo(float).tiny))

    rows = [
        {
            "encoder": name,
            "sts_encoder": sts_spearman(encoder),
            "sts_mean": _sts_spearman(
                partial(mean_embeddings, encoder, weigh=lambda words: np.ones(len(words)))
            ),
            "sts_sif": _sts_spearman(partial(mean_embeddings, encoder, weigh=sif_weights)),
        }
        for name, encoder in encoders.items()
    ]
    settings = f"split=test frequencies={FREQUENCIES} a=0.001"
    return pd.DataFrame(rows).assign(settings=settings, **made_today(_PACKAGES))


def mean_embeddings(
    encoder: Encoder, sentences: Sequence[str], weigh: Callable[[list[str]], np.ndarray]
) -> torch.Tensor:
    """Average the embeddings of each sentence's words, weighted, without any layer.

    The embedding of a word of several wordpieces is the mean of theirs. One row per sentence.
    """
    split = [[word.text for word in split_words(sentence)] for sentence in sentences]
    pieces = {
        word: encoder.tokenizer(word, add_special_tokens=False)["input_ids"]
        for word in sorted({word for words in split for word in words})
    }
    known = [word for word, ids in pieces.items() if ids]
    matrix = encoder.embedding_matrix.double().cpu()
    weights = dict(zip(known, weigh(known), strict=True))
    weighted = {word: weights[word] * matrix[pieces[word]].mean(dim=0) for word in known}
    return torch.stack(
        [torch.stack([weighted[w] for w in words if w in weighted]).mean(dim=0) for words in split]
    )


def _sts_spearman(vectors: Callable[[list[str]], torch.Tensor]) -> float:
    """Correlate cosines of any vectors with human similarity; NaN without the STS Benchmark."""
    if not _has_benchmark():
        return np.nan
    pairs = load_pairs("test")
    first, second = (vectors(pairs[name].tolist()) for name in ("sentence1", "sentence2"))
    cosines = torch.nn.functional.cosine_similarity(first, second)
    return float(spearmanr(cosines.numpy(), pairs["score"]).statistic)


def _has_benchmark() -> bool:
    folder = os.environ.get(DATA_VARIABLE, "")
    return folder != "" and (Path(folder) / "stsb" / "test.csv").is_file()


def _encode(encoder: Encoder, sentences: list[str]) -> torch.Tensor:
    starts = range(0, len(sentences), _BATCH)
    parts = [encoder.encode(sentences[start : start + _BATCH], cut=True) for start in starts]
    return torch.cat(parts).double().cpu()


if __name__ == "__main__":  # for the shipped weights, without training them again
    from family.ship import write_table

    if not _has_benchmark():
        raise WordweightsError(
            f"The embeddings of the family are measured on the STS Benchmark: {DATA_VARIABLE} must "
            f"name a folder with stsb/test.csv. Nothing was written."
        )
    shipped = {str(name): load_encoder(name) for name in shipped_trajectory()["encoder"].unique()}
    write_table(measure_embeddings(shipped), FAMILY / "embeddings.csv")
