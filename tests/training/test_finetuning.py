from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sentence_transformers.sentence_transformer.modules import Dense

from wordweights.encoders import Encoder, load_encoder
from wordweights.errors import WordweightsError
from wordweights.training import FineTuning, fine_tune
from wordweights.training.finetuning import nli_triplets

NOUNS = ("dog", "woman", "man", "forest", "onion")
WORDS = [
    *NOUNS,
    *("a", "the", "in", "is", "on", "there", "cutting", "running", "sleeping"),
    *("and", "happy", "quick", "play", "dogs"),
]
LABELS = ("entailment", "neutral", "contradiction")
LINES = [f"the {a} is in a {b} ." for a in NOUNS for b in NOUNS]


@pytest.fixture
def base(tiny_checkpoint: Path) -> Encoder:
    return load_encoder(tiny_checkpoint, pooling="cls")


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES))
    return str(path)


@pytest.fixture
def nli(tmp_path: Path) -> str:
    path = tmp_path / "nli.tsv"
    pairs = zip(LINES, reversed(LINES), strict=True)
    rows = [f"{LABELS[i % 3]}\t{a}\t{b}" for i, (a, b) in enumerate(pairs)]
    path.write_text("\n".join(["label\tpremise\thypothesis", *rows]))
    return str(path)


@pytest.mark.slow
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
    # without the layer that SimCSE trains along with it
    assert last.model.state_dict().keys() == base.model.state_dict().keys()
    assert last.pooling == "cls"
    assert list(run.log.columns) == ["step", "loss", "seconds"]
    assert (run.log["loss"] > 0).all()


@pytest.mark.slow
def test_a_run_is_found_again_and_another_text_or_setting_is_another_run(
    base: Encoder, text: str
) -> None:
    settings = FineTuning("unsup-simcse", steps=2, batch=4, snapshots=2)
    last = fine_tune(base, text, None, settings).snapshots[-1].path
    assert fine_tune(base, text, None, settings).snapshots[-1].path == last
    assert fine_tune(base, text, None, replace(settings, seed=1)).snapshots[-1].path != last
    Path(text).write_text(Path(text).read_text() + "\nthe dog is quick .")
    assert fine_tune(base, text, None, settings).snapshots[-1].path != last


@pytest.mark.slow
def test_two_views_of_a_sentence_come_closer_than_others(base: Encoder, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "words.txt"
    path.write_text("\n".join(" ".join(rng.choice(WORDS, 6)) for _ in range(200)))
    settings = FineTuning("unsup-simcse", steps=60, batch=8, learning_rate=2e-2, snapshots=2)
    loss = fine_tune(base, str(path), None, settings).log["loss"]
    assert loss.iloc[-10:].mean() < 0.6 * loss.iloc[:5].mean()


def test_triplets_use_contradictions_as_hard_negatives() -> None:
    rows = [
        ("entailment", "p", "p1"),
        ("contradiction", "p", "not p"),
        ("entailment", "q", "q1"),
        ("contradiction", "r", "not r"),
        ("neutral", "s", "s1"),
    ]
    pairs = pd.DataFrame(rows, columns=["label", "premise", "hypothesis"])
    complete, drawn, itself = nli_triplets(pairs).to_numpy().tolist()
    assert complete == ["p", "p1", "not p"]
    assert drawn in (["q", "q1", "not p"], ["q", "q1", "not r"])
    assert itself == ["r", "r", "not r"]
    with pytest.raises(WordweightsError, match="no entailment or no contradiction"):
        nli_triplets(pairs[pairs["label"] == "neutral"])


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


@pytest.mark.parametrize(
    "more",
    [{"prompt": "the "}, {"truncate_dim": 3}, {"pooling": "cls+mean"}, {"behind": (Dense(16, 4),)}],
)
def test_more_than_a_transformer_and_a_pooling_is_not_trained(
    base: Encoder, text: str, more: dict[str, Any]
) -> None:
    with pytest.raises(WordweightsError, match="more than a transformer with one pooling"):
        fine_tune(replace(base, **more), text, None, FineTuning("unsup-simcse"))


def test_too_few_examples_are_refused(base: Encoder, text: str) -> None:
    with pytest.raises(WordweightsError, match=r"There are 25 examples .* than a batch of 128"):
        fine_tune(base, text, None, FineTuning("unsup-simcse"))
