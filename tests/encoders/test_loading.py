"""Checkpoints: those of the paper, what old ones hold, and every way in which one can be wrong."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import (
    CONFIG,
    NAMES,
    SPECIAL_TOKENS,
    VOCABULARY,
    Repositories,
    as_bin,
    as_json,
    old_name,
    plain_model,
    random_weights,
    simcse_files,
    with_position_ids,
    wordpiece_ids,
)
from hubs import Hub
from safetensors.torch import save
from sentence_transformers import SentenceTransformer
from torch import Tensor

from wordweights import attribute
from wordweights.encoders import (
    Encoder,
    as_encoder,
    describe_source,
    known_encoders,
    load_encoder,
    loading,
    registry,
)
from wordweights.errors import WordweightsError

SENTENCES = ["A woman is cutting an onion .", "there are Dogs in the forest !"]
WEIGHTS = random_weights(7)


def states(weights: dict[str, Tensor], sentence: str) -> Tensor:
    """Last hidden states by a plain call of transformers."""
    with torch.no_grad():
        ids = torch.tensor([wordpiece_ids(sentence)])
        return plain_model(weights)(input_ids=ids).last_hidden_state[0]


def expected_vector(name: str, weights: dict[str, Tensor], sentence: str) -> Tensor:
    """The sentence vector, written out."""
    hidden = states(weights, sentence)
    if name.endswith("(MEAN)"):
        return hidden.mean(dim=0)
    if name.endswith("(CLS)"):
        return hidden[0]
    return torch.tanh(weights["pooler.dense.weight"] @ hidden[0] + weights["pooler.dense.bias"])


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder with a checkpoint."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def stored(weights: dict[str, Tensor]) -> dict[str, bytes]:
    """The files of SimCSE with these weights."""
    return simcse_files(WEIGHTS) | {"pytorch_model.bin": as_bin(weights)}


def prefixed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"bert.{name}": tensor for name, tensor in weights.items()}


def assert_reads(encoder: Encoder, weights: dict[str, Tensor] = WEIGHTS) -> None:
    """The encoder is the one of these weights, read at [CLS]."""
    vector = encoder.encode(SENTENCES[:1])[0]
    torch.testing.assert_close(vector, states(weights, SENTENCES[0])[0], rtol=1e-4, atol=1e-5)


# --- the paper's encoders, from a hub cache


@pytest.mark.parametrize("name", NAMES)
def test_each_of_the_paper_is_what_its_repository_computes(
    offline: Repositories, name: str
) -> None:
    weights, _ = offline[NAMES[name]]
    encoder = load_encoder(name)
    assert encoder.name == name
    assert describe_source(name) == f"{NAMES[name]}, commit {encoder.commit}"
    for sentence, vector in zip(SENTENCES, encoder.encode(SENTENCES), strict=True):
        expected = expected_vector(name, weights, sentence)
        torch.testing.assert_close(vector, expected, rtol=1e-4, atol=1e-5)
        alone = encoder.vectors(encoder.embed(torch.tensor([wordpiece_ids(sentence)])))[0]
        torch.testing.assert_close(alone, expected, rtol=1e-4, atol=1e-5)


def test_simcse_is_read_before_its_pooler_and_not_as_sentence_transformers_would(
    offline: Repositories,
) -> None:
    """Its repository has no modules.json, so sentence-transformers takes the mean."""
    weights, files = offline[NAMES["Sup. SimCSE (CLS)"]]
    assert {"model.safetensors", "modules.json"}.isdisjoint(files)
    assert "pooler.dense.weight" in weights
    before, behind = (
        load_encoder(f"Sup. SimCSE ({pooling})").encode(SENTENCES) for pooling in ("CLS", "pooler")
    )
    mean = torch.stack([states(weights, sentence).mean(dim=0) for sentence in SENTENCES])
    for other in (behind, mean):
        assert not torch.allclose(before, other, atol=0.01)


def test_the_pooler_is_attributed_exactly(offline: Repositories) -> None:
    encoder = load_encoder("Sup. SimCSE (pooler)")
    table = attribute(encoder, SENTENCES[:1], tolerance=0.001, probes="all", progress=False)
    assert table["converged"].all()
    assert (table["contribution"] > 0).all()


def test_what_sentence_transformers_has_loaded_is_the_same_encoder(offline: Repositories) -> None:
    model = SentenceTransformer(NAMES["SBERT (MEAN)"], device="cpu", local_files_only=True)
    vectors = model.encode(SENTENCES, convert_to_tensor=True, show_progress_bar=False)
    taken = as_encoder(model)
    assert taken.pooling == "mean"
    assert as_encoder(taken) is taken
    for encoder in (taken, load_encoder("SBERT (MEAN)")):
        torch.testing.assert_close(encoder.encode(SENTENCES), vectors, rtol=1e-4, atol=1e-5)
    with pytest.raises(WordweightsError, match=r"An encoder was expected.* not BertModel"):
        as_encoder(taken.model)


def test_a_pinned_revision_is_kept_to_and_a_branch_is_followed(
    offline: Repositories, cache: Path
) -> None:
    root = cache / "models--google-bert--bert-base-uncased"
    (root / "refs" / "main").write_text("0" * 40)
    pinned = known_encoders().set_index("name").loc["BERT (CLS)", "revision"]
    assert load_encoder("BERT (CLS)").commit == pinned
    root = cache / "models--princeton-nlp--unsup-simcse-bert-base-uncased"
    old = root / "snapshots" / (root / "refs" / "main").read_text()
    old.rename(root / "snapshots" / ("1" * 40))
    (root / "refs" / "main").write_text("1" * 40)
    assert load_encoder("Unsup. SimCSE (CLS)").commit == "1" * 40


def test_no_service_is_asked_to_convert_a_bin(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Online, transformers would ask for SimCSE, whose branch has no safetensors, in a thread."""
    asked: list[object] = []
    monkeypatch.setattr(
        "transformers.modeling_utils.auto_conversion", lambda *a, **_: asked.append(a)
    )
    monkeypatch.delenv("DISABLE_SAFETENSORS_CONVERSION", raising=False)
    hub.add("princeton-nlp/unsup-simcse-bert-base-uncased", simcse_files(WEIGHTS))
    assert_reads(load_encoder("Unsup. SimCSE (CLS)"))
    assert not asked
    assert not [t for t in threading.enumerate() if "conversion" in t.name]
    assert not any(
        part in request for request in hub.requests for part in ("discussions", "commits", "pr/")
    )


