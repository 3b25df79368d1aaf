"""Time the ways to attribute a sentence vector to its words, against one exact reference.

    python benchmarks/attribution.py [--threads 2] [--encoder minilm|bert] [--sentences 4]

Prints a table for each encoder: seconds a sentence, the relative error of contributions against an
exact reference with 100 Gauss-Legendre nodes (root mean square over words), the largest
completeness residual, and the speed relative to a loop over outputs with captum. Slow methods are
timed on some of their outputs or nodes, which cost the same each, and scaled; the table marks them.
All numbers are of one process on one machine, so only their ratios are worth keeping.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from transformers import BertConfig, BertModel

from wordweights.attribution.gradients import probe_squares, row_vectors
from wordweights.attribution.path import StraightPath
from wordweights.attribution.plan import plan_nodes
from wordweights.attribution.probes import estimate_norms
from wordweights.encoders import Encoder, load_encoder

SENTENCES = (
    "a woman is cutting an onion .",
    "there are dogs in the forest .",
    "the man is playing a guitar .",
    "two boys are on a beach .",
    "a cat sleeps on the sofa .",
    "the price of oil fell again .",
    "what is the best red wine ?",
    "you should try another key first .",
)
REFERENCE_NODES = 100
CAPTUM_NODES = 50
SAMPLE = 8  # outputs, or nodes, on which a slow method is timed


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    seconds: float
    error: float | None
    residual: float | None
    scaled: bool = False


def main() -> None:
    """Parse arguments, and print machine and tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--encoder", choices=("minilm", "bert"), action="append")
    parser.add_argument("--sentences", type=int, default=4, help="in the batch (at most 8)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads\n")
    for name in arguments.encoder or ("minilm", "bert"):
        encoder = load_encoder("all-MiniLM-L6-v2") if name == "minilm" else random_bert()
        report(encoder, arguments.sentences)


def random_bert() -> Encoder:
    """BERT-base's architecture (12 layers, 768 wide) with random weights, read at [CLS]."""
    torch.manual_seed(0)
    model = BertModel(BertConfig(attn_implementation="eager"), add_pooling_layer=False)
    tokenizer = load_encoder("all-MiniLM-L6-v2").tokenizer  # the same vocabulary
    return Encoder("12 x 768, random weights (CLS)", "cls", tokenizer, model)


def report(encoder: Encoder, n: int) -> None:
    """Print the table of one encoder."""
    batch = StraightPath(encoder.vectors, *rows_of(encoder, SENTENCES[:n]))
    tokens = batch.inputs.shape[1]
    peak = matrix_rate(encoder, tokens)
    print(f"{encoder.name}: {n} sentences of {tokens} wordpieces, {encoder.hidden_size} outputs")
    print(f"matrix products at this shape: {peak / 1e9:.0f} GFLOP/s")
    seconds, (exact, _) = timed(lambda: ours(batch, n_steps=REFERENCE_NODES, quadrature=PLAIN))
    work = REFERENCE_NODES * (encoder.hidden_size + 1) * products(encoder, tokens)
    rate = work * n / seconds
    print(
        f"exact mode, {REFERENCE_NODES} nodes: {seconds / n:.2f} s a sentence, "
        f"{rate / 1e9:.0f} GFLOP/s, {rate / peak:.0%} of that rate\n"
    )
    one = batch.select([0])
    table = [captum_loop(one), jacrev(one)]
    variants: dict[str, dict[str, Any]] = {
        "exact": {},
        "default (16 probes)": {"probes": 16},
        "default in bfloat16": {"probes": 16, "half": True},
        "exact in bfloat16": {"half": True},
        "vector norm": {"norm": "vector"},
    }
    for name, options in variants.items():
        for path, label in ((one, "one at a time"), (batch, f"batch of {n}")):
            size = len(path.inputs)
            seconds, (values, residual) = timed(lambda p=path, o=options: ours(p, **o))
            error = None
            if options.get("norm") != "vector":  # which is another measure
                error = float(np.sqrt(((values / exact[:size] - 1) ** 2).mean()))
            table.append(Row(f"{name}, {label}", seconds / size, error, residual))
    base = table[0].seconds
    print(f"{'method':38} {'s/sentence':>11} {'x captum':>9} {'error':>8} {'residual':>9}")
    for row in table:
        shown = ["" if value is None else f"{value:.2%}" for value in (row.error, row.residual)]
        mark = "*" if row.scaled else " "
        speed = base / row.seconds
        print(
            f"{row.name:38} {row.seconds:10.3f}{mark} {speed:9.1f} {shown[0]:>8} {shown[1]:>9}",
            flush=True,
        )
    print(f"* timed on {SAMPLE} outputs or nodes and scaled\n")


