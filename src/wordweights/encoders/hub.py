"""Checkpoints from the model hub: fetched, tried again where that helps, and checked byte by byte.

No torch here: what fails on the way is told before anything heavy is imported.
"""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wordweights.errors import WordweightsError

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")

# By their names, not by patterns: the repositories also hold copies for other frameworks.
_SMALL_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
    "1_Pooling/config.json",
)
_ATTEMPTS = 4
_PATIENCE = 300  # seconds before an attempt; a hub that asks for more is told of at once
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# of huggingface_hub's own check of a file's length, which raises a plain OSError
_CUT_SHORT = "Consistency check failed"

_logger = logging.getLogger(__name__)


def fetch(hub_id: str, revision: str | None, label: str) -> Path:
    """Find a checkpoint in the hub's cache on this machine, and download what is missing there.

    Every file is compared with the digest that the hub gave for it (the name of its blob in the
    cache); one that differs is removed and fetched again, so no later run meets it. A cache
    without symbolic links has lost these names, and is taken as it is.

    Parameters
    ----------
    hub_id : str
        Repository, ``owner/model``.
    revision : str | None
        Commit, branch or tag; None is the default branch.
    label : str
        Name of the encoder, for messages.

    Returns
    -------
    Path
        Folder of the snapshot, with a file of weights.

    Raises
    ------
    WordweightsError
        For a hub that does not give the files, a cache that cannot be written, files that are not
        what the hub says they are, and a repository without weights.
    """
    for weights in WEIGHT_FILES:  # safetensors first; the .bin only where there is none
        files = [*_SMALL_FILES, weights]
        folder = _download(hub_id, revision, label, files)
        if (folder / weights).exists():
            return _verified(folder, files, hub_id, revision, label)
    raise WordweightsError(
        f"The hub repository {hub_id!r} of encoder {label!r} holds neither of "
        f"{' and '.join(WEIGHT_FILES)}; an encoder needs one of them."
    )


def commit_of(folder: Path) -> str | None:
    """Tell the commit of a snapshot in the hub's cache, which is the name of its folder.

    Parameters
    ----------
    folder : Path
        Of any checkpoint.

    Returns
    -------
    str | None
        None for a folder elsewhere.
    """
    return folder.name if folder.parent.name == "snapshots" else None


def cached_commit(hub_id: str, revision: str | None) -> str | None:
    """Tell the commit that a revision stands for in the hub's cache, without asking the hub.

    Parameters
    ----------
    hub_id : str
        Repository, ``owner/model``.
    revision : str | None
        Commit, branch or tag; None is the default branch.

    Returns
    -------
    str | None
        None when nothing is cached.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    except HFValidationError:  # no hub id: a folder that is gone, for one
        return None
    return commit_of(Path(path).parent) if isinstance(path, str) else None


def _download(hub_id: str, revision: str | None, label: str, files: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import httpx
    from tenacity import Retrying, before_sleep_log, retry_if_exception

    # Around huggingface_hub's own attempts, which cover the file in hand but neither the question
    # which files there are nor a connection that is reset.
    attempts = Retrying(
        retry=retry_if_exception(_may_pass),
        wait=_pause,
        stop=_gives_up,
        before_sleep=before_sleep_log(_logger, logging.WARNING),
        reraise=True,
    )
    try:
        return Path(
            attempts(snapshot_download, hub_id, revision=revision, allow_patterns=list(files))
        )
    # ValueError: an id that is none, or an answer that is no JSON; RecursionError: huggingface_hub
    # resumes a download by calling itself, without a bound where each attempt brings some bytes
    except (httpx.HTTPError, OSError, ValueError, RecursionError) as error:
        raise WordweightsError(
            f"Encoder {label!r} needs the model hub repository {hub_id!r}"
            f"{f' (revision {revision})' if revision else ''}, which could not be fetched: "
            f"{_explain(error)} Without the hub, copy the hub cache of a machine that has it "
            f"(HF_HOME) and set HF_HUB_OFFLINE=1, or give the path of a local folder with "
            f"config.json, the tokenizer's files and model.safetensors in place of the name."
        ) from None


def _verified(
    folder: Path, files: Sequence[str], hub_id: str, revision: str | None, label: str
) -> Path:
    from huggingface_hub import is_offline_mode

    damaged = _damaged(folder, files)
    if damaged and not is_offline_mode():
        for name in damaged:
            _remove(folder / name)
        folder = _download(hub_id, revision, label, files)
        damaged = _damaged(folder, files)
        for name in damaged:
            _remove(folder / name)
    if damaged:
        repair = (
            f"Remove {', '.join(str((folder / name).resolve()) for name in damaged)}, and copy the "
            f"cache again or run once with the hub (without HF_HUB_OFFLINE)."
            if is_offline_mode()
            else "It was removed, and could not be had whole from the hub; run it again when the "
            "hub is in reach, without a proxy or mirror (HF_ENDPOINT) that may alter files."
        )
        raise WordweightsError(
            f"Encoder {label!r}: {', '.join(damaged)} of the hub repository {hub_id!r}, commit "
            f"{folder.name}, is damaged: its content has not the digest that the hub gives for it, "
            f"so it was cut or altered, and is not used. {repair}"
        )
    return folder


def _damaged(folder: Path, files: Sequence[str]) -> list[str]:
    """List the files of a snapshot whose blob is gone, or does not fit its name."""
    from huggingface_hub.utils import filter_repo_objects

    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    wanted = filter_repo_objects(names, allow_patterns=list(files))
    return sorted(name for name in wanted if not _fits(folder / name))


def _fits(path: Path) -> bool:
    if not path.is_symlink():
        return True
    if not path.exists():
        return False
    # one step only: a blob can itself be a link, to where several repositories share it
    expected = path.readlink().name
    if len(expected) == 64:  # of files in large file storage: SHA-256
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == expected
    if len(expected) == 40:  # of the others: git's SHA-1 of a blob
        content = path.read_bytes()
        head = f"blob {len(content)}\0".encode()
        return hashlib.sha1(head + content, usedforsecurity=False).hexdigest() == expected
    return True  # a mirror with names of its own


def _remove(path: Path) -> None:
    """Remove what a file of a snapshot links to; the link stays, so that the file is missed."""
    path.resolve().unlink(missing_ok=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Go from an error down to what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _response(error: BaseException) -> Any | None:
    """Find the hub's answer behind an error, if it gave one."""
    from huggingface_hub.errors import HfHubHTTPError

    answers = (cause.response for cause in _causes(error) if isinstance(cause, HfHubHTTPError))
    return next(answers, None)


