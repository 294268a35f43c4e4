"""One peer of any port: what it may send, and how it is told why something cannot be done."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler

from assistant.control.allowance import Allowance
from assistant.errors import ControlError, traced
from assistant.wyoming.asking import Daemon
from assistant.wyoming.limits import WRITE_S, BoundedReader

Act = Callable[[Event], Awaitable[None]]


class Describing(Protocol):
    """Knows what is told of Attune."""

    async def info(self) -> Info:
        """The description, within a second."""
        ...


class _Greeting(BaseModel):
    """What is to be repeated, to show that somebody is there."""

    model_config = ConfigDict(frozen=True, strict=True)

    text: str | None = None


class PeerHandler(AsyncEventHandler):
    """Answers one peer; whatever it sends, it loses no connection but its own.

    Args:
        reader: from the peer.
        writer: to the peer.
        daemon: does the work.
        description: of Attune.
        on_end: called when the connection has ended.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        daemon: Daemon,
        description: Describing,
        on_end: Callable[[], object],
    ) -> None:
        super().__init__(cast("asyncio.StreamReader", BoundedReader(reader)), writer)
        self._daemon = daemon
        self._description = description
        self._on_end = on_end
        self._allowance = Allowance()
        self._is_over = False  # what was wanted cannot be had
        self._acts: dict[str, Act] = {
            Describe().event().type: self._describe,
            Ping().event().type: self._ping,
        }
        # there are many of these, so only their sizes are limited
        self._streams: dict[str, Act] = {}

    async def run(self) -> None:
        """Answer until the peer leaves, or is not worth waiting for."""
        try:
            with suppress(Exception):  # of any kind: the library's reader checks nothing
                await super().run()
        finally:
            self._on_end()

    async def handle_event(self, event: Event) -> bool:
        """Do what an event asks; unknown ones are let pass. Returns whether the peer may go on."""
        if (act := self._streams.get(event.type)) is not None:
            return await self._told(act(event))
        if not self._allowance.take(time.monotonic()):
            return False
        act = self._acts.get(event.type)
        return act is None or (await self._told(act(event)) and not self._is_over)

    async def write_event(self, event: Event) -> None:
        """Send an event; ``asyncio.TimeoutError`` if the peer does not take it."""
        await asyncio.wait_for(super().write_event(event), WRITE_S)

    async def _told(self, act: Awaitable[None]) -> bool:
        """Do something, and tell the peer why it cannot be done; returns whether it was."""
        try:
            await act
        except ValidationError:
            why = "That is no event that Attune understands."
        except ControlError as error:
            why = str(error)
        except (OSError, asyncio.TimeoutError):
            return False  # nobody listens
        except Exception as error:  # noqa: BLE001 - a fault here ends no other conversation
            sys.stderr.write(traced(error))
            why = "Attune could not do that. Its log says where it failed."
        else:
            return True
        # who asked waits for nothing else, so the end of the connection has to follow
        with suppress(OSError, asyncio.TimeoutError):
            await self.write_event(Error(why).event())
        return False

    async def _send(self, answer: Eventable) -> None:
        await self.write_event(answer.event())

    async def _describe(self, _event: Event) -> None:
        await self._send(await self._description.info())

    async def _ping(self, event: Event) -> None:
        await self._send(Pong(_Greeting.model_validate(event.data).text))
