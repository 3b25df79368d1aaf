"""Encoders: the split of the model, the registry, and every way a checkpoint can be wrong."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, PreTrainedTokenizerFast, T5Config, T5Model

from wordweights.encoders import (
    Encoder,
    describe_source,
    known_encoders,
    load_encoder,
    loading,
    registry,
)
from wordweights.errors import WordweightsError

SENTENCES = ["a woman is cutting an onion .", "there are dogs !"]


def alter_weights(checkpoint: Path, change: dict[str, torch.Tensor | None]) -> None:
    """Replace, add or (None) remove tensors of a checkpoint."""
    path = checkpoint / "model.safetensors"
    weights = load_file(path) | change
    save_file({k: v for k, v in weights.items() if v is not None}, path, {"format": "pt"})


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_vectors_equal_those_of_plain_transformers(tiny_checkpoint: Path, pooling: str) -> None:
    encoder = load_encoder(tiny_checkpoint, pooling)
    model = AutoModel.from_pretrained(tiny_checkpoint)
    for sentence, vector in zip(SENTENCES, encoder.encode(SENTENCES), strict=True):
        with torch.no_grad():
            hidden = model(**encoder.tokenizer(sentence, return_tensors="pt")).last_hidden_state[0]
        expected = hidden[0] if pooling == "cls" else hidden.mean(dim=0)
        torch.testing.assert_close(vector, expected, rtol=1e-5, atol=1e-6)


def test_the_first_state_alone_equals_that_of_the_whole_last_layer(tiny_encoder: Encoder) -> None:
    """Without a mask [CLS] skips the last layer's other tokens; with a full one it does not."""
    encoder = Encoder("tiny", "cls", tiny_encoder.tokenizer, tiny_encoder.model)
    embeddings = encoder.embed(torch.tensor([[2, 7, 8, 3], [2, 9, 6, 3]])).clone().requires_grad_()
    quick = encoder.vectors(embeddings)
    whole = encoder.vectors(embeddings, torch.ones(2, 4, dtype=torch.long))
    torch.testing.assert_close(quick, whole, rtol=1e-10, atol=1e-13)
    gradients = [torch.autograd.grad(s[:, 3].sum(), embeddings)[0] for s in (quick, whole)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-13)


def test_word_embeddings_are_those_before_positions(tiny_encoder: Encoder) -> None:
    ids = torch.tensor([[2, 7, 8, 3]])
    table = tiny_encoder.model.embeddings.word_embeddings.weight
    torch.testing.assert_close(tiny_encoder.embed(ids), table[ids])
    direct = tiny_encoder.model(input_ids=ids).last_hidden_state.mean(dim=1)
    torch.testing.assert_close(tiny_encoder.vectors(tiny_encoder.embed(ids)), direct)


def test_an_encoder_is_frozen(tiny_checkpoint: Path) -> None:
    encoder = load_encoder(tiny_checkpoint, "cls")
    assert not encoder.model.training
    assert not any(p.requires_grad for p in encoder.model.parameters())


def test_weights_are_float32_whatever_the_checkpoint(tiny_checkpoint: Path) -> None:
    weights = load_file(tiny_checkpoint / "model.safetensors")
    alter_weights(
        tiny_checkpoint, {k: v.half() for k, v in weights.items() if v.is_floating_point()}
    )
    assert load_encoder(tiny_checkpoint, "cls").dtype == torch.float32
    assert load_encoder(tiny_checkpoint, "cls", dtype=torch.float64).dtype == torch.float64


def test_the_digest_is_that_of_the_weights(tiny_checkpoint: Path) -> None:
    first, again = (load_encoder(tiny_checkpoint, "cls").digest for _ in range(2))
    bias = load_file(tiny_checkpoint / "model.safetensors")["embeddings.LayerNorm.bias"]
    alter_weights(tiny_checkpoint, {"embeddings.LayerNorm.bias": bias + 1e-3})
    assert first == again != load_encoder(tiny_checkpoint, "cls").digest


def test_the_control_is_random_and_seeded(tiny_checkpoint: Path) -> None:
    trained = load_encoder(tiny_checkpoint, "mean")
    state = torch.random.get_rng_state()
    control = load_encoder(tiny_checkpoint, "mean", trained=False)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert control.name.endswith(" (untrained)")
    assert not control.trained
    assert control.digest == load_encoder(f"{tiny_checkpoint} (untrained)", "mean").digest
    other = load_encoder(tiny_checkpoint, "mean", trained=False, seed=1)
    assert len({trained.digest, control.digest, other.digest}) == 3
    assert control.embedding_matrix.shape == trained.embedding_matrix.shape


