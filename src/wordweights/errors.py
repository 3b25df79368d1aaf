"""The error that a user sees: one paragraph that says what is wrong and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WordweightsError(ValueError):
    """Raised for input, files and settings that cannot be used.

    The message is one paragraph for the user: it names the file, row or parameter and says what
    would be right. The command line prints it without a traceback.

    Examples
    --------
    >>> from wordweights import WordweightsError, load_sentences
    >>> try:
    ...     load_sentences("nowhere.csv")
    ... except WordweightsError as error:
    ...     print("nowhere.csv" in str(error))
    True
    """


def reason_of(error: BaseException) -> str:
    """Say in a line what an error was.

    Parameters
    ----------
    error : BaseException
        Any.

    Returns
    -------
    str
        Its kind and the beginning of its message.
    """
    text = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest what a wrong name may have meant.

    Parameters
    ----------
    name : str
        As it was given.
    known : Iterable[str]
        The right ones.

    Returns
    -------
    str
        A clause to append, or nothing when none is close.
    """
    found = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""
