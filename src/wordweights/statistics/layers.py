"""Where weights arise: the same correlation after each layer of an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

import numpy as np
import pandas as pd

from wordweights.attribution import attribute_all
from wordweights.attribution.methods import Method
from wordweights.encoders import Encoder
from wordweights.encoders.heads import every_layer
from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import Resampling
from wordweights.statistics.correlation_table import or_none, subset
from wordweights.statistics.correlations import correlation
from wordweights.statistics.weighed import join_information
from wordweights.words.classes import PARTS_OF_SPEECH
from wordweights.words.frequencies import Frequencies

_COLUMNS = ["encoder", "layer", "r", "r_low", "r_high"]
_COLUMNS += ["r_content", "r_content_low", "r_content_high"]


def correlations_by_layer(
    encoders: Mapping[str, Encoder],
    sentences: pd.DataFrame,
    frequencies: Frequencies,
    method: Method,
    unseen: str = "drop",
    *,
    rule: str = PARTS_OF_SPEECH,
    cluster: str | None = None,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Correlate information with contributions to what would be pooled after each layer.

    A word's vector is split into one per layer, so the passes that one layer takes are enough for
    all of them; the contribution after a layer is the length of its part.

    Parameters
    ----------
    encoders : Mapping[str, Encoder]
        By name; one that :func:`wordweights.encoders.heads.every_layer` refuses is left out.
    sentences : pd.DataFrame
        With columns sentence_id and sentence.
    frequencies : Frequencies
        The source of P(w).
    method : Method
        By vectors and without derivatives, such as ``Shapley(vectors=True)``.
    unseen : str
        What to do with a word that the source has not: see :func:`wordweights.add_information`.
    rule : str
        How word classes are told apart: see :func:`wordweights.words.classes.classify_words`.
    cluster : str | None
        As for :func:`wordweights.attribute`.
    **resampling : Unpack[Resampling]
        As for :func:`wordweights.statistics.estimate`.

    Returns
    -------
    pd.DataFrame
        One row per encoder and layer (0: the embeddings, with positions and LayerNorm): encoder,
        layer, r and r_content (over content words), each with its 95 % interval; NaN where words
        are too few, or weigh all the same, as they do before the first layer of an encoder that
        takes the vector of [CLS]. ``attrs["left_out"]`` says why, by the names of those left out.

    Raises
    ------
    WordweightsError
        For a method that gives no vectors, or needs derivatives.
    """
    if not getattr(method, "vectors", False):
        raise WordweightsError(
            f"The method {method.name!r} gives no vectors here, which are split by layer: take one "
            f"with vectors=True, such as Shapley(vectors=True)."
        )
    joined, left_out = {}, {}
    for name, encoder in encoders.items():
        try:
            joined[name] = every_layer(encoder)
        except WordweightsError as error:
            left_out[name] = str(error)
    parts = [
        (name, layer, table.assign(contribution=lengths))
        for name, table in attribute_all(joined, sentences, method, cluster=cluster).items()
        for layer, lengths in enumerate(_lengths(table, joined[name]))
    ]
    tables = {f"{name}, layer {layer}": table for name, layer, table in parts}
    words = join_information(tables, frequencies, unseen, sentences=sentences, rule=rule)
    rows = []
    for (name, layer, _), table in zip(parts, words.values(), strict=True):
        r = or_none(correlation, table, **resampling).columns("r")
        content = or_none(correlation, subset(table, "r_content"), **resampling)
        rows.append({"encoder": name, "layer": layer, **r, **content.columns("r_content")})
    found = pd.DataFrame(rows, columns=_COLUMNS)
    found.attrs["left_out"] = left_out
    return found


def _lengths(table: pd.DataFrame, encoder: Encoder) -> np.ndarray:
    """Measure each word's vector layer by layer, shape (layers, words)."""
    vectors = np.stack(table["vector"].tolist())  # (words, layers * width)
    layers = 1 + int(encoder.model.config.num_hidden_layers)
    return np.asarray(np.linalg.norm(vectors.reshape(len(table), layers, -1), axis=2).T)
