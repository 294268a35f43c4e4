"""Serves the pages until it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from starlette.datastructures import MutableHeaders
from uvicorn.protocols.http.h11_impl import H11Protocol

from assistant.config import WebSettings
from assistant.control.client import Client
from assistant.errors import ConfigError
from assistant.web import app
from assistant.web.certificate import Files, ready
from assistant.web.door import Door
from assistant.web.guard import mark

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

HEAD_S = 10.0
"""Time in which a request has to be complete but for its body, and after which idle ones end."""

EACH = 24
"""Connections from one address, beside this machine's own."""

ALL = 128
"""Connections at once, also those that do not ask anything yet."""

CLOSE_S = 2
"""Time in which requests under way may end."""


class Prompt(H11Protocol):
    """Hangs up on who sends nothing, or a request byte by byte."""

    _due: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Give it its time."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._due is not None:
            self._due.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, with what every answer carries."""
        headers = MutableHeaders({"Content-Type": "text/plain", "Connection": "close"})
        mark(headers)
        for event in (
            h11.Response(status_code=400, headers=headers.raw, reason=b"Bad Request"),
            h11.Data(data=msg.encode("ascii")),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._wait()

    def _wait(self) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = self.loop.call_later(HEAD_S, self._hang_up)

    def _hang_up(self) -> None:
        # there is no cycle before the first request; after it, whoever still sends a body goes, too
        is_answered = getattr(self.cycle, "response_complete", True)
        if is_answered and not self.transport.is_closing():
            self.transport.abort()


class Loop(asyncio.SelectorEventLoop):
    """Hangs up on who does not begin to encrypt; by itself asyncio waits for a minute."""

    async def create_server(self, *args: Any, **kwargs: Any) -> asyncio.Server:
        """As asyncio's."""
        if kwargs.get("ssl") is not None:
            kwargs["ssl_handshake_timeout"] = HEAD_S
        return await super().create_server(*args, **kwargs)


def serve(
    client: Client, settings: WebSettings, *, on_ready: Callable[[str], object] | None = None
) -> None:
    """Answer browsers until SIGINT or SIGTERM.

    Beyond this machine, only with TLS.

    Args:
        client: of the daemon.
        settings: where.
        on_ready: called with the address when the first browser may come.

    Raises:
        ConfigError: if the address cannot be used, or the certificate cannot be written.
    """
    files = Files(settings.folder)
    encrypted: dict[str, Any] = {}
    if settings.is_open:
        ready(files, settings.names)
        encrypted = {"ssl_certfile": str(files.certificate), "ssl_keyfile": str(files.key)}
    config = uvicorn.Config(
        app.make(client, names=settings.names),
        http=Prompt,
        ws="none",
        loop=f"{__name__}:Loop",
        lifespan="on",
        log_config=None,
        log_level="critical",  # what goes wrong is told by the pages, without words
        access_log=False,  # addresses of pages may hold what was typed
        server_header=False,
        timeout_keep_alive=int(HEAD_S),
        timeout_graceful_shutdown=CLOSE_S,
        h11_max_incomplete_event_size=1 << 14,
        **encrypted,
    )
    with _bound(settings) as listening:
        server = _Server(config)
        server.on_ready = lambda: (
            on_ready and on_ready(address(settings, listening.getsockname()[1]))
        )
        with suppress(KeyboardInterrupt):  # which uvicorn raises anew when it has ended
            server.run([listening])


class _Server(uvicorn.Server):
    """Tells when it answers."""

    on_ready: Callable[[], object]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self.on_ready()


def address(settings: WebSettings, port: int | None = None) -> str:
    """Where a browser finds the pages, on this machine or in its network."""
    scheme, host = ("https", socket.gethostname()) if settings.is_open else ("http", "localhost")
    if settings.is_open and "." not in host:
        host = f"{host}.local"
    return f"{scheme}://{host}:{port or settings.port}"


def _bound(settings: WebSettings) -> Door:
    host, port = settings.address, settings.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=ALL)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error
        raise ConfigError(
            f"Cannot serve the page at {host}, port {port}: {why}. Set web.address and "
            "web.port to something else, or stop what uses it."
        ) from None
    return Door(listening, each=EACH, all_of_them=ALL)
