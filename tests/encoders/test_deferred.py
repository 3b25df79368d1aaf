"""Encoders that were loaded before: found by their files, loaded when they are used."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from wordweights import attribute
from wordweights.encoders import Encoder, load_encoder
from wordweights.errors import WordweightsError
from wordweights.files import results_folder

WEIGHTS = "model.safetensors"


def change(checkpoint: Path) -> None:
    """Move one weight a little."""
    weights = load_file(checkpoint / WEIGHTS)
    weights["embeddings.LayerNorm.bias"][0] += 1e-3
    save_file(weights, checkpoint / WEIGHTS, {"format": "pt"})


def facts(encoder: Encoder) -> tuple[object, ...]:
    """All that is asked of an encoder to find its stored results."""
    known = (encoder.digest, encoder.hidden_size, encoder.max_tokens)
    return (*known, encoder.device, encoder.dtype, encoder.name, encoder.pooling, encoder.trained)


@pytest.mark.parametrize("how", [{}, {"trained": False, "seed": 3}, {"dtype": torch.float64}])
def test_an_encoder_is_the_same_the_second_time(
    tiny_checkpoint: Path, how: dict[str, object]
) -> None:
    first, second = (load_encoder(tiny_checkpoint, "cls", **how) for _ in range(2))
    assert facts(first) == facts(second)
    text = ["a woman is cutting an onion ."]
    with torch.inference_mode():
        second.encode(text)
    assert torch.equal(first.encode(text), second.encode(text))
    assert facts(first) == facts(second)
    assert not second.model.training
    second.model.embeddings.LayerNorm.bias[0] += 1
    assert second.digest != first.digest


def test_the_second_time_the_model_is_read_when_it_is_used(tiny_checkpoint: Path) -> None:
    first = load_encoder(tiny_checkpoint, "cls")
    used, unused, changed = (load_encoder(tiny_checkpoint, "cls") for _ in range(3))
    assert torch.equal(used.embedding_matrix, first.embedding_matrix)
    change(tiny_checkpoint)
    with pytest.raises(WordweightsError, match="have been changed since it was asked for"):
        changed.encode(["a dog"])
    (tiny_checkpoint / WEIGHTS).unlink()
    with pytest.raises(WordweightsError, match="cannot be loaded"):
        unused.encode(["a dog"])
    assert facts(unused) == facts(first)


def test_a_checkpoint_that_was_changed_has_another_digest(tiny_checkpoint: Path) -> None:
    first = load_encoder(tiny_checkpoint, "cls")
    change(tiny_checkpoint)
    for _ in range(2):
        assert load_encoder(tiny_checkpoint, "cls").digest != first.digest
    assert load_encoder(tiny_checkpoint, "mean").digest != first.digest
    assert load_encoder(tiny_checkpoint, "cls", trained=False, seed=1).digest != first.digest


def test_an_encoder_travels_with_its_weights(tiny_checkpoint: Path) -> None:
    first, second = (load_encoder(tiny_checkpoint, "cls") for _ in range(2))
    sent = pickle.dumps(second)
    shutil.rmtree(tiny_checkpoint)
    assert pickle.loads(sent).digest == first.digest
    renamed = replace(second, name="other")
    assert (renamed.name, renamed.digest) == ("other", first.digest)


def test_what_is_remembered_may_be_damaged_or_not_be_kept(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = load_encoder(tiny_checkpoint, "cls").digest
    (record,) = (results_folder() / "encoders").iterdir()
    for content in ("", "{}", "[1]", "null"):
        record.write_text(content)
        assert load_encoder(tiny_checkpoint, "cls").digest == digest
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", "/dev/null/results")
    assert load_encoder(tiny_checkpoint, "cls").digest == digest


@pytest.mark.slow
def test_what_is_misspelt_or_stored_needs_no_model() -> None:
    """In a process of its own: misspelt names need no torch, stored results no code of models."""
    attribute(load_encoder("mini-BERT (CLS)"), ["a dog ."], progress=False)
    code = """
import sys
from wordweights import WordweightsError, load_encoder, load_frequencies, load_sentences
from wordweights.attribution import attribute, make_method
from wordweights.encoders import check_name

def refused(call, *arguments, **settings):
    try:
        call(*arguments, **settings)
    except WordweightsError:
        return
    raise AssertionError(arguments)

refused(load_sentences, "misspelt.csv")
refused(load_frequencies, "misspelt")
refused(check_name, "misspelt")
refused(load_encoder, "misspelt")
refused(load_encoder, "mini-BERT (CLS)", "misspelt")
refused(make_method, "misspelt")
refused(make_method, "integrated-gradients", misspelt=3)
refused(make_method, "occlusion", baseline="misspelt")
assert not {"torch", "spacy", "transformers"} & set(sys.modules)
attribute(load_encoder("mini-BERT (CLS)"), ["a dog ."], progress=False)
assert not {"transformers.modeling_utils", "scipy", "captum"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
