"""Encoders that a worker takes only if they are the sender's, and what it says of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from wordweights import WordweightsError, load_encoder
from wordweights.encoders import Encoder
from wordweights.encoders.copies import EncoderAddress, address_of, find_encoder, keep_copy
from wordweights.places import Place, place_at


@pytest.fixture
def copies(tmp_path: Path) -> Place:
    """Where copies are kept."""
    return place_at(tmp_path / "encoders")


def why(address: EncoderAddress, copies: Place) -> str:
    """What is said where an encoder is not found."""
    with pytest.raises(WordweightsError) as caught:
        find_encoder(address, copies, "cpu")
    return str(caught.value)


def test_the_checkpoint_or_else_the_copy_is_found(
    tiny_encoder: Encoder, tiny_checkpoint: Path, copies: Place
) -> None:
    named = load_encoder(tiny_checkpoint, "mean")
    assert find_encoder(address_of(named), copies, "cpu").digest == named.digest
    keep_copy(tiny_encoder, address_of(tiny_encoder), copies)
    assert find_encoder(address_of(tiny_encoder), copies, "cpu").digest == tiny_encoder.digest


def test_it_is_said_why_neither_is_the_one(
    tiny_encoder: Encoder, tiny_checkpoint: Path, copies: Place
) -> None:
    encoder = load_encoder(tiny_checkpoint, "mean")
    address = address_of(encoder)
    tiny_encoder.model.save_pretrained(tiny_checkpoint)
    said = why(address, copies)
    assert f"The checkpoint {str(tiny_checkpoint)!r} is not the sender's encoder" in said
    assert f"There is no copy in {copies / address.copy_name}" in said
    keep_copy(encoder, address, copies)
    find_encoder(address, copies, "cpu")
    config = Path(str(copies / address.copy_name), "config.json")
    config.write_text(config.read_text().replace('"bert"', '"bert-of-2030"'))
    assert "makes no model of the sender's copy" in (said := why(address, copies))
    assert "bert-of-2030" in said
    assert "\n" not in said


def test_without_a_name_only_a_copy_can_be_it(tiny_encoder: Encoder, copies: Place) -> None:
    said = why(address_of(tiny_encoder), copies)
    assert "'tiny' was not loaded by a name. There is no copy in" in said
