"""Asks the daemon without keeping the other peers waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from assistant.control.client import Client
from assistant.errors import ControlError

QUICK, LONG, WAITING = 4, 3, 1
"""Calls at once: together half of those that the control socket takes, which are another user's."""

T = TypeVar("T")


class Daemon:
    """The running daemon, which answers each call in a thread of its own.

    Args:
        client: reaches it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._quick, self._long = asyncio.Semaphore(QUICK), asyncio.Semaphore(LONG)
        self._waiting = asyncio.Semaphore(WAITING)
        self._unawaited: set[asyncio.Task[None]] = set()  # which asyncio itself would forget

    async def quick(self, ask: Callable[[Client], T]) -> T:
        """What it answers at once, whatever else it does.

        Raises:
            ControlError: if it is not running, or refuses.
        """
        async with self._quick:
            return await _asked(lambda: ask(self._client))

    async def long(self, ask: Callable[[Client], T]) -> T:
        """What it answers between two turns, or takes its time for; raises as ``quick``."""
        async with self._long:
            return await _asked(lambda: ask(self._client))

    async def waiting(self, ask: Callable[[Client], T]) -> T:
        """What it answers once there is something to do; raises as ``quick``."""
        async with self._waiting:
            return await _asked(lambda: ask(self._client))

    def later(self, ask: Callable[[Client], object]) -> None:
        """Have it do something that nobody waits for; if it refuses, nothing is lost."""

        async def tell() -> None:
            with suppress(ControlError):
                await self.quick(ask)

        task = asyncio.create_task(tell())
        self._unawaited.add(task)
        task.add_done_callback(self._unawaited.discard)


async def _asked(ask: Callable[[], T]) -> T:
    """What a function returns or raises in a thread that the end of the process does not await."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[T] = loop.create_future()

    def settle(settle: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: answered.done() or settle())

    def run() -> None:
        try:
            result = ask()
        except BaseException as error:  # noqa: BLE001 - raised again in the loop
            raised = error
            settle(lambda: answered.set_exception(raised))
        else:
            settle(lambda: answered.set_result(result))

    threading.Thread(target=run, name="ask", daemon=True).start()
    return await answered
