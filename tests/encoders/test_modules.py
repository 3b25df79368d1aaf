"""What sentence-transformers does around a transformer, from an object and from a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from families import random_bert
from hubs import Hub
from sentence_models import by_loop, save, settings_of, weigh
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    CNN,
    BoW,
    Dense,
    Dropout,
    LayerNorm,
    Normalize,
    StaticEmbedding,
)
from transformers import PreTrainedTokenizerFast

from wordweights import attribute
from wordweights.attribution.alignment import tokenise
from wordweights.attribution.path import lay_path
from wordweights.encoders import Encoder, as_encoder, load_encoder
from wordweights.errors import WordweightsError

SENTENCES = ["the dogs are running .", "A woman was playing !"]
WORD_OF = [-1, 0, 1, 2, 3, 4, -1]  # of the first, without a prompt
PROMPTS = {"query": "is a: ", "passage": "the man , ", "none": ""}


def projection() -> list[torch.nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return [
            Dense(16, 12, bias=False, activation_function=torch.nn.Identity()),
            LayerNorm(12),
            Dropout(0.5),
            Normalize(),
            Dense(12, 20),
            Normalize(),
        ]


@pytest.fixture
def make(tiny_tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Any:
    """Save a model with a pooling, and what is behind it."""

    def make(
        pooling: str | Sequence[str] = "mean", *behind: torch.nn.Module, **settings: Any
    ) -> SentenceTransformer:
        model = random_bert(tiny_tokenizer, seed=5, pooler=True)  # a pooler that nothing reads
        return save(tmp_path, model, tiny_tokenizer, pooling, *behind, **settings)

    return make


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def encoders(model: SentenceTransformer, folder: Path, **how: Any) -> list[Encoder]:
    """Both ways to the same encoder, in float64."""
    model.double()
    return [as_encoder(model, **how), load_encoder(folder / "model", dtype=torch.float64, **how)]


def assert_read_alike(model: SentenceTransformer, folder: Path, *, prompt: bool = False) -> None:
    """The vectors of sentence-transformers, and contributions by a loop over its outputs."""
    lead = len(model.tokenizer("is a: ")["input_ids"]) - 2 if prompt else 0
    word_of = [-1] * lead + WORD_OF
    name = "query" if prompt else None
    found = encoders(model, folder, prompt_name=name)
    assert settings_of(found[0]) == settings_of(found[1])
    expected = model.encode(SENTENCES, prompt_name=name, convert_to_tensor=True)
    loop = by_loop(model, SENTENCES[0], word_of, model.prompts[name] if name else None)
    for encoder in found:
        vectors = encoder.encode(SENTENCES)
        if isinstance(list(model)[-1], Normalize):
            assert not torch.allclose(vectors, expected)
            # what is cut was normalised before
            vectors, expected = map(torch.nn.functional.normalize, (vectors, expected))
        torch.testing.assert_close(vectors, expected, rtol=1e-9, atol=1e-12)
        assert encoder.vector_size == vectors.shape[1]
        torch.testing.assert_close(weigh(encoder, SENTENCES[0]), loop, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    "pooling",
    [
        "cls",
        "mean",
        "max",
        "mean_sqrt_len_tokens",
        "weightedmean",
        "lasttoken",
        ["lasttoken", "cls", "max"],
    ],
)
def test_every_pooling_is_that_of_sentence_transformers(
    make: Any, tmp_path: Path, pooling: Any
) -> None:
    assert_read_alike(make(pooling), tmp_path)


def test_modules_behind_the_pooling_count_and_the_vector_is_cut(make: Any, tmp_path: Path) -> None:
    model = make(["cls", "mean"], Dense(32, 16), *projection(), truncate_dim=7)
    assert_read_alike(model, tmp_path)
    expected = model.encode(SENTENCES, convert_to_tensor=True)
    for encoder in encoders(model, tmp_path, normalised=True):
        torch.testing.assert_close(encoder.encode(SENTENCES), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pooling", ["cls", "mean", "weightedmean"])
@pytest.mark.parametrize("include_prompt", [True, False])
def test_a_prompt_is_read_but_is_no_word(
    make: Any, tmp_path: Path, pooling: str, include_prompt: bool
) -> None:
    model = make(pooling, include_prompt=include_prompt, prompts=PROMPTS)
    assert_read_alike(model, tmp_path, prompt=True)


def test_a_path_is_widened_with_all_modules(make: Any) -> None:
    """Where a path jumps it is followed in float64, from the embeddings to the vector."""
    encoder = as_encoder(make("weightedmean", *projection(), truncate_dim=18))
    path = lay_path(encoder, tokenise(encoder, SENTENCES[:1]), "pad", 2**27)
    wide = path.widened
    assert wide is not None
    alphas = np.array([[0.0, 0.3, 1.0]])
    outputs, expected = wide.outputs(alphas), path.outputs(alphas)
    assert (outputs.dtype, expected.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(outputs.float(), expected)
    assert encoder.dtype == encoder.behind[0].linear.weight.dtype == torch.float32


def test_a_prompt_is_the_default_one_or_a_named_one(make: Any, tmp_path: Path) -> None:
    model = make(prompts=PROMPTS, default_prompt_name="passage")
    for name, text in ((None, "passage"), ("query", "query"), ("none", "none")):
        expected = model.encode(SENTENCES, prompt_name=name, convert_to_tensor=True)
        found = encoders(model.double(), tmp_path, prompt_name=name)
        for encoder in found:
            assert encoder.prompt == PROMPTS[text]
            torch.testing.assert_close(encoder.encode(SENTENCES).float(), expected.float())
        assert found[0].digest == found[1].digest
        model.float()
    by_name = load_encoder(f"{tmp_path / 'model'} (prompt: query)")
    assert (by_name.prompt, by_name.name) == (
        PROMPTS["query"],
        f"{tmp_path / 'model'} (prompt: query)",
    )
    for refused in (lambda how: as_encoder(model, **how), _folder(tmp_path)):
        with pytest.raises(WordweightsError, match=r"no prompt 'title'; it has .*'passage'"):
            refused({"prompt_name": "title"})


def _folder(folder: Path) -> Any:
    return lambda how: load_encoder(folder / "model", **how)


def test_a_prompt_counts_towards_the_limit_and_ends_where_a_word_begins(
    make: Any, tmp_path: Path
) -> None:
    model = make(prompts={"short": "the ", "joined": "dog"})
    fits = "dog " * 21
    encoder = as_encoder(model, prompt_name="short")
    (sentence,) = tokenise(encoder, [fits])
    assert sentence.word_of[:3] == (-1, -1, 0)
    with pytest.raises(WordweightsError, match="special tokens and the prompt than the 24 that"):
        tokenise(encoder, [fits + "dog"])
    # "dogs" is one wordpiece
    (joined,) = tokenise(as_encoder(model, prompt_name="joined"), ["s are"])
    assert (joined.words, joined.word_of) == (("s", "are"), (-1, 0, 1, -1))


def test_the_normalisation_at_the_end_is_left_out_unless_it_is_asked_for(
    make: Any, tmp_path: Path
) -> None:
    model = make("mean", Normalize())
    expected = model.double().encode(SENTENCES, convert_to_tensor=True)
    plain, kept = (encoders(model, tmp_path, normalised=normalised) for normalised in (False, True))
    for encoder in kept:
        torch.testing.assert_close(encoder.encode(SENTENCES), expected)
        assert encoder.as_stack() is None
    for encoder in plain:
        assert (encoder.encode(SENTENCES).norm(dim=1) > 1.1).all()
        assert encoder.as_stack() is not None
        assert encoder.note == "its normalisation to length 1 is left out"
    assert kept[0].digest == kept[1].digest != plain[0].digest == plain[1].digest
    assert load_encoder(tmp_path / "model", normalised=True).note == ""


def test_limits_and_case_are_those_of_the_configuration(make: Any, tmp_path: Path) -> None:
    model = make()
    backend = model.tokenizer.backend_tokenizer
    before = as_encoder(model).digest
    assert as_encoder(model).max_tokens == 24
    model.max_seq_length = None
    assert as_encoder(model).max_tokens == 24
    path = tmp_path / "model" / "sentence_bert_config.json"
    config = json.loads(path.read_text()) | {"max_seq_length": 9, "do_lower_case": True}
    path.write_text(json.dumps(config))
    tokenizer = tmp_path / "model" / "tokenizer.json"
    state = json.loads(backend.to_str())
    state["normalizer"] = None
    tokenizer.write_text(json.dumps(state))
    model = SentenceTransformer(str(tmp_path / "model"), device="cpu", local_files_only=True)
    found = encoders(model, tmp_path)
    assert settings_of(found[0]) == settings_of(found[1])
    for encoder in found:
        assert encoder.digest != before
        assert encoder.max_tokens == 9
        assert "[UNK]" not in encoder.tokenizer.tokenize("THE Dogs")
        long = ["the dogs are running in the forest ."]
        expected = model.encode(long, convert_to_tensor=True)
        torch.testing.assert_close(encoder.encode(long, cut=True), expected)
        with pytest.raises(
            WordweightsError, match=r"special tokens than the 9 that encoder .* reads, up to 10"
        ):
            tokenise(encoder, long)


def test_an_old_layout_is_read(make: Any, tmp_path: Path, hub: Hub) -> None:
    """The transformer in a folder of its own, old names of classes, flags of the pooling."""
    model = make(["max", "cls"], Dense(32, 5))
    folder = tmp_path / "model"
    inside = folder / "0_Transformer"
    inside.mkdir()
    for path in folder.iterdir():
        if path.is_file() and path.name not in (
            "modules.json",
            "config_sentence_transformers.json",
        ):
            path.rename(inside / path.name)
    (inside / "sentence_bert_config.json").unlink()
    (inside / "sentence_roberta_config.json").write_text(
        '{"max_seq_length": 20, "do_lower_case": false}'
    )
    paths = ("0_Transformer", "1_Pooling", "2_Dense")
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{path[2:]}"}
        for i, path in enumerate(paths)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    flags = {"pooling_mode_max_tokens": True, "pooling_mode_cls_token": True}
    config = {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": False, **flags}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    assert_read_alike(model, tmp_path)
    hub.add("someone/old", files_of(folder))
    for encoder in (load_encoder(folder), load_encoder("someone/old")):
        assert encoder.max_tokens == 20
        assert encoder.digest == as_encoder(model.float()).digest


def test_the_digest_covers_everything_between_text_and_vector(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    model = random_bert(tiny_tokenizer, seed=5, pooler=True)  # a pooler that nothing reads

    def digest(pooling: str = "mean", tokenizer: Any = tiny_tokenizer, **more: Any) -> str:
        return Encoder("tiny", pooling, tokenizer, model, **more).digest

    shorter = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer.backend_tokenizer, model_max_length=9, pad_token="[PAD]"
    )
    dense = Dense(16, 4)
    digests = [
        digest(),
        digest("cls"),
        digest(prompt="the "),
        digest(prompt="the ", include_prompt=False),
        digest(truncate_dim=5),
        digest(tokenizer=shorter),
        digest(behind=(dense,)),
    ]
    dense.linear.bias.data[0] += 1
    digests.append(digest(behind=(dense,)))
    dense.activation_function = torch.nn.ReLU()
    digests.append(digest(behind=(dense,)))
    assert len(set(digests)) == len(digests)
    tiny_tokenizer(["a", "a dog"], padding=True, truncation=True, max_length=3)
    assert digest() == digests[0]  # how it was called last is no part of it


def test_a_reading_needs_no_model_the_second_time(make: Any, tmp_path: Path) -> None:
    make("lasttoken", *projection(), prompts=PROMPTS, default_prompt_name="query", truncate_dim=18)
    folder = tmp_path / "model"
    first, second = (load_encoder(folder) for _ in range(2))
    table = attribute(first, SENTENCES, progress=False)
    (folder / "model.safetensors").rename(tmp_path / "away")
    assert settings_of(first) == settings_of(second)
    assert attribute(second, SENTENCES, progress=False).equals(table)
    (tmp_path / "away").rename(folder / "model.safetensors")
    assert torch.equal(first.encode(SENTENCES), second.encode(SENTENCES))
    assert settings_of(first) == settings_of(second)
    weights = folder / "2_Dense" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\x80?")
    assert load_encoder(folder).digest != first.digest


def test_modules_of_the_control_are_random_too(make: Any, tmp_path: Path) -> None:
    # not a ReLU: by chance all four may be 0, and the vector has no direction
    make("mean", Dense(16, 4, activation_function=torch.nn.Tanh()), LayerNorm(4))
    folder = tmp_path / "model"
    state = torch.random.get_rng_state()
    trained, first, again, other = (
        load_encoder(folder, trained=trained, seed=seed)
        for trained, seed in ((True, 0), (False, 0), (False, 0), (False, 1))
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = [encoder.behind[0].linear.weight for encoder in (trained, first, again, other)]
    assert torch.equal(weights[1], weights[2])
    assert not torch.allclose(weights[0], weights[1])
    assert not torch.allclose(weights[1], weights[3])
    assert first.digest == again.digest


def test_a_hub_gives_what_a_folder_does(make: Any, tmp_path: Path, hub: Hub) -> None:
    """Every module's files are fetched, and no file that nothing reads."""
    make(["cls", "max"], Dense(32, 12), Normalize(), prompts=PROMPTS, truncate_dim=10)
    folder = tmp_path / "model"
    files = files_of(folder)
    surplus = {f"{place}/model.safetensors": b"not read" for place in ("onnx", "checkpoint-5")}
    commit = hub.add("someone/model", files | surplus)
    encoder = load_encoder("someone/model", prompt_name="query")
    assert encoder.commit == commit
    assert settings_of(encoder) == settings_of(load_encoder(folder, prompt_name="query"))
    assert not any(place in request for request in hub.requests for place in surplus)


