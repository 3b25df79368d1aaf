"""Time the ways to attribute a sentence vector to its words, against one exact reference.

    python benchmarks/attribution.py [--threads 2] [--encoder minilm|bert] [--reference 100]

Prints a table for each encoder: seconds per sentence (the best of several rounds, in which all
methods take turns, so that a machine shared with others slows all of them alike), the speed
relative to a loop over outputs with captum, the relative error of contributions against an exact
reference with many Gauss-Legendre nodes (root mean square over words), the standard error that is
reported, and the largest completeness residual. Other measures of weight have rows of their own at
the end, without errors: they are other numbers than the reference. Slow methods are timed on some
of their outputs or nodes, which cost the same each, and scaled; the table marks them. All numbers
are of one process on one machine, so only their ratios are worth keeping.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import captum.attr
import numpy as np
import torch
from transformers import BertConfig, BertModel

from wordweights.attribution import (
    Alone,
    EmbeddingDistance,
    GradientTimesInput,
    IntegratedGradients,
    Occlusion,
    Shapley,
    TokenNorm,
)
from wordweights.attribution.alignment import TokenisedSentence, tokenise
from wordweights.attribution.methods import Method
from wordweights.attribution.parallel import run_all
from wordweights.attribution.path import ROWS, StraightPath, lay_path
from wordweights.encoders import Encoder, load_encoder
from wordweights.words.sentences import filter_sentences, load_sentences

CAPTUM_NODES = 50
PLAIN = "gauss-legendre"
MEMORY = 128 * 2**20  # bytes of the passes under way, as `attribute` takes on two cores
BFLOAT16 = any(torch.cpu.get_capabilities().get(f"{kind}_bf16") for kind in ("avx512", "amx"))


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
    """What a way gave: contributions (sentences, words), their errors, residuals and nodes."""

    norms: np.ndarray
    errors: np.ndarray
    residuals: np.ndarray
    nodes: np.ndarray


@dataclass(frozen=True)
class Way:
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
    batch = sentences_of(encoder, sizes.batch)
    tokens, d = len(batch[0].ids), encoder.hidden_size
    few, one = batch[: sizes.exact], batch[:1]
    batched = f"batch of {sizes.batch}"
    methods = [
        captum_loop(encoder, one, sizes),
        jacrev(encoder, one, sizes),
        exact("exact, one at a time", encoder, one, sizes),
        exact(f"exact, batch of {sizes.exact}", encoder, few, sizes),
        estimate("default (16 probes), one at a time", encoder, one),
        estimate(f"default, {batched}", encoder, batch),
        estimate("vector norm, one at a time", encoder, one, norm="vector"),
        estimate(f"vector norm, {batched}", encoder, batch, norm="vector"),
    ]
    if BFLOAT16:
        methods += [
            exact(f"exact in bfloat16, batch of {sizes.exact}", encoder, few, sizes, bfloat16=True),
            estimate(f"default in bfloat16, {batched}", encoder, batch, bfloat16=True),
        ]
    methods += [
        another(f"{method.name}, {batched}", encoder, batch, method)
        for method in (
            GradientTimesInput(),
            Occlusion(),
            Alone(),
            TokenNorm(),
            EmbeddingDistance(),
        )
    ]
    methods.append(another(f"shapley, batch of {sizes.exact}", encoder, few, Shapley()))
    if not BFLOAT16:
        print("no bfloat16 instructions here: without them its rows take minutes each\n")
    print(f"{encoder.name}: sentences of {tokens} wordpieces, {d} outputs", flush=True)
    ours(encoder, batch, probes=1)  # what is computed once in a process, such as candidate rules
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
        whole = ours(encoder, few, n_nodes=reference_nodes, quadrature=PLAIN, probes="all")
        reference = whole.norms
    captum = best[methods[0].name]
    print(
        f"{'method':42} {'s/sentence':>11} {'x captum':>9} {'error':>7} {'reported':>9} "
        f"{'residual':>9} {'nodes':>6}"
    )
    for method in methods:
        mark = "*" if method.partly else " "
        line = f"{method.name:42} {best[method.name]:10.3f}{mark} {captum / best[method.name]:9.1f}"
        print(line + describe(method, reference), flush=True)
    print("* timed on some outputs or nodes and scaled\n")


def describe(method: Way, reference: np.ndarray | None) -> str:
    """Errors of a method, for the table; the vector norm is another measure than the reference."""
    if method.whole is None or reference is None:
        return ""
    found = method.whole()
    error = reported = ""
    if not method.name.startswith("vector"):
        # both over the same sentences: those of the reference
        n = min(len(reference), len(found.norms))
        error = f"{np.sqrt(((found.norms[:n] / reference[:n] - 1) ** 2).mean()):.2%}"
        reported = f"{np.sqrt(((found.errors[:n] / found.norms[:n]) ** 2).mean()):.2%}"
    return f" {error:>7} {reported:>9} {found.residuals.max():>9.2%} {np.mean(found.nodes):>6.1f}"


def estimate(
    name: str, encoder: Encoder, sentences: list[TokenisedSentence], **settings: Any
) -> Way:
    """Attribute sentences with some settings, otherwise the defaults."""
    run = partial(ours, encoder, sentences, **settings)
    return Way(name, run, 1 / len(sentences), run)


def another(name: str, encoder: Encoder, sentences: list[TokenisedSentence], method: Method) -> Way:
    """Weigh words by another measure than Integrated Gradients."""
    return Way(name, partial(method.weigh, encoder, sentences, MEMORY), 1 / len(sentences))


def exact(
    name: str,
    encoder: Encoder,
    sentences: list[TokenisedSentence],
    sizes: Sizes,
    *,
    bfloat16: bool = False,
) -> Way:
    """Attribute by all outputs; the time is that of some of them, as with captum."""
    d = encoder.hidden_size
    outputs = min(d, sizes.exact_outputs)
    return Way(
        name,
        partial(some_outputs, encoder, sentences, outputs, bfloat16=bfloat16),
        d / outputs / len(sentences),
        partial(ours, encoder, sentences, probes="all", bfloat16=bfloat16),
        partly=outputs < d,
    )


def sentences_of(encoder: Encoder, n: int) -> list[TokenisedSentence]:
    """Choose bundled sentences of seven one-piece words."""
    table = filter_sentences(load_sentences("bundled"), [encoder.tokenizer], 7)
    # from all over the file, which is in order of topic
    chosen = table["sentence"].iloc[np.linspace(0, len(table) - 1, n).astype(int)].tolist()
    return tokenise(encoder, chosen)


def ours(encoder: Encoder, sentences: list[TokenisedSentence], **settings: Any) -> Found:
    """Attribute a batch of sentences as `wordweights.attribute` does."""
    rows = IntegratedGradients(**settings).weigh(encoder, sentences, MEMORY)
    columns = ("contribution", "standard_error", "residual", "n_nodes")
    return Found(*(np.array([row[name] for row in rows]) for name in columns))


def some_outputs(
    encoder: Encoder, sentences: list[TokenisedSentence], outputs: int, **settings: Any
) -> None:
    """Carry the first outputs alone through the nodes of the default."""
    path = lay_path(encoder, sentences, "pad", MEMORY, bfloat16=settings.get("bfloat16", False))
    method = IntegratedGradients(**settings)
    for found in method.certify(path):
        unit = torch.eye(encoder.hidden_size)[:outputs, None]
        found.integral.squares(unit.expand(-1, len(found.examples), -1))


def path_of(encoder: Encoder, sentences: list[TokenisedSentence]) -> StraightPath:
    """Lay the path that the other ways go, too."""
    return lay_path(encoder, sentences, "pad", MEMORY)


def captum_loop(encoder: Encoder, sentences: list[TokenisedSentence], sizes: Sizes) -> Way:
    """Loop captum's IntegratedGradients, one call for each output."""
    path = path_of(encoder, sentences)
    attribution = captum.attr.IntegratedGradients(encoder.vectors)

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
    return Way(name, run, scale=encoder.hidden_size / sizes.outputs, partly=True)


