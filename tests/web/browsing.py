"""What a browser does, down to the bytes where a test wants that."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from starlette.routing import BaseRoute, Route

from assistant.web.visit import COOKIE, TOKEN, form_token
from tests.waiting import WAIT_S

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def to(self) -> str | None:
        """Where it sends the browser."""
        return self.headers["Location"]

    @property
    def said(self) -> str:
        """What the page's content says, without markup."""
        content = self.text.partition("<main")[2]
        return " ".join(re.sub(r"<[^>]*>", " ", content.partition(">")[2]).split())


class Browser:
    """One device; it keeps its cookie, and what it sends comes from its own page."""

    def __init__(self, port: int, *, encrypted: bool = False) -> None:
        self.port = port
        self.key = ""
        self._context = None
        if encrypted:
            self._context = ssl.create_default_context()
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
        self.origin = f"{'https' if encrypted else 'http'}://localhost:{port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """One request; a header that is ``None`` is left out."""
        sent: dict[str, str | None] = {"Host": f"localhost:{self.port}"}
        if self.key:
            sent["Cookie"] = f"{COOKIE}={self.key}"
        if method not in ("GET", "HEAD"):
            sent |= {"Origin": self.origin, "Content-Type": FORM}
        sent |= headers or {}
        if self._context is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, WAIT_S)
        else:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=WAIT_S, context=self._context
            )
        try:
            given = {name: value for name, value in sent.items() if value is not None}
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path: str, *, token: str | None = None, **form: Any) -> Answer:
        """Send a form with this device's token, or another one."""
        words = {TOKEN: form_token(self.key) if token is None else token} | form
        return self.ask("POST", path, urlencode(words).encode())

    def pair(self, code: str, name: str = "Anna's phone") -> Answer:
        """Enter a code; if it is right, the browser is known from then on."""
        answer = self.post("/pair", code=code, name=name)
        jar = SimpleCookie(answer.headers.get("Set-Cookie", ""))
        if COOKIE in jar:
            self.key = jar[COOKIE].value
        return answer


def raw(port: int, data: bytes) -> bytes:
    """Everything that is answered to some bytes until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.sendall(data)
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    """Everything until the server hangs up."""
    found = bytearray()
    with suppress(ConnectionError):
        while block := connection.recv(1 << 16):
            found += block
    return bytes(found)


EXAMPLES = {"number": "1", "noun": "timers", "place": "reminders", "name": "attune.css"}
"""What stands for a parameter of an address."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address and how it is asked."""

    method: str
    path: str  # with parameters in braces

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, **parameters: str) -> str:
        """The address with these parameters, and others where there are none."""
        return self.path.format_map(EXAMPLES | parameters)

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


def places(routes: list[BaseRoute]) -> list[Place]:
    """Every address of an application."""
    found: list[Place] = []
    for route in routes:
        assert isinstance(route, Route), "a new kind of route has to be walked, too"
        methods = (route.methods or set()) - {"HEAD"}
        found += [Place(method, route.path) for method in sorted(methods)]
    return found
