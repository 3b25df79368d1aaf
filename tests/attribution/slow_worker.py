"""Preloaded by a `dask worker`: imports are done before it registers, and each batch takes time."""

from __future__ import annotations

import os
import time
from typing import Any

from wordweights.attribution import dask


def dask_setup(worker: Any) -> None:
    """Compute as ever, with time to be killed before and after."""
    before, after = (float(os.environ[f"PAUSE_{when}"]) for when in ("BEFORE", "AFTER"))
    plain = dask.compute

    def compute(*arguments: Any) -> Any:
        time.sleep(before)
        report = plain(*arguments)
        time.sleep(after)
        return report

    dask.compute = compute  # a task names the function, and the worker looks it up
