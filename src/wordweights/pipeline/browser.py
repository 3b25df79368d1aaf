"""Encoders as files that a page of the book loads to weigh its reader's sentence."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np

BROWSER_ENCODERS = ("mini SBERT (MEAN)", "mini-BERT (MEAN)", "mini-BERT (CLS)")
"""The encoders of the page: from before and after fine-tuning, small enough to be loaded."""


def write_encoders(folder: Path, frequencies: str = "spacy") -> list[Path]:
    """Write the checkpoints of :data:`BROWSER_ENCODERS` as scripts, with the information of words.

    Parameters
    ----------
    folder : Path
        Where to; it is made.
    frequencies : str
        Source of P(w).

    Returns
    -------
    list[Path]
        A script per checkpoint, called as its folder is. It puts into ``wordweightsEncoders`` of
        the page, by that name: readings (pooling by name of encoder), config, vocabulary, weights
        (the bytes of its safetensors file, in base64) and information (per wordpiece in nats, null
        where it is no word of the source).
    """
    from wordweights.encoders.registry import locate, registered
    from wordweights.words.frequencies import load_frequencies, look_up

    source = load_frequencies(frequencies)
    readings: dict[Path, dict[str, str]] = {}
    for name in BROWSER_ENCODERS:
        readings.setdefault(locate(name), {})[name] = registered()[name]["pooling"]
    folder.mkdir(parents=True, exist_ok=True)
    scripts = []
    for checkpoint, poolings in readings.items():
        vocabulary = (checkpoint / "vocab.txt").read_text("utf-8").split("\n")[:-1]
        information = look_up(vocabulary, source)["information"].to_numpy()
        content = {
            "readings": poolings,
            "config": json.loads((checkpoint / "config.json").read_text("utf-8")),
            "vocabulary": vocabulary,
            "information": [None if np.isnan(i) else round(float(i), 3) for i in information],
            "weights": base64.b64encode((checkpoint / "model.safetensors").read_bytes()).decode(),
        }
        script = folder / f"{checkpoint.name}.js"
        text = json.dumps(content, separators=(",", ":"))
        script.write_text(
            f"(window.wordweightsEncoders ??= {{}})[{json.dumps(checkpoint.name)}] = {text};\n"
        )
        scripts.append(script)
    return scripts