def _broke_off(error: BaseException) -> bool:
    """Tell whether a connection that stood did not last, or brought less than announced."""
    from huggingface_hub.utils import httpx

    lost = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
    return _CUT_SHORT in str(error) or any(
        isinstance(cause, lost) and not isinstance(cause, httpx.ConnectError)
        for cause in _causes(error)
    )


def _may_pass(error: BaseException) -> bool:
    """Tell whether the same request may succeed a little later."""
    response = _response(error)
    if response is not None:
        return response.status_code in (408, 429) or response.status_code >= 500
    return _broke_off(error)


def _asked_pause(error: BaseException) -> int | None:
    """Read how many seconds the hub asks to wait."""
    from huggingface_hub.utils import parse_ratelimit_headers

    response = _response(error)
    if response is None:
        return None
    after = response.headers.get("retry-after", "").strip()
    if after.isdigit():
        return int(after)
    limit = parse_ratelimit_headers(response.headers)
    return limit.reset_in_seconds if limit is not None and limit.remaining == 0 else None


def _pause(state: Any) -> float:
    """Choose the seconds before the next attempt: those asked for, else 1, 2, 4."""
    asked = _asked_pause(state.outcome.exception())
    return float(2 ** (state.attempt_number - 1) if asked is None else asked)


def _gives_up(state: Any) -> bool:
    return bool(state.attempt_number >= _ATTEMPTS or state.upcoming_sleep > _PATIENCE)


def _explain(error: BaseException) -> str:
    """Say in a sentence or two what went wrong and what would help."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        HFValidationError,
        OfflineModeIsEnabled,
        RevisionNotFoundError,
    )

    response = _response(error)
    if response is not None:
        return _explain_status(
            response.status_code, _asked_pause(error), isinstance(error, RevisionNotFoundError)
        )
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in _causes(error)):
        return (
            f"offline mode is on (HF_HUB_OFFLINE) and the cache {constants.HF_HUB_CACHE} does not "
            f"hold all of it ({_first_line(error, deepest=False)})."
        )
    if isinstance(error, ValueError):
        what = (
            "this is no hub id of the form owner/model"
            if isinstance(error, HFValidationError)
            else f"what {constants.ENDPOINT} answers is not from a hub, but perhaps a page to log "
            f"in to the network"
        )
        return f"{what} ({_first_line(error)})."
    if isinstance(error, OSError) and error.errno is not None:
        full = error.errno in _FULL
        return (
            f"the cache {constants.HF_HUB_CACHE} cannot be written ({_first_line(error)}). No part "
            f"of a file is kept; {'free some space there, or ' if full else ''}let HF_HOME name a "
            f"folder {'on a larger disk' if full else 'that you may write'}."
        )
    if _broke_off(error) or isinstance(error, RecursionError):
        reason = "" if isinstance(error, RecursionError) else f" ({_first_line(error)})"
        return (
            f"the connection broke off again and again{reason}. Files that are "
            f"whole are kept, no part of another is; run it again on a steadier connection."
        )
    return f"the hub at {constants.ENDPOINT} was not reached ({_first_line(error)})."


def _explain_status(status: int, pause: int | None, no_revision: bool) -> str:
    if status in (401, 403):
        return (
            f"the hub refused it ({status}), as it does for a repository that is private, is not "
            f"there, or for a token that does not hold. Check the name; log in with `hf auth "
            f"login`, or put right or unset HF_TOKEN."
        )
    if status == 404:
        what = "revision" if no_revision else "repository, revision or file"
        return f"the hub knows no such {what} (404). Check the name and the revision."
    if status == 429:
        asked = f" and asks to wait {pause} seconds" if pause is not None else ""
        return (
            f"the hub takes no more requests from here for now (429){asked}. Run it again later, "
            f"or log in with `hf auth login` for a higher limit; finished files are kept."
        )
    return f"the hub answered {status}. If that is its own trouble, run it again later."


def _first_line(error: BaseException, deepest: bool = True) -> str:
    """Quote an error, by default what it came from, which says more than what was made of it."""
    text = str(list(_causes(error))[-1] if deepest else error).strip() or str(error).strip()
    return text.splitlines()[0][:200].rstrip(". ") if text else type(error).__name__