def jacrev(encoder: Encoder, sentences: list[TokenisedSentence], sizes: Sizes) -> Way:
    """torch.func.jacrev at each node, with as many nodes as captum."""
    path = path_of(encoder, sentences)
    alphas = torch.linspace(0.2, 0.8, sizes.nodes)
    points = path.baselines + alphas[:, None, None] * path.step

    def run() -> None:
        for point in points:
            torch.func.jacrev(lambda x: encoder.vectors(x[None])[0], chunk_size=64)(point)

    name = f"torch.func.jacrev, {CAPTUM_NODES} nodes"
    return Way(name, run, scale=CAPTUM_NODES / sizes.nodes, partly=True)


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


def exact_rate(encoder: Encoder, sentences: list[TokenisedSentence], outputs: int) -> float:
    """Operations per second of the exact mode, of its backward passes alone counted."""
    n = 12
    before = time.perf_counter()
    some_outputs(encoder, sentences, outputs, n_nodes=n, quadrature=PLAIN)
    seconds = time.perf_counter() - before
    work = n * outputs * operations(encoder, len(sentences[0].ids))
    return work * len(sentences) / seconds


def matrix_rate(encoder: Encoder, tokens: int) -> float:
    """Operations per second of the products of a pass of the exact mode, on every core at once."""
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