def test_the_embedded_encoder_is_the_official_one() -> None:
    """Its file passes the registered SHA-256 (checked on load), and it tells paraphrases apart."""
    encoder = load_encoder("all-MiniLM-L6-v2")
    assert (encoder.pooling, encoder.hidden_size) == ("mean", 384)
    texts = ["a woman cuts an onion", "a lady is slicing an onion", "stocks fell on friday"]
    a, b, c = torch.nn.functional.normalize(encoder.encode(texts))
    assert a @ b > 0.7
    assert a @ c < 0.2


# --- how a checkpoint is read


def test_the_control_is_random_and_seeded(tiny_checkpoint: Path) -> None:
    trained = load_encoder(tiny_checkpoint, "mean")
    state = torch.random.get_rng_state()
    control = load_encoder(tiny_checkpoint, "mean", trained=False)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (control.name, control.trained) == (f"{tiny_checkpoint} (untrained)", False)
    assert control.digest == load_encoder(f"{tiny_checkpoint} (untrained)", "mean").digest
    other = load_encoder(tiny_checkpoint, "mean", trained=False, seed=1)
    assert len({trained.digest, control.digest, other.digest}) == 3
    assert other.name == f"{tiny_checkpoint} (untrained, seed 1)"
    assert control.embedding_matrix.shape == trained.embedding_matrix.shape


