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
from types import TracebackType

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
    ranges: bool = True  # whether downloads can be resumed

    def __enter__(self) -> Hub:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.hub = self
        self.server.daemon_threads = True
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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

    def fail(
        self, where: str, act: Callable[[Handler, bytes], None], times: float = float("inf")
    ) -> None:
        """Let requests fail, the first so many of them."""
        self.faults.append(Fault(where, act, times))

    def count(self, text: str) -> int:
        """How many requests hold a text in their method and path."""
        return sum(text in request for request in self.requests)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        """The server's state."""
        return self.server.hub

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer with headers only."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer, or fail as asked."""
        request = f"{self.command} {self.path}"
        self.hub.requests.append(request)
        parts = self.path.split("?")[0].strip("/").split("/")
        content = self._content(parts)
        for fault in self.hub.faults:
            if fault.where in request and fault.times > 0:
                fault.times -= 1
                fault.act(self, content or b"")
                return
        if content is None:
            known = any("/".join(parts[i : i + 2]) in self.hub.commits for i in (0, 2))
            code = "RevisionNotFound" if known else "RepoNotFound"
            self.answer(b"", HTTPStatus.NOT_FOUND, {"X-Error-Code": code})
        elif parts[0] == "storage":
            self.send_file(content)
        elif "resolve" in parts and parts[-1].endswith(LARGE):
            # to another host than the hub's, as the real one: its headers are on this answer
            where = f"http://localhost:{self.server.server_port}/storage/{'/'.join(parts)}"
            linked = {
                "Location": where,
                "X-Linked-Etag": f'"{digest(parts[-1], content)}"',
                "X-Linked-Size": str(len(content)),
            }
            self.answer(b"", HTTPStatus.FOUND, linked | self._commit(parts))
        elif "resolve" in parts:
            etag = {"ETag": f'"{digest(parts[-1], content)}"'}
            self.answer(content, headers=etag | self._commit(parts))
        else:
            self.answer(content, headers={"Content-Type": "application/json"})

    def send_file(self, content: bytes) -> None:
        """Send a file from where the client has got to."""
        start = 0
        if self.hub.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").split("-")[0])
        if start:
            span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self.answer(content[start:], HTTPStatus.PARTIAL_CONTENT, span)
        else:
            self.answer(content)

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
        if parts[:2] == ["api", "models"] and len(parts) == 6:
            return self._listing("/".join(parts[2:4]), *parts[4:])
        if parts[0] == "storage":
            parts = parts[1:]
        if len(parts) < 5:
            return None
        owner, model, _, revision, *name = parts
        if self._known(f"{owner}/{model}", revision):
            return self.hub.repositories[f"{owner}/{model}"].get("/".join(name))
        return None

    def _listing(self, hub_id: str, kind: str, revision: str) -> bytes | None:
        if not self._known(hub_id, revision):
            return None
        if kind == "revision":
            return json.dumps({"id": hub_id, "sha": self.hub.commits[hub_id]}).encode()
        entries = [
            {"type": "file", "path": name, "size": len(content), "oid": digest("", content)}
            | (
                {"lfs": {"oid": digest(name, content), "size": len(content), "pointerSize": 134}}
                if name.endswith(LARGE)
                else {}
            )
            for name, content in self.hub.repositories[hub_id].items()
        ]
        return json.dumps(entries).encode()

    def _known(self, hub_id: str, revision: str) -> bool:
        commit = self.hub.commits.get(hub_id)
        return commit is not None and revision in ("main", commit)

    def _commit(self, parts: list[str]) -> dict[str, str]:
        return {"X-Repo-Commit": self.hub.commits["/".join(parts[:2])]}


def status(code: int, **headers: str) -> Callable[[Handler, bytes], None]:
    """Refuse with a status."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.answer(b"", code, names)


def cut(handler: Handler, content: bytes) -> None:
    """Announce the whole file, and break off halfway through what is left of it."""
    start = 0
    if handler.hub.ranges and (asked := handler.headers.get("Range")):
        start = int(asked.removeprefix("bytes=").split("-")[0])
    rest = content[start:]
    partial = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    code = HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK
    handler.answer(rest, code, partial, sent=len(rest) // 2)


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
