"""A model hub on this machine that speaks the protocol, and breaks off when it is told to."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 16_384


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer that gives bytes of a file."""

    cut_at: int | None = None  # place in the file after which the connection ends
    flip_at: int | None = None  # place of a byte that comes changed
    then: Callable[[], object] | None = None  # done where it is cut
    status: int | None = None  # answered instead
    retry_after: str | None = None
    ignores_range: bool = False
    another_range: bool = False  # gives another part than was asked for
    gap_s: float = 0.0  # between two pieces


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    start: int
    token: str | None
    host: str


@dataclass
class FakeHub:
    """What it has, what goes wrong next, and what it was asked."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    etags: dict[tuple[str, str], str] = field(default_factory=dict)  # where they are to be wrong
    sizes: dict[tuple[str, str], int] = field(default_factory=dict)  # likewise
    commit: str = COMMIT
    faults: deque[Fault] = field(default_factory=deque)  # of answers with bytes
    refusals: deque[tuple[int, str | None]] = field(default_factory=deque)  # of HEAD
    gated: bool = False  # asks for the token "good"
    bare: bool = False  # answers as any web server
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def elsewhere(self) -> str:
        """Where large files lie: another host, as far as HTTP knows."""
        return f"http://localhost:{self.port}"

    def put(self, repository: str, path: str, data: bytes) -> None:
        self.files[repository, path] = data

    def starts(self) -> list[int]:
        """From where bytes of large files were asked for."""
        return [each.start for each in self.asked if each.path.startswith("/blob/")]

    def etag(self, repository: str, path: str) -> str:
        if (repository, path) in self.etags:
            return self.etags[repository, path]
        data = self.files[repository, path]
        if is_large(path):
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def is_large(path: str) -> bool:
    """Whether git keeps only a pointer to it."""
    return not path.endswith((".json", ".txt"))


@contextmanager
def serving() -> Iterator[FakeHub]:
    hub = FakeHub()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever asked has gone, which is what these tests are about."""

    class Handler(_Handler):
        state = hub

    server = Server(("127.0.0.1", 0), Handler)
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: ClassVar[FakeHub]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = self.state
        path = unquote(urlsplit(self.path).path)  # a proxy is given whole addresses
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        token = self.headers.get("Authorization")
        hub.asked.append(Asked(self.command, path, start, token, self.headers.get("Host", "")))
        if path.startswith("/blob/"):
            digest = path.removeprefix("/blob/")
            for (repository, name), data in hub.files.items():
                if hub.etag(repository, name) == digest:
                    self._body(data, start)
                    return
            self._plain(404)
            return
        repository, _, rest = path.removeprefix("/").partition("/resolve/")
        name = rest.partition("/")[2]
        if self.command == "HEAD" and hub.refusals:
            status, retry_after = hub.refusals.popleft()
            self._plain(status, **({"Retry-After": retry_after} if retry_after else {}))
        elif hub.gated and token != "Bearer good":  # noqa: S105
            self._plain(401, **{"X-Error-Code": "GatedRepo"})
        elif hub.bare:
            self._plain(200)
        elif (repository, name) not in hub.files:
            self._plain(404, **{"X-Error-Code": "EntryNotFound"})
        elif is_large(name):
            self._redirect(repository, name)
        else:
            self._small(repository, name, start)

    def _redirect(self, repository: str, name: str) -> None:
        hub = self.state
        etag = hub.etag(repository, name)
        self._plain(
            302,
            **{
                "Location": f"{hub.elsewhere}/blob/{etag}?Signature=x",
                "X-Repo-Commit": hub.commit,
                "X-Linked-Size": str(
                    hub.sizes.get((repository, name), len(hub.files[repository, name]))
                ),
                "X-Linked-Etag": f'"{etag}"',
                "ETag": '"of the pointer"',
            },
        )

    def _small(self, repository: str, name: str, start: int) -> None:
        headers = {
            "X-Repo-Commit": self.state.commit,
            "ETag": f'W/"{self.state.etag(repository, name)}"',
        }
        self._body(self.state.files[repository, name], start, **headers)

    def _plain(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for key, value in (headers | {"Content-Length": "0"}).items():
            self.send_header(key, value)
        self.end_headers()

    def _body(self, data: bytes, start: int, **headers: str) -> None:
        hub = self.state
        has_fault = self.command == "GET" and hub.faults
        fault = hub.faults.popleft() if has_fault else Fault()
        if fault.status is not None:
            wait = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self._plain(fault.status, **wait)
            return
        if start >= len(data) > 0:
            self._plain(416)
            return
        if fault.ignores_range:
            start = 0
        told = start + 1 if fault.another_range else start
        self.send_response(206 if start else 200)
        if start:
            headers["Content-Range"] = f"bytes {told}-{len(data) - 1}/{len(data)}"
        for key, value in (headers | {"Content-Length": str(len(data) - start)}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.flip_at is not None and data:
            changed = bytearray(data)
            changed[fault.flip_at % len(data)] ^= 0x10
            data = bytes(changed)
        end = len(data) if fault.cut_at is None else min(len(data), max(start, fault.cut_at))
        for at in range(start, end, PIECE):
            self.wfile.write(data[at : min(at + PIECE, end)])
            self.wfile.flush()
            if fault.gap_s:
                time.sleep(fault.gap_s)
        if fault.cut_at is not None:
            if fault.then is not None:
                fault.then()
            self.close_connection = True
            self.connection.shutdown(2)
