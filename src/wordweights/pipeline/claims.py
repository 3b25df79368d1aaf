"""The table of claims that a run leaves beside its executed chapter, for programs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from wordweights.errors import WordweightsError
from wordweights.statistics.claims import NOT_SUPPORTED, NOT_TESTED, SUPPORTED

CLAIMS_FILE = Path("book", "chapters", "03_correlations-claims.csv")
_VERDICTS = (SUPPORTED, NOT_SUPPORTED, NOT_TESTED)


def read_claims(path: Path) -> pd.DataFrame:
    """Read a table of claims.

    Parameters
    ----------
    path : Path
        A file that a run has written, such as :data:`CLAIMS_FILE` in the checkout.

    Returns
    -------
    pd.DataFrame
        As :func:`wordweights.statistics.judge_claims` returned it.

    Raises
    ------
    WordweightsError
        For a file that is not there, or is no such table.
    """
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise WordweightsError(
            f"There are no claims in {path}: 'wordweights run 03' writes them beside the chapter."
        ) from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WordweightsError(f"The claims in {path} cannot be read: {reason}.") from None
    missing = [name for name in ("claim", "scope", "paper", "verdict") if name not in table]
    if missing or not table["verdict"].isin(_VERDICTS).all():
        wrong = f"it lacks the column {missing[0]!r}" if missing else "it has unknown verdicts"
        raise WordweightsError(
            f"{path} is no table of claims: {wrong}. Give a file that 'wordweights run' has "
            f"written, such as {CLAIMS_FILE}."
        )
    return table
