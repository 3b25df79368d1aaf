"""Stand-ins for count_stored and pick_method of wordweights.attribution, until they are merged.

Delete this file then, and import both from wordweights.attribution (in running.py and cli.py).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from wordweights.attribution import attribute
from wordweights.attribution.alignment import tokenise
from wordweights.attribution.store import ATTRIBUTIONS, open_collection
from wordweights.attribution.table import _key
from wordweights.encoders import Encoder


def pick_method(name: str, **settings: Any) -> dict[str, Any]:  # noqa: D103
    return make_method(
        name, **{k: v for k, v in settings.items() if k in ("probes", "seed", "n_nodes")}
    )


def make_method(name: str, **settings: Any) -> dict[str, Any]:  # noqa: D103
    return {"n_steps" if k == "n_nodes" else k: v for k, v in settings.items()}


def count_stored(  # noqa: D103
    encoder: Encoder, sentences: pd.DataFrame, method: dict[str, Any]
) -> tuple[int, int]:
    made = attribute(encoder, [], progress=False, **method).attrs["settings"]
    content = {name: value for name, value in made.items() if name != "encoder_name"}
    keys = {_key(s) for s in tokenise(encoder, sentences["sentence"].tolist())}
    return len(open_collection(ATTRIBUTIONS, content).read(keys).index), len(keys)
