"""The command ``wordweights``: argument parsing and messages, nothing else."""

from __future__ import annotations

import gc
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from wordweights.encoders import Encoder


def _option(*names: str, **about: Any) -> Any:
    """Make an option that shows its default, where it has one."""
    return click.option(*names, show_default="default" in about, **about)


# options that commands share
_ENCODER = _option(
    "-e", "--encoder", "name", default="all-MiniLM-L6-v2", help="Name, folder or hub id."
)
_POOLING = _option(
    "--pooling",
    type=click.Choice(["cls", "mean", "pooler", "lasttoken"]),
    help="Instead of the known one.",
)
_OUTPUT = _option(
    "-o", "--output", type=click.Path(path_type=Path), help="A .csv or .parquet file."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wordweights")
def app() -> None:
    """How sentence encoders weigh words."""


@app.command()
@click.argument("chapters", nargs=-1)
@_option("-P", "--profile", default="embedded", help="A profile in notebooks/profiles.")
@_option("-f", "--file", type=click.Path(), help="A profile file, instead of --profile.")
@_option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A parameter of the chapters, such as -p encoders '[all-MiniLM-L6-v2]': text as it is, "
    "other types as YAML. May be repeated.",
)
@_option(
    "--dry-run",
    is_flag=True,
    help="Only count the stored sentences of the main table, that of 02 and 03.",
)
def run(
    chapters: tuple[str, ...],
    profile: str,
    file: str | None,
    parameters: tuple[tuple[str, str], ...],
    *,
    dry_run: bool,
) -> None:
    """Execute chapters (such as 03; none means all) into book/chapters."""
    from dataclasses import replace

    from wordweights.pipeline import (
        choose_chapters,
        count_run,
        find_root,
        load_profile,
        run_chapters,
    )

    root = find_root()
    chosen = load_profile(root, file or profile)
    if chapters:
        chosen = replace(chosen, chapters=tuple(choose_chapters(root, chapters)))
    if dry_run:
        counts = count_run(root, chosen, dict(parameters))
        click.echo(_describe_counts(counts) or "These chapters have no main table of sentences.")
        return
    run_chapters(root, chosen, dict(parameters))


@app.command()
@_option("--static", is_flag=True, help="Without what moves in its pages, and without npm.")
def book(static: bool) -> None:
    """Build the book from the executed chapters."""
    from wordweights.pipeline import build_book, find_root

    index = build_book(find_root(), static=static)
    click.echo(f"The book is at {index}")


@app.command()
@_option(
    "--against",
    type=click.Path(path_type=Path),
    help="Claims of an earlier run: fail if one of them was supported and is not any more.",
)
def claims(against: Path | None) -> None:
    """List what the last run of chapter 03 says about each claim of the paper."""
    from wordweights.files import expand_home
    from wordweights.pipeline import find_root
    from wordweights.pipeline.running import CLAIMS_FILE, read_claims
    from wordweights.statistics.claims import lost_claims

    present = read_claims(find_root() / CLAIMS_FILE)
    columns = ["claim", "scope", "estimate", "low", "high", "verdict"]
    text = present[columns].to_string(index=False, float_format="{:.3f}".format, na_rep="")
    click.echo(text)
    if against is None:
        return
    lost = lost_claims(read_claims(expand_home(against)), present)
    if len(lost):
        rows = [f"({row.claim}) {row.scope}: {row.verdict}" for row in lost.itertuples()]
        raise WordweightsError(
            f"{len(lost)} claim(s) that {against} had supported are not any more: "
            f"{'; '.join(rows)}."
        )


