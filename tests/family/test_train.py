"""A family in miniature, from text to checkpoints that load by their names."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from family.__main__ import main
from family.measure import measure_family
from family.recipe import read_recipe
from family.ship import ship
from family.train import train_family
from wordweights.encoders import load_encoder
from wordweights.training import read_nli
from wordweights.training.finetuning import nli_triplets

PROGRAM = """
import sys
from pathlib import Path
from family.recipe import read_recipe
from family.train import train_family

recipe = read_recipe(Path(sys.argv[1]))
train_family(recipe, recipe.sources(), Path(sys.argv[2]))
"""
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_family_is_trained_measured_and_shipped(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    recipe, runs = read_recipe(recipe_file), tmp_path / "runs"
    family = train_family(recipe, recipe.sources(), runs)
    members = [member.encoder for member in recipe.finetunings]
    assert list(family.runs) == ["mini-BERT (CLS)", "mini-BERT (MEAN)", *members]
    loss = family.runs["mini-BERT (CLS)"].log["loss"]
    assert loss.iloc[-3:].mean() < loss.iloc[:3].mean()

    measured = measure_family(family.runs, limit=20)
    steps = measured.groupby("encoder", sort=False)["step"].apply(list)
    assert steps.tolist() == [[0, 5, 40], [0, 5, 40], *([[0, 3, 20]] * 3)]
    assert measured["stage"].tolist() == ["pre-training"] * 6 + ["fine-tuning"] * 9
    # a fine-tuning begins where pre-training ended, read by the same pooling
    ends = measured[measured["stage"] == "pre-training"].groupby("encoder")["r"].last()
    begins = measured[measured["stage"] == "fine-tuning"].groupby("encoder")["r"].first()
    assert begins["mini SBERT (MEAN)"] == pytest.approx(ends["mini-BERT (MEAN)"], abs=1e-6)
    assert begins["mini Sup. SimCSE (CLS)"] == pytest.approx(ends["mini-BERT (CLS)"], abs=1e-6)

    target = tmp_path / "data" / "family"
    (target / "old").mkdir(parents=True)
    registry = target.parent / "encoders.toml"
    registry.write_text(f'folder = "data/family/mini-sbert"\nsha256 = "{"0" * 64}"\n')
    ship(recipe, family, measured, target)
    assert sorted(path.name for path in target.parent.iterdir()) == ["encoders.toml", "family"]
    assert not (target / "old").exists()
    assert "0" * 64 not in registry.read_text()
    log = pd.read_csv(target / "training.csv")
    assert log.groupby("run")["step"].max().to_dict() == {
        "pre-training": 40, "unsup-simcse": 20, "sup-simcse": 20, "sbert": 20,
    }  # fmt: skip
    card = {
        name: [list(row.values()) for row in rows]
        for name, rows in json.loads((target / "about.json").read_text())["card"].items()
    }
    assert card["model"][0] == ["layers", 1]
    assert [row[:2] + row[3:] for row in card["sources"]] == [
        ["made up", "none", "pre-training, unsup-simcse"],
        ["pairs", "CC0", "pre-training, unsup-simcse, sup-simcse, sbert"],
    ]
    triplets = nli_triplets(read_nli(tmp_path / "pairs.tsv"))
    assert sum(row[-1] for row in card["triplets"]) == len(triplets)
    assert card["runs"][0] == ["pre-training", "mini-BERT", 40, 16, "0.01", 0]
    assert card["runs"][3] == ["sbert", "mini SBERT (MEAN)", 20, 8, "0.001", 0]
    loaded = load_encoder(target / "mini-sbert", pooling="mean")
    trained = family.runs["mini SBERT (MEAN)"].snapshots[-1].encoder
    torch.testing.assert_close(
        loaded.encode(["a man"]), trained.encode(["a man"]), rtol=0.02, atol=0.02
    )  # half precision

    # all is finished: nothing is trained again; with other pairs, what has not read them
    pairs = tmp_path / "pairs.tsv"
    again = train_family(recipe, recipe.sources(), runs)
    pairs.write_text(pairs.read_text("utf-8").replace("neutral", "contradiction"), "utf-8")
    changed = train_family(recipe, recipe.sources(), runs)
    for name, run in family.runs.items():
        assert again.runs[name].snapshots[-1].path == run.snapshots[-1].path
        same = changed.runs[name].snapshots[-1].path == run.snapshots[-1].path
        assert same == (run.name in ("pre-training", "unsup-simcse"))


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    recipe_file: Path, tmp_path: Path
) -> None:
    def start(folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, str(recipe_file), str(folder)]
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for run in ("pre-training", "sbert"):  # the loss of the second learns, too
        process = start(killed)
        deadline = time.monotonic() + 240
        while not list(killed.glob(f"{run}-*/checkpoints/checkpoint-*/trainer_state.json")):
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(killed.glob(f"{run}-*"))
        assert not list(killed.glob(f"{run}-*/log.csv"))
    assert start(killed).wait() == 0
    assert start(whole).wait() == 0

    snapshots = [path.relative_to(whole) for path in sorted(whole.rglob("*.safetensors"))]
    assert len(snapshots) == 4 * 3
    for path in snapshots:
        ours, theirs = load_file(whole / path), load_file(killed / path)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    for path in whole.glob("*/log.csv"):
        logs = [pd.read_csv(folder / path.relative_to(whole)) for folder in (whole, killed)]
        assert logs[0].drop(columns="seconds").equals(logs[1].drop(columns="seconds"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("batch = 8", "batch = 500"), "300 examples for 'mini SBERT|200 .* for 'mini Sup"),
        (('corpus = "', 'corpus = "$WORDWEIGHTS_DATA'), "WORDWEIGHTS_DATA is not set"),
        (("pairs.tsv", "none.tsv"), r"none\.tsv"),
        (("[pretraining]", "[training]"), "pretraining: Field required"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(
    recipe_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    message: str,
) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "results"))
    recipe_file.write_text(recipe_file.read_text("utf-8").replace(*change), "utf-8")
    options = ["--recipe", str(recipe_file), "--output", str(tmp_path / "family")]
    found = CliRunner().invoke(main, options).exception
    assert found is not None
    with pytest.raises(type(found), match=message):
        raise found
    assert not list(tmp_path.glob("results/family/*/*"))


def test_a_folder_of_something_else_is_not_replaced(recipe_file: Path, tmp_path: Path) -> None:
    thesis = tmp_path / "work" / "thesis.tex"
    thesis.parent.mkdir()
    thesis.touch()
    options = ["--recipe", str(recipe_file), "--output", str(thesis.parent)]
    assert "something else than a family" in str(CliRunner().invoke(main, options).exception)
    assert thesis.exists()
