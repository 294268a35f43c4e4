"""One exchange, from an utterance to a spoken reply.

Each stage is in the journal before the next begins: what was heard is on disk before it is
encoded, and what was understood before it is answered. A disk that refuses stops no exchange.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Protocol

from assistant.bridge.route import RouteSetting, choose_route
from assistant.config import BridgeSettings, GenerateSettings, TurnSettings
from assistant.dialogue import Answer, AskBack, DialoguePolicy, Ignore, Stop, Understood, Wait
from assistant.encode.encoder import Encoder
from assistant.errors import AttuneError, AudioError, SpeechError, StorageError
from assistant.generate.context import ContextLine
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import ReplyStream
from assistant.journal.buffered import BufferedJournal
from assistant.journal.turn import Turn
from assistant.speak.aloud import Sink, Synthesiser, speak
from assistant.speak.sentences import sentences
from assistant.speak.speech import Speech
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

if TYPE_CHECKING:  # torch comes with a bridge, not before
    from assistant.bridge.connect import Bridge


class Voice(Protocol):
    """Says a reply while it is being written."""

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Take all pieces; call ``on_first_audio`` when the first sound goes out."""
        ...

    def prepare(self, sentence: str) -> None:
        """Make the sound of a sentence that may be said next; nothing is heard.

        Raises:
            SpeechError: if it cannot be said.
        """
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

    def prepare(self, sentence: str) -> None:
        """Nothing sounds."""

    def stop(self) -> None:
        """Nothing sounds."""


@dataclass(slots=True)
class Aloud:
    """A synthesiser into a sink, with the microphone deaf from the first sound on."""

    synthesiser: Synthesiser
    sink: Sink
    deaf: Callable[[], AbstractContextManager[None]] = nullcontext
    may_speak: Callable[[], bool] = lambda: True  # waits; False: nothing of this reply is said
    _ready: tuple[str, Speech] | None = None  # a sentence whose sound is made

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        """Speak sentence by sentence as the pieces arrive."""
        with ExitStack() as speaking:

            def begin() -> None:
                if self.may_speak():
                    speaking.enter_context(self.deaf())
                    on_first_audio()
                else:
                    self.sink.stop()

            speak(pieces, self, self.sink, begin, name=name)

    def prepare(self, sentence: str) -> None:
        """Make the sound of a sentence that may be said next; nothing is heard."""
        self._ready = sentence, self.synthesiser.synthesise(sentence)

    def synthesise(self, text: str) -> Speech:
        """The sound of one sentence, made now unless it is ready."""
        ready, self._ready = self._ready, None
        return (
            ready[1]
            if ready is not None and ready[0] == text
            else self.synthesiser.synthesise(text)
        )

    def stop(self) -> None:
        """Fall silent, from any thread."""
        self.sink.stop()


@dataclass(slots=True)
class _Ahead:
    """A turn that was begun in a pause, for the case that nothing more is said."""

    features: SpeechFeatures
    bridge: Bridge | None  # that made the prompt
    prompt: SoftPrompt | None
    words: SoftPrompt | str  # as they were given to the LLM
    line: str  # what stood before them
    stream: ReplyStream
    pieces: list[str] = field(default_factory=list[str])  # of the stream, taken so far


