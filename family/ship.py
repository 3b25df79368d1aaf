"""Writing a family where the package, or whoever trained it, finds it."""

from __future__ import annotations

import copy
import json
import os
import platform
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file
from transformers import BertForMaskedLM

from family.card import card_tables
from family.pretraining import HEAD
from family.recipe import BASE, Recipe
from family.train import Family
from family.vocabulary import save_tokenizer
from wordweights.encoders import Encoder
from wordweights.files import sha256, write_atomically

_DIGITS = 4


def ship(recipe: Recipe, family: Family, tables: Mapping[str, pd.DataFrame], target: Path) -> None:
    """Write checkpoints and tables of a family, all of them or nothing, in place of a folder.

    Where the registry of encoders lies beside it, as in the package, the digests of the weights are
    written there.
    """
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    folders = {f"{BASE} (CLS)": BASE.lower()} | {m.encoder: m.folder for m in recipe.finetunings}
    digests = {}
    for name, folder in folders.items():
        last = family.runs[name].snapshots[-1]
        encoder, head = last.encoder, last.path.parent.parent / HEAD
        digests[folder] = save_checkpoint(encoder, fresh / folder, head)
    logs = {run.name: run.log.assign(run=run.name) for run in family.runs.values()}
    log = pd.concat(logs.values())[["run", "step", "loss", "seconds"]]
    for name, table in {"training": log, **tables}.items():
        write_table(table, fresh / f"{name}.csv")
    parameters = sum(p.numel() for p in encoder.model.parameters())
    card = card_tables(recipe, family.words, family.triplets, parameters)
    about = {
        "machine": _machine(),
        "card": {name: table.to_dict("records") for name, table in card.items()},
        "recipe": recipe.model_dump(),
    }
    (fresh / "about.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    registry = target.parent / "encoders.toml"
    if registry.is_file():
        _register(digests, registry)
    shutil.rmtree(old, ignore_errors=True)


def _machine() -> str:
    cores = f"{platform.machine()}, {os.cpu_count()} cores"
    return f"{cores}, {torch.cuda.get_device_name()}" if torch.cuda.is_available() else cores


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table of measured numbers, rounded."""
    text = table.to_csv(index=False, float_format=f"%.{_DIGITS}f", lineterminator="\n")
    path.write_text(text, "utf-8", newline="\n")


def save_checkpoint(encoder: Encoder, folder: Path, head: Path | None = None) -> str:
    """Save an encoder as a checkpoint of half precision: where it has its head, with that.

    It is then a masked language model, which loads as the same encoder, for that leaves heads out.
    """
    model = copy.deepcopy(encoder.model)
    if head is not None and head.is_file():
        guessing = BertForMaskedLM(model.config)
        guessing.bert = model
        guessing.cls.predictions.load_state_dict(load_file(head), strict=False)
        guessing.tie_weights()
        model = guessing
    model.half().save_pretrained(folder)
    save_tokenizer(encoder.tokenizer, folder)
    return sha256(folder / "model.safetensors")


def _register(digests: dict[str, str], registry: Path) -> None:
    """Write the digests of new weights into the table of encoders, where it has the old ones."""
    text = registry.read_text("utf-8")
    for folder, found in digests.items():
        place = rf'(folder = "data/family/{re.escape(folder)}"\nsha256 = ")[0-9a-f]*(")'
        text = re.sub(place, rf"\g<1>{found}\g<2>", text)
    write_atomically(registry, text.encode())
