from __future__ import annotations

from pathlib import Path

import pytest

from wordweights.encoders import known_encoders
from wordweights.errors import WordweightsError
from wordweights.training import OBJECTIVES
from wordweights.training.recipe import at_hand, read_recipe
from wordweights.training.shipped import RECIPE_FILE


def test_the_shipped_recipe_makes_the_registered_encoders() -> None:
    recipe = read_recipe(RECIPE_FILE)
    names = known_encoders()["name"].tolist()
    for member in recipe.members:
        assert member.encoder in names
        assert member.base in names
        assert member.settings.seed == recipe.seed
    assert [member.settings.objective for member in recipe.members] == list(OBJECTIVES)
    assert all(text.licence for text in recipe.texts)


def test_real_data_are_found_through_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read_recipe(RECIPE_FILE)
    monkeypatch.setenv("WORDWEIGHTS_DATA", "/some/data")
    assert at_hand(recipe).nli.pairs == "/some/data/nli_sample.tsv"
    monkeypatch.delenv("WORDWEIGHTS_DATA")
    with pytest.raises(WordweightsError, match="WORDWEIGHTS_DATA is not set"):
        at_hand(recipe)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 0", "", "'seed' is missing"),
        ("layers = 4", "lairs = 4", "lairs"),
        ("seed = 0", "seed = = 0", "Invalid value"),
        ('licence = "CC BY-SA"', "", "licence"),
        ('objective = "sbert"', 'objective = "bert"', "objective of a member 'bert' is not known"),
        ('base = "mini-BERT (CLS)"', 'base = "BERT (CLS)"', "base of a member 'BERT .CLS.' is not"),
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
