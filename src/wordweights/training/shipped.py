"""The family that comes with the package: how it was trained, what was measured on the way."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from wordweights.errors import WordweightsError

FAMILY = Path(str(resources.files("wordweights").joinpath("data/family")))
"""The folder of its checkpoints and tables."""

RECIPE_FILE = FAMILY / "recipe.toml"
"""What it was trained by."""


def shipped_trajectory() -> pd.DataFrame:
    """Read how the weighing of words changed while the family was trained.

    Returns
    -------
    pd.DataFrame
        As :func:`wordweights.training.trajectory`, with the columns stage (``"pre-training"`` or
        ``"fine-tuning"``), settings, date and versions; encoder is a registered name.
    """
    return _table("trajectory.csv")


def shipped_log() -> pd.DataFrame:
    """Read the losses of the family's training.

    Returns
    -------
    pd.DataFrame
        Columns run, step, loss (nats) and seconds since the start of the run.
    """
    return _table("training.csv")


def shipped_recipe() -> dict[str, Any]:
    """Read what the family was trained by.

    Returns
    -------
    dict[str, Any]
        ``recipe`` (data with licences, sizes, steps, seed), ``words`` (of each text),
        ``parameters`` (of one encoder) and ``machine``.
    """
    return dict(json.loads(_read("about.json")))


def _table(name: str) -> pd.DataFrame:
    from io import StringIO

    return pd.read_csv(StringIO(_read(name)))


def _read(name: str) -> str:
    path = FAMILY / name
    if not path.is_file():
        raise WordweightsError(
            f"{path} is missing: it comes with the package; reinstall it, or run `make family`."
        )
    return path.read_text("utf-8")
