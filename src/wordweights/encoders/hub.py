"""Checkpoints from the model hub: fetched, asked for again where that helps, checked byte by byte.

No torch here: what fails on the way is told before anything heavy is imported.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from wordweights.errors import WordweightsError
from wordweights.files import sha256

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")

# By their names, not by patterns: the repositories also hold copies for other frameworks.
_ROOT_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
    "sentence_*_config.json",
)
# Modules of sentence-transformers lie in folders that begin with their number; in old checkpoints
# the transformer does, too.
_SMALL_FILES = (
    *_ROOT_FILES,
    "modules.json",
    "config_sentence_transformers.json",
    *(f"0_Transformer/{name}" for name in _ROOT_FILES),
    *(f"[1-9]_*/{name}" for name in ("config.json", *WEIGHT_FILES)),
)
_PAUSES = (1, 2, 4)  # seconds before further attempts, where the hub asks for no other
_PATIENCE = 300  # seconds; a hub that asks for a longer pause is told of at once
# of huggingface_hub's own check of a file's length, which raises a plain OSError
_CUT_SHORT = "Consistency check failed"

_logger = logging.getLogger(__name__)


def fetch(hub_id: str, revision: str | None, label: str) -> Path:
    """Find a checkpoint in the hub's cache on this machine, and download what is missing there.

    Every file is compared with the digest that the hub gave for it (the name of its blob in the
    cache); one that differs is removed and fetched again, so no later run meets it. A cache
    without symbolic links has lost these names, and is taken as it is. A hub that does not give the
    files, files that stay damaged, and a repository with neither weights nor ``modules.json`` are
    a WordweightsError.
    """
    for weights in WEIGHT_FILES:  # safetensors first; the .bin only where there is none
        stem, _, ending = weights.rpartition(".")
        index = f"{weights}.index.json"  # names the pieces of large weights
        names = (weights, index, f"{stem}-*-of-*.{ending}")
        files = [*_SMALL_FILES, *names, *(f"0_Transformer/{name}" for name in names)]
        folder = _download(hub_id, revision, label, files)
        places = (folder, folder / "0_Transformer")
        if any((place / name).exists() for place in places for name in (weights, index)):
            return _checked(folder, files, hub_id, revision, label)
    if (folder / "modules.json").exists():
        # what it begins with may have its weights elsewhere; whoever reads it can name it
        return _checked(folder, files, hub_id, revision, label)
    raise WordweightsError(
        f"The hub repository {hub_id!r} of encoder {label!r} holds neither of "
        f"{' and '.join(WEIGHT_FILES)}; an encoder needs one of them."
    )


def commit_of(folder: Path) -> str | None:
    """Tell the commit of a snapshot in the hub's cache, its folder's name; None for another."""
    return folder.name if folder.parent.name == "snapshots" else None


def cached_commit(hub_id: str, revision: str | None) -> str | None:
    """Tell the commit that a revision stands for in the cache, if any; the hub is not asked."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    except HFValidationError:  # no hub id: a folder that is gone, for one
        return None
    return commit_of(Path(path).parent) if isinstance(path, str) else None


def _download(hub_id: str, revision: str | None, label: str, files: Sequence[str]) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.utils import httpx

    pauses = iter(_PAUSES)
    while True:
        try:
            return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(files)))
        # ValueError: an id that is none, or an answer that is no JSON; RecursionError: resuming
        # calls itself, without a bound where each attempt brings some bytes
        except (httpx.HTTPError, OSError, ValueError, RecursionError) as error:
            pause = _pause_after(error, next(pauses, None))
            if pause is None:
                reason = next(iter(str(_causes(error)[-1]).splitlines()), type(error).__name__)
                break
        _logger.warning("%s: the hub is asked again in %s s", hub_id, pause)
        time.sleep(pause)
    raise WordweightsError(
        f"Encoder {label!r} needs the model hub repository {hub_id!r}"
        f"{f' (revision {revision})' if revision else ''}, which could not be fetched from "
        f"{constants.ENDPOINT} into {constants.HF_HUB_CACHE} ({reason[:300].rstrip('.')}). Check "
        f"the name, the network and the room on the disk, log in with `hf auth login` for a "
        f"private repository, and run it again: files that are whole are kept. Without the hub, "
        f"copy the hub cache of a machine that has it (HF_HOME) and set HF_HUB_OFFLINE=1, or give "
        f"the path of a local folder with config.json, the tokenizer's files and model.safetensors "
        f"in place of the name."
    )


