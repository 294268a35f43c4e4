"""A question on its way to the daemon, and its reply on the way back while it is written."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

from pydantic import JsonValue
from wyoming.event import Eventable
from wyoming.handle import Handled, HandledChunk, HandledStart, HandledStop, NotHandled

from assistant.errors import ControlError
from assistant.wyoming.asking import Daemon

LOOK_S = 0.2
"""How often the daemon is asked what has been written."""


class Answering:
    """The answer to one question.

    It goes out sentence by sentence, and then as a whole for those who read only that, as Home
    Assistant does.

    Args:
        daemon: writes it.
        send: sends an event.
        context: of the conversation, for who asked.
    """

    def __init__(
        self,
        daemon: Daemon,
        send: Callable[[Eventable], Awaitable[None]],
        context: dict[str, JsonValue] | None,
    ) -> None:
        self._daemon = daemon
        self._send = send
        self._context = context
        self._session = secrets.token_hex(16)
        self._count = 0  # of the sentences that have been sent
        self._sent = ""
        self._has_begun = False

    async def answer(self, question: str) -> None:
        """Send it; ``OSError`` if nobody listens."""
        asking = asyncio.create_task(
            self._daemon.long(
                lambda client: client.ask(question, aloud=False, session=self._session)
            )
        )
        asking.add_done_callback(_seen)  # also if nobody listens any longer
        while not (await asyncio.wait((asking,), timeout=LOOK_S))[0]:
            await self._look()
        try:
            turn = await asking
        except ControlError as error:
            reply, why = None, str(error)
        else:
            reply, why = turn["reply"], turn["error"]
        if reply is None:
            await self._send(NotHandled(why, self._context))
        else:
            await self._go_on(reply)
            await self._send(Handled(reply, self._context))
        if self._has_begun:
            await self._send(HandledStop())

    async def _look(self) -> None:
        """Send what has been written since."""
        written: list[str] = []
        with suppress(ControlError):  # the question itself will be refused, too
            written = await self._daemon.quick(
                lambda client: client.written(self._session, self._count)
            )
        if written:
            self._count += len(written)
            await self._go_on(" ".join(filter(None, (self._sent, *written))))

    async def _go_on(self, reply: str) -> None:
        """Send what is new of a reply."""
        if not self._has_begun:
            self._has_begun = True
            await self._send(HandledStart(self._context))
        if reply.startswith(self._sent) and reply != self._sent:
            await self._send(HandledChunk(reply[len(self._sent) :]))
            self._sent = reply


def _seen(done: asyncio.Task[object]) -> None:
    if not done.cancelled():
        done.exception()
