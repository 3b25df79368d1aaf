"""Which words make two sentences alike: the inner product of two sentence vectors, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wordweights.attribution.alignment import tokenise
from wordweights.attribution.attribute import attribute
from wordweights.attribution.methods import METHODS, Method, make_method
from wordweights.encoders import Encoder, as_encoder
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_ROUNDING = float(np.finfo(np.float32).eps)  # relative
_MEMORY = 2**20  # bytes of the passes under way: there are four of them


def attribute_pair(
    encoder: Encoder | SentenceTransformer,
    a: str,
    b: str,
    method: Method | str = "shapley",
    **settings: Any,
) -> pd.DataFrame:
    """Compute how much each pair of words adds to the likeness of two sentences.

    A complete method gives each word a vector, and the vectors of a sentence sum to what its words
    do to the sentence vector, s - s0, where s0 is that of the baseline. So

        <s_a - s_a0, s_b - s_b0> = sum over i and j of <phi_i, psi_j>,

    with phi_i the vector of word i of `a`, and psi_j that of word j of `b`.

    Parameters
    ----------
    encoder : Encoder | SentenceTransformer
        From :func:`wordweights.load_encoder`, or loaded by sentence-transformers.
    a : str
        A sentence.
    b : str
        Another one.
    method : Method | str
        ``"shapley"`` or ``"integrated-gradients"`` (with its norm ``"vector"``), or an instance.
    **settings : Any
        Settings of a method that is given by its name, such as ``baseline="mask"``.

    Returns
    -------
    pandas.DataFrame
        One row per pair of words: position_a, word_a, position_b, word_b (positions from 0),
        contribution = <phi_i, psi_j>, in squared units of the sentence vector, and cosine, the same
        relative to the lengths of s_a - s_a0 and s_b - s_b0: these sum to the cosine of the two.
        NaN for a word that no wordpiece stands for. ``attrs["cosine"]`` has that cosine from the
        sentence vectors themselves, and ``attrs["gap"]`` the sum of the column cosine less it:
        rounding for Shapley values, the completeness residual for Integrated Gradients, and with
        both what words that are NaN add, such as one that the tokenizer does not know.
        ``attrs["settings"]`` carries all that made it.

    Raises
    ------
    WordweightsError
        For a method whose vectors do not add up, a sentence whose vector is that of its baseline,
        and what :func:`attribute` refuses.

    Examples
    --------
    >>> from wordweights import attribute_pair, load_encoder
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> pair = attribute_pair(encoder, "a dog runs", "the puppy is running")
    >>> len(pair)  # 3 words by 4 words
    12
    >>> bool(abs(pair["cosine"].sum() - pair.attrs["cosine"]) < 1e-4)
    True
    """
    chosen = _with_vectors(make_method(method, **settings))
    model = as_encoder(encoder)
    words = attribute(model, list(dict.fromkeys([a, b])), chosen, progress=False)
    sides = [words[words["sentence_id"] == i] for i in (0, words["sentence_id"].max())]
    nothing, everything = _ends(model, [a, b], words.attrs["settings"]["baseline"])
    changes = everything - nothing
    lengths = np.linalg.norm(changes, axis=1)
    for text, length, none in zip((a, b), lengths, nothing, strict=True):
        if length <= _ROUNDING * np.linalg.norm(none):
            raise WordweightsError(
                f"The vector of {text!r} is that of its baseline, so no word of it makes it like "
                f"another sentence."
            )
    first, second = (np.stack(side["vector"].to_list()) for side in sides)
    products = first @ second.T  # (words of a, words of b)
    table = pd.DataFrame(
        [
            (i, word_a, j, word_b)
            for i, word_a in enumerate(sides[0]["word"])
            for j, word_b in enumerate(sides[1]["word"])
        ],
        columns=["position_a", "word_a", "position_b", "word_b"],
    )
    table["contribution"] = products.ravel()
    table["cosine"] = products.ravel() / lengths.prod()
    cosine = float(changes[0] @ changes[1] / lengths.prod())
    table.attrs["cosine"] = cosine
    table.attrs["gap"] = float(table["cosine"].sum()) - cosine
    table.attrs["settings"] = words.attrs["settings"]
    return table


def pair_matrix(pair: pd.DataFrame, column: str = "cosine") -> pd.DataFrame:
    """Lay the pairs of words out, those of `a` from top to bottom, those of `b` to the right.

    Parameters
    ----------
    pair : pd.DataFrame
        From :func:`attribute_pair`.
    column : str
        ``"cosine"`` or ``"contribution"``.

    Returns
    -------
    pd.DataFrame
        Shape (words of a, words of b), with the words as index and columns; they may repeat.

    Examples
    --------
    >>> from wordweights import attribute_pair, load_encoder
    >>> from wordweights.attribution import pair_matrix
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> matrix = pair_matrix(attribute_pair(encoder, "a dog runs", "the puppy is running"))
    >>> list(matrix.index), list(matrix.columns)
    (['a', 'dog', 'runs'], ['the', 'puppy', 'is', 'running'])
    """
    firsts, seconds = (
        pair.drop_duplicates(f"position_{side}")[f"word_{side}"].to_list() for side in "ab"
    )
    values = pair[column].to_numpy().reshape(len(firsts), len(seconds))
    return pd.DataFrame(values, index=firsts, columns=seconds)


def _with_vectors(method: Method) -> Method:
    """Ask a complete method for the vectors of words."""
    if not method.complete:
        complete = [repr(name) for name, kind in METHODS.items() if kind.complete]
        raise WordweightsError(
            f"The vectors of the method {method.name!r} do not add up to the change of the "
            f"sentence vector, so they cannot share out the likeness of two sentences; use one of "
            f"{', '.join(complete)}."
        )
    wanted = {"vectors": True, "norm": "vector"}
    known = {field.name for field in fields(method)}
    return replace(method, **{name: value for name, value in wanted.items() if name in known})


def _ends(
    encoder: Encoder, sentences: Sequence[str], baseline: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute s0 and s of each sentence, (sentences, d)."""
    from wordweights.attribution.path import lay_path

    paths = [lay_path(encoder, [some], baseline, _MEMORY) for some in tokenise(encoder, sentences)]
    ends = [path.outputs(np.array([[0.0, 1.0]]))[0].double().cpu().numpy() for path in paths]
    nothing, everything = np.stack(ends, axis=1)
    return nothing, everything


