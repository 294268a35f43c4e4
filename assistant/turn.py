"""One exchange, from an utterance to a spoken reply.

Each stage is in the journal before the next begins: what was heard is on disk before it is
encoded, and what was understood before it is answered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from assistant.bridge.connect import Bridge
from assistant.bridge.route import RouteSetting, choose_route
from assistant.config import BridgeSettings, GenerateSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import AttuneError, AudioError, SpeechError
from assistant.generate.context import Context
from assistant.generate.llama import LlamaSession
from assistant.generate.words import as_words
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.speak.aloud import Sink, speak
from assistant.speak.espeak import Espeak
from assistant.values import (
    Reply,
    Route,
    SoftPrompt,
    SpeechFeatures,
    Timings,
    Utterance,
)

NO_WORDS = "No words were recognised."
"""What the journal says of an utterance that held none; such a turn gets no reply."""


class Voice(Protocol):
    """Says a reply while it is being written."""

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Take all pieces; call ``on_first_audio`` when the first sound goes out."""
        ...

    def stop(self) -> None:
        """Fall silent, from any thread."""
        ...


class Mute:
    """A voice that says nothing: replies are only read."""

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Take all pieces."""
        del name, on_first_audio
        for _ in pieces:
            pass

    def stop(self) -> None:
        """Nothing sounds."""


@dataclass(frozen=True, slots=True)
class Aloud:
    """espeak-ng into a sink, with the microphone deaf meanwhile."""

    espeak: Espeak
    sink: Sink
    deaf: Callable[[], AbstractContextManager[None]] = nullcontext

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Speak sentence by sentence as the pieces arrive."""
        with self.deaf():
            speak(pieces, self.espeak, self.sink, on_first_audio, name=name)

    def stop(self) -> None:
        """Fall silent, from any thread."""
        self.sink.stop()


@dataclass(slots=True)
class Assistant:
    """The rooms that take part in a turn; used by one thread, cancelled from any."""

    encoder: Wav2Vec2Encoder
    bridge: Bridge | None
    llm: LlamaSession
    journal: Journal
    voice: Voice
    bridge_settings: BridgeSettings
    generate_settings: GenerateSettings
    route: RouteSetting = "auto"
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
    _cancel: threading.Event = field(default_factory=threading.Event)

    def hear(self, utterance: Utterance) -> Turn:
        """Answer what was said.

        Raises:
            AttuneError: if a stage fails; the journal then holds what came before it and why.
        """
        began = time.monotonic()
        turn_id = self.journal.hear(utterance)
        with self._noting_failure(turn_id):
            timings = Timings(endpoint=utterance.endpoint_ms)
            features = self.encoder.encode(utterance)
            timings = replace(timings, encode=_ms_since(began))
            self.journal.transcribed(turn_id, features)
            prompt, bridge_ms = self._cross(features)
            timings = replace(timings, bridge=bridge_ms)
            route = choose_route(
                self.route,
                prompt,
                features.transcript,
                accepted=self.bridge is not None and self.bridge.accepted,
                learned=self.bridge is not None and self.bridge.learned,
                settings=self.bridge_settings,
            )
            words = features.transcript.text if route is Route.TRANSCRIPT else prompt
            if not words or (isinstance(words, SoftPrompt) and not len(words.rows)):
                self.journal.failed(turn_id, NO_WORDS)
                return self.journal.turn(turn_id)
            return self._answer(turn_id, words, route, prompt, timings, began)

    def read(self, text: str) -> Turn:
        """Answer what was typed.

        Raises:
            AttuneError: as ``hear``.
        """
        began = time.monotonic()
        turn_id = self.journal.typed(text)
        with self._noting_failure(turn_id):
            return self._answer(turn_id, text, Route.TRANSCRIPT, None, Timings(), began)

    def cancel(self) -> None:
        """Break off the reply under way, from any thread; later turns are cancelled too."""
        self._cancel.set()
        self.voice.stop()

    def _cross(self, features: SpeechFeatures) -> tuple[SoftPrompt | None, float | None]:
        if self.bridge is None or self.route == "transcript":
            return None, None
        began = time.monotonic()
        return self.bridge.soft_prompt(features), _ms_since(began)

    def _answer(
        self,
        turn_id: int,
        words: SoftPrompt | str,
        route: Route,
        prompt: SoftPrompt | None,
        timings: Timings,
        began: float,
    ) -> Turn:
        self.journal.answering(turn_id, llm=self.llm.fingerprint, route=route, prompt=prompt)
        context = Context(
            self.now(), self.generate_settings.user_name, self.generate_settings.reminders
        )
        stream = self.llm.reply(
            as_words(words) if isinstance(words, str) else words,
            context.line(),
            cancel=self._cancel,
        )
        asked: list[float] = []
        first_audio: list[float] = []
        written: list[str] = []

        def pieces() -> Iterator[str]:
            asked.append(_ms_since(began))
            for piece in stream:
                written.append(piece)
                yield piece

        reply_pieces = pieces()
        unheard: AttuneError | None = None
        try:
            self.voice.say(
                reply_pieces, f"turn-{turn_id:06d}", lambda: first_audio.append(_ms_since(began))
            )
        except (AudioError, SpeechError) as error:
            unheard = error  # a loudspeaker that was pulled must not cost the written reply
        for _ in reply_pieces:  # what a voice that was stopped has left
            pass
        stats = stream.stats
        first_token = stats.first_token_ms
        reply = Reply(
            text="".join(written).strip(),
            route=route,
            stop_reason=stats.stop_reason,
            timings=replace(
                timings,
                prefill=stats.prefill_ms,
                first_token=None if first_token is None else asked[0] + first_token,
                first_audio=first_audio[0] if first_audio else None,
                total=_ms_since(began),
            ),
        )
        self.journal.answered(turn_id, reply)
        if unheard is not None:
            raise unheard
        return self.journal.turn(turn_id)

    def _noting_failure(self, turn_id: int) -> AbstractContextManager[None]:
        return _NotingFailure(self.journal, turn_id)


@dataclass(frozen=True, slots=True)
class _NotingFailure(AbstractContextManager[None]):
    """Writes into the journal why a turn broke off, and lets the error go on."""

    journal: Journal
    turn_id: int

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AttuneError):
            self.journal.failed(self.turn_id, str(error))


def _ms_since(start: float) -> float:
    return (time.monotonic() - start) * 1_000
