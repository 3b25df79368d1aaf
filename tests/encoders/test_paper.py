"""The paper's five encoders and the pooler's row, from a hub cache, against plain computations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from checkpoints import NAMES, Repositories, plain_model, wordpiece_ids
from sentence_transformers import SentenceTransformer
from torch import Tensor

from wordweights import attribute, load_encoder
from wordweights.encoders import describe_source, known_encoders

SENTENCES = ["A woman is cutting an onion .", "there are Dogs in the forest !"]


def states(weights: dict[str, Tensor], sentence: str) -> Tensor:
    """Last hidden states by a plain call of transformers."""
    with torch.no_grad():
        ids = torch.tensor([wordpiece_ids(sentence)])
        return plain_model(weights)(input_ids=ids).last_hidden_state[0]


def expected_vector(name: str, weights: dict[str, Tensor], sentence: str) -> Tensor:
    """The sentence vector, written out."""
    hidden = states(weights, sentence)
    if name.endswith("(MEAN)"):
        return hidden.mean(dim=0)
    if name.endswith("(CLS)"):
        return hidden[0]
    return torch.tanh(weights["pooler.dense.weight"] @ hidden[0] + weights["pooler.dense.bias"])


@pytest.mark.parametrize("name", NAMES)
def test_each_of_the_paper_is_what_its_repository_computes(
    offline: Repositories, name: str
) -> None:
    weights, _ = offline[NAMES[name]]
    encoder = load_encoder(name)
    assert encoder.name == name
    assert encoder.commit is not None
    assert describe_source(name) == f"{NAMES[name]}, commit {encoder.commit}"
    vectors = encoder.encode(SENTENCES)
    for sentence, vector in zip(SENTENCES, vectors, strict=True):
        expected = expected_vector(name, weights, sentence)
        torch.testing.assert_close(vector, expected, rtol=1e-4, atol=1e-5)
        ids = torch.tensor([wordpiece_ids(sentence)])
        alone = encoder.vectors(encoder.embed(ids))[0]  # as attribution asks for it
        torch.testing.assert_close(alone, expected, rtol=1e-4, atol=1e-5)
        masked = encoder.vectors(encoder.embed(ids), torch.ones_like(ids))[0]
        torch.testing.assert_close(masked, expected, rtol=1e-4, atol=1e-5)


def test_sbert_is_what_sentence_transformers_computes(offline: Repositories) -> None:
    judge = SentenceTransformer(NAMES["SBERT (MEAN)"], device="cpu", local_files_only=True)
    theirs = judge.encode(SENTENCES, convert_to_tensor=True, show_progress_bar=False)
    ours = load_encoder("SBERT (MEAN)").encode(SENTENCES)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_simcse_is_read_before_its_pooler_and_not_as_sentence_transformers_would(
    offline: Repositories,
) -> None:
    """Its repository has no modules.json, so sentence-transformers takes the mean."""
    weights, files = offline[NAMES["Sup. SimCSE (CLS)"]]
    assert "model.safetensors" not in files
    assert "modules.json" not in files
    assert "pooler.dense.weight" in weights
    before, behind = (
        load_encoder(f"Sup. SimCSE ({pooling})").encode(SENTENCES) for pooling in ("CLS", "pooler")
    )
    mean = torch.stack([states(weights, sentence).mean(dim=0) for sentence in SENTENCES])
    for other in (behind, mean):
        assert not torch.allclose(before, other, atol=0.01)


def test_the_row_of_the_pooler_says_so() -> None:
    table = known_encoders().set_index("name")
    row = table.loc["Sup. SimCSE (pooler)"]
    assert row["pooling"] == "pooler"
    assert row["base"] == "BERT (CLS)"
    assert row["hub_id"] == table.loc["Sup. SimCSE (CLS)", "hub_id"]
    assert "not a row of the paper" in row["note"]


def test_the_pooler_is_attributed_exactly(offline: Repositories) -> None:
    table = attribute(
        load_encoder("Sup. SimCSE (pooler)"),
        SENTENCES[:1],
        tolerance=0.001,
        probes="all",
        progress=False,
    )
    assert table["converged"].all()
    assert (table["contribution"] > 0).all()


def test_the_profile_names_the_five_of_the_paper_and_is_exact() -> None:
    path = Path(__file__).parents[2] / "notebooks" / "profiles" / "paper.yml"
    parameters = yaml.safe_load(path.read_text())["parameters"]
    assert parameters["encoders"] == [name for name in NAMES if "pooler" not in name]
    assert parameters["sentences"] == "stsb"
    assert parameters["frequencies"] == "bert-pretraining"
    assert parameters["n_steps"] == 50
    assert parameters["probes"] == "all"


def test_a_pinned_revision_is_taken_whatever_the_branch_holds(
    offline: Repositories, cache: Path
) -> None:
    pinned = known_encoders().set_index("name").loc["BERT (CLS)", "revision"]
    root = cache / "models--google-bert--bert-base-uncased"
    (root / "refs" / "main").write_text("0" * 40)
    assert load_encoder("BERT (CLS)").commit == pinned


def test_an_unpinned_revision_is_that_of_the_branch(offline: Repositories, cache: Path) -> None:
    root = cache / "models--princeton-nlp--unsup-simcse-bert-base-uncased"
    old = root / "snapshots" / (root / "refs" / "main").read_text()
    new = root / "snapshots" / ("1" * 40)
    old.rename(new)
    (root / "refs" / "main").write_text(new.name)
    assert load_encoder("Unsup. SimCSE (CLS)").commit == new.name


def test_the_control_of_a_hub_encoder_reads_the_pooling_of_its_name(offline: Repositories) -> None:
    hub_id = NAMES["Unsup. SimCSE (CLS)"]
    control = load_encoder(f"{hub_id} (pooler) (untrained)")
    assert control.pooling == "pooler"
    assert not control.trained
    assert load_encoder(f"{hub_id} (pooler)").pooling == "pooler"
    assert json.loads(offline[hub_id][1]["config.json"])["num_hidden_layers"] == 12
