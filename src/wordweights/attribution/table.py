"""Contributions of the words of many sentences, batched and remembered."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from wordweights.attribution.alignment import TokenisedSentence, tokenise
from wordweights.attribution.batches import (
    Work,
    batch_size,
    missing_batches,
)
from wordweights.attribution.computing import attribute_batch
from wordweights.attribution.path import threads_for
from wordweights.attribution.plan import MAX_STEPS, whole
from wordweights.attribution.settings import Settings, make_settings
from wordweights.attribution.store import ATTRIBUTIONS, open_collection
from wordweights.encoders import Encoder, as_encoder
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from distributed import Client
    from sentence_transformers import SentenceTransformer

_MEMORY = 2**28  # default bound on the memory of passes on a CPU, in bytes

_BATCH = 32  # sentences of equal length that are stored together, at most

COLUMNS = (
    "sentence_id",
    "position",
    "word",
    "contribution",
    "standard_error",
    "residual",
    "n_steps",
    "converged",
)


def attribute(
    encoder: Encoder | SentenceTransformer,
    sentences: Sequence[str] | pd.DataFrame,
    *,
    norm: str = "frobenius",
    n_steps: int | None = None,
    tolerance: float = 0.01,
    max_steps: int = MAX_STEPS,
    quadrature: str = "adaptive",
    probes: int | str = 16,
    max_error: float = 0.05,
    baseline: str = "pad",
    seed: int = 0,
    vectors: bool = False,
    bfloat16: bool = False,
    memory: int | None = None,
    progress: bool = True,
    cluster: Client | str | None = None,
) -> pd.DataFrame:
    """Compute how much each word of each sentence contributes to the sentence vector.

    Integrated Gradients from a baseline ([CLS] and [SEP] keep their embeddings) over every (input
    dimension, output dimension) pair, reduced by the Frobenius norm (Kurita et al. NLP2023); a word
    of several wordpieces gets the norm over all its pieces' entries together. Finished sentences
    are remembered in the results folder: the same sentence under the same settings is computed
    once, whoever asks.

    Parameters
    ----------
    encoder : Encoder | SentenceTransformer
        From :func:`wordweights.load_encoder`, or loaded by sentence-transformers.
    sentences : Sequence[str] | pd.DataFrame
        Texts, or a table with a column ``sentence`` and optionally ``sentence_id``, whole numbers.
    norm : str
        ``"frobenius"``, the paper's measure; or ``"vector"``, the length of the word's own share
        of s(W) - s(B), which is exact without probes.
    n_steps : int | None
        Nodes of the quadrature; None chooses them for every sentence by `tolerance`.
    tolerance : float
        Relative completeness residual to reach.
    max_steps : int
        Most nodes to try when `n_steps` is None; a sentence that needs more is flagged.
    quadrature : str
        ``"adaptive"`` places nodes where a forward-only pilot shows the path moving,
        ``"gauss-legendre"`` does not look.
    probes : int | str
        ``"all"`` is exact; a number m estimates from m random orthogonal probes; ``"auto"`` draws
        more until every word's standard error is within `max_error` of its contribution.
    max_error : float
        Relative standard error to reach with ``probes="auto"``.
    baseline : str
        ``"pad"`` (the paper's), ``"mask"``, ``"zero"`` or ``"mean"``.
    seed : int
        Of the probes. Each sentence draws its own, whatever its neighbours.
    vectors : bool
        With ``norm="vector"``: also return each word's vector, in a column ``vector``.
    bfloat16 : bool
        Compute the gradients with matrix products in bfloat16. The residual is that of the nodes in
        full precision, and does not see the error that this adds; ``norm="vector"`` needs no
        gradients, so it stays as it is.
    memory : int | None
        Bound on the memory of the passes under way, in bytes: it sets how many points of the paths
        share one. None is 256 MiB on a CPU, half of what is free on a GPU.
    progress : bool
        Show a bar over sentences on standard error.
    cluster : Client | str | None
        A client of a Dask cluster, or the address of its scheduler such as
        ``"tcp://host:8786"``: the workers compute, and store in the results folder, which they
        share with this process. None computes here. Both compute the same batches, so the table is
        the same, to the bit where the machines round alike.

    Returns
    -------
    pandas.DataFrame
        One row a word: sentence_id, position (from 0), word, contribution (in units of the
        sentence vector), standard_error (0 when exact), residual (relative completeness residual of
        the sentence), n_steps, and converged (residual within the tolerance).
        ``attrs["settings"]`` carries the settings that made it, ``attrs["unconverged"]`` the number
        of sentences that are not within the tolerance, and ``attrs["cluster"]``, with a cluster,
        how many sentences were stored already, computed, and computed again after a fault.

    Raises
    ------
    WordweightsError
        For sentences, settings or a results folder that cannot be used.
    """
    request = make_request(
        encoder,
        sentences,
        memory,
        norm=norm,
        n_steps=n_steps,
        tolerance=tolerance,
        max_steps=max_steps,
        quadrature=quadrature,
        probes=probes,
        max_error=max_error,
        baseline=baseline,
        seed=seed,
        vectors=vectors,
        bfloat16=bfloat16,
    )
    work, known, account = request.work, request.known, None
    if cluster is not None:
        from wordweights.attribution.cluster import compute_on

        (account,) = compute_on(cluster, [work], progress=progress)
        known = work.collection.read(request.keys)
    elif work.batches:
        known = pd.concat([known, _compute(work, progress=progress)])
    return finish(request, known, account)


@dataclass(frozen=True)
class Request:
    """Sentences, and what an encoder has to do for them.

    Attributes
    ----------
    work : Work
        What is not stored.
    tokenised : list[TokenisedSentence]
        All of the sentences.
    keys : list[str]
        Theirs.
    ids : list[Any]
        Theirs, too.
    known : pd.DataFrame
        What is stored, by key.
    """

    work: Work
    tokenised: list[TokenisedSentence]
    keys: list[str]
    ids: list[Any]
    known: pd.DataFrame


def make_request(
    encoder: Encoder | SentenceTransformer,
    sentences: Sequence[str] | pd.DataFrame,
    memory: int | None,
    **options: Any,
) -> Request:
    """Check what is asked, and find out what of it is stored.

    Parameters
    ----------
    encoder : Encoder | SentenceTransformer
        As for :func:`attribute`.
    sentences : Sequence[str] | pd.DataFrame
        As for :func:`attribute`.
    memory : int | None
        As for :func:`attribute`.
    **options : Any
        As for :func:`wordweights.attribution.settings.make_settings`.

    Returns
    -------
    Request
        To be computed, in this process or elsewhere, and then given to :func:`finish`.
    """
    if isinstance(sentences, str):
        raise WordweightsError(
            "attribute() got one string; give a list of sentences, such as [sentence]."
        )
    encoder = as_encoder(encoder)
    settings = make_settings(encoder, **options)
    texts, ids = _texts_and_ids(sentences)
    tokenised = tokenise(encoder, texts, ids)
    memory = _free_memory(encoder.device) if memory is None else whole("memory", memory)
    keys = [_key(sentence) for sentence in tokenised]
    distinct = dict(zip(keys, tokenised, strict=True))
    collection = open_collection(ATTRIBUTIONS, settings.content(), encoder.name)
    known = collection.read(distinct)
    size = partial(batch_size, encoder, settings, _BATCH)
    batches = missing_batches(distinct, set(known.index), size)
    work = Work(encoder, settings, collection, batches, memory)
    return Request(work, tokenised, keys, ids, known)


def finish(
    request: Request, known: pd.DataFrame, account: Mapping[str, int] | None
) -> pd.DataFrame:
    """Make the table that was asked for.

    Parameters
    ----------
    request : Request
        From :func:`make_request`.
    known : pd.DataFrame
        The rows of all its sentences, by key.
    account : Mapping[str, int] | None
        What a cluster had to do for it.

    Returns
    -------
    pd.DataFrame
        As of :func:`attribute`.
    """
    work, settings = request.work, request.work.settings
    if work.batches:
        work.collection.compact()
    table = _assemble(request.tokenised, request.keys, request.ids, known, settings)
    table["converged"] = table["residual"] <= settings.tolerance
    unconverged = int(table.loc[~table["converged"], "sentence_id"].nunique())
    if unconverged and settings.n_steps is None:
        warnings.warn(
            f"{unconverged} of {len(request.ids)} sentences did not reach a residual of "
            f"{settings.tolerance:g} within {settings.max_steps} steps; they are marked in the "
            f"column 'converged'.",
            stacklevel=3,
        )
    table.attrs["settings"] = {"encoder_name": work.encoder.name, **settings.content()}
    table.attrs["unconverged"] = unconverged
    if account is not None:
        table.attrs["cluster"] = {"stored": len(request.known), **account}
    return table


def _free_memory(device: torch.device) -> int:
    if device.type != "cuda":
        return _MEMORY
    return int(torch.cuda.mem_get_info(device)[0]) // 2


def _texts_and_ids(sentences: Sequence[str] | pd.DataFrame) -> tuple[list[str], list[int]]:
    if not isinstance(sentences, pd.DataFrame):
        return list(sentences), list(range(len(sentences)))
    if "sentence" not in sentences:
        raise WordweightsError(
            f"The sentence table has no column 'sentence'; it has {', '.join(map(str, sentences))}."
        )
    texts = sentences["sentence"].tolist()
    if "sentence_id" not in sentences:
        return texts, list(range(len(texts)))
    ids = [_whole_id(row, given) for row, given in enumerate(sentences["sentence_id"])]
    if len(set(ids)) < len(ids):
        raise WordweightsError("The sentence table repeats a sentence_id; each row needs its own.")
    return texts, ids


def _whole_id(row: int, given: Any) -> int:
    """Take a whole number, also as the float that pandas makes of it beside a missing value."""
    number = isinstance(given, Real) and not isinstance(given, bool)
    if not (number and -(2**63) <= given < 2**63 and given % 1 == 0):
        raise WordweightsError(
            f"Row {row} of the sentence table has the sentence_id {given!r}; it must be a whole "
            f"number. Leave the column out to number the rows from 0."
        )
    return int(given)


def _key(sentence: TokenisedSentence) -> str:
    """Name a sentence by what the encoder sees of it and how words share it."""
    content = json.dumps([sentence.ids, sentence.word_of, len(sentence.words)])
    return hashlib.sha256(content.encode()).hexdigest()


def _compute(work: Work, *, progress: bool) -> pd.DataFrame:
    """Attribute batches of sentences of equal length, and store every finished one."""
    done = []
    encoder, settings, memory = work.encoder, work.settings, work.memory
    bar = tqdm(total=work.sentences, desc=encoder.name, unit="sentence", disable=not progress)
    with bar, _evaluating(encoder.model):
        forward = encoder.as_stack() or encoder
        threads = threads_for(forward, encoder.device)
        for batch in work.batches:
            rows = attribute_batch(encoder, forward, settings, batch, memory=memory, split=threads)
            work.collection.append(rows)
            done.append(rows.set_index("key"))
            bar.update(len(batch))
    return pd.concat(done)


def _assemble(
    tokenised: list[TokenisedSentence],
    keys: list[str],
    ids: list[Any],
    known: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """One row a word, in the order of the sentences."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS[:-1]}
    if settings.vectors:
        columns["vector"] = []
    rows = known.to_dict("index")
    for sentence, key, sentence_id in zip(tokenised, keys, ids, strict=True):
        row, n = rows[key], len(sentence.words)
        columns["sentence_id"] += [sentence_id] * n
        columns["position"] += range(n)
        columns["word"] += sentence.words
        for name in ("contribution", "standard_error"):
            columns[name] += list(row[name])
        for name in ("residual", "n_steps"):
            columns[name] += [row[name]] * n
        if settings.vectors:
            columns["vector"] += [np.asarray(vector) for vector in row["vector"]]
    table = pd.DataFrame(columns)
    # without a sentence there is nothing to infer types from
    return table.astype({"sentence_id": "int64", "position": "int64", "n_steps": "int64"}).astype(
        {
            "word": "str",
            "contribution": "float64",
            "standard_error": "float64",
            "residual": "float64",
        }
    )


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Switch dropout off for the time of a computation, and give every module its mode back."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
