"""A recipe small enough to be trained in a test, of text and pairs made from a few words."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

WHO = ("a man", "a woman", "the dog", "two boys", "the cook", "my sister")
DOES = ("is eating", "cuts", "likes", "throws away", "is selling", "looks at")
WHAT = ("an onion", "the red ball", "some bread", "a small fish", "the old car", "green apples")
WHERE = ("in the forest", "at home", "on monday", "near the river")
MEMBERS = (
    ("mini Unsup. SimCSE (CLS)", "mini-BERT (CLS)", "unsup-simcse"),
    ("mini Sup. SimCSE (CLS)", "mini-BERT (CLS)", "sup-simcse"),
    ("mini SBERT (MEAN)", "mini-BERT (MEAN)", "sbert"),
)


def sentences(n: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [
        f"{' '.join(draw.choice(part) for part in (WHO, DOES, WHAT, WHERE))} ." for _ in range(n)
    ]


@pytest.fixture(scope="session")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of a tiny model, few steps, and text of its own; not to be changed."""
    tmp_path = tmp_path_factory.mktemp("recipe")
    (tmp_path / "text.txt").write_text("\n".join(sentences(600, 0)), "utf-8")
    labels = ("entailment", "neutral", "contradiction")
    pairs = zip(sentences(300, 1), sentences(300, 2), strict=True)
    rows = [f"{labels[i % 3]}\t{a}\t{b}" for i, (a, b) in enumerate(pairs)]
    (tmp_path / "pairs.tsv").write_text("\n".join(["label\tpremise\thypothesis", *rows]), "utf-8")
    steps = "steps = {}\nbatch = {}\nlearning_rate = {}\nsnapshots = 3\n"
    parts = [
        'seed = 0\nvocabulary = 2200\nwhole = ["bundled"]\n[pretraining]\nlayers = 1\nwidth = 16',
        "heads = 2\npositions = 32\nmasked = 0.25",
        steps.format(40, 16, 1e-2),
        f'[[texts]]\nname = "made up"\ncorpus = "{tmp_path / "text.txt"}"\nlicence = "none"',
        f'similarity = true\n[nli]\nname = "pairs"\npairs = "{tmp_path / "pairs.tsv"}"',
        'licence = "CC0"',
    ]
    for encoder, base, objective in MEMBERS:
        parts.append(f'[[finetunings]]\nencoder = "{encoder}"\nbase = "{base}"')
        parts.append(f'folder = "mini-{objective}"\nobjective = "{objective}"')
        parts.append(steps.format(20, 8, 1e-3))
    path = tmp_path / "small.toml"
    path.write_text("\n".join(parts), "utf-8")
    return path
