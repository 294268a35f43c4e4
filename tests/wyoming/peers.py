"""A peer as Home Assistant's Wyoming integration is one: its client, and its order of events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event, Eventable
from wyoming.handle import Handled, HandledChunk, HandledStart, NotHandled
from wyoming.info import Describe, Info
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from assistant.audio.resample import to_int16
from assistant.config import starter_dir
from assistant.listen.recordings import load
from assistant.values import SAMPLE_RATE
from tests.waiting import WAIT_S

CHUNK = 1_024
"""Samples in a piece, as satellites send them."""

E = TypeVar("E", bound=Eventable)


def examples() -> list[Path]:
    """The bundled recordings."""
    return sorted((starter_dir() / "examples").glob("*.flac"))


def pcm(path: Path) -> bytes:
    """A recording as Home Assistant sends it: mono, 16 kHz, 16 bits."""
    return to_int16(load(path)).tobytes()


def silence(seconds: float) -> bytes:
    """Soft noise, as a quiet room has it."""
    noise = np.random.default_rng(1).normal(0, 8, round(seconds * SAMPLE_RATE))
    return noise.astype("<i2").tobytes()


def pieces(sound: bytes, rate: int = SAMPLE_RATE, width: int = 2, channels: int = 1) -> list[Event]:
    """The events of a stretch of sound."""
    size = CHUNK * width * channels
    return [
        AudioChunk(rate, width, channels, sound[start : start + size]).event()
        for start in range(0, len(sound), size)
    ]


@dataclass
class Spoken:
    """What was synthesised."""

    rate: int = 0
    sound: bytes = b""
    order: list[str] = field(default_factory=list[str])  # of the kinds of events


class Peer(AsyncTcpClient):
    """Home Assistant, within ``async with``."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port, connect_timeout=WAIT_S, read_timeout=WAIT_S)

    async def send(self, *events: Eventable | Event) -> None:
        for each in events:
            await self.write_event(each if isinstance(each, Event) else each.event())

    async def get(self, kind: type[E]) -> E:
        """The next event, which has to be of a kind."""
        event = await self.read_event()
        assert event is not None, "it hung up"
        assert kind.is_type(event.type), event
        return kind.from_event(event)  # pyright: ignore[reportReturnType]

    async def describe(self) -> Info:
        await self.send(Describe())
        return await self.get(Info)

    async def transcribe(
        self, sound: bytes, wanted: Transcribe | None = None, /, **given: int
    ) -> str:
        """As ``stt.py``: everything is sent, then it is read until the transcript comes."""
        form = {"rate": SAMPLE_RATE, "width": 2, "channels": 1} | given
        await self.send(wanted or Transcribe(language="en"), AudioStart(**form))
        await self.send(*pieces(sound, **form))
        await self.send(AudioStop())
        return (await self.get(Transcript)).text

    async def synthesize(self, text: str) -> Spoken:
        """As ``tts.py`` without streaming."""
        await self.send(Synthesize(text, SynthesizeVoice(name="en-us")))
        return await self.listen(AudioStop)

    async def synthesize_streaming(self, written: Sequence[str]) -> Spoken:
        """As ``tts.py`` with it: the whole text comes, too, for servers that know no pieces."""
        await self.send(SynthesizeStart(SynthesizeVoice(name="en-us")))
        await self.send(*map(SynthesizeChunk, written))
        await self.send(Synthesize("".join(written)), SynthesizeStop())
        return await self.listen(SynthesizeStopped)

    async def listen(self, last: type[Eventable]) -> Spoken:
        """Everything up to an event of a kind."""
        spoken = Spoken()
        while True:
            event = await self.read_event()
            assert event is not None, "it hung up"
            if not spoken.order or spoken.order[-1] != event.type:
                spoken.order.append(event.type)
            if AudioStart.is_type(event.type):
                spoken.rate = AudioStart.from_event(event).rate
            elif AudioChunk.is_type(event.type):
                spoken.sound += AudioChunk.from_event(event).audio
            if last.is_type(event.type):
                return spoken

    async def converse(self, text: str, conversation: str = "one") -> Handled | NotHandled:
        """As ``conversation.py``, which reads a whole answer alone."""
        context = {"conversation_id": conversation}
        await self.send(Transcript(text, context=context, language="en"))
        while (event := await self.read_event()) is not None:
            for found in (Handled, NotHandled):
                if found.is_type(event.type):
                    answer = found.from_event(event)
                    assert answer.context == context
                    return answer
        raise AssertionError("it hung up")

    async def follow(self, text: str) -> tuple[list[str], list[str]]:
        """What is written of an answer, piece by piece, and the kinds of the events."""
        await self.send(Transcript(text, context={"conversation_id": "one"}))
        pieces, order = list[str](), list[str]()
        while order[-1:] != ["handled-stop"]:
            event = await self.read_event()
            assert event is not None, "it hung up"
            order.append(event.type)
            if HandledChunk.is_type(event.type):
                pieces.append(HandledChunk.from_event(event).text)
            elif Handled.is_type(event.type):
                assert "".join(pieces) == Handled.from_event(event).text
            elif HandledStart.is_type(event.type):
                assert HandledStart.from_event(event).context == {"conversation_id": "one"}
        return pieces, order


async def transcribed(port: int, sound: bytes, **given: int) -> str:
    """What one peer is told of some speech."""
    async with Peer(port) as peer:
        return await peer.transcribe(sound, **given)


async def all_transcribed(port: int, sounds: Sequence[bytes]) -> list[str]:
    """What so many peers are told at once."""
    return list(await asyncio.gather(*(transcribed(port, sound) for sound in sounds)))
