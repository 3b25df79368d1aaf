"""The table of contributions: its rows, its independence of batching, and its memory."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from wordweights.attribution import (
    GradientTimesInput,
    IntegratedGradients,
    WordAttribution,
    attribute,
    batches,
    count_stored,
    norms,
    pick_method,
)
from wordweights.attribution.integral import Integral
from wordweights.attribution.methods import METHODS
from wordweights.attribution.probes import Squares
from wordweights.encoders import Encoder, load_encoder
from wordweights.encoders.stack import Stack, StackMap
from wordweights.errors import WordweightsError
from wordweights.files import results_folder

SENTENCES = [
    "a woman is cutting an onion .",
    "there are dogs in the forest .",
    "the man is playing",
    "a dog was running and sleeping !",
    "there are dogs in the forest .",
]
EXACT = {"n_nodes": 8, "quadrature": "gauss-legendre", "probes": "all", "progress": False}
QUICK = {"n_nodes": 4, "probes": 4, "progress": False}


def test_one_row_a_word(tiny_encoder: Encoder) -> None:
    table = attribute(tiny_encoder, SENTENCES, **EXACT)
    assert list(table.columns) == [
        "sentence_id",
        "position",
        "word",
        "contribution",
        "standard_error",
        "residual",
        "n_nodes",
        "converged",
    ]
    first = table[table["sentence_id"] == 0]
    assert first["word"].tolist() == SENTENCES[0].split()
    assert first["position"].tolist() == list(range(7))
    assert (table["contribution"] > 0).all()
    assert (table["standard_error"] == 0).all()
    assert table.attrs["settings"]["encoder"] == tiny_encoder.digest


def test_a_word_of_several_pieces_gets_the_norm_over_all_their_entries(
    tiny_encoder: Encoder,
) -> None:
    sentence = "the man is playing"  # play ##ing
    table = attribute(tiny_encoder, [sentence], **EXACT)
    ids = torch.tensor(tiny_encoder.tokenizer([sentence])["input_ids"])
    pads = ids.clone()
    pads[:, 1:-1] = tiny_encoder.tokenizer.pad_token_id
    pieces = WordAttribution(tiny_encoder.vectors).attribute(
        tiny_encoder.embed(ids),
        tiny_encoder.embed(pads),
        n_nodes=8,
        quadrature="gauss-legendre",
    )[0]
    assert table["contribution"].iloc[-1] == pytest.approx(pieces[4:6].norm().item(), rel=1e-9)
    assert table["contribution"].iloc[0] == pytest.approx(pieces[1].item(), rel=1e-9)


@pytest.mark.filterwarnings("ignore:One word here", "ignore:Missing")
@pytest.mark.parametrize("method", METHODS)
def test_a_word_without_wordpieces_of_its_own_has_no_number(
    tiny_encoder: Encoder, method: str
) -> None:
    text = "a \u200b [MASK] xyzzy dog"
    table = attribute(tiny_encoder, [text], method, progress=False)
    assert table["word"].tolist() == ["a", "\u200b", "[", "MASK", "]", "xyzzy", "dog"]
    missing = [False, True, True, True, True, True, False]
    assert table["contribution"].isna().tolist() == missing
    assert table["standard_error"].isna().tolist() == missing


def test_the_residual_is_that_of_the_sentence(tiny_encoder: Encoder) -> None:
    table = attribute(tiny_encoder, SENTENCES[:1], **EXACT)
    ids = torch.tensor(tiny_encoder.tokenizer(SENTENCES[:1])["input_ids"])
    pads = ids.clone()
    pads[:, 1:-1] = tiny_encoder.tokenizer.pad_token_id
    w, b = tiny_encoder.embed(ids), tiny_encoder.embed(pads)
    _, delta = WordAttribution(tiny_encoder.vectors).attribute(
        w, b, n_nodes=8, quadrature="gauss-legendre", return_convergence_delta=True
    )
    change = tiny_encoder.vectors(w) - tiny_encoder.vectors(b)
    assert table["residual"].tolist() == pytest.approx([(delta.norm() / change.norm()).item()] * 7)


def test_numbers_of_numpy_are_numbers(tiny_encoder: Encoder) -> None:
    ours = attribute(tiny_encoder, SENTENCES[:1], n_nodes=np.int64(4), probes=np.int64(4))
    theirs = attribute(tiny_encoder, SENTENCES[:1], **QUICK)
    np.testing.assert_array_equal(ours["contribution"], theirs["contribution"])


def test_order_and_company_change_nothing(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    together = attribute(tiny_encoder, SENTENCES, **QUICK)
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "other"))
    monkeypatch.setattr(batches, "LONGEST", 1)
    backwards = attribute(tiny_encoder, SENTENCES[::-1], **QUICK)
    for i, sentence in enumerate(SENTENCES):
        one = together[together["sentence_id"] == i]
        other = backwards[backwards["sentence_id"] == len(SENTENCES) - 1 - i]
        assert one["word"].tolist() == other["word"].tolist(), sentence
        np.testing.assert_allclose(one["contribution"], other["contribution"], rtol=1e-9)
        np.testing.assert_allclose(one["standard_error"], other["standard_error"], rtol=1e-9)


def test_the_estimate_is_near_the_exact_value_as_its_error_says(tiny_encoder: Encoder) -> None:
    exact = attribute(tiny_encoder, SENTENCES[:4], n_nodes=8, probes="all", progress=False)
    ratios = []
    for seed in range(12):
        estimate = attribute(
            tiny_encoder, SENTENCES[:4], n_nodes=8, probes=8, seed=seed, progress=False
        )
        gap = estimate["contribution"] - exact["contribution"]
        ratios.append(gap / estimate["standard_error"])
    z = np.concatenate(ratios)
    assert np.mean(np.abs(z) < 2) > 0.8  # eight probes: Student's t with 7 degrees, nominal 0.91
    assert np.sqrt(np.mean(z**2)) < 2.5


def test_the_same_is_computed_once(tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = attribute(tiny_encoder, SENTENCES, **QUICK)

    def never(*args: object, **options: object) -> None:
        raise AssertionError("computed twice")

    monkeypatch.setattr(IntegratedGradients, "weigh", never)
    after = attribute(tiny_encoder, SENTENCES[::-1], **QUICK)
    assert sorted(after["contribution"]) == sorted(before["contribution"])
    with pytest.raises(AssertionError, match="computed twice"):
        attribute(tiny_encoder, ["the man is running"], **QUICK)


@pytest.mark.parametrize(
    "change",
    [
        {"n_nodes": 5},
        {"n_nodes": None},
        {"probes": 5},
        {"probes": "all"},
        {"probes": "auto"},
        {"seed": 1},
        {"quadrature": "gauss-legendre"},
        {"baseline": "mask"},
        {"norm": "vector"},
        {"n_nodes": None, "tolerance": 0.2},
        {"n_nodes": None, "max_nodes": 50},
        {"probes": "auto", "max_error": 0.3},
    ],
)
def test_another_setting_never_returns_an_old_result(
    tiny_encoder: Encoder, change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    attribute(tiny_encoder, SENTENCES[:1], **QUICK)
    monkeypatch.setattr(IntegratedGradients, "weigh", lambda *a, **k: 1 / 0)
    attribute(tiny_encoder, SENTENCES[:1], **QUICK)
    with pytest.raises(ZeroDivisionError):
        attribute(tiny_encoder, SENTENCES[:1], **(QUICK | change))


def test_another_configuration_over_the_same_weights_is_another_result(
    tiny_encoder: Encoder,
) -> None:
    before = attribute(tiny_encoder, SENTENCES[:1], **QUICK)
    model = copy.deepcopy(tiny_encoder.model)
    model.config.layer_norm_eps = 0.5
    for part in model.modules():
        if isinstance(part, torch.nn.LayerNorm):
            part.eps = 0.5
    other = Encoder("tiny", "mean", tiny_encoder.tokenizer, model)
    assert other.digest != tiny_encoder.digest
    after = attribute(other, SENTENCES[:1], **QUICK)
    assert (before["contribution"] != after["contribution"]).all()


def test_another_padding_token_is_another_result(tiny_encoder: Encoder) -> None:
    before = attribute(tiny_encoder, SENTENCES[:1], **QUICK)
    tokenizer = copy.deepcopy(tiny_encoder.tokenizer)
    tokenizer.pad_token = "[MASK]"
    other = Encoder("tiny", "mean", tokenizer, tiny_encoder.model)
    after = attribute(other, SENTENCES[:1], **QUICK)
    assert (before["contribution"] != after["contribution"]).all()


def test_a_result_that_is_not_finite_is_not_kept(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = lambda self, x, mask=None: x.sum(dim=1) * float("nan")  # noqa: E731
    monkeypatch.setattr(Encoder, "vectors", nowhere)
    with pytest.raises(WordweightsError, match="NaN or infinite"):
        attribute(tiny_encoder, SENTENCES, **QUICK)
    assert not list(results_folder().rglob("*.parquet"))


def test_another_pooling_is_another_result(tiny_encoder: Encoder) -> None:
    cls = Encoder("tiny", "cls", tiny_encoder.tokenizer, tiny_encoder.model)
    before = attribute(tiny_encoder, SENTENCES[:1], **QUICK)
    after = attribute(cls, SENTENCES[:1], **QUICK)
    assert (before["contribution"] != after["contribution"]).all()


def test_a_table_keeps_its_sentence_ids(tiny_encoder: Encoder) -> None:
    sentences = pd.DataFrame({"sentence_id": [7, 3], "sentence": SENTENCES[:2]})
    table = attribute(tiny_encoder, sentences, **QUICK)
    assert table["sentence_id"].tolist() == [7] * 7 + [3] * 7


@pytest.mark.parametrize(
    "ids",
    [
        [7.0, 3.0],  # as beside a missing value, which has been removed
        pd.array([7, 3], dtype="Int64"),
        np.array([7, 3], dtype=np.uint8),
        pd.Series([np.int64(7), np.float32(3)], dtype=object),
    ],
    ids=["floats", "nullable", "unsigned", "objects"],
)
def test_whole_numbers_of_any_type_are_ids(tiny_encoder: Encoder, ids: object) -> None:
    sentences = pd.DataFrame({"sentence_id": ids, "sentence": SENTENCES[:2]})
    table = attribute(tiny_encoder, sentences, **QUICK)
    assert table["sentence_id"].tolist() == [7] * 7 + [3] * 7
    assert table["sentence_id"].dtype == np.int64


@pytest.mark.parametrize(
    "wrong", ["s2", "2", 1.5, np.nan, np.inf, None, pd.NA, True, 1e20, 2**63, 1j], ids=repr
)
def test_other_ids_are_refused_before_anything_is_computed(
    tiny_encoder: Encoder, wrong: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IntegratedGradients, "weigh", lambda *a, **k: 1 / 0)
    ids = pd.Series([0, wrong], dtype=object)
    sentences = pd.DataFrame({"sentence_id": ids, "sentence": SENTENCES[:2]})
    with pytest.raises(WordweightsError, match=r"Row 1 .* sentence_id .* whole number") as caught:
        attribute(tiny_encoder, sentences, **QUICK)
    assert repr(wrong) in str(caught.value)


def test_no_sentences_give_no_rows(tiny_encoder: Encoder) -> None:
    table = attribute(tiny_encoder, [], **QUICK)
    assert len(table) == 0
    assert table.dtypes.equals(attribute(tiny_encoder, SENTENCES, **QUICK).dtypes)


def test_the_mode_of_the_model_comes_back_after_an_error(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_encoder.model.encoder.train()
    monkeypatch.setattr(IntegratedGradients, "weigh", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        attribute(tiny_encoder, SENTENCES, **QUICK)
    assert tiny_encoder.model.encoder.training
    assert not tiny_encoder.model.training


def test_dropout_is_off_while_attributing(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    still = attribute(tiny_encoder, SENTENCES[:1], **QUICK)
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "other"))
    tiny_encoder.model.train()
    moving = attribute(tiny_encoder, SENTENCES[:1], **QUICK)
    np.testing.assert_array_equal(still["contribution"], moving["contribution"])


@pytest.mark.parametrize("baseline", ["pad", "mask", "zero", "mean"])
def test_baselines_are_what_they_say(tiny_encoder: Encoder, baseline: str) -> None:
    matrix = tiny_encoder.embedding_matrix
    neutral = {
        "pad": matrix[0],
        "mask": matrix[4],
        "zero": 0 * matrix[0],
        "mean": matrix.mean(dim=0),
    }[baseline]
    table = attribute(tiny_encoder, SENTENCES[:1], baseline=baseline, **EXACT)
    w = tiny_encoder.embed(torch.tensor(tiny_encoder.tokenizer(SENTENCES[:1])["input_ids"]))
    b = w.clone()
    b[:, 1:-1] = neutral
    expected = WordAttribution(tiny_encoder.vectors).attribute(
        w, b, n_nodes=8, quadrature="gauss-legendre"
    )
    np.testing.assert_allclose(table["contribution"], expected[0, 1:-1], rtol=1e-9)


def test_an_unreached_tolerance_is_flagged_and_counted(tiny_encoder: Encoder) -> None:
    with pytest.warns(UserWarning, match=r"4 of 4 sentences did not reach a residual of 1e-09"):
        table = attribute(
            tiny_encoder, SENTENCES[:4], tolerance=1e-9, max_nodes=4, probes=4, progress=False
        )
    assert not table["converged"].any()
    assert table.attrs["unconverged"] == 4
    assert (table["n_nodes"] == 4).all()
    met = attribute(tiny_encoder, SENTENCES[:4], tolerance=1e-3, probes=4, progress=False)
    assert met["converged"].all()
    assert met.attrs["unconverged"] == 0
    assert (met["residual"] <= 1e-3).all()


def test_automatic_probes_reach_the_error_asked_for(tiny_encoder: Encoder) -> None:
    options = {"n_nodes": 8, "progress": False}
    loose = attribute(tiny_encoder, SENTENCES, probes="auto", max_error=0.2, **options)
    tight = attribute(tiny_encoder, SENTENCES, probes="auto", max_error=0.01, **options)
    exact = attribute(tiny_encoder, SENTENCES, probes="all", **options)
    assert (loose["standard_error"] <= 0.2 * loose["contribution"]).all()
    assert (loose["standard_error"] > 0).any()
    assert (tight["standard_error"] <= 0.01 * tight["contribution"]).all()
    np.testing.assert_allclose(tight["contribution"], exact["contribution"], rtol=0.05)


def test_automatic_probes_are_drawn_only_for_sentences_that_need_them(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round carries those alone whose error is still too large."""
    rounds: list[tuple[int, int]] = []
    plain = norms.project

    def watched(integral: Integral, probes: torch.Tensor, skip: int = 0) -> Squares:
        rounds.append((skip + len(probes), len(integral.rules)))
        return plain(integral, probes, skip)

    monkeypatch.setattr(norms, "project", watched)
    same = ["the dog is a man .", "the man is a dog .", "the woman is a dog .", "a dog is a man ."]
    few = attribute(tiny_encoder, same, n_nodes=8, probes=8, progress=False)
    relative = (few["standard_error"] / few["contribution"]).groupby(few["sentence_id"]).max()
    rounds.clear()
    between = float(relative.sort_values().iloc[1:3].mean())  # two are precise enough, two not
    attribute(tiny_encoder, same, n_nodes=8, probes="auto", max_error=between, progress=False)
    assert rounds == [(8, 4), (16, 2)]