PLAIN = "gauss-legendre"


def rows_of(encoder: Encoder, sentences: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Word embeddings of sentences of equal length, and of their [PAD] baselines."""
    ids = encoder.tokenizer(list(sentences), return_tensors="pt")["input_ids"]
    pads = ids.clone()
    pads[:, 1:-1] = encoder.tokenizer.pad_token_id
    return encoder.embed(ids), encoder.embed(pads)


def ours(
    path: StraightPath,
    *,
    n_steps: int | None = None,
    quadrature: str = "adaptive",
    probes: int | str = "all",
    norm: str = "frobenius",
    half: bool = False,
) -> tuple[np.ndarray, float]:
    """Contributions of the words, (sentences, words), and the largest residual."""
    path = StraightPath(path.forward, path.inputs, path.baselines, half=half)
    plan = plan_nodes(path, n_steps=n_steps, tolerance=0.01, max_steps=100, quadrature=quadrature)
    if norm == "vector":
        values = row_vectors(path, plan.rules).norm(dim=-1).double().numpy()
    else:
        seeds = [[0, example] for example in range(len(path.inputs))]
        result = probe_squares(path, plan, probes, seeds)
        values = estimate_norms(result.squares, result.outputs)[0]
    return values[:, 1:-1], float(plan.residual.max())


def captum_loop(path: StraightPath) -> Row:
    """Loop captum's IntegratedGradients, one call for each output."""
    attribution = IntegratedGradients(path.forward)
    outputs = path.outputs(np.ones((1, 1))).shape[-1]

    def some() -> None:
        for k in range(SAMPLE):
            attribution.attribute(
                path.inputs,
                path.baselines,
                target=k,
                n_steps=CAPTUM_NODES,
                method="gausslegendre",
            )

    seconds, _ = timed(some)
    plan = plan_nodes(path, n_steps=CAPTUM_NODES, tolerance=0.01, max_steps=100, quadrature=PLAIN)
    name = f"captum loop over outputs, {CAPTUM_NODES} nodes"
    return Row(name, seconds * outputs / SAMPLE, None, float(plan.residual.max()), scaled=True)


def jacrev(path: StraightPath) -> Row:
    """torch.func.jacrev at each node, with as many nodes as captum."""
    points = path.baselines + torch.linspace(0, 1, SAMPLE)[:, None, None] * path.step

    def some() -> None:
        for point in points:
            torch.func.jacrev(lambda x: path.forward(x[None])[0], chunk_size=64)(point)

    seconds, _ = timed(some)
    scale = CAPTUM_NODES / SAMPLE
    return Row(f"torch.func.jacrev, {CAPTUM_NODES} nodes", seconds * scale, None, None, scaled=True)


def products(encoder: Encoder, tokens: int) -> float:
    """Floating-point operations of the matrix products of one forward or backward pass."""
    config = encoder.model.config
    d, inner = config.hidden_size, config.intermediate_size
    dense = 2 * tokens * (4 * d * d + 2 * d * inner)
    attention = 2 * 2 * tokens * tokens * d
    layers = config.num_hidden_layers * (dense + attention)
    if encoder.pooling == "cls":  # the last layer: keys and values of all, the rest of one token
        layers -= (dense + attention) - 2 * (
            2 * tokens * d * d + 2 * d * d + 2 * d * inner + 2 * tokens * d
        )
    return float(layers)


def matrix_rate(encoder: Encoder, tokens: int) -> float:
    """Measured rate of the widest product of a pass over 192 points of a path."""
    d, inner = encoder.model.config.hidden_size, encoder.model.config.intermediate_size
    a, b = torch.randn(192 * tokens, d), torch.randn(d, inner)
    for _ in range(10):
        a @ b
    n, start = 0, time.perf_counter()
    while time.perf_counter() - start < 1:
        a @ b
        n += 1
    return 2 * a.shape[0] * d * inner * n / (time.perf_counter() - start)


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result of a call."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
