from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from wordweights import load_encoder, load_frequencies
from wordweights.pipeline.browser import BROWSER_ENCODERS, write_encoders
from wordweights.words.frequencies import look_up

pytestmark = pytest.mark.slow


def test_a_script_holds_a_checkpoint_its_readings_and_the_information_of_words(
    tmp_path: Path,
) -> None:
    scripts = write_encoders(tmp_path / "encoders")
    readings: dict[str, str] = {}
    for script in scripts:
        content = script.read_text("utf-8")
        found = re.fullmatch(r'\(window\.\w+ \?\?= \{\}\)\["([\w-]+)"\] = (.*);\n', content)
        assert found
        assert script.name == f"{found[1]}.js"
        checkpoint = json.loads(found[2])
        readings |= checkpoint["readings"]
        encoder = load_encoder(next(iter(checkpoint["readings"])))
        weights = base64.b64decode(checkpoint["weights"])
        matrix = encoder.embedding_matrix.half().numpy().tobytes()
        assert matrix in weights
        ids = encoder.tokenizer.convert_tokens_to_ids(checkpoint["vocabulary"])
        assert ids == list(range(encoder.model.config.vocab_size))
        words = ["onion", "the", "##ing"]
        nats = [checkpoint["information"][checkpoint["vocabulary"].index(word)] for word in words]
        known = look_up(words[:2], load_frequencies())["information"]
        assert nats[:2] == pytest.approx(known.tolist(), abs=1e-3)
        assert nats[2] is None
        assert np.mean([nat is not None for nat in checkpoint["information"]]) > 0.5
    assert list(readings) == list(BROWSER_ENCODERS)