def test_automatic_probes_begin_with_those_of_a_fixed_number(tiny_encoder: Encoder) -> None:
    """An error that eight probes reach needs no more: the result is that of eight."""
    auto = attribute(tiny_encoder, SENTENCES, n_nodes=4, probes="auto", max_error=0.9)
    fixed = attribute(tiny_encoder, SENTENCES, n_nodes=4, probes=8)
    np.testing.assert_allclose(auto["contribution"], fixed["contribution"], rtol=1e-9)


def test_word_vectors_sum_over_pieces_and_to_the_change(tiny_encoder: Encoder) -> None:
    table = attribute(
        tiny_encoder, ["the man is playing"], norm="vector", vectors=True, tolerance=1e-6
    )
    vectors = np.stack(table["vector"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), table["contribution"], rtol=1e-12)
    ids = torch.tensor(tiny_encoder.tokenizer(["the man is playing"])["input_ids"])
    pads = ids.clone()
    pads[:, 1:-1] = 0
    change = tiny_encoder.vectors(tiny_encoder.embed(ids)) - tiny_encoder.vectors(
        tiny_encoder.embed(pads)
    )
    np.testing.assert_allclose(vectors.sum(axis=0), change[0], atol=1e-5)


def test_bfloat16_is_close(tiny_encoder: Encoder) -> None:
    """Eight bits of precision in the products: a few parts in a thousand of the contribution."""
    encoder = Encoder("tiny", "mean", tiny_encoder.tokenizer, tiny_encoder.model.float())
    full = attribute(encoder, SENTENCES, n_nodes=8, probes="all", progress=False)
    half = attribute(encoder, SENTENCES, n_nodes=8, probes="all", bfloat16=True, progress=False)
    assert (full["contribution"] != half["contribution"]).any()
    np.testing.assert_allclose(half["contribution"], full["contribution"], rtol=0.03)
    assert half["residual"].equals(full["residual"]), "the certificate keeps full precision"


