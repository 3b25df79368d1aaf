"""Preloaded by a `dask worker`: imports are done before it registers, and each batch takes time."""

from __future__ import annotations

import os
import time
from typing import Any

import pandas as pd

import wordweights.attribution.shards  # noqa: F401  so that the first task need not
from wordweights.attribution.store import Collection


def dask_setup(worker: Any) -> None:
    """Store rows as ever, with time to be killed before and after."""
    before, after = (float(os.environ[f"PAUSE_{when}"]) for when in ("BEFORE", "AFTER"))
    keep = Collection.append

    def append(self: Collection, rows: pd.DataFrame) -> str:
        time.sleep(before)
        name = keep(self, rows)
        time.sleep(after)
        return name

    Collection.append = append
