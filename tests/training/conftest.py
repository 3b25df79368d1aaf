"""A recipe small enough to be trained in a test, of text and pairs made from a few words."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from wordweights.training.recipe import Pairs, Recipe, Text, read_recipe
from wordweights.training.shipped import RECIPE_FILE

WHO = ("a man", "a woman", "the dog", "two boys", "the cook", "my sister")
DOES = ("is eating", "cuts", "likes", "throws away", "is selling", "looks at")
WHAT = ("an onion", "the red ball", "some bread", "a small fish", "the old car", "green apples")


def sentences(n: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    places = ("in the forest", "at home", "on monday", "near the river")
    return [
        f"{draw.choice(WHO)} {draw.choice(DOES)} {draw.choice(WHAT)} {draw.choice(places)} ."
        for _ in range(n)
    ]


@pytest.fixture
def small_recipe(tmp_path: Path) -> Recipe:
    """The shipped recipe with a tiny model, few steps, and text of its own."""
    text = tmp_path / "text.txt"
    text.write_text("\n".join(sentences(600, 0)), "utf-8")
    pairs = tmp_path / "pairs.tsv"
    labels = ("entailment", "neutral", "contradiction")
    rows = [
        f"{labels[i % 3]}\t{a}\t{b}"
        for i, (a, b) in enumerate(zip(sentences(300, 1), sentences(300, 2), strict=True))
    ]
    pairs.write_text("\n".join(["label\tpremise\thypothesis", *rows]), "utf-8")
    recipe = read_recipe(RECIPE_FILE)
    return replace(
        recipe,
        vocabulary=2200,
        whole=("bundled",),
        pretraining=replace(
            recipe.pretraining,
            layers=1,
            width=16,
            heads=2,
            positions=32,
            steps=60,
            batch=16,
            learning_rate=1e-2,
            snapshots=3,
        ),
        texts=(Text("made up", str(text), "none", similarity=True),),
        nli=Pairs("made up, too", str(pairs), "none"),
        members=tuple(
            replace(member, settings=replace(member.settings, steps=8, batch=8, snapshots=3))
            for member in recipe.members
        ),
    )
