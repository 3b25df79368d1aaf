"""Contributions of the words of many sentences, batched and remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from wordweights.attribution.alignment import TokenisedSentence, sum_by_word, tokenise
from wordweights.attribution.gradients import ALL_PROBES, WordAttribution
from wordweights.attribution.probes import estimate_norms
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.store import Collection, open_collection

METHOD = "integrated-gradients-frobenius/1"
"""Version of the method: raised by any change that changes results, so old ones are not read."""

_BATCH = 16  # sentences of equal length that share a pass


@dataclass(frozen=True)
class Settings:
    """Everything a contribution depends on besides the sentence.

    Attributes
    ----------
    method : str
        Version of the method.
    encoder : str
        SHA-256 of the encoder's weights.
    pooling : str
        How the sentence vector is read.
    dtype : str
        Floating-point type of the passes.
    baseline : str
        What the words are replaced by at the start of the path.
    n_steps : int
        Nodes of the quadrature.
    quadrature : str
        How they are placed.
    probes : int | str
        Number of random orthogonal probes, or ``"all"``.
    seed : int
        Of the probes; 0 when there are none to draw.
    """

    method: str
    encoder: str
    pooling: str
    dtype: str
    baseline: str
    n_steps: int
    quadrature: str
    probes: int | str
    seed: int


def attribute(
    encoder: Encoder,
    sentences: Sequence[str] | pd.DataFrame,
    *,
    n_steps: int = 16,
    quadrature: str = "adaptive",
    probes: int | str = 16,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Compute how much each word of each sentence contributes to the sentence vector.

    Integrated Gradients from the [PAD] baseline ([CLS] and [SEP] keep their embeddings) over every
    (input dimension, output dimension) pair, reduced by the Frobenius norm (Kurita et al. NLP2023);
    a word of several wordpieces gets the norm over all its pieces' entries together. Finished
    sentences are remembered in the results folder: the same sentence under the same settings is
    computed once.

    Parameters
    ----------
    encoder : Encoder
        From :func:`wordweights.load_encoder`.
    sentences : Sequence[str] | pd.DataFrame
        Texts, or a table with a column ``sentence`` and optionally ``sentence_id``.
    n_steps : int
        Nodes of the quadrature.
    quadrature : str
        ``"adaptive"`` places them where a forward-only pilot shows the path moving,
        ``"gauss-legendre"`` does not look.
    probes : int | str
        ``"all"`` is exact; a number m estimates from m random orthogonal probes.
    seed : int
        Of the probes. Each sentence draws its own, whatever its neighbours.
    progress : bool
        Show a bar over sentences on standard error.

    Returns
    -------
    pandas.DataFrame
        One row a word: sentence_id, position (from 0), word, contribution (in units of the
        sentence vector), standard_error (0 when exact), residual (relative completeness residual of
        the sentence) and n_steps. ``attrs["settings"]`` carries the settings that made it.

    Raises
    ------
    WordweightsError
        For sentences, settings or a results folder that cannot be used.
    """
    if isinstance(sentences, str):
        raise WordweightsError(
            "attribute() got one string; give a list of sentences, such as [sentence]."
        )
    texts, ids = _texts_and_ids(sentences)
    settings = Settings(
        method=METHOD,
        encoder=encoder.digest,
        pooling=encoder.pooling,
        dtype=str(encoder.dtype).removeprefix("torch."),
        baseline="pad",
        n_steps=n_steps,
        quadrature=quadrature,
        probes=probes,
        seed=0 if probes == ALL_PROBES else seed,
    )
    tokenised = tokenise(encoder, texts)
    keys = [_key(sentence) for sentence in tokenised]
    distinct = dict(zip(keys, tokenised, strict=True))
    collection = open_collection("attributions", asdict(settings))
    known = collection.read(distinct)
    missing = {key: sentence for key, sentence in distinct.items() if key not in known.index}
    if missing:
        fresh = _compute(encoder, settings, missing, collection, progress=progress)
        known = pd.concat([known, fresh])
        collection.compact()
    table = _assemble(tokenised, keys, ids, known)
    table.attrs["settings"] = {"encoder_name": encoder.name, **asdict(settings)}
    return table


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
    ids = sentences["sentence_id"].tolist()
    if len(set(ids)) < len(ids):
        raise WordweightsError("The sentence table repeats a sentence_id; each row needs its own.")
    return texts, ids


