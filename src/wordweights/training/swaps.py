"""Embeddings of one encoder under the layers of another: which of the two carries a change."""

from __future__ import annotations

import copy
from dataclasses import replace

from wordweights.encoders import Encoder, known_encoders, load_encoder
from wordweights.errors import WordweightsError
from wordweights.training.curves import shipped_trajectory
from wordweights.training.runs import Run


def swap_embeddings(embeddings: Encoder, layers: Encoder) -> Encoder:
    """Put the word embeddings of one encoder under the layers of another.

    Parameters
    ----------
    embeddings : Encoder
        Whose word embeddings are taken.
    layers : Encoder
        Whose everything else is taken: positions, layers, pooling.

    Returns
    -------
    Encoder
        A new one.

    Raises
    ------
    WordweightsError
        When their vocabularies, widths or poolings differ.
    """
    shapes = [tuple(encoder.embedding_matrix.shape) for encoder in (embeddings, layers)]
    if shapes[0] != shapes[1] or (
        embeddings.tokenizer.get_vocab() != layers.tokenizer.get_vocab()
        or embeddings.pooling != layers.pooling
    ):
        raise WordweightsError(
            f"The embeddings of {embeddings.name!r} {shapes[0]} do not fit under the layers of "
            f"{layers.name!r} {shapes[1]}, read by {embeddings.pooling!r} and by "
            f"{layers.pooling!r}: give an encoder and one that was fine-tuned from it."
        )
    model = copy.deepcopy(layers.model)
    given = embeddings.model.get_input_embeddings().weight
    model.get_input_embeddings().weight.data.copy_(given)
    name = f"{layers.name} with the embeddings of {embeddings.name}"
    return replace(layers, name=name, model=model, base=None, trained=True, note="", commit=None)


def swap_parts(before: Encoder, after: Encoder) -> dict[tuple[str, str], Encoder]:
    """Combine the embeddings and the layers of an encoder before and after fine-tuning.

    Parameters
    ----------
    before : Encoder
        Before fine-tuning.
    after : Encoder
        After it.

    Returns
    -------
    dict[tuple[str, str], Encoder]
        By where the embeddings and the layers are from, each ``"before"`` or ``"after"``: nothing
        from after, the embeddings alone, the layers alone, and all.

    Raises
    ------
    WordweightsError
        For encoders of two vocabularies, widths or poolings, which cannot be mixed.
    """
    return {
        ("before", "before"): before,
        ("after", "before"): swap_embeddings(after, before),
        ("before", "after"): swap_embeddings(before, after),
        ("after", "after"): after,
    }


def swap_pairs(base: str, fresh: Run, device: str = "cpu") -> dict[str, tuple[Encoder, Encoder]]:
    """Choose the encoders, before and after fine-tuning, whose parts a chapter swaps.

    Parameters
    ----------
    base : str
        The encoder that a fresh training began from.
    fresh : Run
        That training.
    device : str
        Where to load encoders.

    Returns
    -------
    dict[str, tuple[Encoder, Encoder]]
        By what to call a pair: those of the shipped family, where the base is of it, or else the
        beginning and the end of the fresh training.
    """
    family = shipped_trajectory()["encoder"].unique().tolist()
    if base not in family:
        first, last = fresh.snapshots[0], fresh.snapshots[-1]
        return {f"{base} \N{RIGHTWARDS ARROW} {fresh.name}": (first.encoder, last.encoder)}
    parents = known_encoders().set_index("name")["base"].loc[family].dropna()
    return {
        f"{parent} \N{RIGHTWARDS ARROW} {name}": (
            load_encoder(parent, device=device),
            load_encoder(str(name), device=device),
        )
        for name, parent in parents.items()
    }
