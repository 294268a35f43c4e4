"""Attune as a satellite of Home Assistant: between the daemon and whoever has connected last."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from assistant.control.client import Client
from assistant.control.messages import MAX_SOUND, Spoken, TimerAct
from assistant.errors import ControlError
from assistant.household.smart_home import Outcome
from assistant.wyoming.asking import Daemon

WAIT_S = 5.0
"""How long the daemon may have nothing to ask before it is asked anew."""

AGAIN_S = 1.0
"""Pause before a daemon that is not there is asked again."""

_PIECE = MAX_SOUND // 4 * 3

TIMERS = 64
"""Most news of timers that wait for the daemon."""

PATIENCE_S = 120.0
"""How long news of a timer waits for the daemon."""

AWAY = (
    "Home Assistant is to answer what is said, and is not connected. Add Attune there as a Wyoming "
    "Protocol service at the port that wyoming.satellite_port names."
)
"""What keeps it from working until Home Assistant has come."""

_HEARD = ("answered", "told")
"""After these Home Assistant waits until its answer has been heard."""


@dataclass(frozen=True, slots=True)
class TimerNews:
    """What has become of a timer."""

    timer: str
    act: TimerAct
    left_s: float
    name: str
    at: float = field(default_factory=time.monotonic)

    @property
    def left_now_s(self) -> float:
        """What is left of it, if the daemon is told only now."""
        gone = 0.0 if self.act == "paused" else time.monotonic() - self.at
        return max(0.0, self.left_s - gone)


class Leader(Protocol):
    """A connection of Home Assistant's."""

    async def ask(self, sound: bytes) -> tuple[Outcome, str]:
        """How it answers what was said, and what it wants spoken.

        Args:
            sound: mono, 16 kHz, 16 bits, little-endian.

        Raises:
            OSError: if the connection breaks.
            asyncio.TimeoutError: if Home Assistant does not take it.
        """
        ...

    def heard(self) -> None:
        """What it wanted spoken has been heard."""
        ...

    def fall_silent(self) -> None:
        """Another one leads from now on."""
        ...


class Satellite:
    """What all connections have in common: whoever has come last is given what is said.

    Args:
        daemon: hears and speaks.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._leaders: list[Leader] = []  # the last one leads
        self._news: deque[TimerNews] = deque(maxlen=TIMERS)
        self._has_news = asyncio.Event()
        self._is_playing = False

    def enter(self, handler: Leader) -> None:
        """It wants what is said, and is given it from now on."""
        for each in self._leaders:
            each.fall_silent()
        self.leave(handler)
        self._leaders.append(handler)

    def leave(self, handler: Leader) -> None:
        """It wants it no longer, or has left."""
        with suppress(ValueError):
            self._leaders.remove(handler)

    def is_led_by(self, handler: Leader) -> bool:
        """Whether it is given what is said."""
        return self._leaders[-1:] == [handler]

    def tell(self, news: TimerNews) -> None:
        """Pass on what has become of a timer, as soon as the daemon is there."""
        self._news.append(news)
        self._has_news.set()

    async def play(self, rate: int, sound: bytes) -> bool:
        """Have a sound heard; False if it was not, such as while another one is.

        Args:
            rate: samples per second.
            sound: mono, 16 bits, little-endian.
        """
        if self._is_playing:
            return False
        self._is_playing = True
        session = secrets.token_hex(16)
        places = range(0, len(sound), _PIECE)
        try:
            for place, start in enumerate(places):
                piece = base64.b64encode(sound[start : start + _PIECE]).decode()
                await self._daemon.quick(partial(_play, session, rate, piece, place))
            await self._daemon.long(partial(_play, session, rate, "", len(places)))
        except ControlError:
            return False
        finally:
            self._is_playing = False
        return True

    async def serve(self) -> None:
        """Pass on what is said, and news of timers, without end."""
        await asyncio.gather(self._pass_on_speech(), self._pass_on_news())

    async def _pass_on_speech(self) -> None:
        while True:
            try:
                await self._await_speech()
            except ControlError:  # noqa: PERF203 - the daemon's own log says more
                await asyncio.sleep(AGAIN_S)

    async def _await_speech(self) -> None:
        trouble = None if self._leaders else AWAY
        said = await self._daemon.waiting(lambda client: client.said_to_home(WAIT_S, trouble))
        if said is not None:
            await self._have_answered(said)

    async def _have_answered(self, said: Spoken) -> None:
        """Bring what Home Assistant wants spoken, unless nobody waits for it any longer."""
        leader = self._leaders[-1] if self._leaders else None
        over = asyncio.ensure_future(self._over(said.number))
        answer = asyncio.ensure_future(_answer(leader, said))
        try:
            await asyncio.wait((over, answer), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                over.result()  # raises why it could not be told
                return
            outcome, text = answer.result()
            await self._daemon.quick(lambda c: c.said_by_home(said.number, outcome, text))
            await over
            if leader is not None and outcome in _HEARD:
                leader.heard()
        finally:
            over.cancel()
            answer.cancel()

    async def _over(self, number: int) -> None:
        while not await self._daemon.waiting(lambda client: client.is_over(number, WAIT_S)):
            pass

    async def _pass_on_news(self) -> None:
        while True:
            await self._has_news.wait()
            while self._news:
                each = self._news[0]
                try:
                    await self._daemon.quick(_told(each))
                except ControlError:
                    if time.monotonic() - each.at < PATIENCE_S:
                        await asyncio.sleep(AGAIN_S)
                        continue
                with suppress(IndexError):  # too much has come meanwhile
                    self._news.popleft()
            self._has_news.clear()


def _play(session: str, rate: int, piece: str, place: int, client: Client) -> None:
    client.play(session, rate, piece, place)


def _told(news: TimerNews) -> Callable[[Client], None]:
    return lambda client: client.home_timer(news.timer, news.act, news.left_now_s, news.name)


async def _answer(leader: Leader | None, said: Spoken) -> tuple[Outcome, str]:
    """How Home Assistant answers, and what it wants spoken."""
    if leader is None:
        return "unreachable", ""
    try:
        return await leader.ask(said.pcm)
    except (OSError, asyncio.TimeoutError):
        return "unknown", ""
