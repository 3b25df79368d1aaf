from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from wordweights.encoders import Encoder, load_encoder
from wordweights.errors import WordweightsError
from wordweights.training import FineTuning, fine_tune
from wordweights.training.finetuning import _loss, _trainable, nli_triplets, triplet_kinds

WORDS = [
    *("a", "the", "in", "is", "on", "there", "woman", "man", "dog", "forest", "onion"),
    *("cutting", "running", "sleeping", "and", "happy", "quick", "play", "dogs"),
]
LABELS = ("entailment", "neutral", "contradiction")


@pytest.fixture
def base(tiny_checkpoint: Path) -> Encoder:
    return load_encoder(tiny_checkpoint, pooling="cls")


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    words = ("dog", "woman", "man", "forest", "onion")
    path.write_text("\n".join(f"the {a} is in a {b} ." for a in words for b in words))
    return str(path)


@pytest.fixture
def nli(tmp_path: Path) -> str:
    path = tmp_path / "nli.tsv"
    words = ("dog", "woman", "man", "forest", "onion", "play")
    rows = [
        f"{LABELS[i % 3]}\tthe {a} is in a {b} .\ta {b} and the {a}"
        for i, (a, b) in enumerate((a, b) for a in words for b in words)
    ]
    path.write_text("\n".join(["label\tpremise\thypothesis", *rows]))
    return str(path)


@pytest.mark.parametrize("objective", ["unsup-simcse", "sup-simcse", "sbert"])
def test_every_objective_trains_an_encoder_of_the_same_form(
    base: Encoder, text: str, nli: str, objective: str
) -> None:
    digest = base.digest
    run = fine_tune(base, text, nli, FineTuning(objective, steps=3, batch=4, snapshots=3))
    assert base.digest == digest
    assert [snapshot.step for snapshot in run.snapshots] == [0, 2, 3]
    first, *_, last = (snapshot.encoder for snapshot in run.snapshots)
    torch.testing.assert_close(first.encode(["a dog"]), base.encode(["a dog"]))
    assert not torch.allclose(last.encode(["a dog"]), base.encode(["a dog"]))
    assert last.pooling == "cls"
    assert list(run.log.columns) == ["step", "loss", "seconds"]
    assert (run.log["loss"] > 0).all()


def test_a_run_is_found_again_and_another_setting_is_another_run(base: Encoder, text: str) -> None:
    settings = FineTuning("unsup-simcse", steps=2, batch=4, snapshots=2)
    run = fine_tune(base, text, None, settings)
    again = fine_tune(base, text, None, settings)
    assert again.snapshots[-1].path == run.snapshots[-1].path
    other = fine_tune(base, text, None, replace(settings, seed=1))
    assert other.snapshots[-1].path != run.snapshots[-1].path
    Path(text).write_text(Path(text).read_text() + "\nthe dog is quick .")
    edited = fine_tune(base, text, None, settings)
    assert edited.snapshots[-1].path != run.snapshots[-1].path, "the text is another"


def test_two_views_of_a_sentence_come_closer_than_others(base: Encoder, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "words.txt"
    lines = (" ".join(rng.choice(WORDS, 6)) for _ in range(200))
    path.write_text("\n".join(lines))
    settings = FineTuning("unsup-simcse", steps=150, batch=8, learning_rate=1e-2)
    loss = fine_tune(base, str(path), None, settings).log["loss"]
    assert loss.iloc[-10:].mean() < 0.5 * loss.iloc[:5].mean()


def test_the_temperature_is_that_of_simcse(base: Encoder, tmp_path: Path) -> None:
    model, _ = _trainable(base, "unsup-simcse", tmp_path)
    model.eval()
    loss = _loss("unsup-simcse", model, base.hidden_size)
    sentences = ["the dog is happy .", "a woman is cutting an onion .", "there are dogs"]
    features = [model.preprocess(sentences) for _ in range(2)]
    found = loss(features, None).item()
    vectors = torch.nn.functional.normalize(model.encode(sentences, convert_to_tensor=True), dim=1)
    logits = vectors @ vectors.T / 0.05
    assert found == pytest.approx(
        torch.nn.functional.cross_entropy(logits, torch.arange(3)).item(), rel=1e-4
    )


def test_simcse_trains_a_layer_that_is_left_out(base: Encoder, tmp_path: Path) -> None:
    model, transformer = _trainable(base, "sup-simcse", tmp_path)
    assert [type(module).__name__ for module in model] == ["Transformer", "Pooling", "Dense"]
    plain, _ = _trainable(base, "sbert", tmp_path)
    assert [type(module).__name__ for module in plain] == ["Transformer", "Pooling"]
    assert set(base.model.state_dict()) <= set(transformer.state_dict())


def test_triplets_use_contradictions_as_hard_negatives() -> None:
    rows = [
        ("entailment", "p", "p1"),
        ("contradiction", "p", "not p"),
        ("entailment", "q", "q1"),
        ("contradiction", "r", "not r"),
        ("neutral", "s", "s1"),
    ]
    pairs = pd.DataFrame(rows, columns=["label", "premise", "hypothesis"])
    triplets = nli_triplets(pairs)
    assert triplets.iloc[0].tolist() == ["p", "p1", "not p"]
    assert triplets.iloc[1, :2].tolist() == ["q", "q1"]
    assert triplets.iloc[1, 2] in ("not p", "not r")
    assert triplets.iloc[2].tolist() == ["r", "r", "not r"]
    assert len(triplets) == 3
    assert triplet_kinds(pairs) == {"complete": 1, "drawn": 1, "itself": 1}
    neutral = pairs[pairs["label"] == "neutral"]
    assert triplet_kinds(neutral) == {"complete": 0, "drawn": 0, "itself": 0}


def test_triplets_need_both_labels() -> None:
    pairs = pd.DataFrame([("neutral", "a", "b")], columns=["label", "premise", "hypothesis"])
    with pytest.raises(WordweightsError, match="no entailment or no contradiction"):
        nli_triplets(pairs)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (FineTuning("simcse"), "Objective 'simcse' is not known"),
        (FineTuning("unsup-simcse"), "needs text, which is None"),
        (FineTuning("sbert"), "needs nli, which is None"),
    ],
)
def test_what_is_missing_is_named(base: Encoder, settings: FineTuning, message: str) -> None:
    with pytest.raises(WordweightsError, match=message):
        fine_tune(base, None, None, settings)


def test_too_few_examples_are_refused(base: Encoder, text: str) -> None:
    with pytest.raises(
        WordweightsError, match=r"There are 25 examples .* less than a batch of 128"
    ):
        fine_tune(base, text, None, FineTuning("unsup-simcse"))