def test_pooling_comes_from_the_checkpoint_but_is_never_guessed(tiny_checkpoint: Path) -> None:
    with pytest.raises(WordweightsError, match="does not say how its sentence vector is pooled"):
        load_encoder(tiny_checkpoint)
    folder = tiny_checkpoint / "1_Pooling"
    folder.mkdir()
    for key, expected in (("cls_token", "cls"), ("mean_tokens", "mean")):
        config = {"word_embedding_dimension": 16, f"pooling_mode_{key}": True}
        (folder / "config.json").write_text(json.dumps(config))
        assert load_encoder(tiny_checkpoint).pooling == expected
    (folder / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(WordweightsError, match="pooling not known here"):
        load_encoder(tiny_checkpoint)


def test_a_checkpoint_is_named_with_its_pooling(tiny_checkpoint: Path) -> None:
    for suffix, pooling in ((" (CLS)", "cls"), (" (MEAN)", "mean")):
        encoder = load_encoder(f"{tiny_checkpoint}{suffix}")
        assert encoder.pooling == pooling
        assert encoder.name == f"{tiny_checkpoint}{suffix}"
        control = load_encoder(f"{tiny_checkpoint}{suffix} (untrained)")
        assert control.pooling == pooling
        assert not control.trained


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}']
)
def test_a_pooling_file_that_says_nothing_clear_is_named(
    tiny_checkpoint: Path, content: str
) -> None:
    (tiny_checkpoint / "1_Pooling").mkdir()
    (tiny_checkpoint / "1_Pooling" / "config.json").write_text(content)
    with pytest.raises(WordweightsError, match=r"pooling .*\(CLS\)"):
        load_encoder(tiny_checkpoint)


