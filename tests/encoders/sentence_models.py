"""Models of sentence-transformers, and what their words weigh by a plain loop over outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from torch import Tensor

from wordweights import attribute
from wordweights.attribution.quadrature import gauss_legendre
from wordweights.encoders import Encoder

NODES = 6
"""Of the rule that both sides take: no accuracy is needed for them to agree."""


def save(
    folder: Path,
    model: Any,
    tokenizer: Any,
    pooling: str | Sequence[str] = "mean",
    *behind: torch.nn.Module,
    include_prompt: bool = True,
    **settings: Any,
) -> SentenceTransformer:
    """Write a checkpoint as sentence-transformers does, and read it again."""
    model.save_pretrained(folder / "transformer")
    tokenizer.save_pretrained(folder / "transformer")
    transformer = Transformer(str(folder / "transformer"))
    width = transformer.get_embedding_dimension()
    modules = [transformer, Pooling(width, pooling, include_prompt), *behind]
    made = SentenceTransformer(modules=modules, device="cpu", **settings)
    made.save_pretrained(str(folder / "model"), create_model_card=False)
    return SentenceTransformer(str(folder / "model"), device="cpu", local_files_only=True)


def vector(model: SentenceTransformer, features: dict[str, Any]) -> Tensor:
    """Run the modules of a model but a normalisation at the end."""
    modules = list(model)
    for module in modules[:-1] if isinstance(modules[-1], Normalize) else modules:
        features = module(features)
    return features["sentence_embedding"][0][: model.truncate_dim]


def by_loop(
    model: SentenceTransformer, sentence: str, words: Sequence[int], prompt: str | None = None
) -> Tensor:
    """Integrated Gradients of each output, one after another, reduced to a number per word.

    `words` has the word of each wordpiece, -1 for what stays in the baseline.
    """
    model.double().eval()
    features = model.preprocess([sentence], prompt=prompt)
    look_up = model[0].auto_model.get_input_embeddings()
    ids = features.pop("input_ids")
    assert ids.shape == (1, len(words))
    pad = torch.tensor(model.tokenizer.pad_token_id)
    inside = torch.tensor([word >= 0 for word in words])
    w = look_up(ids).detach()
    b = torch.where(inside[None, :, None], look_up(pad), w).detach()
    total: list[Tensor] = []
    rule = gauss_legendre(NODES)
    for node, weight in zip(rule.nodes, rule.weights, strict=True):
        x = (b + node * (w - b)).requires_grad_()
        s = vector(model, {**features, "inputs_embeds": x})
        rows = [torch.autograd.grad(output, x, retain_graph=True)[0][0] for output in s]
        total.append(weight * torch.stack(rows) * (w - b))  # (outputs, tokens, d)
    squares = torch.stack(total).sum(dim=0).square().sum(dim=(0, 2))
    n = max(words) + 1
    return torch.stack([squares[torch.tensor(words) == word].sum() for word in range(n)]).sqrt()


def weigh(encoder: Encoder, sentence: str) -> Tensor:
    """What :func:`by_loop` gives, by this project."""
    table = attribute(
        encoder,
        [sentence],
        n_nodes=NODES,
        quadrature="gauss-legendre",
        probes="all",
        progress=False,
    )
    return torch.tensor(table["contribution"].to_numpy())


def settings_of(encoder: Encoder) -> dict[str, Any]:
    """What says that two encoders are read alike."""
    names = ("digest", "vector_size", "hidden_size", "max_tokens", "pooling", "prompt")
    return {name: getattr(encoder, name) for name in names}
