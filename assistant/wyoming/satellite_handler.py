"""One connection of Home Assistant's to Attune as its satellite.

Home Assistant is the one who connects. What was said goes out as a run of its pipeline; the text
that it wants spoken comes back, and is spoken by the daemon. The sound that it makes of that text
is not needed, and sound without a run is an announcement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.pipeline import PipelineStage, RunPipeline
from wyoming.satellite import PauseSatellite, RunSatellite
from wyoming.snd import Played
from wyoming.timer import TimerCancelled, TimerFinished, TimerStarted, TimerUpdated
from wyoming.tts import Synthesize

from assistant.control.messages import MAX_PLAYED_S, TimerAct
from assistant.household.satellite import LED_S, LONGEST_REPLY
from assistant.household.smart_home import Outcome
from assistant.values import SAMPLE_RATE
from assistant.wyoming.asking import Daemon
from assistant.wyoming.peer import Describing, PeerHandler
from assistant.wyoming.satellite import Satellite, TimerNews
from assistant.wyoming.sound import Conversion, Format

GRACE_S = 1.0
"""How long after the sound of an answer its text may come."""

SOUND_S = 10.0
"""How long the sound of an answer may come after that has been spoken."""

CHUNK = 1_024
"""Samples in a piece of sound that is sent."""

_OUTCOMES: dict[str, Outcome] = {
    "stt-no-text-recognized": "not_understood",
    "no_intent_match": "not_understood",
    "no_valid_targets": "not_there",
}
"""How Home Assistant's errors are told; after any other it is not known what was done."""


class _Text(BaseModel):
    """What is to be spoken, or why it cannot be had; what else an event holds is not looked at."""

    model_config = ConfigDict(frozen=True, strict=True)

    text: str
    code: str | None = None


class _Timer(BaseModel):
    """What is told of a timer."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: Annotated[str, Field(min_length=1, max_length=100)]
    name: str | None = None
    total_seconds: Annotated[float, Field(ge=0, le=7 * 86_400)] = 0
    is_active: bool = True


class _Run:
    """A run of Home Assistant's pipeline."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[tuple[Outcome, str]] = (
            asyncio.get_running_loop().create_future()
        )
        self.has_sound = False  # that of its answer has begun
        self.sounded = asyncio.Event()  # and has ended, or is not waited for
        self.began_at = time.monotonic()

    @property
    def is_awaited(self) -> bool:
        """Whether somebody still waits for the answer."""
        return not self.answer.done()

    @property
    def is_old(self) -> bool:
        """Whether sound that begins now is not that of its answer."""
        return self.has_sound or time.monotonic() - self.began_at > 2 * LED_S

    def settle(self, outcome: Outcome, text: str = "") -> None:
        """This is the answer, unless there is one."""
        if self.is_awaited:
            self.answer.set_result((outcome, text))


class _Sound:
    """Sound on its way from Home Assistant.

    Args:
        given: its format.
        run: whose answer it is; none: an announcement.
    """

    def __init__(self, given: Format, run: _Run | None) -> None:
        self.rate = min(max(given.rate, 8_000), 48_000)
        self.run = run
        self.samples = bytearray()
        self._conversion = Conversion(given, self.rate)
        self._left = round(MAX_PLAYED_S * self.rate) * 2

    @property
    def is_needed(self) -> bool:
        """Whether it is to be heard: a text is spoken by Attune's own voice."""
        return self.run is None or self.run.is_awaited

    def take(self, given: Format, sound: bytes) -> None:
        """Another piece."""
        if given != self._conversion.given:
            self._conversion = Conversion(given, self.rate)
        if self.is_needed and self._left > 0:
            self._keep(self._conversion.push(sound))

    def flush(self) -> bytes:
        """The whole, once nothing more comes."""
        self._keep(self._conversion.flush())
        return bytes(self.samples)

    def _keep(self, sound: bytes) -> None:
        self.samples += sound[: self._left]
        self._left -= min(self._left, len(sound))


