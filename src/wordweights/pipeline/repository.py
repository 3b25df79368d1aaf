"""Where the book's repository is, where somebody has said so."""

from __future__ import annotations

import os
import re

from wordweights.errors import WordweightsError

VARIABLE = "WORDWEIGHTS_REPOSITORY"
PLACEHOLDER = "OWNER/NAME"
"""What notebooks write for the repository."""


def known_repository() -> str | None:
    """Read the book's repository on GitHub from the environment, such as ``owner/name``.

    Returns
    -------
    str | None
        None where ``WORDWEIGHTS_REPOSITORY`` is not set, or empty.

    Raises
    ------
    WordweightsError
        For another form.
    """
    name = os.environ.get(VARIABLE)
    if name and not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise WordweightsError(
            f"{VARIABLE} is {name!r}; it must be a repository on GitHub in the form owner/name, or "
            f"not be set."
        )
    return name or None
