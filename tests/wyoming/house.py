"""Home Assistant as the one that answers: its client of a satellite, and its order of events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.pipeline import PipelineStage, RunPipeline
from wyoming.satellite import PauseSatellite, RunSatellite
from wyoming.snd import Played
from wyoming.tts import Synthesize, SynthesizeVoice
from wyoming.vad import VoiceStarted, VoiceStopped

from tests.waiting import WAIT_S
from tests.wyoming.peers import Peer, silence

if TYPE_CHECKING:
    from typing_extensions import Self

TTS_RATE = 22_050

RINGING = (8_000 * np.sin(np.arange(TTS_RATE // 2) / 8)).astype("<i2").tobytes()
"""An announcement of half a second."""

Answer = Callable[[bytes], Awaitable[str | Error]]


def saying(text: str) -> Answer:
    """Whatever is said, this is the answer."""

    async def answer(_sound: bytes) -> str:
        return text

    return answer


@dataclass
class Run:
    """What was said in one run of a pipeline."""

    asked: RunPipeline
    sound: bytes = b""
    form: tuple[int, int, int] = (0, 0, 0)
    is_complete: bool = False


class _Dripping:
    """A writer that sends byte by byte."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def write(self, data: bytes) -> None:
        for place in range(len(data)):
            self._writer.write(data[place : place + 1])

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.write(b"".join(parts))


@dataclass
class House:
    """As ``assist_satellite.py``, within ``async with``.

    Args:
        port: of the satellite.
        answer: what is to be spoken of what was said, or an error.
        speaks: whether it also makes a sound of that.
        before: whether that sound begins before its text is told, as with streaming.
        drips: whether it sends byte by byte.
    """

    port: int
    answer: Answer = field(default_factory=lambda: saying("The light is on."))
    speaks: bool = True
    before: bool = False
    drips: bool = False
    infos: list[Info] = field(default_factory=list[Info])
    runs: list[Run] = field(default_factory=list[Run])
    played: int = 0
    pongs: int = 0
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])
    _pipeline: asyncio.Task[None] | None = None
    _is_leaving: bool = False

    async def __aenter__(self) -> Self:
        self._client = Peer(self.port)
        await self._client.connect()
        if self.drips:
            writer = self._client._writer
            assert writer is not None
            self._client._writer = _Dripping(writer)  # pyright: ignore[reportAttributeAccessIssue]
        await self.send(RunSatellite(), Describe())
        self._tasks = [asyncio.create_task(each) for each in (self._read(), self._ping())]
        await self.until(lambda: bool(self.infos))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._is_leaving = True
        await self._client.disconnect()  # first: then nothing that is cancelled can go on
        tasks = [*self._tasks, *filter(None, [self._pipeline])]
        for each in tasks:
            each.cancel()
        read, *_ = await asyncio.gather(*tasks, return_exceptions=True)
        assert not isinstance(read, AssertionError), read

    async def send(self, *events: Eventable | Event) -> None:
        await self._client.send(*events)

    async def pause(self) -> None:
        """Somebody mutes it at Home Assistant."""
        await self.send(PauseSatellite())

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something has come."""
        async with self.came:
            await asyncio.wait_for(self.came.wait_for(holds), WAIT_S)

    async def announce(self, sound: bytes = RINGING) -> None:
        """As ``async_announce``: sound without a pipeline, and then it waits until it was heard."""
        if self._pipeline is not None:
            self._pipeline.cancel()
        before = self.played
        await self._sound(sound)
        await self.until(lambda: self.played > before)

    async def _sound(self, sound: bytes) -> None:
        await self.send(AudioStart(TTS_RATE, 2, 1, timestamp=0))
        for start in range(0, len(sound), 2_048):
            await self.send(AudioChunk(TTS_RATE, 2, 1, sound[start : start + 2_048]))
        await self.send(AudioStop())

    async def _ping(self) -> None:
        while True:
            await self.send(Ping())
            await asyncio.sleep(2)

    async def _read(self) -> None:
        while not self._is_leaving:
            event = await self._client.read_event()
            assert self._is_leaving or event is not None, "it hung up"
            if event is not None:
                await self._take(event)
            async with self.came:
                self.came.notify_all()

    async def _take(self, event: Event) -> None:
        if Pong.is_type(event.type):
            self.pongs += 1
        elif Info.is_type(event.type):
            self.infos.append(Info.from_event(event))
        elif RunPipeline.is_type(event.type):
            self.runs.append(Run(RunPipeline.from_event(event)))
            if self._pipeline is not None:
                self._pipeline.cancel()
            self._pipeline = asyncio.create_task(self._answer(self.runs[-1]))
        elif AudioChunk.is_type(event.type):
            chunk = AudioChunk.from_event(event)
            self.runs[-1].form = chunk.rate, chunk.width, chunk.channels
            self.runs[-1].sound += chunk.audio
        elif AudioStop.is_type(event.type):
            self.runs[-1].is_complete = True
        elif Played.is_type(event.type):
            self.played += 1
        else:
            assert AudioStart.is_type(event.type), event

    async def _answer(self, run: Run) -> None:
        """A run of the pipeline, in which what was said has come at once."""
        await self.send(Transcribe(language="en"), VoiceStarted(timestamp=0))
        await self.until(lambda: run.is_complete)
        text = await self.answer(run.sound)
        await self.send(VoiceStopped(timestamp=900), Transcript("what it understood"))
        if isinstance(text, Error):
            await self.send(text)
            return
        told = Synthesize(text, SynthesizeVoice(name="anna", language="en")) if text else None
        if told is not None and not self.before:
            await self.send(told)
        if self.speaks:
            sound = silence(0.5)
            if self.before and told is not None:
                await self.send(AudioStart(TTS_RATE, 2, 1), AudioChunk(TTS_RATE, 2, 1, sound), told)
                await self.send(AudioStop())
            else:
                await self._sound(sound)


def is_of_satellite(run: Run) -> bool:
    """Whether a run was asked for as Home Assistant wants it."""
    stages = run.asked.start_stage, run.asked.end_stage
    is_once = not run.asked.restart_on_end
    whole = (PipelineStage.ASR, PipelineStage.TTS)
    return stages == whole and is_once and run.form == (16_000, 2, 1)