# --- what is refused


def listed(folder: Path) -> list[dict[str, Any]]:
    modules: list[dict[str, Any]] = json.loads((folder / "modules.json").read_text())
    return modules


@pytest.mark.parametrize(
    ("position", "kind", "message"),
    [
        (2, "sentence_transformers.models.CNN", "the module CNN behind its pooling"),
        (2, "custom.Dense", "of the class custom.Dense, which is code of its own"),
        (
            0,
            "custom_st.Transformer",
            "of the class custom_st.Transformer, which is code of its own",
        ),
        (0, "sentence_transformers.models.BoW", "begins with the modules BoW, Pooling"),
        (1, "sentence_transformers.models.Dense", "begins with the modules Transformer, Dense"),
    ],
)
def test_modules_that_are_not_known_are_refused_by_name(
    make: Any, tmp_path: Path, position: int, kind: str, message: str
) -> None:
    make("mean", Dense(16, 4))
    folder = tmp_path / "model"
    modules = listed(folder)
    modules[position]["type"] = kind
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(WordweightsError, match=message):
        load_encoder(folder)


def test_a_hub_without_a_transformer_is_refused_by_the_name_of_its_module(
    make: Any, tmp_path: Path, hub: Hub
) -> None:
    """Its weights may be anywhere."""
    static = StaticEmbedding(make().tokenizer, embedding_dim=16)
    folder = tmp_path / "static"
    SentenceTransformer(modules=[static], device="cpu").save_pretrained(
        str(folder), create_model_card=False
    )
    files = files_of(folder)
    for name in ("root", "moved"):
        hub.add(f"someone/{name}", files)
        with pytest.raises(WordweightsError, match="begins with the modules StaticEmbedding, "):
            load_encoder(f"someone/{name}")
        files = {
            path if path.startswith("modules") else f"0_StaticEmbedding/{path}": content
            for path, content in files.items()
        }
        listing = json.loads(files["modules.json"])
        listing[0]["path"] = "0_StaticEmbedding"
        files["modules.json"] = json.dumps(listing).encode()
    lost = {k: v for k, v in files_of(tmp_path / "model").items() if k != "model.safetensors"}
    hub.add("someone/lost", lost)
    with pytest.raises(WordweightsError, match=r"must hold config\.json, .* model\.safetensors"):
        load_encoder("someone/lost")


