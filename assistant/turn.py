"""One exchange, from an utterance to a spoken reply.

Each stage is in the journal before the next begins: what was heard is on disk before it is
encoded, and what was understood before it is answered. A disk that refuses stops no exchange.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from assistant.bridge.connect import Bridge
from assistant.bridge.route import RouteSetting, choose_route
from assistant.config import BridgeSettings, GenerateSettings, TurnSettings
from assistant.encode.encoder import Encoder
from assistant.errors import AttuneError, AudioError, SpeechError, StorageError
from assistant.generate.context import Context
from assistant.generate.llama import LlamaSession
from assistant.generate.words import as_words
from assistant.journal.patient import PatientJournal
from assistant.journal.turn import Turn
from assistant.manners import Answer, AskBack, Heard, Ignore, Manners, Stop, Wait
from assistant.speak.aloud import Sink, Synthesiser, speak
from assistant.values import (
    Reply,
    Route,
    SoftPrompt,
    SpeechFeatures,
    StopReason,
    Timings,
    Transcript,
    Utterance,
)


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
    """A synthesiser into a sink, with the microphone deaf from the first sound on."""

    synthesiser: Synthesiser
    sink: Sink
    deaf: Callable[[], AbstractContextManager[None]] = nullcontext
    may_speak: Callable[[], bool] = lambda: True  # waits; False: nothing of this reply is said

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Speak sentence by sentence as the pieces arrive."""
        with ExitStack() as speaking:

            def begin() -> None:
                if self.may_speak():
                    speaking.enter_context(self.deaf())
                    on_first_audio()
                else:
                    self.sink.stop()

            speak(pieces, self.synthesiser, self.sink, begin, name=name)

    def stop(self) -> None:
        """Fall silent, from any thread."""
        self.sink.stop()


