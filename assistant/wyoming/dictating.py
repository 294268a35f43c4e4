"""Speech on its way to the daemon, which hears where it ends and what was said."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Sequence
from contextlib import suppress

from assistant.control.messages import MAX_SOUND
from assistant.values import SAMPLE_RATE
from assistant.wyoming.asking import Daemon
from assistant.wyoming.sound import Conversion, Format

LEAST = SAMPLE_RATE * 2 * 60 // 1000
"""Bytes of sound that are worth a call: 60 ms."""

MOST = MAX_SOUND // 4 * 3
"""Most bytes that one call takes."""

LOOK_S = 0.2
"""How often the daemon is asked whether it has heard the end, while no sound comes."""

BEHIND = 10 * SAMPLE_RATE * 2
"""Bytes that the daemon may be behind before the peer has to wait."""


class Dictating:
    """One stretch of speech: filled from one side, passed on from the other.

    Args:
        daemon: hears it.
        expected: words that may well be in it, the likeliest last.
    """

    def __init__(self, daemon: Daemon, expected: Sequence[str] = ()) -> None:
        self._daemon = daemon
        self._expected = list(expected)
        self._session = secrets.token_hex(16)
        self._conversion: Conversion | None = None
        self._held = bytearray()
        self._changed = asyncio.Condition()
        self._is_complete = False
        self._place = 0
        self._has_ended = False

    async def take(self, given: Format, sound: bytes) -> None:
        """Another piece; waits if too much is waiting already."""
        if self._conversion is None or self._conversion.given != given:
            self._conversion = Conversion(given)
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._held) < BEHIND or self._has_ended)
            if not self._has_ended:
                self._held += self._conversion.push(sound)
                self._changed.notify_all()

    async def finish(self) -> None:
        """Nothing more comes."""
        async with self._changed:
            if self._conversion is not None and not self._is_complete:
                self._held += self._conversion.flush()
            self._is_complete = True
            self._changed.notify_all()

    async def text(self) -> str:
        """What was said, once its end has been heard or nothing more comes.

        Raises:
            ControlError: if the daemon is not running, or refuses.
        """
        try:
            if self._expected:  # beside a full piece there would be no room for them
                await self._pass_on(b"", self._expected)
            while not self._has_ended and (piece := await self._next()) is not None:
                self._has_ended = await self._pass_on(piece)
        except asyncio.CancelledError:  # the peer has left, or begins anew
            if self._place:
                self._daemon.later(lambda client: client.dictated(self._session, forget=True))
            raise
        finally:
            async with self._changed:  # nobody waits for room any longer
                self._has_ended = True
                self._changed.notify_all()
        if not self._place:
            return ""
        return (await self._daemon.long(lambda client: client.dictated(self._session))).text

    async def _next(self) -> bytes | None:
        """The sound that waits, as soon as it is worth a call; ``None`` at the end.

        It is empty now and then: the daemon may hear the end later than it was given it.
        """
        async with self._changed:
            ready = self._changed.wait_for(lambda: len(self._held) >= LEAST or self._is_complete)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ready, LOOK_S)
            piece = bytes(self._held[:MOST])
            del self._held[:MOST]
            self._changed.notify_all()
            return None if self._is_complete and not piece else piece

    async def _pass_on(self, piece: bytes, expected: list[str] | None = None) -> bool:
        """Whether the end has been heard."""
        sound, place = base64.b64encode(piece).decode(), self._place
        self._place += 1
        return await self._daemon.quick(
            lambda client: client.dictate(self._session, sound, place, expected)
        )
