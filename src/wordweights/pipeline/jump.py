"""A path that jumps, measured once: chapter 02 shows it, and no run of the book has the weights.

``python -m wordweights.pipeline.jump`` writes the table into the package. It needs the weights of
all-mpnet-base-v2, from the model hub or the extra ``mpnet``, and takes some minutes.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from wordweights.attribution import IntegratedGradients
from wordweights.attribution.alignment import TokenisedSentence, tokenise
from wordweights.attribution.integral import Integral
from wordweights.attribution.path import lay_path
from wordweights.attribution.quadrature import Rule
from wordweights.encoders import Encoder, load_encoder
from wordweights.errors import WordweightsError
from wordweights.files import write_atomically
from wordweights.pipeline.measured import made_today

ENCODER = "all-mpnet-base-v2"
SENTENCE = "a woman is cutting an onion ."

_FIXED = 50  # nodes of the rule that does not look, as many as captum takes by default
_NEAR = 1e-6  # of the path, on each side: where the jump is
_FAR = 10  # times that: how much of its surroundings is shown
_POINTS = 81
_MEMORY = 256 * 2**20
_DIGITS = 6


def measured_jump() -> pd.DataFrame:
    """Read what was measured of :data:`ENCODER` on :data:`SENTENCE`.

    Returns
    -------
    pd.DataFrame
        From :func:`measure_jump`, with encoder and versions.
    """
    return pd.read_csv(_kept(), keep_default_na=False)  # a word may be "null"


def measure_jump(encoder: Encoder, sentence: str) -> pd.DataFrame:
    """Find the steepest place on the path of a sentence, and show what happens there.

    Parameters
    ----------
    encoder : Encoder
        In float32; what is near the jump goes through float64.
    sentence : str
        Not longer than the encoder reads.

    Returns
    -------
    pd.DataFrame
        In long form, with the columns quantity, label, x, value. By quantity:

        - ``path``, ``near``: how far the sentence vector is from where the plot begins, relative to
          the whole way, at x = alpha along the path, and x = alpha less the place of the jump;
        - ``before``, ``after``: length of the hidden state that changes most, after each layer x,
          on either side of the jump; its wordpiece is the label;
        - ``divided``, ``fixed``: the vector norm of every word (the label, at position x) by a
          divided path, and by Gauss-Legendre with a fixed number of nodes;
        - ``jump``: the same for the jump alone;
        - ``place``, ``size``: alpha there, and how far the vector moves there relative to the whole
          way; ``nodes`` and ``residual``, of the two rules that the label names.

    Raises
    ------
    WordweightsError
        For a path that does not jump.
    """
    (tokenised,) = tokenise(encoder, [sentence])
    path = lay_path(encoder, [tokenised], "pad", _MEMORY)
    wide = path.widened or path
    divided = next(IntegratedGradients(norm="vector").certify(path))
    fixed = next(
        IntegratedGradients(norm="vector", quadrature="gauss-legendre", n_nodes=_FIXED).certify(
            path
        )
    )
    rule = divided.integral.rules[0]
    if not any(rule.narrow):
        raise WordweightsError(
            f"The path of {encoder.name!r} does not jump in the sentence {sentence!r}: no part of "
            f"it had to be divided as finely as float32 cannot tell. Choose another sentence."
        )
    place = float(rule.nodes[np.argmax(np.linalg.norm(_slopes(divided.integral), axis=1))])

    def moved(alphas: np.ndarray) -> np.ndarray:
        outputs = wide.outputs(np.concatenate([alphas, [0.0, 1.0]])[None])[0].numpy()
        way = np.linalg.norm(outputs[-1] - outputs[-2])
        return np.asarray(np.linalg.norm(outputs[:-2] - outputs[0], axis=1) / way)

    even = np.linspace(0.0, 1.0, _POINTS)
    around = np.clip(place + _FAR * _NEAR * np.linspace(-1, 1, _POINTS), 0, 1)
    edges = np.array([max(place - _NEAR, 0.0), min(place + _NEAR, 1.0)])
    ends = wide.outputs(np.array([[0.0, *edges, 1.0]]))[0].numpy()
    size = np.linalg.norm(ends[2] - ends[1]) / np.linalg.norm(ends[3] - ends[0])
    inside = (rule.nodes >= edges[0]) & (rule.nodes <= edges[1])
    kept = Rule(rule.nodes[inside], rule.weights[inside], (int(inside.sum()),), (True,))
    alone = Integral(path, (kept,), divided.integral.outputs)

    table = [("path", "", x, value) for x, value in zip(even, moved(even), strict=True)]
    table += [("near", "", x - place, v) for x, v in zip(around, moved(around), strict=True)]
    table += _states(encoder, wide.baselines, wide.step, edges, tokenised)
    for quantity, integral in (
        ("divided", divided.integral), ("fixed", fixed.integral), ("jump", alone),
    ):  # fmt: skip
        vectors = np.einsum("rw,rk->wk", tokenised.membership, integral.rows()[0].double().numpy())
        norms = np.linalg.norm(vectors, axis=1)
        table += [
            (quantity, word, i, norm)
            for i, (word, norm) in enumerate(zip(tokenised.words, norms, strict=True))
        ]
    table += [("place", "", 0, place), ("size", "", 0, size)]
    for label, found in (("divided", divided), ("fixed", fixed)):
        table += [
            ("nodes", label, 0, found.integral.n_nodes),
            ("residual", label, 0, found.residual[0]),
        ]
    return pd.DataFrame(table, columns=["quantity", "label", "x", "value"])


def _slopes(integral: Integral) -> np.ndarray:
    """Compute the path derivative at the nodes of the one example, shape (nodes, outputs)."""
    path, (rule,) = integral.path, integral.rules
    return np.concatenate(
        [
            ((path.widened if narrow else None) or path).slopes(rule.nodes[cut])[1].numpy()
            for cut, narrow in rule.runs
        ]
    )


def _states(
    encoder: Encoder,
    baselines: torch.Tensor,
    step: torch.Tensor,
    edges: np.ndarray,
    sentence: TokenisedSentence,
) -> list[tuple[str, str, float, float]]:
    """Measure how long the state that changes most is, layer by layer, on either side."""
    import copy

    wide = replace(encoder, model=copy.deepcopy(encoder.model).double())
    points = baselines + torch.from_numpy(edges)[:, None, None] * step
    mask = torch.ones(points.shape[:2], dtype=torch.long)
    with torch.no_grad():
        states = wide.model(
            inputs_embeds=points, attention_mask=mask, output_hidden_states=True
        ).hidden_states
    lengths = torch.stack([state.norm(dim=-1) for state in states])  # (layers + 1, 2, rows)
    changes = torch.stack([(state[1] - state[0]).norm(dim=-1) for state in states])
    row = int(changes.amax(dim=0).argmax())
    piece = encoder.tokenizer.convert_ids_to_tokens(sentence.ids[row])
    return [
        (quantity, piece, layer, float(lengths[layer, side, row]))
        for side, quantity in enumerate(("before", "after"))
        for layer in range(len(states))
    ]


def _kept() -> Path:
    return Path(str(resources.files("wordweights").joinpath("data/jump.csv")))


def main() -> None:
    """Measure, and write the table into the package."""
    path = _kept()
    versions = made_today()["versions"]
    table = measure_jump(load_encoder(ENCODER), SENTENCE).assign(encoder=ENCODER, versions=versions)
    text = table.to_csv(index=False, float_format=f"%.{_DIGITS}g", lineterminator="\n")
    write_atomically(path, text.encode())
    print(f"Wrote {path}")


if __name__ == "__main__":
    try:
        main()
    except WordweightsError as problem:
        sys.exit(f"jump: {problem}")