def test_a_family_without_embeddings_as_inputs_is_refused(
    tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    config = T5Config(
        vocab_size=len(tiny_tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2
    )
    T5Model(config).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    with pytest.raises(WordweightsError, match="family 't5' cannot be attributed"):
        load_encoder(tmp_path, "mean")


def test_unknown_pooling_is_named(tiny_checkpoint: Path) -> None:
    with pytest.raises(WordweightsError, match="pooling 'max' is not known; use one of 'cls'"):
        load_encoder(tiny_checkpoint, "max")


def test_the_registry_names_the_five_of_the_paper_and_what_they_came_from() -> None:
    table = known_encoders().set_index("name")
    assert table.loc["Unsup. SimCSE (CLS)", "base"] == "BERT (CLS)"
    assert table.loc["Sup. SimCSE (CLS)", "base"] == "BERT (CLS)"
    assert table.loc["SBERT (MEAN)", "base"] == "BERT (MEAN)"
    assert table.loc["BERT (CLS)", "hub_id"] == table.loc["BERT (MEAN)", "hub_id"]
    assert set(table["pooling"]) == {"cls", "mean", "pooler"}
    on_hub = table["hub_id"].notna()
    assert table.loc[on_hub, "revision"].notna().all()
    assert (table.index[~on_hub].str.startswith("mini")).all()


FAMILY = {
    "mini-BERT (CLS)": ("cls", None),
    "mini Unsup. SimCSE (CLS)": ("cls", "mini-BERT (CLS)"),
    "mini Sup. SimCSE (CLS)": ("cls", "mini-BERT (CLS)"),
    "mini-BERT (MEAN)": ("mean", None),
    "mini SBERT (MEAN)": ("mean", "mini-BERT (MEAN)"),
}


def test_the_family_is_registered_without_a_hub() -> None:
    table = known_encoders().set_index("name").fillna({"base": ""})
    for name, (pooling, base) in FAMILY.items():
        row = table.loc[name]
        assert row["pooling"] == pooling
        assert row["base"] == (base or "")
        assert re.fullmatch("[0-9a-f]{64}", registry.registered()[name]["sha256"])
        assert "BERT-base" not in name
        assert describe_source(name) == "package wordweights"
        assert registry.split_name(f"{name} (untrained)") == (name, None, False)


@pytest.mark.parametrize("name", FAMILY)
def test_each_of_the_family_loads_with_its_control(name: str) -> None:
    encoder, control = load_encoder(name), load_encoder(f"{name} (untrained)")
    assert (encoder.name, encoder.pooling, encoder.base) == (name, *FAMILY[name])
    assert encoder.commit is None
    assert control.name == f"{name} (untrained)"
    assert not control.trained
    assert control.digest != encoder.digest
    assert encoder.as_stack() is not None
    assert encoder.max_tokens == 64


def test_the_two_readings_are_of_one_checkpoint() -> None:
    first, second = (load_encoder(f"mini-BERT ({pooling})") for pooling in ("CLS", "MEAN"))
    assert first.digest == second.digest
    assert not torch.allclose(first.encode(SENTENCES), second.encode(SENTENCES))


def test_a_package_that_is_not_there_and_has_no_hub_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = {"pooling": "cls", "package": "no_such_package", "folder": "model"}
    for module in (registry, loading):
        monkeypatch.setattr(module, "registered", lambda: {"tiny": entry})
    with pytest.raises(WordweightsError, match=r"'tiny' is carried by .*'no_such_package' alone"):
        load_encoder("tiny")
    assert describe_source("tiny") == "package no_such_package"


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(WordweightsError) as error:
        load_encoder("all-MiniLM-L7")
    for name in known_encoders()["name"]:
        assert name in str(error.value)


def test_what_is_no_hub_id_is_named() -> None:
    with pytest.raises(WordweightsError, match="could not be fetched"):
        load_encoder("a--b/c")


def test_a_hub_out_of_reach_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The hub is a closed port of this machine."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(WordweightsError, match=r"HF_HUB_OFFLINE=1.*local folder") as error:
        load_encoder("BERT (CLS)")
    assert "google-bert/bert-base-uncased" in str(error.value)
    assert error.value.__suppress_context__


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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tiny_checkpoint: Path, value: float) -> None:
    name = "encoder.layer.0.output.dense.bias"
    alter_weights(tiny_checkpoint, {name: torch.full((16,), value)})
    with pytest.raises(WordweightsError, match=rf"'{name}' holds 16 NaN or infinite"):
        load_encoder(tiny_checkpoint, "cls")


def test_missing_and_foreign_weights_are_listed(tiny_checkpoint: Path) -> None:
    alter_weights(
        tiny_checkpoint,
        {"encoder.layer.1.output.dense.weight": None, "strange.weight": torch.ones(2)},
    )
    with pytest.raises(WordweightsError) as error:
        load_encoder(tiny_checkpoint, "cls")
    assert "encoder.layer.1.output.dense.weight" in str(error.value)
    assert "strange.weight" in str(error.value)


def test_heads_and_old_buffers_do_not_matter(tiny_checkpoint: Path) -> None:
    before = load_encoder(tiny_checkpoint, "cls").digest
    alter_weights(
        tiny_checkpoint,
        {
            "pooler.dense.weight": torch.ones(16, 16),
            "cls.predictions.bias": torch.ones(3),
            "embeddings.position_ids": torch.arange(24)[None],
        },
    )
    assert load_encoder(tiny_checkpoint, "cls").digest == before


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_checkpoint_is_named(tiny_checkpoint: Path, file: str) -> None:
    (tiny_checkpoint / file).unlink()
    with pytest.raises(WordweightsError, match="cannot be loaded"):
        load_encoder(tiny_checkpoint, "cls")


def test_a_truncated_weight_file_is_named(tiny_checkpoint: Path) -> None:
    path = tiny_checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WordweightsError, match="cannot be loaded"):
        load_encoder(tiny_checkpoint, "cls")


@pytest.mark.parametrize("role", ["pad", "cls", "sep"])
def test_special_tokens_are_needed(tiny_encoder: Encoder, role: str) -> None:
    names = {f"{r}_token": f"[{r.upper()}]" for r in ("unk", "pad", "cls", "sep") if r != role}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_encoder.tokenizer.backend_tokenizer, **names
    )
    with pytest.raises(WordweightsError, match=rf"defines no \[{role.upper()}\] token"):
        Encoder("tiny", "cls", tokenizer, tiny_encoder.model)


def test_a_tokenizer_of_another_model_is_refused(tiny_encoder: Encoder) -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_encoder.tokenizer.backend_tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    tokenizer.add_tokens(["new"])
    with pytest.raises(WordweightsError, match="belong to different checkpoints"):
        Encoder("tiny", "cls", tokenizer, tiny_encoder.model)


def test_the_embedded_encoder_is_the_official_one() -> None:
    """Its file passes the registered SHA-256 (checked on load), and it tells paraphrases apart."""
    encoder = load_encoder("all-MiniLM-L6-v2")
    assert encoder.pooling == "mean"
    assert encoder.hidden_size == 384
    a, b, c = torch.nn.functional.normalize(
        encoder.encode(
            ["a woman cuts an onion", "a lady is slicing an onion", "stocks fell on friday"]
        )
    )
    assert a @ b > 0.7
    assert a @ c < 0.2