@dataclass(slots=True)
class Assistant:
    """The rooms that take part in a turn; used by one thread, cancelled from any."""

    encoder: Encoder
    bridge: Bridge | None
    llm: LlamaSession
    journal: PatientJournal
    voice: Voice
    bridge_settings: BridgeSettings
    generate_settings: GenerateSettings
    route: RouteSetting = "auto"
    manners: Manners = field(default_factory=lambda: Manners(TurnSettings.model_validate({})))
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
    encoded: Callable[[Utterance], SpeechFeatures | None] = lambda _: None  # ahead of time
    _cancel: threading.Event = field(default_factory=threading.Event)
    _ended: bool = False

    def expect(self) -> None:
        """Somebody has begun to speak: decode what will stand before their words meanwhile.

        Raises:
            GenerationError: if the language model cannot.
        """
        self.llm.expect(self._context().line())

    def hear(self, utterance: Utterance) -> Turn:
        """Answer what was said, ask back, or leave it alone, as the manners have it.

        Raises:
            AttuneError: if a stage fails; the journal then holds what came before it and why.
        """
        began = self._begin()
        turn_id = self.journal.hear(utterance)
        with self._noting_failure(turn_id):
            timings = Timings(endpoint=utterance.endpoint_ms)
            features = self.encoded(utterance) or self.encoder.encode(utterance)
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
            heard = self._heard(turn_id, route, features.transcript, prompt)
            heard = replace(heard, over_reply=utterance.over_reply)
            match act := self.manners.judge(heard, began - utterance.seconds):
                case Answer(words, confirms):
                    as_read = prompt if route is Route.BRIDGE and words == heard.words else None
                    self._answer(turn_id, as_read or words, route, prompt, timings, began)
                    self._confirm(turn_id, confirms)
                case AskBack(question):
                    self._ask_back(turn_id, question, route, prompt, timings, began)
                case Stop() | Wait() | Ignore():
                    return self._leave(turn_id, act)
            self.manners.answered(time.monotonic())
            return self.journal.turn(turn_id)

    def read(self, text: str, *, aloud: bool = True) -> Turn:
        """Answer what was typed, aloud or not.

        Raises:
            AttuneError: as ``hear``.
        """
        began = self._begin()
        turn_id = self.journal.typed(text)
        with self._noting_failure(turn_id):
            voice = self.voice if aloud else Mute()
            self._answer(turn_id, text, Route.TRANSCRIPT, None, Timings(), began, voice=voice)
            return self.journal.turn(turn_id)

    def interrupt(self) -> None:
        """Break off the reply under way, from any thread."""
        self._cancel.set()
        self.voice.stop()

    def cancel(self) -> None:
        """Break off the reply under way, from any thread; later turns are cancelled too."""
        self._ended = True
        self.interrupt()

    def _begin(self) -> float:
        """A turn begins: what broke off the one before does not break off this one."""
        self._cancel.clear()
        if self._ended:
            self._cancel.set()
        return time.monotonic()

    def _context(self) -> Context:
        settings = self.generate_settings
        return Context(self.now(), settings.user_name, settings.reminders)

    def _cross(self, features: SpeechFeatures) -> tuple[SoftPrompt | None, float | None]:
        if self.bridge is None or self.route == "transcript":
            return None, None
        began = time.monotonic()
        return self.bridge.soft_prompt(features), _ms_since(began)

    def _heard(
        self, turn_id: int, route: Route, transcript: Transcript, prompt: SoftPrompt | None
    ) -> Heard:
        """What the route understood."""
        if route is Route.TRANSCRIPT or prompt is None:
            return Heard(turn_id, transcript.text, transcript.confidence)
        learned = self.bridge is not None and self.bridge.learned
        words = prompt.heard if len(prompt.rows) else ""
        return Heard(turn_id, words, prompt.confidence, learned)

    def _answer(
        self,
        turn_id: int,
        words: SoftPrompt | str,
        route: Route,
        prompt: SoftPrompt | None,
        timings: Timings,
        began: float,
        *,
        voice: Voice | None = None,
    ) -> None:
        self.journal.answering(turn_id, llm=self.llm.fingerprint, route=route, prompt=prompt)
        stream = self.llm.reply(
            as_words(words) if isinstance(words, str) else words,
            self._context().line(),
            cancel=self._cancel,
        )
        asked: list[float] = []
        written: list[str] = []

        def pieces() -> Iterator[str]:
            asked.append(_ms_since(began))
            for piece in stream:
                written.append(piece)
                yield piece

        first_audio, unheard = _say(voice or self.voice, pieces(), turn_id, began)
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
                first_audio=first_audio,
                total=_ms_since(began),
            ),
        )
        self.journal.answered(turn_id, reply)
        if unheard is not None:
            raise unheard

    def _ask_back(
        self,
        turn_id: int,
        question: str,
        route: Route,
        prompt: SoftPrompt | None,
        timings: Timings,
        began: float,
    ) -> None:
        self.journal.answering(turn_id, llm=self.llm.fingerprint, route=route, prompt=prompt)
        pieces = iter(() if self._cancel.is_set() else (question,))
        first_audio, unheard = _say(self.voice, pieces, turn_id, began)
        timings = replace(timings, first_audio=first_audio, total=_ms_since(began))
        self.journal.answered(turn_id, Reply(question, route, StopReason.ASKED_BACK, timings))
        if unheard is not None:
            raise unheard

    def _confirm(self, turn_id: int, confirmed: int | None) -> None:
        """The user says that an earlier exchange was understood right; a yes teaches no more."""
        if confirmed is None:
            return
        with suppress(StorageError):  # a disk that refuses costs a lesson, not the turn
            if self.journal.exist((turn_id, confirmed)):
                self.journal.confirm(confirmed)
                self.journal.consent(turn_id, allowed=False)

    def _leave(self, turn_id: int, act: Stop | Wait | Ignore) -> Turn:
        """Note why nothing is answered, or keep nothing at all."""
        if isinstance(act, Stop | Wait) or act.keep:
            self.journal.failed(turn_id, act.reason)
            return self.journal.turn(turn_id)
        turn = self.journal.turn(turn_id)
        self.journal.withdraw(turn_id)
        return replace(
            turn, error=act.reason, hypothesis=None, confidence=None, words=(), has_audio=False
        )

    def _noting_failure(self, turn_id: int) -> AbstractContextManager[None]:
        return _NotingFailure(self.journal, turn_id)


@dataclass(frozen=True, slots=True)
class _NotingFailure(AbstractContextManager[None]):
    """Writes into the journal why a turn broke off, and lets the error go on."""

    journal: PatientJournal
    turn_id: int

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AttuneError):
            self.journal.failed(self.turn_id, str(error))


def _name(turn_id: int) -> str:
    """Name of a reply's sound; that of an exchange without a row yet is 0, which none has."""
    return f"turn-{max(turn_id, 0):06d}"


def _say(
    voice: Voice, pieces: Iterator[str], turn_id: int, began: float
) -> tuple[float | None, AttuneError | None]:
    """When the first sound went out, in ms, and why the voice fell silent, if it did."""
    first_audio: list[float] = []
    unheard: AttuneError | None = None
    try:
        voice.say(pieces, _name(turn_id), lambda: first_audio.append(_ms_since(began)))
    except (AudioError, SpeechError) as error:
        unheard = error  # a loudspeaker that was pulled must not cost the written reply
    for _ in pieces:  # what a voice that was stopped has left
        pass
    return (first_audio[0] if first_audio else None), unheard


def _ms_since(start: float) -> float:
    return (time.monotonic() - start) * 1_000