class SatelliteHandler(PeerHandler):
    """One connection of Home Assistant's; see ``PeerHandler``.

    Args:
        satellite: what all connections have in common.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        daemon: Daemon,
        description: Describing,
        on_end: Callable[[], object],
        satellite: Satellite,
    ) -> None:
        super().__init__(reader, writer, daemon, description, on_end)
        self._satellite = satellite
        self._run: _Run | None = None  # the last one, until its answer has come
        self._sound: _Sound | None = None
        self._unawaited: set[asyncio.Task[None]] = set()  # which asyncio itself would forget
        self._acts |= {
            RunSatellite().event().type: self._begin,
            PauseSatellite().event().type: self._pause,
            Synthesize("").event().type: self._answer,
            Error("").event().type: self._fail,
            AudioStart(0, 0, 0).event().type: self._begin_sound,
            AudioStop().event().type: self._end_sound,
            TimerStarted("", 0).event().type: self._timer_started,
            TimerUpdated("", False, 0).event().type: self._timer_updated,  # noqa: FBT003
            TimerCancelled("").event().type: self._timer_cancelled,
            TimerFinished("").event().type: self._timer_finished,
        }
        self._streams |= {AudioChunk(0, 0, 0, b"").event().type: self._continue_sound}

    async def ask(self, sound: bytes) -> tuple[Outcome, str]:
        """Have something answered that was said, in one go.

        Args:
            sound: mono, 16 kHz, 16 bits, little-endian.

        Raises:
            OSError: if the connection breaks.
            asyncio.TimeoutError: if Home Assistant does not take it.
        """
        if self._run is not None:
            self._run.sounded.set()
        self._run = run = _Run()
        sending = asyncio.ensure_future(self._speak(sound))
        sending.add_done_callback(lambda each: each.cancelled() or each.exception())
        await asyncio.shield(sending)  # half of it would have Home Assistant wait for the rest
        return await run.answer

    async def _speak(self, sound: bytes) -> None:
        await self._send(RunPipeline(PipelineStage.ASR, PipelineStage.TTS, restart_on_end=False))
        await self._send(AudioStart(SAMPLE_RATE, 2, 1))
        for start in range(0, len(sound), CHUNK * 2):
            piece = sound[start : start + CHUNK * 2]
            await self._send(AudioChunk(SAMPLE_RATE, 2, 1, piece))
        await self._send(AudioStop())

    def heard(self) -> None:
        """What it wanted spoken has been heard.

        It is told when it has sent the sound of that, too: what it sends next would come between.
        """
        self._later(self._heard(self._run))

    async def _heard(self, run: _Run | None) -> None:
        if run is not None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(run.sounded.wait(), SOUND_S)
        with suppress(OSError, asyncio.TimeoutError):
            await self._send(Played())

    def _later(self, act: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(act)
        self._unawaited.add(task)
        task.add_done_callback(self._unawaited.discard)

    def fall_silent(self) -> None:
        """Another one leads from now on."""
        self._sound = None

    async def disconnect(self) -> None:
        """The connection is about to be closed."""
        self._satellite.leave(self)
        self._sound = None
        if self._run is not None:
            self._run.settle("unknown")

    async def _begin(self, _event: Event) -> None:
        self._satellite.enter(self)

    async def _pause(self, _event: Event) -> None:
        self._satellite.leave(self)
        self._sound = None

    async def _answer(self, event: Event) -> None:
        text = _Text.model_validate(event.data).text
        if self._run is not None:
            self._run.settle("answered", text[:LONGEST_REPLY])

    async def _fail(self, event: Event) -> None:
        told = _Text.model_validate(event.data)
        if self._run is not None:
            self._run.settle(_OUTCOMES.get(told.code or "", "failed"))
            self._run = None  # no sound follows

    async def _begin_sound(self, event: Event) -> None:
        given = Format.model_validate(event.data)
        run = None if self._run is None or self._run.is_old else self._run
        if run is not None:
            run.has_sound = True
        self._sound = _Sound(given, run) if self._satellite.is_led_by(self) else None

    async def _continue_sound(self, event: Event) -> None:
        given = Format.model_validate(event.data)
        if self._sound is not None:
            self._sound.take(given, event.payload or b"")

    async def _end_sound(self, _event: Event) -> None:
        sound, self._sound = self._sound, None
        if sound is None:
            return
        if sound.run is not None:
            sound.run.sounded.set()
        if sound.is_needed:
            self._later(self._have_heard(sound))

    async def _have_heard(self, sound: _Sound) -> None:
        """Have a sound heard, unless it is that of an answer whose text comes, too."""
        if sound.run is not None:
            await asyncio.wait((sound.run.answer,), timeout=GRACE_S)
            if not sound.run.is_awaited:
                return
            sound.run.settle("told")
        if await self._satellite.play(sound.rate, sound.flush()):
            await self._heard(None)

    async def _timer_started(self, event: Event) -> None:
        self._tell("started", _Timer.model_validate(event.data))

    async def _timer_updated(self, event: Event) -> None:
        timer = _Timer.model_validate(event.data)
        self._tell("updated" if timer.is_active else "paused", timer)

    async def _timer_cancelled(self, event: Event) -> None:
        self._tell("cancelled", _Timer.model_validate(event.data))

    async def _timer_finished(self, event: Event) -> None:
        self._tell("finished", _Timer.model_validate(event.data))

    def _tell(self, act: TimerAct, timer: _Timer) -> None:
        if self._satellite.is_led_by(self):
            name = " ".join((timer.name or "").split())[:100]
            self._satellite.tell(TimerNews(timer.id, act, timer.total_seconds, name))
