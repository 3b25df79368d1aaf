"""What old checkpoints hold, and what a hostile one could: each as a folder."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import (
    CONFIG,
    SPECIAL_TOKENS,
    VOCABULARY,
    as_bin,
    as_json,
    bert_files,
    old_name,
    plain_model,
    random_weights,
    simcse_files,
    with_position_ids,
    wordpiece_ids,
)
from hubs import Hub
from safetensors.torch import save
from torch import Tensor

from wordweights import WordweightsError, load_encoder
from wordweights.encoders import Encoder

SENTENCE = "The woman is cutting an onion ."
WEIGHTS = random_weights(7)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder with a checkpoint."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def first_state(weights: dict[str, Tensor]) -> Tensor:
    """The last hidden state of [CLS], by a plain call of transformers."""
    with torch.no_grad():
        ids = torch.tensor([wordpiece_ids(SENTENCE)])
        return plain_model(weights)(input_ids=ids).last_hidden_state[0, 0]


def assert_reads(encoder: Encoder, expected: Tensor) -> None:
    torch.testing.assert_close(encoder.encode([SENTENCE])[0], expected, rtol=1e-4, atol=1e-5)


def prefixed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"bert.{name}": tensor for name, tensor in weights.items()}


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(WEIGHTS, id="as-it-is"),
        pytest.param(prefixed(WEIGHTS), id="prefix"),
        pytest.param({old_name(k): v for k, v in WEIGHTS.items()}, id="gamma-and-beta"),
        pytest.param(with_position_ids(WEIGHTS), id="position-ids"),
        pytest.param(prefixed(with_position_ids(WEIGHTS)), id="prefixed-position-ids"),
        pytest.param(
            prefixed(WEIGHTS)
            | {"cls.predictions.bias": torch.zeros(3), "cls.seq_relationship.bias": torch.zeros(2)},
            id="heads",
        ),
        pytest.param(
            prefixed(WEIGHTS)
            | {"mlp.dense.weight": torch.eye(24), "mlp.dense.bias": torch.ones(24)},
            id="simcse-training-head",
        ),
        pytest.param({k: v for k, v in WEIGHTS.items() if "pooler" not in k}, id="no-pooler"),
    ],
)
@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.safetensors"])
def test_old_names_and_known_heads_change_nothing(
    tmp_path: Path, stored: dict[str, Tensor], file: str
) -> None:
    files = simcse_files(WEIGHTS)
    del files["pytorch_model.bin"]
    files[file] = as_bin(stored) if file.endswith(".bin") else save(stored, {"format": "pt"})
    assert_reads(load_encoder(write(tmp_path, files), "cls"), first_state(WEIGHTS))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(tmp_path: Path, kind: torch.dtype) -> None:
    half = {name: tensor.to(kind) for name, tensor in WEIGHTS.items()}
    files = simcse_files(half) | {
        "config.json": as_json(CONFIG | {"torch_dtype": str(kind).removeprefix("torch.")})
    }
    encoder = load_encoder(write(tmp_path, files), "cls")
    assert encoder.dtype == torch.float32
    assert_reads(encoder, first_state({name: tensor.float() for name, tensor in half.items()}))


def test_keys_that_are_missing_or_too_many_are_listed(tmp_path: Path) -> None:
    gone = "encoder.layer.11.output.dense.weight"
    stored = {name: tensor for name, tensor in WEIGHTS.items() if name != gone}
    stored |= {
        "encoder.layer.3.adapter.down.weight": torch.ones(2, 2),
        # a head's name, but not where a head is
        "encoder.layer.3.pooler.dense.weight": torch.ones(2, 2),
    }
    files = simcse_files(WEIGHTS) | {"pytorch_model.bin": as_bin(stored)}
    with pytest.raises(WordweightsError) as error:
        load_encoder(write(tmp_path, files), "cls")
    for name in (gone, *(stored.keys() - WEIGHTS.keys())):
        assert name in str(error.value)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    stored = WEIGHTS | {"embeddings.LayerNorm.bias": torch.zeros(25)}
    files = simcse_files(WEIGHTS) | {"pytorch_model.bin": as_bin(stored)}
    with pytest.raises(WordweightsError, match=r"of another shape: embeddings\.LayerNorm\.bias\."):
        load_encoder(write(tmp_path, files), "cls")


@pytest.mark.parametrize("gone", ["pooler.dense.weight", "pooler.dense.bias"])
def test_the_pooler_needs_its_weights(tmp_path: Path, gone: str) -> None:
    """Without them it would be random."""
    stored = {name: tensor for name, tensor in WEIGHTS.items() if name != gone}
    files = simcse_files(WEIGHTS) | {"pytorch_model.bin": as_bin(stored)}
    with pytest.raises(WordweightsError, match=rf"missing weights: {gone};"):
        load_encoder(f"{write(tmp_path, files)} (pooler)")


def test_the_pooler_needs_a_model_that_has_one(tmp_path: Path) -> None:
    encoder = load_encoder(write(tmp_path, simcse_files(WEIGHTS)), "cls")
    with pytest.raises(WordweightsError, match=r"needs a pooler in the model.*'cls' or 'mean'"):
        Encoder("other", "pooler", encoder.tokenizer, encoder.model)


@pytest.mark.parametrize(
    ("settings", "lower"),
    [
        ({"do_lower_case": True}, True),
        ({"do_lower_case": False}, False),
        ({}, True),
        ({"tokenizer_class": "BertTokenizer", "do_lower_case": False} | SPECIAL_TOKENS, False),
        (None, True),
    ],
)
def test_case_is_that_of_the_tokenizers_configuration(
    tmp_path: Path, settings: dict[str, Any] | None, lower: bool
) -> None:
    """A vocabulary without tokenizer.json: BERT lower-cases unless it says otherwise."""
    files = simcse_files(WEIGHTS)
    words = [*VOCABULARY[:-1], "The"]  # a cased word in place of the last one
    files["vocab.txt"] = "".join(f"{word}\n" for word in words).encode()
    del files["special_tokens_map.json"], files["tokenizer_config.json"]
    if settings is not None:
        files["tokenizer_config.json"] = as_json(settings)
    tokenizer = load_encoder(write(tmp_path, files), "cls").tokenizer
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("The DOGS")["input_ids"])
    assert pieces == ["[CLS]", *(["the", "dogs"] if lower else ["The", "[UNK]"]), "[SEP]"]


def test_a_pickle_that_would_run_something_does_not(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(mark),)

    files = simcse_files(WEIGHTS) | {"pytorch_model.bin": as_bin({**WEIGHTS, "x": Payload()})}
    with pytest.raises(WordweightsError, match="other things than tensors") as error:
        load_encoder(write(tmp_path / "checkpoint", files), "cls")
    assert "weights_only" not in str(error.value)
    assert not mark.exists()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("trained", [True, False])
def test_code_that_comes_with_a_checkpoint_is_not_run(
    tmp_path: Path, known: bool, trained: bool
) -> None:
    """Of a known family it is not needed; of another the checkpoint is refused, unasked."""
    mark = tmp_path / "ran"
    map_of = {kind: f"code.{kind}" for kind in ("AutoConfig", "AutoModel")}
    files = simcse_files(WEIGHTS) | {
        "config.json": as_json(
            CONFIG | {"auto_map": map_of} | ({} if known else {"model_type": "of-its-own"})
        ),
        "tokenizer_config.json": as_json({"auto_map": {"AutoTokenizer": ["code.Tokenizer", None]}}),
        "code.py": f"import os\nos.mkdir({str(mark)!r})\n".encode(),
    }
    folder = write(tmp_path / "checkpoint", files)
    if known:
        encoder = load_encoder(folder, "cls", trained=trained)
        assert type(encoder.model).__module__.startswith("transformers.")
        if trained:
            assert_reads(encoder, first_state(WEIGHTS))
    else:
        with pytest.raises(WordweightsError, match="code that comes with it, which is never run"):
            load_encoder(folder, "cls", trained=trained)
    assert not mark.exists()


def test_no_service_is_asked_to_convert_a_bin(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Online, transformers would ask for SimCSE, whose branch has no safetensors, in a thread."""
    asked: list[object] = []
    monkeypatch.setattr(
        "transformers.modeling_utils.auto_conversion", lambda *a, **_: asked.append(a)
    )
    monkeypatch.delenv("DISABLE_SAFETENSORS_CONVERSION", raising=False)
    hub.add("princeton-nlp/unsup-simcse-bert-base-uncased", simcse_files(WEIGHTS))
    assert_reads(load_encoder("Unsup. SimCSE (CLS)"), first_state(WEIGHTS))
    assert not asked
    assert not [t for t in threading.enumerate() if "conversion" in t.name]
    assert not any(
        part in request for request in hub.requests for part in ("discussions", "commits", "pr/")
    )


def test_safetensors_are_preferred_to_a_pickle(tmp_path: Path) -> None:
    files = bert_files(WEIGHTS) | {"pytorch_model.bin": b"never read"}
    assert_reads(load_encoder(write(tmp_path, files), "cls"), first_state(WEIGHTS))
