"""One peer: what it asks for, event by event, and what it is answered."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.handle import NotHandled
from wyoming.info import Describe
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
)

from assistant.control.allowance import Allowance
from assistant.control.messages import EXPECTED, MAX_SENTENCE, MOST_EXPECTED, Sound
from assistant.errors import ControlError, traced
from assistant.speak.sentences import Splitter
from assistant.values import SAMPLE_RATE
from assistant.wyoming.answering import Answering
from assistant.wyoming.asking import Daemon
from assistant.wyoming.dictating import Dictating
from assistant.wyoming.info import Description
from assistant.wyoming.limits import WRITE_S, BoundedReader
from assistant.wyoming.sound import Format

QUESTION = 2_000
"""Longest question in characters."""

TEXT = 20_000
"""Longest text that is read aloud at once."""

CHUNK_S = 0.1
"""Length of a piece of sound that is sent."""


class _Asked(BaseModel):
    """A question, or a text to be read aloud; what else an event holds is not looked at."""

    model_config = ConfigDict(frozen=True, strict=True)

    text: Annotated[str, Field(max_length=TEXT)]
    context: dict[str, JsonValue] | None = None
    text_format: str | None = None


class _Greeting(BaseModel):
    """What is to be repeated, to show that somebody is there."""

    model_config = ConfigDict(frozen=True, strict=True)

    text: str | None = None


class _Manner(BaseModel):
    """How a text that follows is to be read aloud."""

    model_config = ConfigDict(frozen=True, strict=True)

    text_format: str | None = None


class _Wanted(BaseModel):
    """How speech that follows is to be written down."""

    model_config = ConfigDict(frozen=True, strict=True)

    transcript_names: list[str] | None = None
    transcript_terms: list[str] | None = None

    def expected(self) -> list[str]:
        """The words that may well be said, the likeliest last; no more than can be passed on."""
        names, terms = (
            [each for each in given or () if re.fullmatch(EXPECTED, each)]
            for given in (self.transcript_names, self.transcript_terms)
        )
        names = names[:MOST_EXPECTED]
        return [*terms[: MOST_EXPECTED - len(names)], *names]


class Handler(AsyncEventHandler):
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
        description: Description,
        on_end: Callable[[], object],
    ) -> None:
        super().__init__(cast("asyncio.StreamReader", BoundedReader(reader)), writer)
        self._daemon = daemon
        self._description = description
        self._on_end = on_end
        self._allowance = Allowance()
        self._expected: list[str] = []  # in the speech that comes next
        self._speech: Dictating | None = None
        self._hearing: asyncio.Task[bool] | None = None  # whether it was written down
        self._text: Splitter | None = None  # of what is being read aloud as it is written
        self._left = 0  # characters that it may still have
        self._is_over = False  # what was wanted cannot be had
        self._sounds = False  # the beginning of the sound has been sent
        self._acts: dict[str, Callable[[Event], Awaitable[None]]] = {
            Describe().event().type: self._describe,
            Ping().event().type: self._ping,
            Transcribe().event().type: self._expect,
            AudioStart(0, 0, 0).event().type: self._begin_speech,
            AudioStop().event().type: self._end_speech,
            Synthesize("").event().type: self._read_aloud,
            SynthesizeStart().event().type: self._begin_text,
            SynthesizeStop().event().type: self._end_text,
            Transcript("").event().type: self._answer,
        }
        # there are many of these, so only their sizes are limited
        self._streams: dict[str, Callable[[Event], Awaitable[None]]] = {
            AudioChunk(0, 0, 0, b"").event().type: self._continue_speech,
            SynthesizeChunk("").event().type: self._continue_text,
        }

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

    async def disconnect(self) -> None:
        """The connection is about to be closed."""
        if self._hearing is not None:
            self._hearing.cancel()

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

    async def _expect(self, event: Event) -> None:
        self._expected = _Wanted.model_validate(event.data).expected()

    async def _begin_speech(self, event: Event) -> None:
        Format.model_validate(event.data)
        if self._hearing is not None:
            self._hearing.cancel()
        self._speech = Dictating(self._daemon, self._expected)
        self._expected = []
        self._hearing = asyncio.create_task(self._hear(self._speech))

    async def _continue_speech(self, event: Event) -> None:
        given = Format.model_validate(event.data)
        if self._speech is not None:
            await self._speech.take(given, event.payload or b"")

    async def _end_speech(self, _event: Event) -> None:
        if self._speech is not None and self._hearing is not None:
            await self._speech.finish()
            # not before: who is hung up on while it sends may never read why
            self._is_over = not await self._hearing
            self._speech = self._hearing = None

    async def _hear(self, speech: Dictating) -> bool:
        """Send what was said as soon as the daemon has heard its end."""

        async def hear() -> None:
            await self._send(Transcript(await speech.text()))

        return await self._told(hear())

    async def _read_aloud(self, event: Event) -> None:
        if self._text is not None:
            return  # the whole of it once more, for servers that do not take it piece by piece
        asked = _Asked.model_validate(event.data)
        _require_plain(asked.text_format)
        text = Splitter()
        await self._say(text.push(asked.text))
        await self._say(text.flush())
        await self._fall_silent()

    async def _begin_text(self, event: Event) -> None:
        _require_plain(_Manner.model_validate(event.data).text_format)
        self._text, self._left = Splitter(), TEXT

    async def _continue_text(self, event: Event) -> None:
        piece = _Asked.model_validate(event.data).text
        if self._text is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise ControlError("That is too long to be read aloud at once.")
            await self._say(self._text.push(piece))

    async def _end_text(self, _event: Event) -> None:
        if self._text is not None:
            await self._say(self._text.flush())
            self._text = None
            await self._fall_silent()
            await self._send(SynthesizeStopped())

    async def _say(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            text = sentence[:MAX_SENTENCE]
            await self._sound(await self._daemon.long(lambda client, t=text: client.synthesise(t)))

    async def _sound(self, sound: Sound) -> None:
        if not self._sounds:
            self._sounds = True
            await self._send(AudioStart(sound.rate, 2, 1))
        size = round(sound.rate * CHUNK_S) * 2
        for start in range(0, len(sound.pcm), size):
            await self._send(AudioChunk(sound.rate, 2, 1, sound.pcm[start : start + size]))

    async def _fall_silent(self) -> None:
        """All has been said."""
        if not self._sounds:  # there was nothing to be said
            await self._send(AudioStart(SAMPLE_RATE, 2, 1))
        self._sounds = False
        await self._send(AudioStop())

    async def _answer(self, event: Event) -> None:
        asked = _Asked.model_validate(event.data)
        text, context = asked.text.strip(), asked.context
        if not text or len(text) > QUESTION:
            why = "I did not catch that." if not text else "That is too long for me."
            await self._send(NotHandled(why, context))
            return
        await Answering(self._daemon, self._send, context).answer(text)


def _require_plain(text_format: str | None) -> None:
    """Raise ``ControlError`` for a text with instructions to the voice, which would be read out."""
    if text_format not in (None, "text"):
        raise ControlError("Attune reads plain text aloud only. Send it without markup.")