@app.command()
@click.argument("sentences")
@_ENCODER
@_POOLING
@_option(
    "--frequencies",
    default="spacy",
    help="Source of P(w): spacy, wordfreq, bert-pretraining, or a table word,count.",
)
@_option("--column", default="sentence", help="Where the sentences are in a table.")
@_option("--n-words", type=int, help="Keep only sentences of so many one-wordpiece words.")
@_option("--skip-long", is_flag=True, help="Leave sentences out that are too long for the encoder.")
@_option(
    "--method",
    default="integrated-gradients",
    help="Measure of weight; others are shapley, occlusion, alone, gradient-times-input, "
    "token-norm and embedding-distance.",
)
@_option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A setting of the method, such as -p probes all -p tolerance 0.002: numbers, true and "
    "null as YAML. May be repeated.",
)
@_OUTPUT
@_option(
    "--device",
    default="auto",
    help="Where to compute, such as cpu or cuda; auto, the default: on a GPU where there is one.",
)
@_option(
    "--cluster",
    metavar="ADDRESS",
    help="Of a Dask scheduler, such as tcp://host:8786: compute there.",
)
@_option("--dry-run", is_flag=True, help="Only count the sentences that are stored.")
def attribute(
    *,
    sentences: str,
    name: str,
    pooling: str | None,
    frequencies: str,
    column: str,
    n_words: int | None,
    skip_long: bool,
    method: str,
    parameters: tuple[tuple[str, str], ...],
    output: Path | None,
    device: str,
    cluster: str | None,
    dry_run: bool,
) -> None:
    """Weigh the words of SENTENCES: bundled, stsb, a CSV, TSV, TXT or parquet file, or - (lines).

    One row per word: its contribution to the sentence vector with what certifies it, empty for a
    word without a wordpiece of its own; its probability P(w) and its information -ln P(w) in nats,
    both empty for a word that the source of frequencies does not know.
    """
    import wordweights as ww
    from wordweights.encoders import check_name
    from wordweights.files import check_output, expand_home
    from wordweights.pipeline.parameters import read_value
    from wordweights.words.frequencies import COUNTED, look_up

    if output is not None:
        output = expand_home(output)
        check_output(output, [".csv", ".parquet"])
    settings = {key: read_value(key, text, object) for key, text in parameters}
    # everything that may be misspelt, before anything heavy is imported or a model loaded
    table = _read_sentences(sentences, column)
    check_name(name, pooling)
    source = ww.load_frequencies(frequencies)
    from wordweights.attribution import count_stored, make_method
    from wordweights.encoders.loading import LEFT_OUT

    weighing = make_method(method, **settings)
    encoder = ww.load_encoder(name, pooling, device=device)
    if LEFT_OUT in encoder.note:
        click.echo(
            f"Encoder {encoder.name!r}: {LEFT_OUT}; ' (normalised)' behind its name keeps it.",
            err=True,
        )
    if n_words is not None:
        table = ww.filter_sentences(table, [encoder.tokenizer], n_words)
    if skip_long:
        table = _skip_long(encoder, table)
    if dry_run:
        click.echo(_describe_counts({encoder.name: count_stored(encoder, table, weighing)}))
        return
    words = ww.attribute(encoder, table, weighing, cluster=cluster)
    if cluster is not None:
        click.echo(_describe_account(words.attrs["cluster"]), err=True)
    known = look_up(words["word"], source)
    words[["probability", "information"]] = known.to_numpy()
    unseen = words.loc[words["probability"].isna(), "word"].str.lower()
    if len(unseen):
        click.echo(
            f"{len(unseen)} words have no information: {source.source}, which counts "
            f"{COUNTED[source.tokens]}, does not know {', '.join(sorted(unseen.unique())[:10])}.",
            err=True,
        )
    _write(words, output)