def test_an_object_with_a_module_that_is_not_known_is_refused_by_name(make: Any) -> None:
    model = make()
    with pytest.raises(WordweightsError, match="begins with the modules Transformer, CNN"):
        as_encoder(SentenceTransformer(modules=[model[0], CNN(16), model[1]], device="cpu"))

    embeddings = StaticEmbedding(model.tokenizer, embedding_dim=16)
    for modules, named in (
        ([model[0]], "Transformer,"),
        ([embeddings], "StaticEmbedding,"),
        ([BoW(["a", "dog"]), Dense(2, 16)], "BoW, Dense,"),
    ):
        with pytest.raises(WordweightsError, match=f"begins with the modules {named} which"):
            as_encoder(SentenceTransformer(modules=modules, device="cpu"))

    class Own(Dense):
        pass

    with pytest.raises(WordweightsError, match=r"of the class .*Own, which is code of its own"):
        as_encoder(SentenceTransformer(modules=[model[0], model[1], Own(16, 4)], device="cpu"))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("sentence_bert_config.json", {"query_length": 8}, "sets query_length of its Transformer"),
        ("sentence_bert_config.json", {"tokenizer_args": {"padding_side": "left"}}, "tokenizer_ar"),
        ("sentence_bert_config.json", {"max_seq_length": "9"}, "max_seq_length is '9'"),
        ("sentence_bert_config.json", {"modality_config": {"message": {}}}, "a chat template"),
        ("config_sentence_transformers.json", {"truncate_dim": -1}, "truncate_dim is -1"),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "is a SparseEncod"),
        ("config_sentence_transformers.json", {"default_prompt_name": "x"}, "no prompt 'x'"),
        ("2_Dense/config.json", {"activation_function": "own.Swish"}, "own.Swish"),
        ("2_Dense/config.json", {"module_input_name": "token_embeddings"}, "token_embeddings"),
        ("2_Dense/config.json", {"in_features": 17}, "module Dense in .* cannot be loaded"),
    ],
)
def test_configurations_that_say_more_than_is_read_are_refused(
    make: Any, tmp_path: Path, file: str, change: dict[str, Any], message: str
) -> None:
    make("mean", Dense(16, 4))
    path = tmp_path / "model" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(WordweightsError, match=message):
        load_encoder(tmp_path / "model")


