"""A family of small encoders, before and after fine-tuning, trained from text.

``make family`` runs this module. Every part is kept in the results folder as soon as it is done,
and a part that was broken off goes on from its last checkpoint. What the package ships is replaced
at the very end, all of it or nothing.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.metadata
import json
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pandas as pd

from wordweights.attribution.parallel import cores
from wordweights.counting.basic_tokens import split_bert
from wordweights.encoders import Encoder, load_encoder
from wordweights.errors import WordweightsError
from wordweights.files import digest, results_folder, write_atomically
from wordweights.training.finetuning import fine_tune, key_of_run, triplet_kinds
from wordweights.training.pretraining import pretrain
from wordweights.training.recipe import BASE, Recipe, at_hand, read_recipe
from wordweights.training.runs import Run
from wordweights.training.shipped import FAMILY, RECIPE_FILE
from wordweights.training.texts import read_nli, read_sentences
from wordweights.training.trajectory import trajectory
from wordweights.training.vocabulary import learn_vocabulary, make_tokenizer, save_tokenizer
from wordweights.words.frequencies import load_frequencies
from wordweights.words.sentences import filter_sentences, load_sentences

_WORDPIECES_OF = "all-MiniLM-L6-v2"  # BERT-base-uncased's vocabulary, in an installed package
_ABOUT = "about.json"
_DIGITS = 4
_FREQUENCIES = "spacy"
_PROBES = 16
_PACKAGES = ("wordweights", "torch", "transformers", "sentence-transformers")


@dataclass(frozen=True)
class Family:
    """A trained family.

    Attributes
    ----------
    runs : dict[str, Run]
        By the registered name of the encoder that a run ends with; pre-training is there once for
        each pooling.
    words : dict[str, int]
        Words of each text, by its name.
    triplets : dict[str, int]
        From :func:`wordweights.training.finetuning.triplet_kinds`.
    """

    runs: dict[str, Run]
    words: dict[str, int]
    triplets: dict[str, int]


def train_family(recipe: Recipe, folder: Path) -> Family:
    """Train all encoders of a recipe, or go on with those that are not finished.

    Parameters
    ----------
    recipe : Recipe
        With paths at hand.
    folder : Path
        Of this recipe alone.

    Returns
    -------
    Family
        Its runs.
    """
    texts = {text.name: read_sentences([text.corpus]) for text in recipe.texts}
    pairs = read_nli(recipe.nli.pairs)
    told = pd.unique(pd.concat([pairs["premise"], pairs["hypothesis"]])).tolist()
    texts[recipe.nli.name] = told
    sentences = list(dict.fromkeys(sentence for found in texts.values() for sentence in found))
    vocabulary = learn_vocabulary(sentences, recipe.vocabulary, whole_words(recipe.whole))
    tokenizer = make_tokenizer(vocabulary, recipe.pretraining.positions)
    # a run is found again by all that it has learned from, not by the paths of it
    key = digest([vocabulary, sentences, asdict(recipe.pretraining)])[:16]
    base = pretrain(tokenizer, sentences, recipe.pretraining, folder / f"pre-training-{key}")
    names = {f"{BASE} ({pooling.upper()})": pooling for pooling in ("cls", "mean")}
    runs = {name: relabel(base, name=name, pooling=pooling) for name, pooling in names.items()}
    similar = folder / "similarity.txt"
    chosen = [s for text in recipe.texts if text.similarity for s in texts[text.name]] + told
    lines = list(dict.fromkeys(chosen))
    write_atomically(similar, "\n".join(lines).encode())
    read = digest([lines, pairs.to_numpy().tolist()])
    for member in recipe.members:
        before = replace(runs[member.base].snapshots[-1].encoder, name=member.base)
        key = key_of_run(before, read, member.settings)
        run = fine_tune(
            before,
            str(similar),
            recipe.nli.pairs,
            member.settings,
            folder / f"{member.folder}-{key}",
        )
        runs[member.encoder] = relabel(run, name=member.encoder, base=member.base)
    words = {name: sum(len(s.split()) for s in found) for name, found in texts.items()}
    return Family(runs, words, triplet_kinds(pairs))


def whole_words(sets: Sequence[str]) -> list[str]:
    """List the words of sentences that pass the paper's filter, as BERT's tokenizer writes them.

    Parameters
    ----------
    sets : Sequence[str]
        As for :func:`wordweights.load_sentences`.

    Returns
    -------
    list[str]
        Sorted.
    """
    tokenizer = load_encoder(_WORDPIECES_OF).tokenizer
    tables = (filter_sentences(load_sentences(name), [tokenizer]) for name in sets)
    return sorted({word for table in tables for s in table["sentence"] for word in split_bert(s)})


def relabel(run: Run, **changes: Any) -> Run:
    """Read the weights of a run as another encoder.

    Parameters
    ----------
    run : Run
        Of training.
    **changes : Any
        Attributes of an :class:`Encoder`, such as name, base and pooling.

    Returns
    -------
    Run
        With the same snapshots.
    """
    like = replace(run.snapshots[0].like, **changes)
    return replace(run, snapshots=tuple(replace(s, like=like) for s in run.snapshots))


def save_checkpoint(encoder: Encoder, folder: Path) -> str:
    """Save an encoder as a checkpoint of half precision.

    Parameters
    ----------
    encoder : Encoder
        With BERT's tokenizer.
    folder : Path
        To be made.

    Returns
    -------
    str
        SHA-256 of its weights.
    """
    copy.deepcopy(encoder.model).half().save_pretrained(folder)
    save_tokenizer(encoder.tokenizer, folder)
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def measure_family(family: Family) -> pd.DataFrame:
    """Measure every snapshot on the bundled sentences.

    Parameters
    ----------
    family : Family
        Trained.

    Returns
    -------
    pd.DataFrame
        As :func:`wordweights.training.trajectory`, with the columns stage, settings, date and
        versions.
    """
    last = [run.snapshots[-1].encoder for run in family.runs.values()]
    sentences = filter_sentences(load_sentences("bundled"), [encoder.tokenizer for encoder in last])
    source = load_frequencies(_FREQUENCIES)
    tables = []
    for name, run in family.runs.items():
        table = trajectory(run, sentences, source, probes=_PROBES)
        stage = "pre-training" if name.startswith(BASE) else "fine-tuning"
        tables.append(table.assign(stage=stage))
        click.echo(f"{name}: measured at {len(table)} steps", err=True)
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in _PACKAGES}
    return pd.concat(tables, ignore_index=True).assign(
        settings=f"sentences=bundled n_words=7 frequencies={_FREQUENCIES} unseen=drop "
        f"tolerance=0.01 probes={_PROBES} seed=0 n_resamples=2000",
        date=datetime.now(UTC).date().isoformat(),
        versions=" ".join(f"{name}={version}" for name, version in versions.items()),
    )


def ship(recipe: Recipe, path: Path, family: Family, measured: pd.DataFrame, target: Path) -> None:
    """Write checkpoints and tables of a family, all of them or nothing.

    Parameters
    ----------
    recipe : Recipe
        As in its file, with no path of this machine.
    path : Path
        That file, which is kept with the results.
    family : Family
        Trained.
    measured : pd.DataFrame
        From :func:`measure_family`.
    target : Path
        The folder to be replaced. Where the registry of encoders lies beside it, as in the package,
        the digests of the weights are written there.
    """
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    folders = {f"{BASE} (CLS)": BASE.lower()} | {m.encoder: m.folder for m in recipe.members}
    digests = {}
    for name, folder in folders.items():
        encoder = family.runs[name].snapshots[-1].encoder
        digests[folder] = save_checkpoint(encoder, fresh / folder)
    logs = {run.name: run.log.assign(run=run.name) for run in family.runs.values()}
    log = pd.concat(logs.values())[["run", "step", "loss", "seconds"]]
    _write_table(log, fresh / "training.csv")
    _write_table(measured, fresh / "trajectory.csv")
    about = {
        "words": family.words,
        "triplets": family.triplets,
        "parameters": sum(p.numel() for p in encoder.model.parameters()),
        "machine": f"{platform.machine()}, {cores()} cores",
        "recipe": asdict(recipe),
    }
    (fresh / _ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    shutil.copy(path, fresh / RECIPE_FILE.name)
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    registry = target.parent / "encoders.toml"
    if registry.is_file():
        _register(digests, registry)
    shutil.rmtree(old, ignore_errors=True)


def check_target(target: Path) -> None:
    """Refuse a folder that holds something else than a family, for it is going to be replaced.

    Parameters
    ----------
    target : Path
        For the results.

    Raises
    ------
    WordweightsError
        When it is not empty and has no family in it.
    """
    if target.exists() and any(target.iterdir()) and not (target / _ABOUT).is_file():
        raise WordweightsError(
            f"{target} holds something else than a family of encoders, and would be replaced as a "
            f"whole: name a new folder, or an empty one."
        )


def _write_table(table: pd.DataFrame, path: Path) -> None:
    text = table.to_csv(index=False, float_format=f"%.{_DIGITS}f", lineterminator="\n")
    path.write_text(text, "utf-8", newline="\n")


def _register(digests: dict[str, str], registry: Path) -> None:
    """Write the digests of new weights into the table of encoders, where it has the old ones."""
    text = registry.read_text("utf-8")
    for folder, found in digests.items():
        place = rf'(folder = "data/family/{re.escape(folder)}"\nsha256 = ")[0-9a-f]*(")'
        text = re.sub(place, rf"\g<1>{found}\g<2>", text)
    write_atomically(registry, text.encode())


@click.command()
@click.option(
    "--recipe",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=RECIPE_FILE,
    help="Data, sizes and steps; the default is that of the shipped family.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=FAMILY,
    help="The folder for checkpoints and tables; the default is that of the package.",
)
def main(path: Path, output: Path) -> None:
    """Train a family of encoders, measure it on the way, and save it."""
    recipe = read_recipe(path)
    check_target(output)
    folder = results_folder() / "family" / digest(asdict(recipe))[:16]
    click.echo(
        f"Kept in {folder} until all is done; the same command goes on from there.", err=True
    )
    family = train_family(at_hand(recipe), folder)
    ship(recipe, path, family, measure_family(family), output)
    click.echo(f"Wrote {output}")


if __name__ == "__main__":
    try:
        main()
    except WordweightsError as problem:
        sys.exit(f"family: {problem}")