@app.command()
@click.argument("a")
@click.argument("b")
@_ENCODER
@_POOLING
@_option("--method", default="shapley", help="Or integrated-gradients.")
@_option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A setting of the method, such as -p baseline mask. May be repeated.",
)
@_OUTPUT
def pair(
    *,
    a: str,
    b: str,
    name: str,
    pooling: str | None,
    method: str,
    parameters: tuple[tuple[str, str], ...],
    output: Path | None,
) -> None:
    """Say which words make the sentences A and B alike.

    Prints a table with the words of A from top to bottom and those of B from left to right: what
    each pair adds to the cosine of the two sentence vectors, each less that of its baseline. To a
    file it writes a row per pair of words.
    """
    import wordweights as ww
    from wordweights.encoders import check_name
    from wordweights.files import check_output, expand_home
    from wordweights.pipeline.parameters import read_value

    if output is not None:
        output = expand_home(output)
        check_output(output, [".csv", ".parquet"])
    settings = {key: read_value(key, text, object) for key, text in parameters}
    check_name(name, pooling)
    from wordweights.attribution import make_method, pair_matrix

    weighing = make_method(method, **settings)
    words = ww.attribute_pair(ww.load_encoder(name, pooling), a, b, weighing)
    if output is None:
        shown = pair_matrix(words).to_string(float_format="{:.3f}".format, index_names=False)
        click.echo(shown)
    else:
        _write(words, output)
    gap = words.attrs["gap"]
    click.echo(
        f"Together {words.attrs['cosine']:.3f}: the cosine of what the words of both sentences do "
        f"to their vectors.",
        err=True,
    )
    if abs(gap) >= 5e-4:  # three decimals are shown
        click.echo(
            f"The table sums to {words.attrs['cosine'] + gap:.3f}: what is missing is what words "
            f"without a number add, or the residual of the method.",
            err=True,
        )


@app.command()
@click.argument("corpora", nargs=-1, required=True, metavar="CORPUS...")
@_option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A .parquet file.")
@_option(
    "--tokens",
    type=click.Choice(["words", "bert", "spacy"]),
    default="words",
    help="What is counted: the words that attribute weighs; BERT's tokens before they become "
    "wordpieces; or spaCy's.",
)
@_option("--column", default="text", help="Where the text is in a table, JSON or a data set.")
@_option("--min-count", default=1, help="Leave words out that occur less often in all.")
@_option("--memory", default="1GiB", help="What a worker may take, such as 500MB or 1GiB.")
@_option("--cluster", help="Scheduler of Dask, such as tcp://host:8786; none: this machine.")
def count(
    *,
    corpora: tuple[str, ...],
    output: Path,
    tokens: str,
    column: str,
    min_count: int,
    memory: str,
    cluster: str | None,
) -> None:
    """Count the words of each CORPUS into a table for --frequencies.

    A CORPUS is a file, a folder, a pattern such as 'data/*.txt.gz', an address such as
    s3://bucket/folder, or a data set dataset:NAME:CONFIG:SPLIT. Files are text, JSON lines, CSV,
    TSV or parquet; all but the last may be compressed (.gz, .bz2, .zst).
    """
    from wordweights.counting import count_corpus
    from wordweights.counting.run import read_size

    report = count_corpus(
        corpora,
        output,
        tokens=tokens,
        column=column,
        min_count=min_count,
        memory=read_size(memory),
        cluster=cluster,
        say=lambda line: click.echo(line, err=True),
    )
    click.echo(report.summary)


@app.command()
def encoders() -> None:
    """List the encoders known by name."""
    from wordweights import known_encoders

    rows = []
    for entry in known_encoders().fillna("").to_dict("records"):
        about = [entry["note"], f"pooling {entry['pooling']}"]
        about += [f"fine-tuned from {entry['base']}"] if entry["base"] else []
        about += [f"{entry['hub_id']} at {entry['revision']}"] if entry["hub_id"] else []
        rows.append((entry["name"], "; ".join(about)))
    _print_table(("name", "about"), rows)


def _describe_account(account: Mapping[str, int]) -> str:
    """Say what a cluster had to do."""
    stored, computed, workers = (account[name] for name in ("stored", "computed", "workers"))
    line = f"{stored + computed:,} sentences: {stored:,} were stored"
    if computed:
        line += f", {computed:,} computed by {workers} worker{'s' * (workers != 1)}"
    return f"{line}."


def _describe_counts(counts: Mapping[str, tuple[int, int]]) -> str:
    """Say for each encoder how many sentences are stored, and how many are not."""
    return "\n".join(
        f"{name}: {stored:,} of {distinct:,} distinct sentences are stored, {distinct - stored:,} "
        f"are not"
        for name, (stored, distinct) in counts.items()
    )


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as wide as the terminal, with cells of several lines where it must be."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False, header_style="")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console().print(table)


