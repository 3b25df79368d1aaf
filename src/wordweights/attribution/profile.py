"""The path of a sentence: where it begins and ends, how fast it moves, where its nodes lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from wordweights.attribution.alignment import TokenisedSentence, tokenise
from wordweights.attribution.baselines import baseline_embeddings
from wordweights.attribution.path import StraightPath
from wordweights.attribution.quadrature import choose_rule, gauss_legendre, pilot_nodes
from wordweights.encoders import Encoder

_POINTS = 201


def path_of(
    encoder: Encoder,
    forward: Callable[..., Tensor],
    sentences: Sequence[TokenisedSentence],
    baseline: str = "pad",
) -> StraightPath:
    """Lay the path from the baseline to sentences of equally many wordpieces.

    Parameters
    ----------
    encoder : Encoder
        Whose embeddings.
    forward : Callable[..., Tensor]
        Its model: the encoder itself, or its stack of layers.
    sentences : Sequence[TokenisedSentence]
        At least one.
    baseline : str
        As in :func:`wordweights.attribute`.

    Returns
    -------
    StraightPath
        One example a sentence.
    """
    ids = torch.tensor([sentence.ids for sentence in sentences], device=encoder.device)
    special = torch.tensor([sentence.word_of for sentence in sentences]) < 0
    ends = baseline_embeddings(encoder, ids, special, baseline)
    return StraightPath(forward, encoder.embed(ids), ends)


def path_profile(encoder: Encoder, sentence: str, n_steps: int) -> pd.DataFrame:
    """See how fast a sentence vector moves along its path, and where rules put their nodes.

    Parameters
    ----------
    encoder : Encoder
        From :func:`wordweights.load_encoder`.
    sentence : str
        A text.
    n_steps : int
        Nodes of each rule.

    Returns
    -------
    pandas.DataFrame
        Columns quadrature, alpha and speed: the length of s'(alpha) relative to that of
        s(1) - s(0). Rows without a quadrature are evenly spaced points; the others are the nodes of
        a rule, ``"adaptive"`` or ``"gauss-legendre"``.
    """
    path = path_of(encoder, encoder.as_stack() or encoder, tokenise(encoder, [sentence]))
    pilot = path.outputs(pilot_nodes()[None])[0].double().cpu().numpy()
    change = np.linalg.norm(pilot[-1] - pilot[0])
    adaptive, _ = choose_rule(pilot, n_steps)
    places = {
        None: np.linspace(0.0, 1.0, _POINTS),
        "adaptive": adaptive.nodes,
        "gauss-legendre": gauss_legendre(n_steps).nodes,
    }
    tables = []
    for rule, alphas in places.items():
        slopes = [
            path.linearise(np.array([[alpha]])).tangent(path.step).norm().item() for alpha in alphas
        ]
        speed = np.array(slopes) / change
        tables.append(pd.DataFrame({"quadrature": rule, "alpha": alphas, "speed": speed}))
    return pd.concat(tables, ignore_index=True)
