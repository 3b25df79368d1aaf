"""Parameters of the notebooks, as papermill hands them over."""

from __future__ import annotations

import json
from collections.abc import Sequence

from wordweights.errors import WordweightsError


def as_names(value: str | Sequence[str]) -> list[str]:
    """Read a list of names, which ``papermill -p`` hands over as text.

    Parameters
    ----------
    value : str | Sequence[str]
        A list, the JSON text of one such as ``'["a", "b"]'``, or a single name.

    Returns
    -------
    list[str]
        The names in their order, each once.

    Raises
    ------
    WordweightsError
        For an empty list, names that are not text or empty, and JSON that cannot be read.
    """
    names = _from_text(value) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise WordweightsError(
            f"The parameter is {value!r}; expected a list of names, such as "
            f'\'["one", "two"]\', or a single name.'
        )
    cleaned = list(dict.fromkeys(name.strip() for name in names))
    if not cleaned or "" in cleaned:
        raise WordweightsError(
            f"The parameter is {value!r}, which is empty or holds an empty name; give at least one."
        )
    return cleaned


def as_texts(value: str | Sequence[str]) -> list[str]:
    """Read a list of sentences, which ``papermill -p`` hands over as text.

    Parameters
    ----------
    value : str | Sequence[str]
        A list, the JSON text of one such as ``'["a", "b"]'``, or a single sentence, which may
        itself begin with a bracket.

    Returns
    -------
    list[str]
        The sentences exactly as they are, in their order, repeated ones too.

    Raises
    ------
    WordweightsError
        For an empty list, and items that are not text or blank.
    """
    texts: object = value
    if isinstance(value, str):
        try:
            read = json.loads(value)
        except ValueError:
            read = None
        texts = read if isinstance(read, list) else [value]
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise WordweightsError(
            f"The parameter is {value!r}; expected a list of sentences, such as "
            f'\'["one sentence", "two"]\', or a single sentence.'
        )
    if not texts or not all(text.strip() for text in texts):
        raise WordweightsError(
            f"The parameter is {value!r}, which is empty or holds a blank sentence; give at least "
            f"one."
        )
    return list(texts)


def _from_text(value: str) -> object:
    if not value.lstrip().startswith("["):
        return [value]
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise WordweightsError(
            f"The parameter is {value!r}, which begins like a JSON list but is none ({error}); "
            f'write it as \'["one", "two"]\', with double quotes inside.'
        ) from None