@dataclass(slots=True)
class Assistant:
    """The rooms that take part in a turn; used by one thread, cancelled from any."""

    encoder: Encoder
    bridge: Bridge | None
    llm: LlamaSession
    journal: BufferedJournal
    voice: Voice
    bridge_settings: BridgeSettings
    generate_settings: GenerateSettings
    route: RouteSetting = "auto"
    dialogue: DialoguePolicy = field(
        default_factory=lambda: DialoguePolicy(TurnSettings.model_validate({}))
    )
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
    encoded: Callable[[Utterance], SpeechFeatures | None] = lambda _: None  # ahead of time
    _cancel: threading.Event = field(default_factory=threading.Event)
    _ended: bool = False
    _ahead: _Ahead | None = None

    def expect(self) -> None:
        """Somebody has begun to speak: decode what will stand before their words meanwhile.

        Raises:
            GenerationError: if the language model cannot.
        """
        line = self._context().line()
        if self._ahead is None or self._ahead.line != line:
            self._ahead = None
            self.llm.expect(line)

    def speculate(
        self, features: SpeechFeatures, began_at: float, still: Callable[[], bool]
    ) -> None:
        """In a pause, begin the reply to what has been said, up to its first sentence.

        Nothing of it sounds or is written down: ``hear`` takes it up if the utterance turns out
        to have ended there.

        Args:
            features: of what has been said so far; ``hear`` must be given the same.
            began_at: when that began, monotonic seconds.
            still: whether it is still silent; asked between any two pieces.

        Raises:
            AttuneError: if a stage fails.
        """
        self._ahead = None
        if not still() or self._ended:
            return
        self._cancel.clear()
        prompt, _ = self._cross(features)
        route = self._route(prompt, features)
        heard = self._heard(0, route, features.transcript, prompt)
        act = self.dialogue.foresee(heard, began_at)
        if not isinstance(act, Answer) or act.confirms is not None:
            return
        words = self._asked(act, heard, prompt, route)
        line = self._context().line()
        ahead = _Ahead(features, self.bridge, prompt, words, line, self._stream(words, line))

        def taken() -> Iterator[str]:
            while still() and (piece := next(ahead.stream, None)) is not None:
                ahead.pieces.append(piece)
                yield piece

        for sentence in sentences(taken()):
            if still():
                self.voice.prepare(sentence)
            break
        if still() and not self._cancel.is_set():
            self._ahead = ahead

    def hear(self, utterance: Utterance) -> Turn:
        """Answer what was said, ask back, or leave it alone, as the dialogue have it.

        Raises:
            AttuneError: if a stage fails; the journal then holds what came before it and why.
        """
        began = self._begin()
        turn_id = self.journal.hear(utterance)
        with self._noting_failure(turn_id), self._ahead_until_now():
            timings = Timings(endpoint=utterance.endpoint_ms)
            features = self.encoded(utterance) or self.encoder.encode(utterance)
            timings = replace(timings, encode=_ms_since(began))
            self.journal.transcribed(turn_id, features)
            prompt, bridge_ms = self._cross(features)
            timings = replace(timings, bridge=bridge_ms)
            route = self._route(prompt, features)
            heard = self._heard(turn_id, route, features.transcript, prompt)
            heard = replace(heard, over_reply=utterance.over_reply)
            match act := self.dialogue.judge(heard, began - utterance.seconds):
                case Answer():
                    words = self._asked(act, heard, prompt, route)
                    self._answer(turn_id, words, route, prompt, timings, began)
                    self._confirm(turn_id, act.confirms)
                case AskBack(question):
                    self._ask_back(turn_id, question, route, prompt, timings, began)
                case Stop() | Wait() | Ignore():
                    return self._leave(turn_id, act)
            self.dialogue.answered(time.monotonic())
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
        if self._cancel.is_set() or self._ended:
            self._ahead = None
        self._cancel.clear()
        if self._ended:
            self._cancel.set()
        return time.monotonic()

    def _context(self) -> ContextLine:
        settings = self.generate_settings
        return ContextLine(self.now(), settings.user_name, settings.reminders)

    def _cross(self, features: SpeechFeatures) -> tuple[SoftPrompt | None, float | None]:
        if self.bridge is None or self.route == "transcript":
            return None, None
        ahead = self._ahead
        if ahead is not None and ahead.features is features and ahead.bridge is self.bridge:
            return ahead.prompt, None
        began = time.monotonic()
        return self.bridge.soft_prompt(features), _ms_since(began)

    def _route(self, prompt: SoftPrompt | None, features: SpeechFeatures) -> Route:
        """Which of the two readings takes the turn."""
        return choose_route(
            self.route,
            prompt,
            features.transcript,
            accepted=self.bridge is not None and self.bridge.accepted,
            learned=self.bridge is not None and self.bridge.learned,
            settings=self.bridge_settings,
        )

    def _asked(
        self, act: Answer, heard: Understood, prompt: SoftPrompt | None, route: Route
    ) -> SoftPrompt | str:
        """What is put to the LLM: the soft prompt where it says all of it, else words."""
        if prompt is not None and route is Route.BRIDGE and act.words == heard.words:
            return prompt
        return act.words

    def _stream(self, words: SoftPrompt | str, line: str) -> ReplyStream:
        """A reply that begins when its first piece is asked for."""
        asked = self.llm.words(words) if isinstance(words, str) else words
        return self.llm.reply(asked, line, cancel=self._cancel)

    def _heard(
        self, turn_id: int, route: Route, transcript: Transcript, prompt: SoftPrompt | None
    ) -> Understood:
        """What the route understood."""
        if route is Route.TRANSCRIPT or prompt is None:
            return Understood(turn_id, transcript.text, transcript.confidence)
        learned = self.bridge is not None and self.bridge.learned
        words = prompt.heard if len(prompt.rows) else ""
        return Understood(turn_id, words, prompt.confidence, learned)

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
        line, ahead, self._ahead = self._context().line(), self._ahead, None
        if ahead is not None and (ahead.words != words or ahead.line != line):
            ahead = None
        stream = self._stream(words, line) if ahead is None else ahead.stream
        begun = [] if ahead is None else ahead.pieces
        first_piece: list[float] = []
        written: list[str] = []

        def pieces() -> Iterator[str]:
            ready = takewhile(lambda _: not self._cancel.is_set(), begun)
            for piece in chain(ready, stream):
                first_piece.append(_ms_since(began))
                written.append(piece)
                yield piece

        first_audio, unheard = _say(voice or self.voice, pieces(), turn_id, began)
        stats = stream.stats
        reply = Reply(
            text="".join(written).strip(),
            route=route,
            stop_reason=(stats.stop_reason if len(written) >= len(begun) else StopReason.CANCELLED),
            timings=replace(
                timings,
                prefill=stats.prefill_ms if ahead is None else None,
                first_token=first_piece[0] if first_piece else None,
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

    @contextmanager
    def _ahead_until_now(self) -> Generator[None, None, None]:
        """After the block nothing is ready any more, whatever became of it."""
        try:
            yield
        finally:
            self._ahead = None

    def _noting_failure(self, turn_id: int) -> AbstractContextManager[None]:
        return _NotingFailure(self.journal, turn_id)


@dataclass(frozen=True, slots=True)
class _NotingFailure(AbstractContextManager[None]):
    """Writes into the journal why a turn broke off, and lets the error go on."""

    journal: BufferedJournal
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
