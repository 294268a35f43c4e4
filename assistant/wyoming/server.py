"""Serves Home Assistant and other programs until it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from wyoming.event import Event
from wyoming.server import AsyncEventHandler

from assistant.config import Settings, WyomingSettings
from assistant.control.client import Client
from assistant.errors import ConfigError
from assistant.wyoming.announcing import Announcement
from assistant.wyoming.asking import Daemon
from assistant.wyoming.handler import Handler
from assistant.wyoming.info import Description
from assistant.wyoming.limits import Guests
from assistant.wyoming.listening import Listening


def serve(
    client: Client,
    settings: Settings,
    *,
    on_ready: Callable[[WyomingSettings], object] = lambda _: None,
) -> None:
    """Answer until SIGINT or SIGTERM.

    Args:
        client: of the daemon.
        settings: where, and to whom.
        on_ready: called when the first peer may come, with where that is.

    Raises:
        ConfigError: if the address cannot be used.
        DependencyError: if it is to be announced, and the library for that is not installed.
    """
    asyncio.run(_serve(client, settings, on_ready))


async def _serve(
    client: Client, settings: Settings, on_ready: Callable[[WyomingSettings], object]
) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    daemon = Daemon(client)
    description = Description(daemon, settings)
    guests = Guests(settings.wyoming)

    def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncEventHandler:
        address = _address(writer)
        if not guests.enter(address):
            return _TurnedAway(reader, writer)
        return Handler(reader, writer, daemon, description, partial(guests.leave, address))

    server = Listening(settings.wyoming)
    told = server.told
    announcement = Announcement(told) if told.announce and told.is_open else None
    try:
        await server.start(attend)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error
        raise ConfigError(
            f"Cannot listen at {told.address}, port {told.port}: {why}. Set wyoming.address and "
            "wyoming.port to something else, or stop what uses it."
        ) from None
    await description.info()  # so that it is known when the daemon is away
    keeping = None if announcement is None else asyncio.create_task(announcement.keep())
    on_ready(told)
    await stopped.wait()
    if keeping is not None:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    await server.stop()


def _address(writer: asyncio.StreamWriter) -> str:
    """Whose connection it is; empty if it has ended already."""
    with suppress(TypeError, IndexError):
        return str(writer.get_extra_info("peername")[0])
    return ""


class _TurnedAway(AsyncEventHandler):
    """Hangs up on a peer for whom there is no room, or who may not come."""

    async def run(self) -> None:
        """Hang up."""
        self.writer.transport.abort()

    async def handle_event(self, event: Event) -> bool:
        """Nothing it sends is read."""
        del event
        return False
