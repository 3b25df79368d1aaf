"""Time the ways to attribute a sentence vector to its words, against one exact reference.

    python benchmarks/attribution.py [--threads 2] [--encoder minilm|bert] [--reference 100]

Prints a table for each encoder: seconds a sentence (the best of several rounds, in which all
methods take turns, so that a machine shared with others slows all of them alike), the speed
relative to a loop over outputs with captum, the relative error of contributions against an exact
reference with many Gauss-Legendre nodes (root mean square over words), the standard error that is
reported, and the largest completeness residual. Slow methods are timed on some of their outputs or
nodes, which cost the same each, and scaled; the table marks them. All numbers are of one process on
one machine, so only their ratios are worth keeping.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from transformers import BertConfig, BertModel

from wordweights.attribution.integral import Integral
from wordweights.attribution.parallel import run_all
from wordweights.attribution.path import ROWS, StraightPath
from wordweights.attribution.plan import integrate
from wordweights.attribution.probes import Squares, estimate_norms, probe_directions, project
from wordweights.encoders import Encoder, load_encoder
from wordweights.words.sentences import filter_sentences, load_sentences

MAX_NODES = 100
CAPTUM_NODES = 50
PLAIN = "gauss-legendre"


@dataclass(frozen=True)
class Sizes:
    """How much of each method is timed."""

    batch: int  # sentences of a batch
    exact: int  # of them, in a batch of the exact mode
    outputs: int  # of captum's loop
    exact_outputs: int  # of the exact mode
    nodes: int  # of jacrev
    rounds: int


@dataclass(frozen=True)
class Found:
    """What a method gave: contributions (sentences, words), their errors, and residuals."""

    norms: np.ndarray
    errors: np.ndarray
    residuals: np.ndarray


@dataclass(frozen=True)
class Method:
    """A line of the table: what is timed, what that is scaled by, and what has the result."""

    name: str
    run: Callable[[], Any]
    scale: float = 1.0
    whole: Callable[[], Found] | None = None
    partly: bool = False  # whether it is timed on some of its outputs or nodes


def main() -> None:
    """Parse arguments, and print machine and tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--encoder", choices=("minilm", "bert"), action="append")
    parser.add_argument("--batch", type=int, default=32, help="sentences of a batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--reference", type=int, default=100, help="nodes of the reference; 0: no errors are shown"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads\n")
    for name in arguments.encoder or ("minilm", "bert"):
        if name == "minilm":
            sizes = Sizes(
                arguments.batch, 4, outputs=8, exact_outputs=192, nodes=4, rounds=arguments.rounds
            )
            report(load_encoder("all-MiniLM-L6-v2"), sizes, arguments.reference)
        else:
            sizes = Sizes(
                arguments.batch, 1, outputs=2, exact_outputs=96, nodes=1, rounds=arguments.rounds
            )
            report(random_bert(), sizes, arguments.reference)


def random_bert() -> Encoder:
    """BERT-base's architecture (12 layers, 768 wide) with random weights, read at [CLS]."""
    torch.manual_seed(0)
    model = BertModel(BertConfig(attn_implementation="eager"), add_pooling_layer=False)
    tokenizer = load_encoder("all-MiniLM-L6-v2").tokenizer  # the same vocabulary
    return Encoder("12 x 768, random weights (CLS)", "cls", tokenizer, model)


def report(encoder: Encoder, sizes: Sizes, reference_nodes: int) -> None:
    """Print the table of one encoder."""
    batch = path_of(encoder, sizes.batch)
    tokens, d = batch.inputs.shape[1], encoder.hidden_size
    few, one = batch.select(list(range(sizes.exact))), batch.select([0])
    batched = f"batch of {sizes.batch}"
    methods = [
        captum_loop(encoder, one, sizes),
        jacrev(encoder, one, sizes),
        exact("exact, one at a time", one, sizes),
        exact(f"exact, batch of {sizes.exact}", few, sizes),
        exact(f"exact in bfloat16, batch of {sizes.exact}", few, sizes, half=True),
        estimate("default (16 probes), one at a time", one, probes=16),
        estimate(f"default, {batched}", batch, probes=16),
        estimate(f"default in bfloat16, {batched}", batch, probes=16, half=True),
        estimate("vector norm, one at a time", one, norm="vector"),
        estimate(f"vector norm, {batched}", batch, norm="vector"),
    ]
    print(f"{encoder.name}: sentences of {tokens} wordpieces, {d} outputs", flush=True)
    ours(batch, probes=1)  # what is computed once in a process, such as candidate rules
    best = dict.fromkeys((method.name for method in methods), np.inf)
    rates, shares = [], []
    for _ in range(sizes.rounds):
        for method in methods:
            before = time.perf_counter()
            method.run()
            seconds = (time.perf_counter() - before) * method.scale
            best[method.name] = min(best[method.name], seconds)
        rates.append(matrix_rate(encoder, tokens))
        shares.append(exact_rate(encoder, few, sizes.exact_outputs) / rates[-1])
    rate, share = max(rates), float(np.median(shares))
    print(f"matrix products of a pass on all cores: {rate / 1e9:.0f} GFLOP/s")
    print(f"exact mode: {share:.0%} of the rate measured beside it\n")
    reference = None
    if reference_nodes:
        reference = ours(few, n_steps=reference_nodes, quadrature=PLAIN).norms
    captum = best[methods[0].name]
    titles = f"{'s/sentence':>11} {'x captum':>9} {'error':>7} {'reported':>9} {'residual':>9}"
    print(f"{'method':42} {titles}")
    for method in methods:
        mark = "*" if method.partly else " "
        line = f"{method.name:42} {best[method.name]:10.3f}{mark} {captum / best[method.name]:9.1f}"
        print(line + describe(method, reference), flush=True)
    print("* timed on some outputs or nodes and scaled\n")


def describe(method: Method, reference: np.ndarray | None) -> str:
    """Errors of a method, for the table; the vector norm is another measure than the reference."""
    if method.whole is None or reference is None:
        return ""
    found = method.whole()
    error = reported = ""
    if not method.name.startswith("vector"):
        n = min(len(reference), len(found.norms))
        error = f"{np.sqrt(((found.norms[:n] / reference[:n] - 1) ** 2).mean()):.2%}"
        reported = f"{np.sqrt(((found.errors / found.norms) ** 2).mean()):.2%}"
    return f" {error:>7} {reported:>9} {found.residuals.max():>9.2%}"


def estimate(name: str, path: StraightPath, **options: Any) -> Method:
    """Attribute all sentences of a path with some options."""
    run = partial(ours, path, **options)
    return Method(name, run, 1 / len(path.inputs), run)


def exact(name: str, path: StraightPath, sizes: Sizes, half: bool = False) -> Method:
    """Attribute by all outputs; the time is that of some of them, as with captum."""
    d = path.forward(path.inputs[:1]).shape[-1]
    outputs = min(d, sizes.exact_outputs)
    return Method(
        name,
        partial(ours, path, half=half, outputs=outputs),
        d / outputs / len(path.inputs),
        partial(ours, path, half=half),
        partly=outputs < d,
    )


def path_of(encoder: Encoder, n: int) -> StraightPath:
    """Bundled sentences of seven one-piece words, on their way from [PAD]."""
    table = filter_sentences(load_sentences("bundled"), [encoder.tokenizer], 7)
    # from all over the file, which is in order of topic
    chosen = table["sentence"].iloc[np.linspace(0, len(table) - 1, n).astype(int)].tolist()
    ids = encoder.tokenizer(chosen, return_tensors="pt")["input_ids"]
    pads = ids.clone()
    pads[:, 1:-1] = encoder.tokenizer.pad_token_id
    return StraightPath(encoder.as_stack() or encoder, encoder.embed(ids), encoder.embed(pads))


def ours(
    path: StraightPath,
    *,
    n_steps: int | None = None,
    quadrature: str = "adaptive",
    probes: int | str = "all",
    norm: str = "frobenius",
    half: bool = False,
    outputs: int | None = None,
) -> Found:
    """Attribute sentences, in pieces that the cores share as in `wordweights.attribute`."""

    def measure(integral: Integral, examples: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        if norm == "vector":
            values = integral.rows().norm(dim=-1).double().numpy()
            return list(zip(values, np.zeros_like(values), strict=True))
        seeds = [[0, example] for example in examples]
        directions = probe_directions(probes, integral.outputs, seeds)[:outputs]
        if probes == "all":  # also where only some of the outputs are timed
            (fine,) = integral.squares(directions)
            squares = Squares(fine, fine, np.full(len(fine), True))
        else:
            squares = project(integral, directions)
        return list(zip(*estimate_norms(squares, integral.outputs), strict=True))

    def some(examples: np.ndarray) -> list[Any]:
        piece = path.select(examples.tolist())
        return integrate(
            StraightPath(piece.forward, piece.inputs, piece.baselines, half=half),
            measure,
            n_steps=n_steps,
            tolerance=0.01,
            max_steps=MAX_NODES,
            quadrature=quadrature,
        )

    pieces = min(2 * path.threads, len(path.inputs)) if path.threads > 1 else 1
    parts = np.array_split(np.arange(len(path.inputs)), pieces)
    found = run_all([partial(some, part) for part in parts], path.threads)
    outcomes = [outcome for part in found for outcome in part]
    values = np.array([outcome.value for outcome in outcomes])[:, :, 1:-1]
    return Found(values[:, 0], values[:, 1], np.array([outcome.residual for outcome in outcomes]))


def captum_loop(encoder: Encoder, path: StraightPath, sizes: Sizes) -> Method:
    """Loop captum's IntegratedGradients, one call for each output."""
    attribution = IntegratedGradients(encoder.vectors)

    def run() -> None:
        for k in range(sizes.outputs):
            attribution.attribute(
                path.inputs,
                path.baselines,
                target=k,
                n_steps=CAPTUM_NODES,
                method="gausslegendre",
            )

    name = f"captum loop over outputs, {CAPTUM_NODES} nodes"
    return Method(name, run, scale=encoder.hidden_size / sizes.outputs, partly=True)


def jacrev(encoder: Encoder, path: StraightPath, sizes: Sizes) -> Method:
    """torch.func.jacrev at each node, with as many nodes as captum."""
    alphas = torch.linspace(0.2, 0.8, sizes.nodes)
    points = path.baselines + alphas[:, None, None] * path.step

    def run() -> None:
        for point in points:
            torch.func.jacrev(lambda x: encoder.vectors(x[None])[0], chunk_size=64)(point)

    name = f"torch.func.jacrev, {CAPTUM_NODES} nodes"
    return Method(name, run, scale=CAPTUM_NODES / sizes.nodes, partly=True)


def operations(encoder: Encoder, tokens: int) -> float:
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


def exact_rate(encoder: Encoder, path: StraightPath, outputs: int) -> float:
    """Operations a second of the exact mode, of its backward passes alone counted."""
    n = 12
    before = time.perf_counter()
    ours(path, n_steps=n, quadrature=PLAIN, outputs=outputs)
    seconds = time.perf_counter() - before
    work = n * outputs * operations(encoder, path.inputs.shape[1])
    return work * len(path.inputs) / seconds


def matrix_rate(encoder: Encoder, tokens: int) -> float:
    """Operations a second of the products of a pass of the exact mode, on every core at once."""
    d, inner = encoder.model.config.hidden_size, encoder.model.config.intermediate_size
    rows = max(1, ROWS // tokens) * tokens
    shapes = [(3 * d, d), (d, d), (d, inner), (inner, d)]
    pairs = [(torch.randn(rows, k), torch.randn(k, n)) for k, n in shapes]

    def loop() -> float:
        rounds, before = 0, time.perf_counter()
        while time.perf_counter() - before < 1:
            for a, b in pairs:
                a @ b
            rounds += 1
        work = sum(2 * rows * k * n for k, n in shapes)
        return rounds * work / (time.perf_counter() - before)

    threads = torch.get_num_threads()
    return sum(run_all([loop] * threads, threads))


if __name__ == "__main__":
    main()
