"""Web servers on this machine that break off, lie and refuse when they are told to."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

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
    more: int = 0  # bytes that come after the end, of a length that is not told


class State(Protocol):
    """What a server has."""

    port: int
    faults: deque[Fault]  # of answers with bytes


class Handler(BaseHTTPRequestHandler):
    """Answers with files; what is asked for, a subclass knows."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        raise NotImplementedError

    @property
    def start(self) -> int:
        """From where bytes are asked for."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))

    def plain(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for key, value in (headers | {"Content-Length": "0"}).items():
            self.send_header(key, value)
        self.end_headers()

    def body(self, faults: deque[Fault], data: bytes, **headers: str) -> None:
        start = self.start
        fault = faults.popleft() if self.command == "GET" and faults else Fault()
        if fault.status is not None:
            wait = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self.plain(fault.status, **wait)
            return
        if start >= len(data) > 0:
            self.plain(416)
            return
        if fault.ignores_range:
            start = 0
        told = start + 1 if fault.another_range else start
        self.send_response(206 if start else 200)
        if start:
            headers["Content-Range"] = f"bytes {told}-{len(data) - 1}/{len(data)}"
        if fault.more:
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(data) - start)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self._pieces(fault, data, start)

    def _pieces(self, fault: Fault, data: bytes, start: int) -> None:
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
        if fault.more:
            self.wfile.write(bytes(fault.more))
            self.close_connection = True
        if fault.cut_at is not None:
            if fault.then is not None:
                fault.then()
            self.close_connection = True
            self.connection.shutdown(2)


@contextmanager
def serving(state: State, handler: type[Handler]) -> Generator[None]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever asked has gone, which is what these tests are about."""

    server = Server(("127.0.0.1", 0), handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