def _key(sentence: TokenisedSentence) -> str:
    """Name a sentence by what the encoder sees of it and how words share it."""
    content = json.dumps([sentence.ids, sentence.word_of, len(sentence.words)])
    return hashlib.sha256(content.encode()).hexdigest()


def _compute(
    encoder: Encoder,
    settings: Settings,
    missing: dict[str, TokenisedSentence],
    collection: Collection,
    *,
    progress: bool,
) -> pd.DataFrame:
    """Attribute sentences, in batches of equal length, and store every finished batch."""
    done = []
    bar = tqdm(total=len(missing), desc=encoder.name, unit="sentence", disable=not progress)
    with bar, _evaluating(encoder.model):
        for batch in _batches(missing):
            rows = _attribute_batch(encoder, settings, batch)
            collection.append(rows)
            done.append(rows.set_index("key"))
            bar.update(len(batch))
    return pd.concat(done)


def _batches(missing: dict[str, TokenisedSentence]) -> Iterator[dict[str, TokenisedSentence]]:
    """Group sentences of equal numbers of wordpieces: nothing is padded."""
    by_length: dict[int, list[str]] = {}
    for key, sentence in missing.items():
        by_length.setdefault(len(sentence.ids), []).append(key)
    for _, keys in sorted(by_length.items()):
        for start in range(0, len(keys), _BATCH):
            yield {key: missing[key] for key in keys[start : start + _BATCH]}


def _attribute_batch(
    encoder: Encoder, settings: Settings, batch: dict[str, TokenisedSentence]
) -> pd.DataFrame:
    """Attribute sentences of equal length: one row a sentence, with lists over its words."""
    ids = torch.tensor([sentence.ids for sentence in batch.values()], device=encoder.device)
    special = torch.tensor([sentence.word_of for sentence in batch.values()]) < 0
    pad = torch.full_like(ids, encoder.tokenizer.pad_token_id)
    result = WordAttribution(encoder.vectors).probe_squares(
        encoder.embed(ids),
        # special tokens keep their embeddings, so they contribute exactly nothing
        encoder.embed(torch.where(special.to(ids.device), ids, pad)),
        n_steps=settings.n_steps,
        quadrature=settings.quadrature,
        probes=settings.probes,
        seeds=[[settings.seed, *_words_of_seed(key)] for key in batch],
    )
    rows = []
    for b, (key, sentence) in enumerate(batch.items()):
        squares = sum_by_word(result.squares[:, b], sentence.word_of, len(sentence.words))
        norms, errors = estimate_norms(squares, result.outputs)
        rows.append(
            {
                "key": key,
                "contribution": norms,
                "standard_error": errors,
                "residual": float(result.residual[b]),
                "n_steps": settings.n_steps,
            }
        )
    return pd.DataFrame(rows)


def _words_of_seed(key: str) -> list[int]:
    """Turn a key into seed words, so that a sentence draws the same probes in any batch."""
    return [int(key[i : i + 8], 16) for i in range(0, 32, 8)]


def _assemble(
    tokenised: list[TokenisedSentence], keys: list[str], ids: list[int], known: pd.DataFrame
) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "sentence_id",
            "position",
            "word",
            "contribution",
            "standard_error",
            "residual",
            "n_steps",
        )
    }
    rows = known.to_dict("index")
    for sentence, key, sentence_id in zip(tokenised, keys, ids, strict=True):
        row, n = rows[key], len(sentence.words)
        columns["sentence_id"] += [sentence_id] * n
        columns["position"] += range(n)
        columns["word"] += sentence.words
        columns["contribution"] += list(row["contribution"])
        columns["standard_error"] += list(row["standard_error"])
        columns["residual"] += [row["residual"]] * n
        columns["n_steps"] += [row["n_steps"]] * n
    table = pd.DataFrame(columns)
    if not np.isfinite(table["contribution"].to_numpy(dtype=float)).all():
        raise WordweightsError(
            "A contribution is NaN or infinite: the model overflowed on the path. Use float32 or "
            "float64 weights."
        )
    return table


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
