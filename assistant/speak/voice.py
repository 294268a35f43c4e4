"""Says replies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from assistant.speak.aloud import Sink, speak
from assistant.speak.manner import USUAL, Manner
from assistant.speak.speech import Speech
from assistant.speak.synthesiser import Synthesiser
from assistant.values import SAMPLE_RATE


class Voice(Protocol):
    """Says a reply while it is being written."""

    @property
    def language(self) -> str:
        """What it speaks, such as "en-gb"."""
        ...

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Take all pieces; call ``on_first_audio`` when the first sound goes out."""
        ...

    def play(self, speech: Speech, name: str) -> None:
        """Have a sound heard that is already there."""
        ...

    def prepare(self, sentence: str) -> None:
        """Synthesise a sentence that may be said next; ``SpeechError`` if it cannot be said."""
        ...

    def sound(self, sentence: str) -> Speech:
        """A sentence as it would be said, from any thread; ``SpeechError`` if it cannot be."""
        ...

    def stop(self) -> None:
        """Fall silent, from any thread."""
        ...

    def adjust(self, manner: Manner) -> None:
        """Speak like this from now on."""
        ...


class Mute:
    """A voice that says nothing: replies are only read.

    Args:
        on_piece: is given each piece.
    """

    language = "en"

    def __init__(self, on_piece: Callable[[str], None] = lambda _: None) -> None:
        self._on_piece = on_piece

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Take all pieces."""
        del name, on_first_audio
        for piece in pieces:
            self._on_piece(piece)

    def play(self, speech: Speech, name: str) -> None:
        """Nothing sounds."""

    def prepare(self, sentence: str) -> None:
        """Nothing sounds."""

    def sound(self, sentence: str) -> Speech:
        """Nothing."""
        del sentence
        return Speech(np.empty(0, np.int16), SAMPLE_RATE)

    def stop(self) -> None:
        """Nothing sounds."""

    def adjust(self, manner: Manner) -> None:
        """Nothing sounds."""


@dataclass(slots=True)
class Aloud:
    """A synthesiser into a sink, with the microphone deaf from the first sound on."""

    synthesiser: Synthesiser
    sink: Sink
    deaf: Callable[[], AbstractContextManager[None]] = nullcontext
    may_speak: Callable[[], bool] = lambda: True  # may block; False: nothing of this reply is said
    beat: Callable[[], None] = lambda: None  # called with every piece: the reply is making progress
    _manner: Manner = USUAL
    _ready: tuple[str, Speech] | None = None  # a sentence that has been synthesised

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Speak sentence by sentence as the pieces arrive."""
        with ExitStack() as speaking:

            def begin() -> None:
                if self.may_speak():
                    speaking.enter_context(self.deaf())
                    on_first_audio()
                else:
                    self.sink.stop()

            def beating() -> Iterator[str]:
                for piece in pieces:
                    self.beat()
                    yield piece

            speak(beating(), self, self.sink, begin, name=name)

    def play(self, speech: Speech, name: str) -> None:
        """Have a sound heard that is already there, as loud as the voice is."""
        if not self.may_speak():
            return
        self.sink.begin(name)
        with self.deaf():
            try:
                self.sink.play(self._manner.applied(speech))
            finally:
                self.sink.end()
        self.beat()

    @property
    def language(self) -> str:
        """What it speaks."""
        return self.synthesiser.language

    def prepare(self, sentence: str) -> None:
        """Synthesise a sentence that may be said next."""
        self._ready = sentence, self.sound(sentence)
        self.beat()

    def synthesise(self, text: str) -> Speech:
        """The sound of one sentence, synthesised now unless it is ready."""
        ready, self._ready = self._ready, None
        if ready is not None and ready[0] == text:
            return ready[1]
        return self.sound(text)

    def sound(self, sentence: str) -> Speech:
        """A sentence as it would be said, from any thread."""
        return self._manner.applied(self.synthesiser.synthesise(sentence))

    def adjust(self, manner: Manner) -> None:
        """Speak like this from now on."""
        self._ready = None
        self._manner = manner
        self.synthesiser.tempo = manner.tempo

    def stop(self) -> None:
        """Fall silent, from any thread."""
        self.sink.stop()
