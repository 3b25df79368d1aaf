"""Weighted averages against scores: on a tiny encoder, beside plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from wordweights.attribution import attribute
from wordweights.encoders import Encoder
from wordweights.files import MEASURED_FILE, SIMILARITY_FILE
from wordweights.statistics.similarity import (
    ALONE,
    DISTILLED,
    INPUT,
    LAST,
    NONE,
    OWN,
    SIMILARITY_COLUMNS,
    WEIGHTS,
    Occurrences,
    compare_weights,
    find_pairs,
    measured_similarity,
    principal_direction,
    read_occurrences,
)
from wordweights.words.frequencies import Frequencies

WORDS = "a an the in is are was there woman man dog dogs forest onion cutting running . !"
SOURCE = Frequencies(
    "toy", pd.Series(dict(zip(WORDS.split(), np.geomspace(0.2, 1e-5, 18), strict=True))), ""
)
SCORED = [
    ("the dogs are running .", "the dog was running .", 4.5),
    ("a woman is cutting an onion .", "the man is cutting the onion .", 3.0),
    ("there are dogs in the forest .", "a dog was in the forest !", 4.0),
    ("the man was happy .", "an onion is in the forest .", 0.5),
    ("playing dogs !", "a dog is playing .", 3.5),
    ("there is an onion .", "the woman was running !", 0.0),
    ("the", "is the dog quick ?", 1.0),
]
# the last is in the test set, written otherwise
WEIGHED = ["the dogs are in the forest .", "a woman was running .", "an onion !"]
WEIGHED += ["There is an onion."]


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    """The splits of a folder with few pairs."""
    (tmp_path / "stsb").mkdir()
    for name, rows in (("dev", SCORED[::-1]), ("test", SCORED)):
        text = "".join(f"{first},{second},{score}\n" for first, second, score in rows)
        (tmp_path / "stsb" / f"{name}.csv").write_text(text)
    monkeypatch.setenv("WORDWEIGHTS_DATA", str(tmp_path))
    found, why = find_pairs()
    assert not why
    return found


def test_where_there_is_no_benchmark_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    assert find_pairs() == ({}, "WORDWEIGHTS_DATA names no folder, and `hub` is off")
    monkeypatch.setenv("WORDWEIGHTS_DATA", "nowhere")
    found, why = find_pairs()
    assert not found
    assert "stsb/dev.csv" in why


def test_vectors_of_words_are_means_of_their_wordpieces(tiny_encoder: Encoder) -> None:
    texts = ["the dogs are playing .", "Playing !"]
    read = read_occurrences(tiny_encoder, texts)
    assert read.words == ["the", "dogs", "are", "playing", ".", "playing", "!"]
    assert read.sentence.tolist() == [0] * 5 + [1] * 2
    ids = torch.tensor([tiny_encoder.tokenizer(texts[0])["input_ids"]])
    assert ids.shape == (1, 8)  # of which "playing" has two
    hidden = tiny_encoder.model(input_ids=ids).last_hidden_state[0]
    for kind, rows in ((INPUT, tiny_encoder.embed(ids)[0]), (LAST, hidden)):
        expected = torch.stack([*rows[1:4], rows[4:6].mean(dim=0), rows[6]])
        np.testing.assert_allclose(read.vectors[kind][:5], expected, atol=1e-6)
    np.testing.assert_allclose(
        read.vectors[ALONE][3], tiny_encoder.encode(["playing"])[0], atol=1e-6
    )
    np.testing.assert_allclose(read.own, tiny_encoder.encode(texts), atol=1e-6)


def test_averages_are_those_of_a_loop_and_all_zero_is_all_alike() -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 3))
    words, sentence = ["a", "b", "a", "c", "a"], np.array([0, 0, 1, 1, 2])
    weights = pd.Series({"a": 0.0, "b": 2.0, "c": 0.5})
    found = Occurrences(words, sentence, {INPUT: vectors}, vectors).average(INPUT, weights)
    np.testing.assert_allclose(found, [vectors[1], vectors[3], vectors[4]])
    even = Occurrences(words, sentence, {INPUT: vectors}, vectors).average(INPUT, weights + 1)
    np.testing.assert_allclose(even[0], (vectors[0] + 3 * vectors[1]) / 4)


def test_the_direction_that_is_removed_is_the_first_singular_vector() -> None:
    vectors = np.random.default_rng(1).standard_normal((20, 4)) + np.array([3, 0, 0, 0])
    expected = np.linalg.svd(vectors)[2][0]
    assert abs(principal_direction(vectors) @ expected) == pytest.approx(1)


def test_the_table_has_all_averages_and_their_coefficients(
    tiny_encoder: Encoder, pairs: dict[str, pd.DataFrame]
) -> None:
    sentences = pd.DataFrame({"sentence_id": range(4), "sentence": WEIGHED})
    contributions = {
        "tiny": attribute(tiny_encoder, sentences, n_nodes=4, progress=False, probes=4)
    }
    found = compare_weights(
        {"tiny": tiny_encoder}, pairs, sentences, contributions, SOURCE, n_resamples=100
    )
    assert list(found.columns) == [*SIMILARITY_COLUMNS, "origin"]
    assert len(found) == 1 + 3 * 2 * len(WEIGHTS)
    assert set(found["n_pairs"]) == {len(SCORED)}
    # words of the sentence that is in the test set, too, are not met by it
    met = {word for text in WEIGHED[:3] for word in text.split()}
    assert "there" not in met
    tokens = [
        word for pair in dict.fromkeys(t for p in SCORED for t in p[:2]) for word in pair.split()
    ]
    assert found["met"].iloc[0] == pytest.approx(np.mean([word in met for word in tokens]))
    rows = found.set_index(["vectors", "weights", "removed"])

    def cosine(first: torch.Tensor, second: torch.Tensor) -> float:
        return float(torch.nn.functional.cosine_similarity(first, second, dim=0))

    scores = [score for *_, score in SCORED]
    own = [cosine(*tiny_encoder.encode([first, second])) for first, second, _ in SCORED]
    assert rows.loc[(OWN, "", False), "spearman"] == pytest.approx(spearmanr(own, scores)[0])

    def weighted(text: str) -> torch.Tensor:
        total = torch.zeros(16, dtype=torch.float64)
        for word in text.split():
            ids = tiny_encoder.tokenizer(word, add_special_tokens=False)["input_ids"]
            p = SOURCE.probabilities.get(word, SOURCE.probabilities.min())
            total += -np.log(p) * tiny_encoder.embedding_matrix[ids].mean(dim=0)
        return total

    plain = [cosine(weighted(first), weighted(second)) for first, second, _ in SCORED]
    with_p = rows.loc[(INPUT, "\N{MINUS SIGN}ln P", False)]
    assert with_p["spearman"] == pytest.approx(spearmanr(plain, scores)[0])
    without = rows.loc[(INPUT, NONE, False)]
    assert with_p["rise"] == pytest.approx(with_p["spearman"] - without["spearman"])
    assert found.loc[found["weights"] == "SIF", "a"].notna().all()
    assert found.loc[found["weights"] == DISTILLED, "rise_low"].notna().all()


def test_the_committed_table_is_whole() -> None:
    table = measured_similarity()
    assert SIMILARITY_FILE.parent == MEASURED_FILE.parent
    assert set(table["n_pairs"]) == {1379}
    for _, rows in table.groupby("encoder"):
        assert len(rows) == 1 + 3 * 2 * len(WEIGHTS)
        assert set(rows["weights"]) == {"", *WEIGHTS}
    assert (table["spearman_low"] < table["spearman"]).all()
    assert (table["spearman"] < table["spearman_high"]).all()
    rises = table.dropna(subset="rise")
    assert (rises["rise_low"] <= rises["rise_high"]).all()
