"""Home Assistant as far as its conversation API goes, and servers that are worse.

Answers have the form that Home Assistant's developer documentation gives for
``/api/conversation/process``.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from assistant.config import HomeSettings

TOKEN = "eyJ0b2tlbiI6ImF0dHVuZSJ9.c2VjcmV0"  # noqa: S105 - a test's
PATH = "/api/conversation/process"


def response(kind: str, speech: str | None = "", **data: object) -> dict[str, Any]:
    """A body as Home Assistant writes it."""
    spoken = {} if speech is None else {"plain": {"speech": speech, "extra_data": None}}
    return {
        "response": {
            "response_type": kind,
            "language": "en",
            "card": {},
            "speech": spoken,
            "data": data,
        },
        "conversation_id": "01J0",
        "continue_conversation": False,
    }


def device(name: str) -> dict[str, str]:
    return {"name": name, "type": "entity", "id": f"light.{name.replace(' ', '_')}"}


def done(speech: str, *names: str, failed: tuple[str, ...] = ()) -> dict[str, Any]:
    """An act that Home Assistant confirms for these devices."""
    success, not_done = list(map(device, names)), list(map(device, failed))
    return response("action_done", speech, targets=[], success=success, failed=not_done)


def answered(speech: str) -> dict[str, Any]:
    return response("query_answer", speech, targets=[], success=[device("door")], failed=[])


def refused(code: str, speech: str = "Sorry, I couldn't understand that") -> dict[str, Any]:
    return response("error", speech, code=code)


@dataclass
class House:
    """What it answers, and what it was asked."""

    body: object = field(default_factory=lambda: done("Turned on the light", "kitchen light"))
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    before: Callable[[], object] = lambda: None  # called before it answers
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    paths: list[str] = field(default_factory=list[str])
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"


@contextmanager
def serving(given: House | None = None, certificate: Path | None = None) -> Iterator[House]:
    """It, on this machine; with a certificate and its key in one file it speaks TLS."""
    house = given or House()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            house.paths.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._send(401, b"401: Unauthorized", "text/plain")
                return
            house.asked.append(json.loads(body))
            house.before()
            raw = house.body if isinstance(house.body, bytes) else json.dumps(house.body).encode()
            self._send(house.status, raw, "application/json")

        def do_GET(self) -> None:  # after a redirect
            self.do_POST()

        def _send(self, status: int, body: bytes, kind: str) -> None:
            headers = {"Content-Type": kind, "Content-Length": str(len(body))}
            with suppress(OSError):  # nobody waits for it any more
                self.send_response(status)
                for name, value in (headers | dict(house.headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.daemon_threads = True
        house.port = server.server_port
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            house.scheme = "https"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield house
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def sending(act: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """The address of a server that does this to whoever connects, until the event is set."""
    ended = threading.Event()

    def attend() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                continue
            with connection, suppress(OSError):
                act(connection, ended)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=attend)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


def settings(folder: Path, url: str, **more: object) -> HomeSettings:
    """Settings with a token that lets Attune in."""
    token = folder / "token"
    if not token.exists():
        token.write_text(f"{TOKEN}\n")
        token.chmod(0o600)
    return HomeSettings.model_validate({"url": url, "token_file": token} | more)