def test_pooling_comes_from_the_name_or_the_checkpoint_and_is_never_guessed(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix, pooling in ((" (CLS)", "cls"), (" (MEAN)", "mean"), (" (lasttoken)", "lasttoken")):
        encoder = load_encoder(f"{tiny_checkpoint}{suffix}")
        assert (encoder.name, encoder.pooling) == (f"{tiny_checkpoint}{suffix}", pooling)
    control = load_encoder(f"{tiny_checkpoint} (CLS) (untrained)")
    assert (control.pooling, control.trained) == ("cls", False)
    monkeypatch.setenv("HOME", str(tiny_checkpoint.parent))
    assert load_encoder(f"~/{tiny_checkpoint.name}", "cls").pooling == "cls"
    advice = r"' \(MEAN\)', ' \(pooler\)', ' \(lasttoken\)'.* that the model was trained with"
    with pytest.raises(WordweightsError, match=f"does not say how its .* is pooled .*{advice}"):
        load_encoder(tiny_checkpoint)
    folder = tiny_checkpoint / "1_Pooling"
    folder.mkdir()
    (folder / "config.json").write_text('{"pooling_mode": "mean"}')
    with pytest.raises(WordweightsError, match=r"it has no modules\.json"):
        load_encoder(tiny_checkpoint)
    modules = [{"type": "sentence_transformers.models.Transformer", "path": ""}]
    modules.append({"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"})
    (tiny_checkpoint / "modules.json").write_text(json.dumps(modules))
    for config, expected in (
        ({"word_embedding_dimension": 16, "pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode": "mean", "include_prompt": True}, "mean"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, "cls+mean"),
        ({"pooling_mode": ["mean", "cls"]}, "mean+cls"),
        ({"pooling_mode": "lasttoken", "pooling_mode_mean_tokens": True}, "lasttoken"),
    ):
        (folder / "config.json").write_text(json.dumps(config))
        assert load_encoder(tiny_checkpoint).pooling == expected
    for text, message in (
        ("{", "is no JSON object"),
        ("[]", "is no JSON object"),
        ('{"pooling_mode_mean_tokens": false}', r"names no pooling; .*\(CLS\)"),
        ('{"pooling_mode": "middle"}', "pooling 'middle' is not known"),
        ('{"pooling_mode": "mean", "window": 3}', "sets window of its Pooling"),
    ):
        (folder / "config.json").write_text(text)
        with pytest.raises(WordweightsError, match=message):
            load_encoder(tiny_checkpoint)
    # the advice is followed
    (folder / "config.json").write_text('{"pooling_mode_mean_tokens": false}')
    assert load_encoder(f"{tiny_checkpoint} (CLS)").pooling == "cls"


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param(WEIGHTS, id="as-it-is"),
        pytest.param({old_name(k): v for k, v in WEIGHTS.items()}, id="gamma-and-beta"),
        pytest.param(prefixed(with_position_ids(WEIGHTS)), id="prefixed-position-ids"),
        pytest.param(
            prefixed(WEIGHTS)
            | {"cls.predictions.bias": torch.zeros(3), "mlp.dense.weight": torch.eye(24)},
            id="heads",
        ),
        pytest.param({k: v for k, v in WEIGHTS.items() if "pooler" not in k}, id="no-pooler"),
    ],
)
@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.safetensors"])
def test_old_names_and_known_heads_change_nothing(
    tmp_path: Path, weights: dict[str, Tensor], file: str
) -> None:
    files = stored(weights)
    if file == "model.safetensors":
        files |= {file: save(weights, {"format": "pt"}), "pytorch_model.bin": b"never read"}
    assert_reads(load_encoder(write(tmp_path, files), "cls"))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(tmp_path: Path, kind: torch.dtype) -> None:
    half = {name: tensor.to(kind) for name, tensor in WEIGHTS.items()}
    config = CONFIG | {"torch_dtype": str(kind).removeprefix("torch.")}
    folder = write(tmp_path, stored(half) | {"config.json": as_json(config)})
    encoder = load_encoder(folder, "cls")
    assert encoder.dtype == torch.float32
    assert_reads(encoder, {name: tensor.float() for name, tensor in half.items()})
    assert load_encoder(folder, "cls", dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize(
    ("settings", "lower"),
    [
        ({"do_lower_case": True}, True),
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


# --- checkpoints that are refused


def test_keys_that_are_missing_or_too_many_are_listed(tmp_path: Path) -> None:
    gone = "encoder.layer.1.output.dense.weight"
    # the last has a head's name, but is not where a head is
    more = ["encoder.layer.0.adapter.down.weight", "encoder.layer.0.pooler.dense.weight"]
    weights = {name: tensor for name, tensor in WEIGHTS.items() if name != gone}
    weights |= {name: torch.ones(2, 2) for name in more}
    with pytest.raises(WordweightsError) as error:
        load_encoder(write(tmp_path, stored(weights)), "cls")
    for name in (gone, *more):
        assert name in str(error.value)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    files = stored(WEIGHTS | {"embeddings.LayerNorm.bias": torch.zeros(25)})
    with pytest.raises(WordweightsError, match=r"of another shape: embeddings\.LayerNorm\.bias\."):
        load_encoder(write(tmp_path, files), "cls")


def test_the_pooler_needs_its_weights(tmp_path: Path) -> None:
    """Without them it would be random."""
    gone = "pooler.dense.bias"
    files = stored({name: tensor for name, tensor in WEIGHTS.items() if name != gone})
    with pytest.raises(
        WordweightsError,
        match=rf"There are weights that it lacks, which would be random: {gone}\.$",
    ):
        load_encoder(f"{write(tmp_path, files)} (pooler)")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_or_cut_checkpoint_is_named(tiny_checkpoint: Path, file: str) -> None:
    path = tiny_checkpoint / file
    path.write_bytes(path.read_bytes()[:-100])
    for _ in range(2):
        with pytest.raises(WordweightsError, match="cannot be loaded"):
            load_encoder(tiny_checkpoint, "cls")
        path.unlink(missing_ok=True)


def test_an_altered_file_is_refused(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registered digest is that of the official file; another file is not used."""
    entry = {"pooling": "cls", "package": "tiny_package", "folder": "model", "sha256": "0" * 64}
    for module in (registry, loading):
        monkeypatch.setattr(module, "registered", lambda: {"tiny": entry})
    package = tiny_checkpoint.parent / "tiny_package"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copytree(tiny_checkpoint, package / "model")
    monkeypatch.syspath_prepend(tiny_checkpoint.parent)
    with pytest.raises(
        WordweightsError, match=r"SHA-256 [0-9a-f]{64}, but the official file has 0"
    ):
        load_encoder("tiny")
    (package / "model" / "model.safetensors").unlink()
    with pytest.raises(WordweightsError, match="is missing"):
        load_encoder("tiny")


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
    config = CONFIG | {"auto_map": map_of} | ({} if known else {"model_type": "of-its-own"})
    files = simcse_files(WEIGHTS) | {
        "config.json": as_json(config),
        "tokenizer_config.json": as_json({"auto_map": {"AutoTokenizer": ["code.Tokenizer", None]}}),
        "code.py": f"import os\nos.mkdir({str(mark)!r})\n".encode(),
    }
    folder = write(tmp_path / "checkpoint", files)
    if known:
        encoder = load_encoder(folder, "cls", trained=trained)
        assert type(encoder.model).__module__.startswith("transformers.")
        if trained:
            assert_reads(encoder)
    else:
        with pytest.raises(WordweightsError, match="code that comes with it, which is never run"):
            load_encoder(folder, "cls", trained=trained)
    assert not mark.exists()
