"""One peer: what it asks for, event by event, and what it is answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.handle import NotHandled
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
)

from assistant.control.messages import EXPECTED, MAX_SENTENCE, MOST_EXPECTED, Sound
from assistant.errors import ControlError
from assistant.speak.sentences import Splitter
from assistant.values import SAMPLE_RATE
from assistant.wyoming.answering import Answering
from assistant.wyoming.asking import Daemon
from assistant.wyoming.dictating import Dictating
from assistant.wyoming.peer import Describing, PeerHandler
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


class Handler(PeerHandler):
    """Hears, answers and speaks for one peer; see ``PeerHandler``."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        daemon: Daemon,
        description: Describing,
        on_end: Callable[[], object],
    ) -> None:
        super().__init__(reader, writer, daemon, description, on_end)
        self._expected: list[str] = []  # in the speech that comes next
        self._speech: Dictating | None = None
        self._hearing: asyncio.Task[bool] | None = None  # whether it was written down
        self._text: Splitter | None = None  # of what is being read aloud as it is written
        self._left = 0  # characters that it may still have
        self._sounds = False  # the beginning of the sound has been sent
        self._acts |= {
            Transcribe().event().type: self._expect,
            AudioStart(0, 0, 0).event().type: self._begin_speech,
            AudioStop().event().type: self._end_speech,
            Synthesize("").event().type: self._read_aloud,
            SynthesizeStart().event().type: self._begin_text,
            SynthesizeStop().event().type: self._end_text,
            Transcript("").event().type: self._answer,
        }
        self._streams |= {
            AudioChunk(0, 0, 0, b"").event().type: self._continue_speech,
            SynthesizeChunk("").event().type: self._continue_text,
        }

    async def disconnect(self) -> None:
        """The connection is about to be closed."""
        if self._hearing is not None:
            self._hearing.cancel()

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
