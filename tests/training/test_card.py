"""The tables of the card of a family."""

from __future__ import annotations

from wordweights.training.card import card_tables

PRETRAINING = {"layers": 4, "width": 128, "heads": 2, "positions": 64, "steps": 4000, "batch": 128}
TUNING = {"objective": "sbert", "steps": 600, "batch": 64, "learning_rate": 3e-4, "seed": 1}
ABOUT = {
    "parameters": 1_870_592,
    "words": {"speeches": 1_000, "news": 300, "pairs": 20},
    "triplets": {"complete": 3, "drawn": 2, "itself": 1},
    "recipe": {
        "vocabulary": 8192,
        "pretraining": {**PRETRAINING, "learning_rate": 1.5e-3, "seed": 1},
        "texts": [
            {"name": "speeches", "corpus": "x", "licence": "public domain", "similarity": True},
            {"name": "news", "corpus": "y", "licence": "none", "similarity": False},
        ],
        "nli": {"name": "pairs", "pairs": "z", "licence": "CC BY-SA"},
        "members": [{"encoder": "mini SBERT (MEAN)", "base": "b", "settings": TUNING}],
    },
}


def test_the_card_holds_what_the_recipe_says() -> None:
    tables = card_tables(ABOUT)
    model = tables["model"].set_index("what")["value"]
    assert model["layers"] == 4
    assert model["numbers that were learned"] == 1_870_592
    sources = tables["sources"].set_index("text")
    assert sources["licence"].tolist() == ["public domain", "none", "CC BY-SA"]
    assert sources["words"].tolist() == [1_000, 300, 20]
    reads = ["pre-training, unsup-simcse", "pre-training", "pre-training, sbert"]
    assert sources["read in"].tolist() == reads
    assert tables["triplets"]["triplets"].tolist() == [3, 2, 1]
    assert tables["runs"].to_numpy().tolist() == [
        ["pre-training", "mini-BERT", 4000, 128, "0.0015", 1],
        ["sbert", "mini SBERT (MEAN)", 600, 64, "0.0003", 1],
    ]
