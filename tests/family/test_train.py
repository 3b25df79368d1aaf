"""A family in miniature, from text to checkpoints that load by their names."""

from __future__ import annotations

import json
import os
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
from family.seeds import measure_seeds
from family.ship import ship
from family.train import Family, train_family
from wordweights.encoders import load_encoder
from wordweights.errors import WordweightsError
from wordweights.training import read_nli
from wordweights.training.finetuning import nli_triplets

PROGRAM = """
import sys
from pathlib import Path
from family.recipe import read_recipe
from family.seeds import measure_seeds
from family.train import train_family

recipe = read_recipe(Path(sys.argv[1]))
train_family(recipe, recipe.sources(), Path(sys.argv[2]))
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of the family are kept."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def family(recipe_file: Path, runs: Path) -> Family:
    """The family of the recipe, trained without a break, on one thread as a killed one."""
    recipe, threads = read_recipe(recipe_file), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return train_family(recipe, recipe.sources(), runs)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_a_family_is_trained_measured_and_shipped(
    recipe_file: Path, family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    recipe = read_recipe(recipe_file)
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
    ship(recipe, family, {"trajectory": measured}, target)
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
    triplets = nli_triplets(read_nli(recipe.nli.pairs))
    assert sum(row[-1] for row in card["triplets"]) == len(triplets)
    assert card["runs"][0] == ["pre-training", "mini-BERT", 40, 16, "0.01", 0]
    assert card["runs"][3] == ["sbert", "mini SBERT (MEAN)", 20, 8, "0.001", 0]
    loaded = load_encoder(target / "mini-sbert", pooling="mean")
    trained = family.runs["mini SBERT (MEAN)"].snapshots[-1].encoder
    torch.testing.assert_close(
        loaded.encode(["a man"]), trained.encode(["a man"]), rtol=0.02, atol=0.02
    )  # half precision


@pytest.mark.slow
def test_only_what_has_read_other_data_is_trained_again(
    recipe_file: Path, family: Family, runs: Path, tmp_path: Path
) -> None:
    recipe = read_recipe(recipe_file)
    again = train_family(recipe, recipe.sources(), runs)
    other = Path(recipe.nli.pairs).read_text("utf-8").replace("neutral", "contradiction")
    (tmp_path / "other.tsv").write_text(other, "utf-8")
    sources = recipe.sources() | {recipe.nli.name: str(tmp_path / "other.tsv")}
    changed = train_family(recipe, sources, runs)
    for name, run in family.runs.items():
        assert again.runs[name].snapshots[-1].path == run.snapshots[-1].path
        same = changed.runs[name].snapshots[-1].path == run.snapshots[-1].path
        assert same == (run.name in ("pre-training", "unsup-simcse"))


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    recipe_file: Path, family: Family, tmp_path: Path
) -> None:
    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, str(recipe_file), str(tmp_path)]
        one = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=ROOT, env=one, stderr=subprocess.DEVNULL)

    for part in ("pre-training", "sbert"):  # the loss of the second learns, too
        process = start()
        deadline = time.monotonic() + 240
        while not list(tmp_path.glob(f"{part}-*/checkpoints/checkpoint-*/trainer_state.json")):
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not list(tmp_path.glob(f"{part}-*/log.csv"))
    assert start().wait() == 0

    for name, run in family.runs.items():
        kept = run.snapshots[0].path.parents[1]
        for snapshot in run.snapshots:
            ours = load_file(snapshot.path)
            theirs = load_file(tmp_path / snapshot.path.relative_to(kept.parent))
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[key], theirs[key]) for key in ours), name
        log = pd.read_csv(tmp_path / kept.name / "log.csv")
        assert log[["step", "loss"]].equals(run.log[["step", "loss"]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("batch = 8", "batch = 250"), "191 examples for 'mini Sup. SimCSE .*less than a batch"),
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
    mine = tmp_path / "mine.toml"
    mine.write_text(recipe_file.read_text("utf-8").replace(*change), "utf-8")
    options = ["--recipe", str(mine), "--output", str(tmp_path / "family")]
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


@pytest.mark.slow
def test_other_seeds_give_other_rises_from_the_same_recipe(
    recipe_file: Path, family: Family, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    recipe = read_recipe(recipe_file).model_copy(update={"seeds": (1,)})
    found = measure_seeds(recipe, recipe.sources(), runs, limit=20)
    seeds = ["pretraining_seed", "finetuning_seed"]
    assert (
        found.groupby("encoder")[seeds].apply(lambda rows: rows.to_numpy().tolist()).tolist()
        == [[[0, 0], [0, 1], [1, 0]]] * 3
    )
    # the first pair is the family itself, whose ends its curves have, too
    curves = measure_family(family.runs, limit=20).groupby("encoder")["r"]
    own = found[(found[seeds] == 0).all(axis=1)].set_index("encoder")
    for encoder, row in own.iterrows():
        assert row["r_after"] == pytest.approx(curves.last()[encoder], abs=1e-6)
        assert row["r_before"] == pytest.approx(curves.first()[encoder], abs=1e-6)
        assert row["rise"] == pytest.approx(row["r_after"] - row["r_before"])
        assert row["rise_low"] < row["rise"] < row["rise_high"]
    # another fine-tuning begins where this one does; another pre-training does not
    table = found.set_index(["encoder", *seeds])
    for encoder in own.index:
        assert table.loc[(encoder, 0, 1), "r_before"] == own.loc[encoder, "r_before"]
        assert table.loc[(encoder, 0, 1), "r_after"] != own.loc[encoder, "r_after"]
        assert table.loc[(encoder, 1, 0), "r_before"] != own.loc[encoder, "r_before"]


def test_a_seed_that_is_repeated_is_no_further_one(recipe_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "again.toml"
    path.write_text(f"seeds = [1, 0]\n{recipe_file.read_text('utf-8')}", "utf-8")
    with pytest.raises(WordweightsError, match=r"seeds \[1, 0\] repeat one, or the seed 0"):
        read_recipe(path)
