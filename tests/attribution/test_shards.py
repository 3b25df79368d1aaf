"""What a worker keeps in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from wordweights.attribution import shards
from wordweights.encoders import Encoder
from wordweights.encoders.copies import EncoderAddress, address_of
from wordweights.places import place_at


@pytest.fixture
def loads(tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For each loading, how many encoders there were in memory before."""
    seen: list[int] = []

    def find(*_: object) -> Encoder:
        seen.append(len(shards._loaded))
        return tiny_encoder

    monkeypatch.setattr(shards, "find_encoder", find)
    monkeypatch.setattr(shards, "_loaded", type(shards._loaded)())
    return seen


@pytest.mark.parametrize(
    ("share", "before"),
    [(None, [0, 1, 1, 1]), (100.0, [0, 1, 1, 1]), (1.0, [0] * 6)],
    ids=["no bound", "much memory", "little memory"],
)
def test_few_encoders_are_kept(
    share: float | None,
    before: list[int],
    loads: list[int],
    tiny_encoder: Encoder,
    tmp_path: Path,
) -> None:
    weights = sum(t.nbytes for t in tiny_encoder.model.state_dict().values())
    memory = None if share is None else int(share * weights)
    address = address_of(tiny_encoder)
    for label in ("a", "b", "a", "c", "a", "b"):
        named = EncoderAddress(**{**vars(address), "label": label})
        assert shards._encoder(named, place_at(tmp_path), "cpu", memory) is not None
    assert loads == before
