"""What moves in the book: data of a run for the scripts of its pages."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from wordweights.statistics.bootstrap import NORMAL_QUANTILE
from wordweights.statistics.weighed import number_occurrences
from wordweights.words.classes import CLASSES, PARTS_OF_SPEECH, classify_words
from wordweights.words.frequencies import Frequencies, look_up
from wordweights.words.syntax import has_parser, parse_words

_DIGITS, _DIGITS_OF_ERRORS = 4, 2  # significant
_ORIGINS = ("genre", "split")  # columns that say where a sentence is from


def explorer_script(
    weights: Mapping[str, Mapping[str, pd.DataFrame]],
    sentences: pd.DataFrame,
    frequencies: Frequencies,
    *,
    bases: Mapping[str, str | None] | None = None,
    rule: str = PARTS_OF_SPEECH,
) -> str:
    """Write the words of sentences with all their weights, as a script for the explorer's page.

    Parameters
    ----------
    weights : Mapping[str, Mapping[str, pd.DataFrame]]
        By measure and encoder what :func:`wordweights.attribute` returned, all of the same
        sentences. The words are those of the first table: where another encoder's wordpieces join
        other words, these have no weight by it. Without a column standard_error nothing is said
        about errors.
    sentences : pd.DataFrame
        The sentences, with sentence_id; genre or split may say where they are from.
    frequencies : Frequencies
        The source of P(w).
    bases : Mapping[str, str | None] | None
        From an encoder to the one that it was fine-tuned from.
    rule : str
        How word classes are told apart: see :func:`wordweights.words.classes.classify_words`.

    Returns
    -------
    str
        JavaScript that adds to ``window.wordweightsRuns``. Weights, in each encoder's units, and
        information (nats) have four significant digits.
    """
    first = next(table for tables in weights.values() for table in tables.values())
    occurrences = number_occurrences(first)
    word, texts = pd.factorize(first["word"])
    rows: dict[str, Any] = {"word": word.tolist(), **_coded("class", classify_words(first, rule))}
    if has_parser():
        rows |= _coded("pos", parse_words(first)["pos"])
    lengths = first.groupby("sentence_id", sort=False).size()
    shown = sentences.set_index("sentence_id").loc[lengths.index]
    origin = next((name for name in _ORIGINS if name in shown), None)
    run = {
        "words": texts.tolist(),
        "information": _rounded(look_up(texts, frequencies)["information"]),
        "rows": rows,
        "sentences": {
            "id": lengths.index.tolist(),
            "length": lengths.tolist(),
            "text": shown["sentence"].tolist(),
            **(_coded("origin", shown[origin].fillna("").astype(str)) if origin else {}),
        },
        "originName": origin,
        "quantile": NORMAL_QUANTILE,  # standard errors on each side of an interval
        "bases": dict(bases or {}),
        "weights": {
            measure: {encoder: _columns(table, occurrences) for encoder, table in tables.items()}
            for measure, tables in weights.items()
        },
    }
    return f"(window.wordweightsRuns = window.wordweightsRuns || []).push({_as_script(run)});\n"


def path_slider(figure: str, speed: pd.DataFrame, gathered: pd.DataFrame) -> str:
    """Write the data of a slider along the path, which takes the place of a figure.

    Parameters
    ----------
    figure : str
        The name of the figure that :func:`plot_gathered` has drawn.
    speed : pd.DataFrame
        From :func:`wordweights.attribution.path_speed`.
    gathered : pd.DataFrame
        From :func:`wordweights.attribution.path_gathered`.

    Returns
    -------
    str
        An HTML fragment without anything to see: scripts of the book read it.
    """
    even = speed[speed["quadrature"].isna()]
    by_place = gathered.pivot_table(index="alpha", columns="position", values="gathered")
    data = {
        "alphas": _rounded(by_place.index),
        "speed": {"alpha": _rounded(even["alpha"]), "value": _rounded(even["speed"])},
        "words": gathered.drop_duplicates("position")["word"].tolist(),
        "gathered": [_rounded(row) for row in by_place.to_numpy()],
    }
    return _slider("path", figure, data)


def training_slider(figure: str, weighed: Mapping[int, pd.DataFrame]) -> str:
    """Write the data of a slider over the steps of a training, which takes the place of a figure.

    Parameters
    ----------
    figure : str
        The name of the figure with some of the steps.
    weighed : Mapping[int, pd.DataFrame]
        From a step to the same words as the encoder then weighs them: word, contribution,
        information (nats), word_class.

    Returns
    -------
    str
        An HTML fragment without anything to see: scripts of the book read it.
    """
    first = next(iter(weighed.values()))
    data = {
        "steps": list(weighed),
        "words": first["word"].tolist(),
        "information": _rounded(first["information"]),
        "classes": first["word_class"].tolist(),
        "weights": [_rounded(table["contribution"]) for table in weighed.values()],
    }
    return _slider("training", figure, data)


def _slider(kind: str, figure: str, data: Mapping[str, Any]) -> str:
    script = f'<script type="application/json">{_as_script(data)}</script>'
    return f'<div class="ww-slider" data-kind="{kind}" data-figure="{figure}">{script}</div>'


def _as_script(value: Any) -> str:
    """Write a value as JSON that stands in a script and ends none."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _columns(table: pd.DataFrame, occurrences: pd.MultiIndex) -> dict[str, Any]:
    """Bring the weights of an encoder into the order of the words, and their errors if any are."""
    ordered = table.set_index(number_occurrences(table)).reindex(occurrences)
    found: dict[str, Any] = {"weight": _rounded(ordered["contribution"])}
    if "standard_error" in ordered:
        exact = (ordered["standard_error"].dropna() == 0).all()
        found["error"] = 0 if exact else _rounded(ordered["standard_error"], _DIGITS_OF_ERRORS)
    return found


def _coded(name: str, values: pd.Series) -> dict[str, Any]:
    """Write a column of few different texts as numbers, with the texts beside."""
    known = [c for c in CLASSES if (values == c).any()] if name == "class" else sorted({*values})
    codes = pd.Categorical(values, categories=known).codes
    return {name: codes.tolist(), f"{name}Names": known}


def _rounded(values: Iterable[float], digits: int = _DIGITS) -> list[float | None]:
    return [None if math.isnan(v) else float(f"{v:.{digits}g}") for v in values]
