"""A family in miniature, from text to checkpoints that load by their names."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from wordweights.encoders import load_encoder
from wordweights.errors import WordweightsError
from wordweights.training import family as family_module
from wordweights.training.family import (
    check_target,
    measure_family,
    ship,
    train_family,
    whole_words,
)
from wordweights.training.finetuning import triplet_kinds
from wordweights.training.recipe import Recipe
from wordweights.training.texts import read_nli


@pytest.mark.slow
def test_a_family_is_trained_measured_and_shipped(
    small_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    family = train_family(small_recipe, tmp_path / "runs")
    members = [member.encoder for member in small_recipe.members]
    assert list(family.runs) == ["mini-BERT (CLS)", "mini-BERT (MEAN)", *members]
    loss = family.runs["mini-BERT (CLS)"].log["loss"]
    assert loss.iloc[-3:].mean() < loss.iloc[:3].mean()

    # few sentences: the full set is measured by `make family`
    few = family_module.load_sentences("bundled").head(60)
    with monkeypatch.context() as patched:
        patched.setattr(family_module, "load_sentences", lambda name: few)
        measured = measure_family(family)
    steps = measured.groupby("encoder", sort=False)["step"].apply(list)
    assert steps.tolist() == [[0, 8, 60], [0, 8, 60], *([[0, 2, 8]] * 3)]
    assert measured["stage"].tolist() == ["pre-training"] * 6 + ["fine-tuning"] * 9
    # a fine-tuning begins where pre-training ended, read by the same pooling
    ends = measured[measured["stage"] == "pre-training"].groupby("encoder")["r"].last()
    begins = measured[measured["stage"] == "fine-tuning"].groupby("encoder")["r"].first()
    assert begins["mini SBERT (MEAN)"] == pytest.approx(ends["mini-BERT (MEAN)"], abs=1e-6)
    assert begins["mini Sup. SimCSE (CLS)"] == pytest.approx(ends["mini-BERT (CLS)"], abs=1e-6)

    target = tmp_path / "data" / "family"
    target.mkdir(parents=True)
    (target / "old").mkdir()
    (tmp_path / "mine.toml").write_text("what was read")
    registry = target.parent / "encoders.toml"
    entry = 'folder = "data/family/mini-sbert"\nsha256 = "'
    registry.write_text(entry + "0" * 64 + '"\n')
    ship(small_recipe, tmp_path / "mine.toml", family, measured, target)

    assert (target / "recipe.toml").read_text() == "what was read"
    assert sorted(path.name for path in target.parent.iterdir()) == ["encoders.toml", "family"]
    assert not (target / "old").exists()
    assert "0" * 64 not in registry.read_text()
    log = pd.read_csv(target / "training.csv")
    assert log.groupby("run")["step"].max().to_dict() == {
        "pre-training": 60, "unsup-simcse": 8, "sup-simcse": 8, "sbert": 8,
    }  # fmt: skip
    about = json.loads((target / "about.json").read_text())
    assert about["words"]["made up"] > 1000
    assert about["triplets"] == triplet_kinds(read_nli(small_recipe.nli.pairs))
    loaded = load_encoder(target / "mini-sbert", pooling="mean")
    trained = family.runs["mini SBERT (MEAN)"].snapshots[-1].encoder
    torch.testing.assert_close(
        loaded.encode(["a man"]), trained.encode(["a man"]), rtol=0.02, atol=0.02
    )  # half precision

    # all is finished: nothing is trained again, and the same weights come out
    again = train_family(small_recipe, tmp_path / "runs")
    for name, run in again.runs.items():
        assert run.snapshots[-1].path == family.runs[name].snapshots[-1].path

    # other pairs: what has read them is trained again, and nothing else
    pairs = Path(small_recipe.nli.pairs)
    pairs.write_text(pairs.read_text("utf-8") + "\nneutral\tone more\tpair of words", "utf-8")
    monkeypatch.setattr(family_module, "pretrain", lambda *_: again.runs["mini-BERT (CLS)"])
    changed = train_family(small_recipe, tmp_path / "runs")
    for name, run in changed.runs.items():
        same = run.snapshots[-1].path == family.runs[name].snapshots[-1].path
        assert same == name.startswith("mini-BERT")


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    check_target(tmp_path / "new")
    check_target(tmp_path)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(WordweightsError, match="holds something else than a family"):
        check_target(tmp_path)
    (tmp_path / "about.json").touch()
    check_target(tmp_path)


def test_words_of_sentences_in_the_papers_form_stay_whole() -> None:
    words = whole_words(["bundled"])
    assert "onion" in words
    assert words == sorted(set(words))


def test_a_members_base_says_its_pooling(small_recipe: Recipe) -> None:
    assert {m.settings.objective: m.base for m in small_recipe.members} == {
        "unsup-simcse": "mini-BERT (CLS)",
        "sup-simcse": "mini-BERT (CLS)",
        "sbert": "mini-BERT (MEAN)",
    }
