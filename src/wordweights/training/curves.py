"""Curves of training: those that come with the package, and whether a fresh one agrees."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pandas as pd

from wordweights.encoders import known_encoders
from wordweights.errors import WordweightsError

FAMILY = Path(str(resources.files("wordweights").joinpath("data/family")))
"""The folder of the shipped checkpoints and tables, written by the program ``family``."""

_CONTENT = ("r_content", "r_content_low", "r_content_high")
_MEASURES = ("r", "low", "high", *_CONTENT, "onion", "norm_r", "sts_spearman")


def shipped_trajectory() -> pd.DataFrame:
    """Read how the weighing of words changed while the family was trained.

    Returns
    -------
    pd.DataFrame
        One row per snapshot: encoder (a registered name), run, step; r of contribution and
        information with its 95 % interval (low, high), and r_content over content words (with _low
        and _high); onion, the share of "onion" in the
        contributions of one sentence; norm_r, Pearson's r of the lengths of word embeddings with
        information; sts_spearman, on the test split of the STS Benchmark (NaN where it was not at
        hand); stage (``"pre-training"`` or ``"fine-tuning"``), settings, date and versions.
    """
    return pd.read_csv(_shipped("trajectory.csv"))


def shipped_like(base: str, objective: str) -> pd.DataFrame:
    """Read the curve of an encoder's fine-tuning, where one was shipped.

    Parameters
    ----------
    base : str
        The encoder that was fine-tuned.
    objective : str
        By what, such as ``"unsup-simcse"``.

    Returns
    -------
    pd.DataFrame
        Rows of :func:`shipped_trajectory`; none where there is no such curve.
    """
    known = known_encoders()
    tuned = known.loc[known["base"] == base, "name"]
    table = shipped_trajectory()
    return table[(table["run"] == objective) & table["encoder"].isin(tuned)]


def shipped_log() -> pd.DataFrame:
    """Read the losses of the family's training.

    Returns
    -------
    pd.DataFrame
        Columns run, step, loss (nats) and seconds since the start of the run.
    """
    return pd.read_csv(_shipped("training.csv"))


def shipped_embeddings() -> pd.DataFrame:
    """Read what the word embeddings of the family give alone.

    Returns
    -------
    pd.DataFrame
        One row per encoder: encoder, and Spearman's coefficient on the test split of the STS
        Benchmark of the whole encoder (sts_encoder), of the mean of its word embeddings (sts_mean)
        and of their mean with SIF weights (sts_sif); settings, date and versions.
    """
    return pd.read_csv(_shipped("embeddings.csv"))


def shipped_seeds() -> pd.DataFrame:
    """Read what each fine-tuning of the family changes when it is done again from other seeds.

    Returns
    -------
    pd.DataFrame
        One row per encoder and pair of seeds, the shipped encoders' own first: encoder,
        pretraining_seed, finetuning_seed; r, r_content (over content words) and sts (Spearman's
        coefficient on the test split of the STS Benchmark), each with _before and _after; rise and
        rise_content, with the ends _low and _high of a paired 95 % interval; settings, date and
        versions.
    """
    return pd.read_csv(_shipped("seeds.csv"))


def shipped_card() -> dict[str, pd.DataFrame]:
    """Read the tables of the family's card: what it is and what it was trained by.

    Returns
    -------
    dict[str, pd.DataFrame]
        ``"model"`` (what, value), ``"sources"`` (text, licence, words, read in), ``"triplets"``
        (close to the premise, far from it, triplets) and ``"runs"`` (training, result, steps,
        batch, learning rate, seed).
    """
    card = json.loads(_shipped("about.json").read_text("utf-8"))["card"]
    return {name: pd.DataFrame(rows) for name, rows in card.items()}


def _shipped(name: str) -> Path:
    path = FAMILY / name
    if not path.is_file():
        raise WordweightsError(
            f"{path} is missing: it comes with the package; reinstall it, or run `make family`."
        )
    return path


def ends_of_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Put the first and the last snapshot of every curve side by side.

    Parameters
    ----------
    table : pd.DataFrame
        One row per snapshot, as from :func:`shipped_trajectory`.

    Returns
    -------
    pd.DataFrame
        One row per curve, in the order of the table: encoder, run, steps (of the last snapshot),
        top and top_step (the largest r and its step), and each of r, low, high, r_content,
        r_content_low, r_content_high, onion, norm_r and sts_spearman with ``_first`` and ``_last``.

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
                "top": top["r"],
                "top_step": int(top["step"]),
                **{f"{name}_first": first[name] for name in _MEASURES},
                **{f"{name}_last": last[name] for name in _MEASURES},
            }
        )
    return pd.DataFrame(rows)


def compare_with_curve(fresh: pd.DataFrame, curve: pd.DataFrame) -> pd.Series:
    """Compare the rise of r over a fresh training with a shipped curve over as many steps.

    Parameters
    ----------
    fresh : pd.DataFrame
        The snapshots of the fresh training: step, and rise, rise_low, rise_high since the first.
    curve : pd.DataFrame
        The snapshots of one shipped curve: step and r.

    Returns
    -------
    pd.Series
        step, the last snapshot of the curve that is no later than the fresh training, or the first
        after step 0 where all are later; change, that of r on the curve up to there; verdict,
        ``"the same direction"`` or ``"the opposite direction"`` when the interval of the fresh rise
        is all on one side of zero, else ``"undecided"``.

    Raises
    ------
    WordweightsError
        For a curve of fewer than two snapshots.
    """
    ordered, end = curve.sort_values("step"), fresh.sort_values("step").iloc[-1]
    if len(ordered) < 2:
        raise WordweightsError(
            f"The shipped curve has {len(ordered)} snapshot(s), and a direction takes two."
        )
    reached = max(2, int((ordered["step"] <= end["step"]).sum()))
    chosen = ordered.iloc[reached - 1]
    change = float(chosen["r"] - ordered["r"].iloc[0])
    if end["rise_low"] <= 0 <= end["rise_high"]:
        verdict = "undecided"
    else:
        same = (end["rise"] > 0) == (change > 0)
        verdict = "the same direction" if same else "the opposite direction"
    return pd.Series({"step": int(chosen["step"]), "change": change, "verdict": verdict})
