"""What every request has to pass before a page sees it, and what every answer carries."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 1 << 16
"""Longest form in bytes."""

BODY_S = 10.0
"""Time in which a whole form has to arrive."""

_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # none at all would also take Origin from forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
"""What every answer carries, so that a browser does less than it could."""

_CHANGING = frozenset({"POST"})
_READING = frozenset({"GET", "HEAD"})


class Guard:
    """Lets through what comes from this home and from these pages alone.

    Args:
        app: what answers the requests that pass.
        names: host names, beside this machine's own, under which it is asked.
        limits: longest bodies in bytes where a path takes longer ones than a form's.
        streams: paths that take the body themselves, as it comes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        names: Collection[str] = (),
        limits: Mapping[str, int] | None = None,
        streams: Collection[str] = (),
    ) -> None:
        self._app = app
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own}.local", *(name.lower() for name in names)}
        self._limits = limits or {}
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        why = self._refusal(scope)
        body: bytes | None = None
        is_form = scope["method"] in _CHANGING and scope["path"] not in self._streams
        if why is None and is_form:
            body = await _whole(receive, self._limits.get(scope["path"], MAX_BODY))
            if body is None:
                why = 413, "That is too long, or came too slowly."
        if why is not None:
            status, sentence = why
            # its body is not read, so nothing can follow
            refusal = PlainTextResponse(sentence, status, {"Connection": "close"})
            await refusal(scope, receive, _marked(send))
            return
        await self._app(scope, receive if body is None else _again(body, receive), _marked(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not _is_at_home(scope):
            return 403, "This page is for the home's own network."
        if not self._is_own(host):
            # a stranger's name that leads here: DNS rebinding
            return 421, "This page is not known by that name. Use the address that Attune shows."
        if scope["method"] in _READING:
            return None
        if scope["method"] not in _CHANGING:
            return 405, "Pages are read, and forms are sent. Nothing else is done here."
        if not _is_of(headers.get("origin", ""), host):
            return 403, "This form was not sent from this page. Open the page anew."
        return None

    def _is_own(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True


def _is_of(origin: str, host: str) -> bool:
    """Whether a form comes from the host that it is sent to."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _is_at_home(scope: Scope) -> bool:
    """Whether the other end is on this machine or in the local network."""
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0] if client else "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_private or (mapped or address).is_link_local


async def _whole(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; ``None`` if it is too long or too slow."""

    async def read() -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect" or len(body) > limit:
                return None
            if not message.get("more_body", False):
                return bytes(body)

    try:
        return await asyncio.wait_for(read(), BODY_S)
    except asyncio.TimeoutError:
        return None


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that has been read already, and then whatever follows."""
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read


def mark(headers: MutableHeaders) -> None:
    """Have an answer carry what each does."""
    headers.update(_HEADERS)
    headers.setdefault("Cache-Control", "no-store")


def _marked(send: Send) -> Send:
    async def marking(message: Message) -> None:
        if message["type"] == "http.response.start":
            mark(MutableHeaders(scope=message))
        await send(message)

    return marking
