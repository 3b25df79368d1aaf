"""Where weights arise: the same correlation after each layer of an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

import pandas as pd

from wordweights.attribution import attribute_all
from wordweights.attribution.methods import Method
from wordweights.encoders import Encoder
from wordweights.encoders.heads import cut_after
from wordweights.errors import WordweightsError
from wordweights.statistics.bootstrap import Resampling
from wordweights.statistics.correlation_table import or_none, subset
from wordweights.statistics.correlations import correlation
from wordweights.statistics.weighed import join_information
from wordweights.words.frequencies import Frequencies

_COLUMNS = ["encoder", "layer", "r", "r_low", "r_high"]
_COLUMNS += ["r_content", "r_content_low", "r_content_high"]


def correlations_by_layer(
    encoders: Mapping[str, Encoder],
    sentences: pd.DataFrame,
    frequencies: Frequencies,
    method: Method,
    *,
    cluster: str | None = None,
    **resampling: Unpack[Resampling],
) -> pd.DataFrame:
    """Correlate information with contributions to what would be pooled after each layer.

    Parameters
    ----------
    encoders : Mapping[str, Encoder]
        By name; one that cannot be cut (:func:`wordweights.encoders.heads.cut_after`) is left out.
    sentences : pd.DataFrame
        With columns sentence_id and sentence.
    frequencies : Frequencies
        The source of P(w).
    method : Method
        How words are weighed.
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
        takes the vector of [CLS]. ``attrs["not_cut"]`` says why, by the names of those left out.
    """
    cut: dict[tuple[str, int], Encoder] = {}
    not_cut = {}
    for name, encoder in encoders.items():
        layers = int(encoder.model.config.num_hidden_layers)
        try:
            cut |= {(name, n): cut_after(encoder, n) for n in range(layers + 1)}
        except WordweightsError as error:
            not_cut[name] = str(error)
    labels = {f"{name}, layer {n}": (name, n) for name, n in cut}
    models = {label: cut[key] for label, key in labels.items()}
    contributions = attribute_all(models, sentences, method, cluster=cluster)
    words = join_information(contributions, frequencies, sentences=sentences)
    rows = []
    for label, table in words.items():
        name, n = labels[label]
        r = or_none(correlation, table, **resampling).columns("r")
        content = or_none(correlation, subset(table, "r_content"), **resampling)
        rows.append({"encoder": name, "layer": n, **r, **content.columns("r_content")})
    found = pd.DataFrame(rows, columns=_COLUMNS)
    found.attrs["not_cut"] = not_cut
    return found
