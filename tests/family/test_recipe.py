from __future__ import annotations

from pathlib import Path

import pytest

from family.recipe import RECIPE_FILE, read_recipe
from wordweights.encoders import known_encoders
from wordweights.errors import WordweightsError
from wordweights.training import OBJECTIVES


def test_the_shipped_recipe_makes_the_registered_encoders() -> None:
    recipe = read_recipe(RECIPE_FILE)
    names = known_encoders()["name"].tolist()
    assert {name for m in recipe.finetunings for name in (m.encoder, m.base)} <= set(names)
    assert tuple(member.objective for member in recipe.finetunings) == OBJECTIVES
    assert all(text.licence for text in recipe.texts)


def test_real_data_are_found_through_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read_recipe(RECIPE_FILE)
    monkeypatch.setenv("WORDWEIGHTS_DATA", "/some/data")
    assert recipe.sources()[recipe.nli.name] == "/some/data/nli_sample.tsv"
    monkeypatch.delenv("WORDWEIGHTS_DATA")
    with pytest.raises(WordweightsError, match="WORDWEIGHTS_DATA is not set"):
        recipe.sources()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 0", "", "seed: Field required"),
        ("layers = 4", "lairs = 4", r"pretraining\.layers: Field required.*pretraining\.lairs"),
        ("layers = 4", 'layers = "many"', r"pretraining\.layers: Input should be a valid integer"),
        ("heads = 4", "heads = 3", "a width of 128 cannot be shared by 3 heads"),
        ("seed = 0", "seed = = 0", "Invalid value"),
        ('licence = "CC BY-SA"', "", r"texts\.2\.licence: Field required"),
        ('objective = "sbert"', 'objective = "bert"', "objective: Input should be 'unsup-simcse'"),
        ('base = "mini-BERT (CLS)"', 'base = "BERT (CLS)"', "base: Input should be 'mini-BERT"),
        ('objective = "sbert"', 'objective = "sup-simcse"', "'sup-simcse' stands for two"),
        ('folder = "mini-sbert"', 'folder = "mini-bert"', "'mini-bert' stands for two"),
    ],
)
def test_a_recipe_that_is_wrong_says_what(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE_FILE.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(WordweightsError, match=rf"mine\.toml cannot be read: .*{message}"):
        read_recipe(path)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WordweightsError, match=r"none\.toml cannot be read: No such file"):
        read_recipe(tmp_path / "none.toml")