def test_bfloat16_changes_no_vector(tiny_encoder: Encoder) -> None:
    encoder = Encoder("tiny", "mean", tiny_encoder.tokenizer, tiny_encoder.model.float())
    attribute_vectors = partial(attribute, encoder, SENTENCES, norm="vector", n_nodes=4)
    half = attribute_vectors(bfloat16=True, progress=False)
    for path in results_folder().rglob("*.parquet"):  # nothing is to be remembered
        path.unlink()
    full = attribute_vectors(progress=False)
    assert half.equals(full)


def test_a_bound_on_memory_changes_nothing_but_rounding(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wide = attribute(tiny_encoder, SENTENCES, **EXACT)
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "other"))
    narrow = attribute(tiny_encoder, SENTENCES, memory=1, **EXACT)
    np.testing.assert_allclose(narrow["contribution"], wide["contribution"], rtol=1e-9)


def test_no_pass_takes_more_than_the_bound_on_memory(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In points: what both threads have under way, linearised or repeated for several probes."""
    seen: list[tuple[int, int]] = []
    linearise, take = Stack.linearise, StackMap.take

    def counted(self: Stack, x: torch.Tensor, *more: object) -> StackMap:
        seen.append((len(x), x.shape[1]))
        return linearise(self, x, *more)

    def taken(self: StackMap, points: torch.Tensor | slice) -> StackMap:
        result = take(self, points)
        seen.append((len(result.outputs), result.tokens))
        return result

    monkeypatch.setattr(Stack, "linearise", counted)
    monkeypatch.setattr(StackMap, "take", taken)
    stack = tiny_encoder.as_stack()
    assert stack is not None
    memory = 6 * stack.bytes_per_point(7)
    attribute(tiny_encoder, SENTENCES, memory=memory, n_nodes=12, probes=4, progress=False)
    assert seen
    threads = torch.get_num_threads()
    for points, tokens in seen:
        within = points * stack.bytes_per_point(tokens) * threads <= memory
        assert within or points == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "rollout"}, "'integrated-gradients', 'occlusion', 'alone', 'shapley'"),
        ({"method": "occlusion", "probes": 3}, "'occlusion' has no setting 'probes'; it has base"),
        ({"method": IntegratedGradients(), "probes": 3}, "given with its settings, and so are pro"),
        ({"norm": "max"}, "norm 'max' is not known"),
        ({"baseline": "unk"}, "'pad', 'mask', 'zero', 'mean'"),
        ({"vectors": True}, "vectors=True needs norm='vector'"),
        ({"max_error": 0.0}, "max_error is 0.0"),
        ({"probes": "few"}, "probes is 'few'"),
        ({"probes": 17}, "number of output dimensions, 16"),
        ({"n_nodes": 12, "tolerance": -1}, "tolerance is -1"),
        ({"max_error": None}, "max_error is None"),
        ({"seed": -1}, "seed is -1"),
        ({"memory": 0}, "memory is 0"),
        ({"bfloat16": True}, "bfloat16=True needs float32 weights"),
    ],
)
def test_settings_that_cannot_be_are_named(
    tiny_encoder: Encoder, options: dict[str, object], message: str
) -> None:
    with pytest.raises(WordweightsError, match=message):
        attribute(tiny_encoder, SENTENCES, **options)


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ("a dog", r"one string; give a list"),
        (pd.DataFrame({"text": ["a dog"]}), "no column 'sentence'; it has text"),
        (pd.DataFrame({"sentence": ["a", "b"], "sentence_id": [1, 1]}), "repeats a sentence_id"),
        (["a dog", "  "], "Sentence 1 is empty"),
        (pd.DataFrame({"sentence": ["a", " "], "sentence_id": [4, 9]}), "Sentence 9 is empty"),
    ],
)
def test_bad_input_is_named(tiny_encoder: Encoder, sentences: object, message: str) -> None:
    with pytest.raises(WordweightsError, match=message):
        attribute(tiny_encoder, sentences, **QUICK)


@pytest.fixture
def sentence_transformer(tiny_checkpoint: Path):
    """The checkpoint as sentence-transformers loads it, with a normalisation at the end."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(tiny_checkpoint))
    return SentenceTransformer(
        modules=[transformer, Pooling(16, pooling_mode="mean"), Normalize()], device="cpu"
    )


def test_a_model_of_sentence_transformers_is_taken_directly(
    sentence_transformer, tiny_checkpoint: Path
) -> None:
    before = sentence_transformer[0].auto_model.config._attn_implementation
    sentence_transformer.train()
    theirs = attribute(sentence_transformer, SENTENCES, **EXACT)
    ours = attribute(load_encoder(tiny_checkpoint, "mean"), SENTENCES, **EXACT)
    np.testing.assert_allclose(theirs["contribution"], ours["contribution"], rtol=1e-5)
    model = sentence_transformer[0].auto_model
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.config._attn_implementation == before


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(WordweightsError, match="An encoder was expected"):
        attribute(torch.nn.Linear(2, 2), SENTENCES)


def test_threads_change_nothing_but_rounding(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    tables = []
    try:
        for threads in (1, 2):
            monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / str(threads)))
            torch.set_num_threads(threads)
            tables.append(attribute(tiny_encoder, SENTENCES, **QUICK))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(tables[0]["contribution"], tables[1]["contribution"], rtol=1e-9)


