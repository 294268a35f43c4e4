"""Serves Home Assistant and other programs until it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TypeAlias

from wyoming.event import Event
from wyoming.server import AsyncEventHandler, AsyncTcpServer

from assistant.config import Settings, WyomingSettings
from assistant.control.client import Client
from assistant.errors import ConfigError
from assistant.wyoming.announcing import Announcement
from assistant.wyoming.asking import Daemon
from assistant.wyoming.handler import Handler
from assistant.wyoming.info import Description, SatelliteDescription
from assistant.wyoming.limits import Guests
from assistant.wyoming.listening import Listening
from assistant.wyoming.satellite import Satellite
from assistant.wyoming.satellite_handler import SatelliteHandler

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Leave: TypeAlias = Callable[[], object]
Attend: TypeAlias = Callable[[Reader, Writer, Leave], AsyncEventHandler]
"""Makes the handler of a peer, which calls the third when it ends."""


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
    description, guests = Description(daemon, settings), Guests(settings.wyoming)
    serving: set[asyncio.Task[object]] = {asyncio.create_task(stopped.wait())}
    async with AsyncExitStack() as owned:

        def handler(reader: Reader, writer: Writer, leave: Leave) -> AsyncEventHandler:
            return Handler(reader, writer, daemon, description, leave)

        server = Listening(settings.wyoming)
        told = server.told
        announcement = Announcement(told) if told.announce and told.is_open else None
        await _listen(owned, server, "port", guests, handler)
        if told.satellite:
            satellite, itself = Satellite(daemon), SatelliteDescription()

            def of_satellite(reader: Reader, writer: Writer, leave: Leave) -> AsyncEventHandler:
                return SatelliteHandler(reader, writer, daemon, itself, leave, satellite)

            second = AsyncTcpServer(told.address, told.satellite_port)
            await _listen(owned, second, "satellite_port", guests, of_satellite)
            serving.add(asyncio.create_task(satellite.serve()))
        await description.info()  # so that it is known when the daemon is away
        if announcement is not None:
            keeping = asyncio.create_task(announcement.keep())
            owned.push_async_callback(_cancelled, keeping)
        on_ready(told)
        ended, _ = await asyncio.wait(serving, return_when=asyncio.FIRST_COMPLETED)
        for each in ended:
            each.result()  # a fault ends the process, which is then started again


async def _cancelled(task: asyncio.Task[None]) -> None:
    """End a task, and wait until it has."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _listen(
    owned: AsyncExitStack, server: AsyncTcpServer, setting: str, guests: Guests, handler: Attend
) -> None:
    """Attend to peers at a port, which a setting names, until the end."""

    def attend(reader: Reader, writer: Writer) -> AsyncEventHandler:
        address = _address(writer)
        if not guests.enter(address):
            return _TurnedAway(reader, writer)
        return handler(reader, writer, partial(guests.leave, address))

    try:
        await server.start(attend)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error
        raise ConfigError(
            f"Cannot listen at {server.host}, port {server.port}: {why}. Set wyoming.address and "
            f"wyoming.{setting} to something else, or stop what uses it."
        ) from None
    owned.push_async_callback(server.stop)


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
