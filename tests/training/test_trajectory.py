from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from wordweights.attribution import attribute
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.training import FineTuning, fine_tune, swap_embeddings, trajectory
from wordweights.training.trajectory import ONION, embedding_norms, onion_share, sts_spearman
from wordweights.words.frequencies import load_frequencies

SENTENCES = pd.DataFrame(
    {"sentence": ["a woman is cutting an onion .", "the dogs are in the forest .", "play , dogs !"]}
)


def test_norms_are_distances_from_the_baseline(tiny_encoder: Encoder) -> None:
    found = embedding_norms(tiny_encoder, SENTENCES)
    table, pad = tiny_encoder.embedding_matrix, tiny_encoder.embedding_matrix[0]
    words = [word for sentence in SENTENCES["sentence"] for word in sentence.split()]
    ids = tiny_encoder.tokenizer.convert_tokens_to_ids(words)
    expected = [(table[i] - pad).norm().item() for i in ids]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_norm_of_a_word_of_two_pieces_is_that_of_both(tiny_encoder: Encoder) -> None:
    found = embedding_norms(tiny_encoder, pd.DataFrame({"sentence": ["playing"]}))
    table = tiny_encoder.embedding_matrix
    ids = tiny_encoder.tokenizer("playing", add_special_tokens=False)["input_ids"]
    assert len(ids) == 2
    np.testing.assert_allclose(found, [(table[ids] - table[0]).norm().item()])


def test_the_share_of_the_onion_is_of_all_words(tiny_encoder: Encoder) -> None:
    words = attribute(tiny_encoder, [ONION], probes="all", progress=False)
    (onion,) = words.loc[words["word"] == "onion", "contribution"]
    others = words.loc[words["word"] != "onion", "contribution"].sum()
    assert onion_share(tiny_encoder) == pytest.approx(onion / (onion + others), rel=1e-9)


def test_swapped_embeddings_sit_under_the_other_layers(tiny_encoder: Encoder) -> None:
    import copy
    from dataclasses import replace

    other = replace(tiny_encoder, name="other", model=copy.deepcopy(tiny_encoder.model))
    with torch.no_grad():
        for parameter in other.model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    mixed = swap_embeddings(tiny_encoder, other)
    assert torch.equal(mixed.embedding_matrix, tiny_encoder.embedding_matrix)
    x = torch.randn(1, 5, 16, dtype=torch.float64)
    torch.testing.assert_close(mixed.vectors(x), other.vectors(x))
    assert not torch.equal(other.embedding_matrix, tiny_encoder.embedding_matrix)
    back = swap_embeddings(other, mixed)
    assert torch.equal(back.encode(["a dog"]), other.encode(["a dog"]))


def test_embeddings_of_another_size_do_not_fit(tiny_encoder: Encoder) -> None:
    from dataclasses import replace

    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=len(tiny_encoder.tokenizer),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        attn_implementation="eager",
    )
    small = replace(tiny_encoder, name="small", model=BertModel(config, add_pooling_layer=False))
    with pytest.raises(WordweightsError, match="do not fit under the layers"):
        swap_embeddings(tiny_encoder, small)


def test_spearman_is_that_of_cosines_and_scores(
    tiny_encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scipy.stats import spearmanr

    (tmp_path / "stsb").mkdir()
    long = "dogs " * 100  # more than it can read
    rows = [("a dog", "the dog", 4.5), ("a woman", "onion", 0.5), ("dogs !", long, 3.0)]
    rows += [("there are dogs", "there are happy dogs", 4.0)]
    lines = [f'"{a}","{b}",{score}' for a, b, score in rows]
    (tmp_path / "stsb" / "test.csv").write_text("\n".join(lines))
    monkeypatch.setenv("WORDWEIGHTS_DATA", str(tmp_path))
    cosines = []
    for a, b, _ in rows:
        u, v = tiny_encoder.encode([a], cut=True), tiny_encoder.encode([b], cut=True)
        cosines.append(torch.nn.functional.cosine_similarity(u, v).item())
    expected = spearmanr(cosines, [score for *_, score in rows]).statistic
    assert sts_spearman(tiny_encoder) == pytest.approx(expected)


def test_without_the_data_there_is_no_spearman(
    tiny_encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    assert np.isnan(sts_spearman(tiny_encoder))
    monkeypatch.setenv("WORDWEIGHTS_DATA", str(tmp_path))
    assert np.isnan(sts_spearman(tiny_encoder))


def test_a_score_that_is_no_number_is_named(
    tiny_encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stsb").mkdir()
    (tmp_path / "stsb" / "test.csv").write_text("a dog,the dog,much\n")
    monkeypatch.setenv("WORDWEIGHTS_DATA", str(tmp_path))
    with pytest.raises(WordweightsError, match="the score 'much' is no number"):
        sts_spearman(tiny_encoder)


def test_a_run_is_measured_at_every_snapshot(
    tiny_encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.delenv("WORDWEIGHTS_DATA", raising=False)
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"the {a} is in a {b} ." for a in "abcdefg" for b in "hijk"))
    base = replace(tiny_encoder, model=tiny_encoder.model.float())
    run = fine_tune(
        base, str(text), None, FineTuning("unsup-simcse", steps=4, batch=4, snapshots=4)
    )
    table = trajectory(run, SENTENCES, load_frequencies("spacy"), probes="all", n_resamples=100)
    assert table["step"].tolist() == [0, 2, 4]
    assert table["encoder"].unique().tolist() == ["tiny"]
    assert ((table["low"] <= table["r"]) & (table["r"] <= table["high"])).all()
    assert table["onion"].between(0, 1).all()
    assert table["sts_spearman"].isna().all()
    assert table["norm_r"].between(-1, 1).all()
    assert table["r"].nunique() == 3
