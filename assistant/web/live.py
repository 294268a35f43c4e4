"""Tells browsers that something has happened: one connection to the daemon for all of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from assistant.control.client import Client
from assistant.errors import ControlError

BEAT_S = 15.0
"""How often a browser hears something, so that both ends notice when the other one is gone."""

MOST = 24
"""Browsers that are told at once."""

_AGAIN_S = 2.0


class Live:
    """Passes the daemon's notices on, in a thread that runs while somebody is there to be told."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._guard = threading.Lock()
        self._told: dict[asyncio.Queue[str], asyncio.AbstractEventLoop] = {}
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def close(self) -> None:
        """Tell nobody any more."""
        self._ended.set()
        self._pass_on("end")

    async def events(self, is_known: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
        """Server-sent events, until the browser leaves; none if too many are there already.

        Args:
            is_known: whether this device is still let in; asked before it is told anything.
        """
        queue: asyncio.Queue[str] = asyncio.Queue(8)
        with self._guard:
            if len(self._told) >= MOST:
                return
            self._told[queue] = asyncio.get_running_loop()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._listen, name="live", daemon=True)
                self._thread.start()
        try:
            yield ": hello\n\n"
            while True:
                try:
                    what = await asyncio.wait_for(queue.get(), BEAT_S)
                except asyncio.TimeoutError:
                    what = None
                if what == "end" or not await is_known():
                    return
                # what was said is not in it: the page asks for that itself, with its rights
                yield ": still here\n\n" if what is None else f"event: {what}\ndata:\n\n"
        finally:
            with self._guard:
                del self._told[queue]

    def _listen(self) -> None:
        away = False
        while not self._ended.is_set():
            with suppress(ControlError), self._client.notices(1.0) as notices:
                if away:
                    self._pass_on("state")
                away = False
                for notice in notices:
                    if notice is not None:
                        self._pass_on(notice.method)
                    if self._ended.is_set() or self._is_idle():
                        return
            if not away:
                self._pass_on("state")
            away = True
            if self._ended.wait(_AGAIN_S) or self._is_idle():
                return

    def _is_idle(self) -> bool:
        with self._guard:
            if not self._told:
                self._thread = None
                return True
        return False

    def _pass_on(self, what: str) -> None:
        with self._guard:
            told = list(self._told.items())
        for queue, loop in told:
            with suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(_put, queue, what)


def _put(queue: asyncio.Queue[str], what: str) -> None:
    with suppress(asyncio.QueueFull):  # it has enough to react to
        queue.put_nowait(what)
