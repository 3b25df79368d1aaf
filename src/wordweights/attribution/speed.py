"""How fast a sentence vector moves along its path, and where rules put their nodes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from wordweights.attribution.alignment import tokenise
from wordweights.attribution.path import lay_path
from wordweights.attribution.quadrature import choose_rule, gauss_legendre, pilot_nodes
from wordweights.encoders import Encoder

_POINTS = 201
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
