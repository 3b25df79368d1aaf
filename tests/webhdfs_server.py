"""A file system behind HTTP, by the protocol WebHDFS: what another machine is for these tests.

It keeps its files in memory, shows them while they are written, as HDFS does, and does not rename
onto a file that is there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: the second would wait for an answer to the first

    def do_GET(self) -> None:
        self._answer()

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 names of http.server

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = unquote(url.path).removeprefix("/webhdfs/v1").rstrip("/")
        with self.server.lock:
            self._do(query["op"], path, query, body)

    def _do(self, op: str, path: str, query: dict[str, str], body: bytes) -> None:
        files = self.server.files
        inside = [name for name in files if name.startswith(f"{path}/")]
        if op in ("CREATE", "APPEND"):
            if self.server.full and op == "CREATE":
                self._fail("DSQuotaExceededException", "The quota is exceeded")
            elif "data" not in query:
                host, port = self.server.server_address[:2]
                self._send(307, b"", f"http://{host}:{port}{self.path}&data=1")
            else:
                files[path] = (files[path] if op == "APPEND" else b"") + body
                self._send(200)
        elif op == "MKDIRS":
            self._send_json({"boolean": True})
        elif op == "DELETE":
            gone = [name for name in (path, *inside) if files.pop(name, None) is not None]
            self._send_json({"boolean": bool(gone)})
        elif path not in files and not inside:
            self._fail("FileNotFoundException", f"File does not exist: {path}", 404)
        elif op == "RENAME":
            free = query["destination"] not in files
            if free:
                files[query["destination"]] = files.pop(path)
            self._send_json({"boolean": free})
        elif op == "OPEN":
            start = int(query.get("offset", 0))
            self._send(200, files[path][start:][: int(query["length"])])
        elif op == "GETFILESTATUS":
            self._send_json({"FileStatus": self._status(path, "")})
        else:
            assert op == "LISTSTATUS"
            parts = sorted({name[len(path) + 1 :].split("/")[0] for name in inside})
            found = [self._status(f"{path}/{part}", part) for part in parts]
            self._send_json({"FileStatuses": {"FileStatus": found}})

    def _status(self, path: str, suffix: str) -> dict[str, object]:
        content = self.server.files.get(path)
        kind = "DIRECTORY" if content is None else "FILE"
        return {"pathSuffix": suffix, "type": kind, "length": len(content or b"")}

    def _fail(self, kind: str, message: str, status: int = 403) -> None:
        self._send_json({"RemoteException": {"exception": kind, "message": message}}, status)

    def _send_json(self, content: object, status: int = 200) -> None:
        self._send(status, json.dumps(content).encode())

    def _send(self, status: int, content: bytes = b"", location: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    """Files by path, and whether no more may be written."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.full = False
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """What to name as results folder."""
        return f"webhdfs://127.0.0.1:{self.server_address[1]}/shared/results"


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server on a free port of the loopback."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
