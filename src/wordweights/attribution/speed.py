"""Along the path of a sentence: how fast its vector moves, and what its words have gathered."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from wordweights.attribution.alignment import tokenise
from wordweights.attribution.integral import Integral
from wordweights.attribution.path import lay_path
from wordweights.attribution.quadrature import choose_rule, gauss_legendre, pilot_nodes
from wordweights.encoders import Encoder

_POINTS = 201
_NODES = 2  # of each step of the path
_MEMORY = 256 * 2**20  # bytes


def path_speed(encoder: Encoder, sentence: str, n_nodes: int) -> pd.DataFrame:
    """See how fast a sentence vector moves along its path, and where rules put their nodes.

    Parameters
    ----------
    encoder : Encoder
        From :func:`wordweights.load_encoder`.
    sentence : str
        A text.
    n_nodes : int
        Nodes of each rule.

    Returns
    -------
    pandas.DataFrame
        Columns quadrature, alpha and speed: the length of s'(alpha) relative to that of
        s(1) - s(0). Rows without a quadrature are evenly spaced points; the others are the nodes of
        a rule, ``"adaptive"`` or ``"gauss-legendre"``.

    Examples
    --------
    >>> from wordweights import load_encoder
    >>> from wordweights.attribution import path_speed
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> speed = path_speed(encoder, "a dog runs .", n_nodes=6)
    >>> speed["quadrature"].value_counts().to_dict()
    {'adaptive': 6, 'gauss-legendre': 6}
    """
    path = lay_path(encoder, tokenise(encoder, [sentence]), "pad", _MEMORY)
    pilot = path.outputs(pilot_nodes()[None])[0].double().cpu().numpy()
    change = np.linalg.norm(pilot[-1] - pilot[0])
    adaptive, _ = choose_rule(pilot, n_nodes)
    places = {
        None: np.linspace(0.0, 1.0, _POINTS),
        "adaptive": adaptive.nodes,
        "gauss-legendre": gauss_legendre(n_nodes).nodes,
    }
    tables = []
    for rule, alphas in places.items():
        slopes = [
            path.linearise(np.array([[alpha]])).tangent(path.step).norm().item() for alpha in alphas
        ]
        speed = np.array(slopes) / change
        tables.append(pd.DataFrame({"quadrature": rule, "alpha": alphas, "speed": speed}))
    return pd.concat(tables, ignore_index=True)


def path_gathered(encoder: Encoder, sentence: str, n_steps: int = 40) -> pd.DataFrame:
    """See how much of a sentence vector each word has gathered on the way to a place of the path.

    Parameters
    ----------
    encoder : Encoder
        From :func:`wordweights.load_encoder`.
    sentence : str
        A text.
    n_steps : int
        Equal steps of the path, each integrated by a few nodes.

    Returns
    -------
    pandas.DataFrame
        One row per place alpha, from 0 to 1, and word: alpha, position, word and gathered, the
        length of the integral of J_w (W - B)_w from 0 to alpha. At 1 that is the contribution by
        ``norm="vector"``.

    Examples
    --------
    >>> from wordweights import load_encoder
    >>> from wordweights.attribution import path_gathered
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> gathered = path_gathered(encoder, "a dog runs .", n_steps=4)
    >>> gathered.loc[gathered["alpha"] == 0, "gathered"].tolist()
    [0.0, 0.0, 0.0, 0.0]
    >>> len(gathered)  # four words at five places
    20
    """
    (tokenised,) = tokenise(encoder, [sentence])
    path = lay_path(encoder, [tokenised], "pad", _MEMORY)
    outputs = path.outputs(np.zeros((1, 1))).shape[-1]
    edges, rule = np.linspace(0.0, 1.0, n_steps + 1), gauss_legendre(_NODES)
    vectors = np.zeros((len(tokenised.words), outputs))
    lengths = [np.zeros(len(tokenised.words))]
    for begin, end in pairwise(edges):
        (rows,) = Integral(path, (rule.on(begin, end),), outputs).rows().double().cpu().numpy()
        vectors += tokenised.membership.T @ rows  # of the wordpieces, (pieces, outputs)
        lengths.append(np.linalg.norm(vectors, axis=1))
    places = pd.MultiIndex.from_product([edges, range(len(tokenised.words))])
    table = places.to_frame(index=False, name=["alpha", "position"])
    words = np.tile(np.array(tokenised.words, dtype=object), len(edges))
    return table.assign(word=words, gathered=np.concatenate(lengths))
