"""Contributions by several encoders, which a cluster computes at the same time."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from wordweights.attribution.table import attribute, finish, make_request
from wordweights.encoders import Encoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def attribute_each(
    encoders: Mapping[str, Encoder | SentenceTransformer],
    sentences: Sequence[str] | pd.DataFrame,
    **options: Any,
) -> dict[str, pd.DataFrame]:
    """Compute the contributions of the same words by each of several encoders.

    The tables are those of :func:`wordweights.attribute`, one encoder after the other. On a cluster
    no worker waits for an encoder to be finished: it begins with the next.

    Parameters
    ----------
    encoders : Mapping[str, Encoder | SentenceTransformer]
        By any names.
    sentences : Sequence[str] | pd.DataFrame
        As for :func:`wordweights.attribute`.
    **options : Any
        The keyword arguments of :func:`wordweights.attribute`, with its defaults.

    Returns
    -------
    dict[str, pd.DataFrame]
        A table for each name, in the order of `encoders`.
    """
    if options.get("cluster") is None:
        return {
            name: attribute(encoder, sentences, **options) for name, encoder in encoders.items()
        }
    from wordweights.attribution.cluster import compute_on

    given = inspect.signature(attribute).bind(None, sentences, **options)
    given.apply_defaults()
    cluster, progress = given.kwargs["cluster"], given.kwargs["progress"]
    settings = {k: v for k, v in given.kwargs.items() if k not in ("cluster", "progress")}
    requests = [make_request(encoder, sentences, **settings) for encoder in encoders.values()]
    accounts = compute_on(cluster, [request.work for request in requests], progress=progress)
    tables = {}
    for name, request, account in zip(encoders, requests, accounts, strict=True):
        tables[name] = finish(request, request.work.collection.read(request.keys), account)
    return tables
