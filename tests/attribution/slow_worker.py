"""Preloaded by a `dask worker`: imports are done before it registers, and each batch takes time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd

import wordweights.attribution.shards
from wordweights.store import Collection

BEFORE, AFTER = (float(os.environ[f"PAUSE_{when}"]) for when in ("BEFORE", "AFTER"))
keep = Collection.append


def append(self: Collection, rows: pd.DataFrame) -> Path:
    """Store rows as ever, with time to be killed before and after."""
    time.sleep(BEFORE)
    path = keep(self, rows)
    time.sleep(AFTER)
    return path


Collection.append = append