def nearest_pairs(
    encoder: Encoder | SentenceTransformer, sentences: Sequence[str], n: int
) -> pd.DataFrame:
    """Pair sentences with the one that is most like them.

    Parameters
    ----------
    encoder : Encoder | SentenceTransformer
        Whose sentence vectors.
    sentences : Sequence[str]
        At least two, each once.
    n : int
        Pairs, at most.

    Returns
    -------
    pandas.DataFrame
        One row per pair, the most alike first: a, b, and likeness, the cosine of their vectors. No
        sentence is in two pairs.

    Examples
    --------
    >>> from wordweights import load_encoder
    >>> from wordweights.attribution import nearest_pairs
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> sentences = ["a dog runs .", "a dog is running .", "the soup is hot ."]
    >>> nearest = nearest_pairs(encoder, sentences, n=1)
    >>> list(nearest.columns), len(nearest)
    (['a', 'b', 'likeness'], 1)
    """
    vectors = as_encoder(encoder).encode(sentences).double().cpu().numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    firsts, seconds = np.triu_indices(len(cosines), 1)
    free, rows = set(range(len(sentences))), list[tuple[str, str, float]]()
    for place in np.argsort(-cosines[firsts, seconds], kind="stable"):
        i, j = int(firsts[place]), int(seconds[place])
        if len(rows) < n and {i, j} <= free:
            free -= {i, j}
            rows.append((sentences[i], sentences[j], float(cosines[i, j])))
    return pd.DataFrame(rows, columns=["a", "b", "likeness"])


def words_of_pairs(
    encoder: Encoder | SentenceTransformer,
    pairs: pd.DataFrame,
    method: Method | str = "shapley",
    **settings: Any,
) -> pd.DataFrame:
    """Say how much each word adds to the likeness of its sentence with another one.

    Parameters
    ----------
    encoder : Encoder | SentenceTransformer
        As for :func:`attribute_pair`.
    pairs : pd.DataFrame
        With columns a and b, sentences.
    method : Method | str
        As for :func:`attribute_pair`.
    **settings : Any
        As for :func:`attribute_pair`.

    Returns
    -------
    pandas.DataFrame
        One row per word: sentence_id (two for each pair: its sentences have numbers of their own),
        position, word, pair (the place in `pairs`), and contribution, the sum of the column cosine
        of :func:`attribute_pair` over the words of the other sentence that have one.

    Examples
    --------
    >>> import pandas as pd
    >>> from wordweights import load_encoder
    >>> from wordweights.attribution import words_of_pairs
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> pairs = pd.DataFrame({"a": ["a dog runs"], "b": ["the puppy is running"]})
    >>> words = words_of_pairs(encoder, pairs)
    >>> words["word"].tolist()
    ['a', 'dog', 'runs', 'the', 'puppy', 'is', 'running']
    """
    tables = []
    for number, (a, b) in enumerate(zip(pairs["a"], pairs["b"], strict=True)):
        pair = attribute_pair(encoder, a, b, method, **settings)
        for side in "ab":
            by_word = pair.groupby([f"position_{side}", f"word_{side}"])["cosine"].sum(min_count=1)
            words = by_word.rename("contribution").rename_axis(["position", "word"]).reset_index()
            identity = 2 * number + "ab".index(side)
            tables.append(words.assign(sentence_id=identity, pair=number))
    columns = ["sentence_id", "position", "word", "pair", "contribution"]
    return pd.concat(tables, ignore_index=True)[columns]
