"""A model hub on this machine: the layout of its cache, and a server that can fail in many ways."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGE = (".safetensors", ".bin", ".msgpack")  # in large file storage


def digest(name: str, content: bytes) -> str:
    """What the hub names a file by: SHA-256 in large file storage, git's SHA-1 of a blob else."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def commit_hash(files: Mapping[str, bytes]) -> str:
    """A commit for these files."""
    return hashlib.sha1("".join(digest(*file) for file in files.items()).encode()).hexdigest()


def write_cache(
    cache: Path, hub_id: str, files: Mapping[str, bytes], commit: str | None = None
) -> Path:
    """Lay files out as the hub's cache does after a download; return the snapshot's folder."""
    commit = commit or commit_hash(files)
    root = cache / f"models--{hub_id.replace('/', '--')}"
    for name in ("refs", "blobs"):
        (root / name).mkdir(parents=True)
    (root / "refs" / "main").write_text(commit)
    folder = root / "snapshots" / commit
    for name, content in files.items():
        blob = root / "blobs" / digest(name, content)
        blob.write_bytes(content)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * len(path.relative_to(root).parent.parts)
        path.symlink_to(f"{up}blobs/{blob.name}")
    return folder


@dataclass
class Fault:
    """Something that goes wrong with requests whose method and path hold a text."""

    where: str
    act: Callable[[Handler, bytes], None]
    times: float = float("inf")


@dataclass
class Hub:
    """A server that speaks what huggingface_hub needs of the hub's protocol."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __enter__(self) -> Hub:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.hub = self
        self.server.daemon_threads = True
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port; a second time does nothing."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def add(self, hub_id: str, files: Mapping[str, bytes], commit: str | None = None) -> str:
        """Publish files as the branch main; return the commit."""
        self.repositories[hub_id] = dict(files)
        self.commits[hub_id] = commit or commit_hash(files)
        return self.commits[hub_id]

    def fail(self, *fault: Any, **times: float) -> None:
        """Let requests fail, the first so many of them: a :class:`Fault`."""
        self.faults.append(Fault(*fault, **times))

    def count(self, text: str) -> int:
        """How many requests hold a text in their method and path."""
        return sum(text in request for request in self.requests)

    def files(self, hub_id: str, revision: str) -> dict[str, bytes] | None:
        """The files of a repository; None for one that is not known."""
        commit = self.commits.get(hub_id)
        return self.repositories[hub_id] if commit and revision in ("main", commit) else None


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer with headers only."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer, or fail as asked."""
        hub, request = self.server.hub, f"{self.command} {self.path}"
        hub.requests.append(request)
        parts = self.path.split("?")[0].strip("/").split("/")
        content = self._content(parts)
        for fault in hub.faults:
            if fault.where in request and fault.times > 0:
                fault.times -= 1
                fault.act(self, content or b"")
                return
        if content is None:
            known = any("/".join(parts[i : i + 2]) in hub.commits for i in (0, 2))
            code = "RevisionNotFound" if known else "RepoNotFound"
            self.answer(b"", HTTPStatus.NOT_FOUND, {"X-Error-Code": code})
        elif parts[0] == "storage":
            self.answer(content)
        elif parts[0] == "api":
            self.answer(content, headers={"Content-Type": "application/json"})
        else:
            headers = {"X-Repo-Commit": hub.commits["/".join(parts[:2])]}
            name = f'"{digest(parts[-1], content)}"'
            if not parts[-1].endswith(LARGE):
                self.answer(content, headers=headers | {"ETag": name})
                return
            # to another host than the hub's, as the real one: its headers are on this answer
            where = f"http://localhost:{self.server.server_port}/storage/{'/'.join(parts)}"
            linked = {"X-Linked-Etag": name, "X-Linked-Size": str(len(content))}
            self.answer(b"", HTTPStatus.FOUND, headers | linked | {"Location": where})

    def answer(
        self,
        body: bytes,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
        sent: int | None = None,
    ) -> None:
        """Send an answer, or only its first bytes and then close the connection."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])
        if sent is not None:
            self.close_connection = True

    def _content(self, parts: list[str]) -> bytes | None:
        """What the hub holds at a path; None for nothing."""
        hub = self.server.hub
        if parts[:2] == ["api", "models"] and len(parts) == 6:
            hub_id, kind, revision = "/".join(parts[2:4]), *parts[4:]
            files = hub.files(hub_id, revision)
            if files is None:
                return None
            if kind == "revision":
                return json.dumps({"id": hub_id, "sha": hub.commits[hub_id]}).encode()
            return json.dumps([_entry(*file) for file in files.items()]).encode()
        owner, model, _, revision, *name = parts[parts[0] == "storage" :]
        return (hub.files(f"{owner}/{model}", revision) or {}).get("/".join(name))


def _entry(name: str, content: bytes) -> dict[str, Any]:
    """A file in a listing of the hub's."""
    size = len(content)
    entry = {"type": "file", "path": name, "size": size, "oid": digest("", content)}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": digest(name, content), "size": size, "pointerSize": 134}
    return entry


def status(code: int, **headers: str) -> Callable[[Handler, bytes], None]:
    """Refuse with a status."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.answer(b"", code, names)


def cut(handler: Handler, content: bytes) -> None:
    """Announce the whole file, and break off halfway."""
    handler.answer(content, sent=len(content) // 2)


def truncate(handler: Handler, content: bytes) -> None:
    """Send less than the hub says the file has, as if it were all."""
    handler.answer(content[: len(content) // 2])


def alter(handler: Handler, content: bytes) -> None:
    """Send as many bytes, but others."""
    middle = len(content) // 2
    handler.answer(content[:middle] + bytes(len(content) - middle))


def hang_up(handler: Handler, content: bytes) -> None:
    """Close the connection without a word."""
    handler.close_connection = True