@pytest.mark.parametrize("path", ["../elsewhere", "/elsewhere"])
def test_modules_lie_inside_their_checkpoint(make: Any, tmp_path: Path, path: str) -> None:
    make("mean", Dense(16, 4))
    folder = tmp_path / "model"
    modules = listed(folder)
    modules[2]["path"] = path
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(WordweightsError, match="its path inside the checkpoint"):
        load_encoder(folder)


def test_weights_of_a_module_that_are_missing_are_refused(make: Any, tmp_path: Path) -> None:
    make("mean", Dense(16, 4))
    (tmp_path / "model" / "2_Dense" / "model.safetensors").unlink()
    with pytest.raises(WordweightsError, match=r"module Dense in .*2_Dense cannot be loaded"):
        load_encoder(tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / "2_Dense")
    with pytest.raises(WordweightsError, match=r"module Dense in .*2_Dense cannot be loaded"):
        load_encoder(tmp_path / "model")


def test_another_pooling_than_that_of_the_modules_behind_is_refused(
    make: Any, tmp_path: Path
) -> None:
    make("mean", Dense(16, 4), Normalize())
    folder = tmp_path / "model"
    assert load_encoder(folder, "mean").digest == load_encoder(folder).digest
    with pytest.raises(WordweightsError, match=r"'cls' was asked for, .* trained for 'mean'"):
        load_encoder(folder, "cls")


@pytest.mark.parametrize("pooling", [None, "mean"])
def test_modules_behind_a_pooling_that_is_not_named_are_refused_without_advice_to_name_one(
    make: Any, tmp_path: Path, pooling: str | None
) -> None:
    """It would be refused, too, and could be another than they were trained for."""
    make("mean", Dense(16, 4))
    (tmp_path / "model" / "1_Pooling" / "config.json").write_text("{}")
    with pytest.raises(WordweightsError, match=r"names no pooling, and the .* trained") as error:
        load_encoder(tmp_path / "model", pooling)
    assert "pass pooling=" not in str(error.value)
