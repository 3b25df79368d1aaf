"""Word embeddings to begin with: from co-occurrences, all of one length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import svds

_SMOOTHING = 0.75  # of context probabilities: rare contexts would else have the largest PMI
_SLICE = 1 << 22  # positions that are counted at one time


def cooccurrences(
    ids: NDArray[np.integer], size: int, window: int, ignored: int, at_once: int = _SLICE
) -> csr_matrix:
    """Count how often two of `size` wordpieces stand within a window, symmetric (size, size)."""
    # ids below `ignored`, the special tokens, are no words; they keep their places
    counts = csr_matrix((size, size), dtype=np.float32)
    for distance in range(1, window + 1):
        for start in range(0, max(0, len(ids) - distance), at_once):
            right = ids[start + distance : start + distance + at_once]
            left = ids[start : start + len(right)]
            words = (left >= ignored) & (right >= ignored)
            ones = np.ones(int(words.sum()), dtype=np.float32)
            counts = counts + coo_matrix((ones, (left[words], right[words])), (size, size)).tocsr()
    return (counts + counts.T).tocsr()


def ppmi_embeddings(
    counts: csr_matrix, width: int, norm: float, seed: int = 0
) -> NDArray[np.float32]:
    """Embed words by a truncated SVD of their positive PMI, rows of one length, (size, width)."""
    # PPMI = max(0, ln P(w, c) - ln P(w) - ln P'(c)), with context probabilities P' smoothed by the
    # power 0.75 (Levy et al., TACL 2015). The rows of the SVD are centred and scaled to one length:
    # those of frequent words are longer by nature, which would give them weight that no encoder
    # has learned. Words that never occur get directions at random.
    rng = np.random.default_rng(seed)
    pairs = counts.tocoo()
    words = np.asarray(counts.sum(axis=1)).ravel()
    contexts = words**_SMOOTHING
    contexts /= contexts.sum()
    pmi = np.log(pairs.data / (words[pairs.row] * contexts[pairs.col]))
    kept = pmi > 0
    ppmi = coo_matrix((pmi[kept], (pairs.row[kept], pairs.col[kept])), counts.shape).tocsr()
    u, s, _ = svds(ppmi.astype(np.float64), k=width, rng=rng)
    rows = u * np.sqrt(s)
    seen = words > 0
    rows[seen] -= rows[seen].mean(axis=0)
    rows[~seen] = rng.standard_normal((int((~seen).sum()), width))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (norm * rows / np.maximum(lengths, np.finfo(float).tiny)).astype(np.float32)