def test_a_method_is_given_as_an_instance_or_by_its_name(tiny_encoder: Encoder) -> None:
    by_name = attribute(tiny_encoder, SENTENCES, norm="vector", n_nodes=4, progress=False)
    method = IntegratedGradients(norm="vector", n_nodes=4)
    assert by_name.equals(attribute(tiny_encoder, SENTENCES, method, progress=False))
    assert by_name.attrs["settings"]["method"] == "integrated-gradients"
    assert by_name.attrs["settings"]["version"] == IntegratedGradients.version


def test_a_chapter_picks_the_settings_that_a_method_has() -> None:
    settings = {"probes": 4, "seed": 3, "n_nodes": 5, "baseline": "mask"}
    assert pick_method("integrated-gradients", **settings) == IntegratedGradients(**settings)
    assert pick_method("gradient-times-input", **settings) == GradientTimesInput(
        probes=4, seed=3, baseline="mask"
    )


def test_a_method_in_a_chapter_brings_settings_of_its_own() -> None:
    text = "integrated-gradients tolerance=0.002 norm=vector vectors=true"
    assert pick_method(text, seed=3) == IntegratedGradients(
        tolerance=0.002, norm="vector", vectors=True, seed=3
    )
    for wrong, said in [
        ("occlusion baseline=mask", "'baseline=mask' is set twice"),
        ("occlusion vectors=true vectors=true", "'vectors=true' is set twice"),
        ("occlusion vectors", "'vectors' is no setting NAME=VALUE"),
        ("occlusion probes=4", "'occlusion' has no setting 'probes'"),
        ("", "method '' is not known"),
    ]:
        with pytest.raises(WordweightsError, match=said):
            pick_method(wrong, baseline="pad")


def test_what_is_stored_is_counted_and_nothing_computed(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    attribute(tiny_encoder, SENTENCES[:2], **QUICK)
    monkeypatch.setattr(IntegratedGradients, "weigh", lambda *a, **k: 1 / 0)
    settings = {"n_nodes": 4, "probes": 4}
    assert count_stored(tiny_encoder, SENTENCES, **settings) == (2, 4)
    assert count_stored(tiny_encoder, SENTENCES, "occlusion") == (0, 4)
