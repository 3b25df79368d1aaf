"""Reading curves of training: where they begin and end, and whether a fresh one agrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from wordweights.statistics import Estimate

_MEASURES = ("r", "low", "high", "onion", "norm_r", "sts_spearman")


def ends_of_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Put the first and the last snapshot of every curve side by side.

    Parameters
    ----------
    table : pd.DataFrame
        One row a snapshot, as :func:`wordweights.training.shipped_trajectory` gives it.

    Returns
    -------
    pd.DataFrame
        One row a curve, in the order of the table: encoder, run, steps (of the last snapshot),
        n_snapshots, top and top_step (the largest r and its step), and each of r, low, high,
        onion, norm_r and sts_spearman with ``_first`` and ``_last``.

    Raises
    ------
    WordweightsError
        For a table without rows.
    """
    if table.empty:
        raise WordweightsError("There is no curve of a training: the table has no rows.")
    rows = []
    for (encoder, run), curve in table.groupby(["encoder", "run"], sort=False):
        ordered = curve.sort_values("step")
        first, last, top = (ordered.iloc[i] for i in (0, -1, int(ordered["r"].argmax())))
        rows.append(
            {
                "encoder": encoder,
                "run": run,
                "steps": int(last["step"]),
                "n_snapshots": len(ordered),
                "top": top["r"],
                "top_step": int(top["step"]),
                **{f"{name}_first": first[name] for name in _MEASURES},
                **{f"{name}_last": last[name] for name in _MEASURES},
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Agreement:
    """Whether a fresh training moves r as a shipped curve does.

    Attributes
    ----------
    step : int
        The snapshot of the shipped curve that the fresh training is compared with.
    change : float
        Of r on the shipped curve up to there.
    verdict : str
        ``"the same direction"`` or ``"the opposite direction"`` when the interval of the fresh rise
        is all on one side of zero, else ``"undecided"``.
    """

    step: int
    change: float
    verdict: str


def compare_with_curve(rise: Estimate, curve: pd.DataFrame, steps: int) -> Agreement:
    """Compare the rise of r over a fresh training with a shipped curve over as many steps.

    Parameters
    ----------
    rise : Estimate
        Of the fresh training, from its first to its last snapshot, with its paired interval.
    curve : pd.DataFrame
        The snapshots of one shipped curve: step and r.
    steps : int
        Of the fresh training.

    Returns
    -------
    Agreement
        With the last snapshot of the curve that is no later than the fresh training, or with the
        first after step 0 where all are later.

    Raises
    ------
    WordweightsError
        For a curve of fewer than two snapshots.
    """
    ordered = curve.sort_values("step")
    if len(ordered) < 2:
        raise WordweightsError(
            f"The shipped curve has {len(ordered)} snapshot(s), and a direction takes two."
        )
    later = ordered.iloc[1:]
    reached = later[later["step"] <= steps]
    chosen = reached.iloc[-1] if len(reached) else later.iloc[0]
    change = float(chosen["r"] - ordered["r"].iloc[0])
    if rise.low <= 0 <= rise.high:
        verdict = "undecided"
    else:
        same = (rise.value > 0) == (change > 0)
        verdict = "the same direction" if same else "the opposite direction"
    return Agreement(int(chosen["step"]), change, verdict)
