"""Compare contributions with an adaptive float64 reference, on an encoder whose path jumps.

    python benchmarks/reference.py [--sentences 40] [--encoder all-mpnet-base-v2] [--device auto]

The reference halves stretches of the path until two rules of four Gauss-Legendre nodes, one over a
stretch and one over its halves, agree for every word: a plain loop over the model in float64, by
torch's forward mode, which shares nothing with `attribute` but tokens. Printed per sentence: what
it took and how far it is from complete; nodes and residual of `attribute` with norm="vector"; and
by how much the words differ. A sentence takes seconds on a GPU, and ten minutes or more without.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from attribution import MEMORY
from numpy.polynomial.legendre import leggauss
from torch import Tensor

from wordweights.attribution import IntegratedGradients
from wordweights.attribution.alignment import TokenisedSentence, tokenise
from wordweights.encoders import Encoder, load_encoder
from wordweights.words.sentences import filter_sentences, load_sentences

ENOUGH = 2e-5  # of the whole change: where two rules agree to it, a stretch is done
STRETCHES = 32  # to begin with
ORDER = 4  # nodes of each
IN_PASS = 512  # points, each once per word
Slopes = Callable[[Tensor], Tensor]


def main() -> None:
    """Parse arguments, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--encoder", default="all-mpnet-base-v2")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    encoder = load_encoder(arguments.encoder, device=arguments.device)
    table = filter_sentences(load_sentences("bundled"), [encoder.tokenizer], 7)
    sentences = tokenise(encoder, table["sentence"].head(arguments.sentences).tolist())
    print(f"torch {torch.__version__}, {encoder.name} on {encoder.device}\n")
    print(f"{'reference nodes':>15} {'residual':>9}   nodes {'residual':>9} {'rms':>7} {'most':>7}")
    differences, nodes, residuals = [], [], []
    for sentence in sentences:
        expected, n, missed = reference(encoder, sentence)
        (row,) = IntegratedGradients(norm="vector").weigh(encoder, [sentence], MEMORY)
        off = np.abs(np.asarray(row["contribution"]) / expected - 1)
        print(
            f"{n:>15} {missed:>9.0e}   {row['n_nodes']:>5} {row['residual']:>9.2%} "
            f"{_rms(off):>7.2%} {off.max():>7.2%}",
            flush=True,
        )
        differences.append(off)
        nodes.append(row["n_nodes"])
        residuals.append(row["residual"])
    words = np.concatenate(differences)
    print(
        f"\n{len(words)} words: {_rms(words):.2%} root mean square, {words.max():.2%} at most; "
        f"{np.median(nodes):g} nodes in the median, largest residual {max(residuals):.2%}"
    )


def reference(encoder: Encoder, sentence: TokenisedSentence) -> tuple[np.ndarray, int, float]:
    """Contributions of the words; nodes that they took; and their completeness residual."""
    model, *behind = (copy.deepcopy(part).double() for part in (encoder.model, *encoder.behind))
    double = replace(encoder, model=model, behind=tuple(behind))
    ids = torch.tensor([sentence.ids], device=double.device)
    word_of = torch.tensor(sentence.word_of, device=double.device)
    baseline = double.embed(torch.where(word_of < 0, ids, encoder.tokenizer.pad_token_id))
    way = double.embed(ids) - baseline  # (1, wordpieces, d)
    words = torch.arange(len(sentence.words), device=double.device)
    steps = way * (word_of == words[:, None])[:, :, None]  # of each word alone

    def slopes(alphas: Tensor) -> Tensor:  # (alphas, words, outputs)
        found = []
        for some in alphas.split(max(1, IN_PASS // len(steps))):
            points = (baseline + some[:, None, None] * way).repeat_interleave(len(steps), dim=0)
            directions = steps.repeat(len(some), 1, 1)
            moved = torch.func.jvp(double.vectors, (points,), (directions,))[1]
            found.append(moved.view(len(some), len(steps), -1))
        return torch.cat(found)

    with torch.no_grad():
        start, stop = double.vectors(torch.cat([baseline, baseline + way]))
        change = stop - start
        whole = float(change.norm())
        vectors, n = integrate(slopes, ENOUGH * whole, double.device)
    missed = float((vectors.sum(dim=0) - change).norm()) / whole
    return vectors.norm(dim=1).cpu().numpy(), n, missed


def integrate(slopes: Slopes, enough: float, device: torch.device) -> tuple[Tensor, int]:
    """Integrate over [0, 1], shape (words, outputs), and say with how many nodes."""
    places, weights = (torch.tensor(values, device=device) for values in leggauss(ORDER))

    def over(stretches: list[tuple[float, float]]) -> Tensor:
        ends = torch.tensor(stretches, dtype=torch.float64, device=device)
        half = (ends[:, 1:] - ends[:, :1]) / 2
        alphas = ends.mean(dim=1, keepdim=True) + half * places
        found = slopes(alphas.flatten()).unflatten(0, alphas.shape)
        return torch.einsum("sn,snwo->swo", half * weights, found)

    left = list(pairwise(np.linspace(0.0, 1.0, STRETCHES + 1).tolist()))
    wholes, n = over(left), ORDER * len(left)
    total = torch.zeros_like(wholes[0])
    while left:
        middles = [(start + stop) / 2 for start, stop in left]
        halves = [
            part
            for (start, stop), middle in zip(left, middles, strict=True)
            for part in ((start, middle), (middle, stop))
        ]
        parts = over(halves).unflatten(0, (-1, 2))  # (stretches, halves, words, outputs)
        n += ORDER * len(halves)
        open_ = (parts.sum(dim=1) - wholes).norm(dim=-1).amax(dim=-1) > enough
        total += parts[~open_].sum(dim=(0, 1))
        wholes = parts[open_].flatten(0, 1)
        again = open_.repeat_interleave(2).tolist()
        left = [half for half, more in zip(halves, again, strict=True) if more]
    return total, n


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    main()