def _read_sentences(source: str, column: str) -> pd.DataFrame:
    """Read sentences from a source, or one a line from the standard input."""
    from wordweights.words.sentences import lines_to_sentences, load_sentences
    from wordweights.words.tables import decode_text

    if source != "-":
        return load_sentences(source, column)
    if column != "sentence":
        raise WordweightsError(
            f"--column is {column!r}, but the standard input is read by lines: leave it out."
        )
    data = sys.stdin.buffer.read()
    table = lines_to_sentences(decode_text(data, "The standard input"))
    if table.empty:
        raise WordweightsError("The standard input holds no sentence; give one per line.")
    return table


def _skip_long(encoder: Encoder, table: pd.DataFrame) -> pd.DataFrame:
    """Keep the sentences that an encoder reads whole, and say which are left out."""
    from wordweights.attribution import fits
    from wordweights.words.tables import name_places

    kept = fits(encoder, table["sentence"].tolist())
    if not kept.any():
        raise WordweightsError(
            f"All {len(table)} sentences are longer than the {encoder.max_tokens} wordpieces that "
            f"encoder {encoder.name!r} reads: shorten or split them."
        )
    if not kept.all():
        left_out = table.set_index("sentence_id").index[~kept].rename("sentence")
        click.echo(
            f"Left out, because encoder {encoder.name!r} reads {encoder.max_tokens} wordpieces at "
            f"most: {name_places(left_out, most=None)}.",
            err=True,
        )
    return table[kept]


def _write(table: pd.DataFrame, output: Path | None) -> None:
    """Print a table or write it; what the output held before stays until all is written."""
    from wordweights.files import write_atomically

    if output is None:
        click.echo(table.to_string(index=False, float_format="{:.4g}".format))
        return
    as_csv = output.suffix == ".csv"
    if as_csv:
        import numpy as np

        # as text, numpy leaves out the middle of a long array
        table = table.map(lambda cell: cell.tolist() if isinstance(cell, np.ndarray) else cell)
    content = table.to_csv(index=False).encode() if as_csv else table.to_parquet(index=False)
    try:
        write_atomically(output, content)
    except OSError as error:
        reason = error.strerror or error
        raise WordweightsError(f"Output {output} cannot be written: {reason}.") from None


@app.command()
@_option(
    "--prune", "ids", multiple=True, metavar="ID", help="Remove this collection; may be repeated."
)
@_option("--prune-all", is_flag=True, help="Remove all of them.")
def cache(ids: tuple[str, ...], prune_all: bool) -> None:
    """List the attributions kept in the results folder, or remove some."""
    from wordweights.attribution.store import list_collections, remove_collections

    if prune_all:
        ids = tuple(list_collections()["id"])
    if ids:
        for removed in remove_collections(ids):
            click.echo(f"Removed {removed}.")
        return
    table = list_collections()
    if table.empty:
        click.echo("Nothing is kept.")
        return
    rows = []
    for kept in table.to_dict("records"):
        settings = json.loads(kept["settings"]).items()
        told = [f"{k} {v}" for k, v in settings if v is not None and k != "encoder"]
        damaged = f", {kept['damaged']} damaged" if kept["damaged"] else ""
        size = f"{kept['megabytes']:.2f} MB in {kept['files']} files{damaged}"
        rows.append((kept["id"][:12], kept["label"], f"{size}: {', '.join(told)}"))
    _print_table(("id", "encoder", "about"), rows)


def main() -> None:
    """Run the command; an error that is the user's is one paragraph, not a traceback."""
    # what the imports make stays: to look for garbage among it took a fifth of the start
    gc.set_threshold(100_000)
    # a notice is a line, without the place in the code
    warnings.showwarning = lambda message, *_, **__: click.echo(f"wordweights: {message}", err=True)
    try:
        app()
    except WordweightsError as error:
        click.echo(f"wordweights: {error}", err=True)
        sys.exit(1)
