"""The front door: how much each word of each sentence weighs, by any method."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from wordweights.attribution.alignment import TokenisedSentence, tokenise
from wordweights.attribution.batches import Batch, batch_size, in_batches, weigh_batch
from wordweights.attribution.methods import Method, make_method
from wordweights.attribution.methods.method import whole
from wordweights.attribution.parallel import release_memory
from wordweights.attribution.store import Collection, open_collection
from wordweights.encoders import Encoder, as_encoder
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    import torch
    from distributed import Client
    from sentence_transformers import SentenceTransformer

Found = Generator[tuple[Batch, pd.DataFrame, str], None, None]
"""Batches as they are finished, each with its rows and the worker that has computed them."""

_MEMORY = 64 * 2**20  # bytes per core of the passes of a batch, and
_LEAST_CORES = 2  # as much as for so many


def attribute(
    encoder: Encoder | SentenceTransformer,
    sentences: Sequence[str] | pd.DataFrame,
    method: Method | str = "integrated-gradients",
    *,
    memory: int | None = None,
    progress: bool = True,
    cluster: Client | str | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Compute how much each word of each sentence contributes to the sentence vector.

    By default Integrated Gradients from a baseline ([CLS] and [SEP] keep their embeddings) over
    every (input dimension, output dimension) pair, reduced by the Frobenius norm (Kurita et al.
    NLP2023). Finished sentences are remembered in the results folder: the same sentence under the
    same settings is computed once, whoever asks.

    Parameters
    ----------
    encoder : Encoder | SentenceTransformer
        From :func:`wordweights.load_encoder`, or loaded by sentence-transformers.
    sentences : Sequence[str] | pd.DataFrame
        Texts, or a table with a column ``sentence`` and optionally ``sentence_id``, whole numbers.
    method : Method | str
        Such as ``IntegratedGradients(norm="vector")``, or a name: ``"integrated-gradients"``,
        ``"gradient-times-input"``, ``"shapley"``, ``"occlusion"``, ``"alone"``, ``"token-norm"`` or
        ``"embedding-distance"``.
    memory : int | None
        Bound on the memory of the passes under way, in bytes. None is 64 MiB per core, for two at
        least, and on a GPU a quarter of what is free.
    progress : bool
        Show a bar over sentences on standard error.
    cluster : Client | str | None
        A client of a Dask cluster, or the address of its scheduler such as ``"tcp://host:8786"``:
        the workers compute, and this process stores what they return. None computes here. Both
        compute the same batches, so the table is the same, to the bit where the machines round
        alike.
    **settings : Any
        Settings of a method that is given by its name, such as ``probes="all"`` or
        ``baseline="mask"``; its class lists them.

    Returns
    -------
    pandas.DataFrame
        One row per word: sentence_id, position (from 0), word, contribution (in units of the
        sentence vector), standard_error (0 when exact), and the columns of the method's
        certificate; for Integrated Gradients residual (relative completeness residual of the
        sentence), n_nodes and converged (residual within the tolerance, and no part of the path
        far from complete). Contribution and standard error are NaN for a word that no wordpiece
        stands for; a warning names it.
        ``attrs["settings"]`` carries all that made it, ``attrs["unconverged"]`` the number of
        sentences that did not converge, and ``attrs["cluster"]``, with a cluster, how many
        sentences were stored already, how many were computed, and by how many workers.

    Raises
    ------
    WordweightsError
        For sentences, settings or a results folder that cannot be used.

    Examples
    --------
    >>> from wordweights import attribute, load_encoder
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> words = attribute(encoder, ["a dog runs ."], progress=False)
    >>> words["word"].tolist()
    ['a', 'dog', 'runs', '.']
    >>> bool(words["converged"].all() and (words["residual"] <= 0.01).all())
    True
    >>> exact = attribute(encoder, ["a dog runs ."], method="shapley", progress=False)
    >>> exact["standard_error"].tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    (table,) = attribute_all(
        {"": encoder},
        sentences,
        method,
        memory=memory,
        progress=progress,
        cluster=cluster,
        **settings,
    ).values()
    return table


def attribute_all(
    encoders: Mapping[str, Encoder | SentenceTransformer],
    sentences: Sequence[str] | pd.DataFrame,
    method: Method | str = "integrated-gradients",
    *,
    memory: int | None = None,
    progress: bool = True,
    cluster: Client | str | None = None,
    **settings: Any,
) -> dict[str, pd.DataFrame]:
    """Compute the contributions of the same words by each of several encoders.

    One bar shows the progress over all of them; on a cluster no worker waits for an encoder to be
    finished, but begins with the next.

    Parameters
    ----------
    encoders : Mapping[str, Encoder | SentenceTransformer]
        By any names.
    sentences : Sequence[str] | pd.DataFrame
        As for :func:`attribute`.
    method : Method | str
        As for :func:`attribute`.
    memory : int | None
        As for :func:`attribute`.
    progress : bool
        As for :func:`attribute`.
    cluster : Client | str | None
        As for :func:`attribute`.
    **settings : Any
        As for :func:`attribute`.

    Returns
    -------
    dict[str, pandas.DataFrame]
        A table of :func:`attribute` for each name, in the order of `encoders`.

    Examples
    --------
    >>> from wordweights import load_encoder
    >>> from wordweights.attribution import attribute_all
    >>> names = ["mini-BERT (MEAN)", "mini SBERT (MEAN)"]
    >>> encoders = {name: load_encoder(name) for name in names}
    >>> tables = attribute_all(encoders, ["a dog runs ."], "occlusion", progress=False)
    >>> {name: len(table) for name, table in tables.items()}
    {'mini-BERT (MEAN)': 4, 'mini SBERT (MEAN)': 4}
    """
    chosen = make_method(method, **settings)
    requests = {
        name: _Request.make(as_encoder(encoder), sentences, chosen)
        for name, encoder in encoders.items()
    }
    # two that store the same in the same place are computed once
    batches = {r.collection.folder: r.batches(memory) for r in requests.values()}
    left = [batch for some in batches.values() for batch in some]
    workers = _compute(left, cluster, progress=progress) if left else 0
    tables = {}
    for name, request in requests.items():
        if batches[request.collection.folder]:
            request.collection.compact()
        tables[name] = request.table()
        if cluster is not None:
            computed = sum(len(b.sentences) for b in batches[request.collection.folder])
            stored = len(request.distinct) - computed
            account = {"stored": stored, "computed": computed, "workers": workers}
            tables[name].attrs["cluster"] = account
    return tables


def count_stored(
    encoder: Encoder | SentenceTransformer,
    sentences: Sequence[str] | pd.DataFrame,
    method: Method | str = "integrated-gradients",
    **settings: Any,
) -> tuple[int, int]:
    """Count the distinct sentences whose contributions are stored; nothing is computed.

    Parameters
    ----------
    encoder : Encoder | SentenceTransformer
        As for :func:`attribute`.
    sentences : Sequence[str] | pd.DataFrame
        As for :func:`attribute`.
    method : Method | str
        As for :func:`attribute`.
    **settings : Any
        As for :func:`attribute`.

    Returns
    -------
    tuple[int, int]
        How many are stored, and of how many.

    Examples
    --------
    >>> from wordweights import attribute, load_encoder
    >>> from wordweights.attribution import count_stored
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> sentences = ["a dog runs .", "a dog is asleep ."]
    >>> _ = attribute(encoder, sentences[:1], "occlusion", progress=False)
    >>> count_stored(encoder, sentences, "occlusion")
    (1, 2)
    """
    request = _Request.make(as_encoder(encoder), sentences, make_method(method, **settings))
    return len(request.collection.read(request.distinct)), len(request.distinct)


@dataclass(frozen=True)
class _Request:
    """Sentences, and who weighs their words how."""

    encoder: Encoder
    method: Method
    content: dict[str, Any]  # all that a result depends on besides its sentence
    collection: Collection
    tokenised: list[TokenisedSentence]
    ids: list[int]

    @classmethod
    def make(
        cls, encoder: Encoder, sentences: Sequence[str] | pd.DataFrame, method: Method
    ) -> _Request:
        """Check what is asked."""
        if isinstance(sentences, str):
            raise WordweightsError(
                "attribute() got one string; give a list of sentences, such as [sentence]."
            )
        method.check(encoder)
        texts, ids = _texts_and_ids(sentences)
        content = method.content(encoder)
        collection = open_collection(content, encoder.name)
        tokenised = tokenise(encoder, texts, ids)
        method.examine(tokenised, ids)
        return cls(encoder, method, content, collection, tokenised, ids)

    @property
    def distinct(self) -> dict[str, TokenisedSentence]:
        """The sentences by key, each once."""
        return {sentence.key: sentence for sentence in self.tokenised}

    def batches(self, memory: int | None) -> list[Batch]:
        """Batch what is not stored."""
        stored = set(self.collection.read(self.distinct).index)
        if len(stored) == len(self.distinct):
            return []  # no model is needed, whose code takes seconds to import
        memory = _free_memory(self.encoder.device) if memory is None else whole("memory", memory)
        size = batch_size(self.encoder, self.method)
        return [
            Batch(self.encoder, self.method, some, memory, self.collection)
            for some in in_batches(self.distinct, stored, size)
        ]

    def table(self) -> pd.DataFrame:
        """Read the rows of all sentences, and give one per word."""
        rows = self.collection.read(self.distinct).to_dict("index")
        certificate = self.method.certificate
        columns: dict[str, list[Any]] = {
            name: []
            for name in ("sentence_id", "position", "word", "contribution", "standard_error")
        }
        columns |= {name: [] for name in certificate}
        for sentence, sentence_id in zip(self.tokenised, self.ids, strict=True):
            row, n = rows[sentence.key], len(sentence.words)
            columns["sentence_id"] += [sentence_id] * n
            columns["position"] += range(n)
            columns["word"] += sentence.words
            for name in ("contribution", "standard_error"):
                values = np.array(row[name], dtype=float)
                values[list(sentence.missing)] = np.nan
                columns[name] += values.tolist()
            for name in certificate:
                columns[name] += [row[name]] * n
            if "vector" in row:
                columns.setdefault("vector", [])
                vectors = [np.asarray(vector) for vector in row["vector"]]
                for i in sentence.missing:
                    vectors[i] = np.full_like(vectors[i], np.nan)
                columns["vector"] += vectors
            for name in ("from_all", "from_none"):
                if name in row:
                    columns.setdefault(name, []).extend([np.asarray(row[name])] * n)
        # without a sentence there is nothing to infer types from
        types = {"sentence_id": "int64", "position": "int64", "word": "str"}
        types |= {"contribution": "float64", "standard_error": "float64"}
        plain = {float: "float64", int: "int64", bool: "bool"}
        types |= {name: plain[kind] for name, kind in certificate.items()}
        table = pd.DataFrame(columns).astype(types)
        table.attrs["settings"] = {"encoder_name": self.encoder.name, **self.content}
        if "converged" in table:
            self._warn(table)
        return table

    def _warn(self, table: pd.DataFrame) -> None:
        failed = int(table.loc[~table["converged"], "sentence_id"].nunique())
        table.attrs["unconverged"] = failed
        if failed and self.content.get("n_nodes") is None:
            warnings.warn(
                f"{failed} of {len(self.ids)} sentences did not reach a residual of "
                f"{self.content['tolerance']:g} on all of their path within "
                f"{self.content['max_nodes']} nodes; they are marked in the column 'converged'.",
                stacklevel=4,
            )


def _compute(batches: list[Batch], cluster: Client | str | None, *, progress: bool) -> int:
    """Compute batches, and store each as it arrives; gives the number of workers."""
    names = list(dict.fromkeys(batch.encoder.name for batch in batches))
    label = names[0] if len(names) == 1 else f"{len(names)} encoders"
    total = sum(len(batch.sentences) for batch in batches)
    workers = set()
    found = _here(batches) if cluster is None else _there(cluster, batches)
    bar = tqdm(total=total, desc=label, unit="sentence", disable=not progress)
    with bar, closing(found):
        for batch, rows, worker in found:
            batch.collection.append(rows)
            workers.add(worker)
            bar.update(len(batch.sentences))
    return len(workers)


def _here(batches: list[Batch]) -> Found:
    with ExitStack() as stack:
        for model in {id(batch.encoder): batch.encoder.model for batch in batches}.values():
            stack.enter_context(_evaluating(model))
        for batch in batches:
            rows = weigh_batch(batch.encoder, batch.method, batch.sentences, batch.memory)
            yield batch, rows, ""
            release_memory()


def _there(cluster: Client | str, batches: list[Batch]) -> Found:
    from wordweights.attribution.dask import compute_on

    return compute_on(cluster, batches)


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


def _free_memory(device: torch.device) -> int:
    import torch

    if device.type != "cuda":
        return _MEMORY * max(_LEAST_CORES, torch.get_num_threads())
    # beside a pass stand the points that are kept, and what a coarser rule takes of them
    return int(torch.cuda.mem_get_info(device)[0]) // 4


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