def _pause_after(error: BaseException, usual: int | None) -> int | None:
    """Choose the seconds until the same request may succeed; None where no pause helps."""
    # around huggingface_hub's own attempts, which cover the file in hand but neither the question
    # which files there are nor a connection that is reset
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import httpx, parse_ratelimit_headers

    causes = _causes(error)
    for cause in causes:
        if usual is not None and isinstance(cause, HfHubHTTPError):
            status, headers = cause.response.status_code, cause.response.headers
            if status not in (408, 429) and status < 500:
                return None
            after, limit = headers.get("retry-after", ""), parse_ratelimit_headers(headers)
            if after.isdigit():
                usual = int(after)
            elif limit is not None and limit.remaining == 0:
                usual = limit.reset_in_seconds
            return usual if usual <= _PATIENCE else None
    lost = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
    broke_off = any(isinstance(c, lost) and not isinstance(c, httpx.ConnectError) for c in causes)
    return usual if broke_off or _CUT_SHORT in str(error) else None


def _causes(error: BaseException) -> list[BaseException]:
    """Go from an error down to what it came from."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    return causes


def _checked(
    folder: Path, files: Sequence[str], hub_id: str, revision: str | None, label: str
) -> Path:
    """Fetch what is damaged once more, and refuse it if it still is."""
    from huggingface_hub import is_offline_mode

    damaged = _damaged(folder, files)
    if damaged and not is_offline_mode():
        _remove(damaged)
        damaged = _damaged(_download(hub_id, revision, label, files), files)
        _remove(damaged)
    if damaged:
        names = ", ".join(path.relative_to(folder).as_posix() for path in damaged)
        blobs = ", ".join(str(path.resolve()) for path in damaged)
        raise WordweightsError(
            f"Encoder {label!r}: {names} of the hub repository {hub_id!r}, commit {folder.name}, "
            f"is damaged: its content has not the digest that the hub gives for it, so it was cut "
            f"or altered, and is not used. Remove {blobs} where it still is, and copy the cache "
            f"again, or run it again with the hub in reach: without HF_HUB_OFFLINE, and without a "
            f"proxy or mirror (HF_ENDPOINT) that may alter files."
        )
    return folder


def _damaged(folder: Path, files: Sequence[str]) -> list[Path]:
    """List the files of a snapshot whose blob is gone, or does not fit its name."""
    from huggingface_hub.utils import filter_repo_objects

    paths = (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    wanted = filter_repo_objects(
        paths, allow_patterns=list(files), key=lambda path: path.relative_to(folder).as_posix()
    )
    return [path for path in wanted if path.is_symlink() and not _fits(path)]


def _fits(path: Path) -> bool:
    if not path.exists():
        return False
    # one step only: a blob can itself be a link, to where several repositories share it
    expected = path.readlink().name
    if len(expected) == 64:  # of files in large file storage
        return sha256(path) == expected
    if len(expected) == 40:  # of the others: git's name of a blob
        content = path.read_bytes()
        head = f"blob {len(content)}\0".encode()
        return hashlib.sha1(head + content, usedforsecurity=False).hexdigest() == expected
    return True  # a mirror with names of its own


def _remove(paths: Sequence[Path]) -> None:
    """Remove what files of a snapshot link to; the links stay, so that the files are missed."""
    for path in paths:
        path.resolve().unlink(missing_ok=True)
