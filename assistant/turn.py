"""One exchange, from an utterance to a spoken reply.

Each stage is in the journal before the next begins: the sound is on disk before it is encoded, and
what was understood before it is answered. A failing disk does not stop an exchange.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from assistant.audio.resample import pcm
from assistant.bridge.route import RouteSetting
from assistant.config import BridgeSettings, GenerateSettings, TurnSettings
from assistant.dialogue import Answer, AskBack, DialoguePolicy, Ignore, Stop, Understood, Wait
from assistant.draft import Draft, Ready, Speculation, ms_since, say
from assistant.encode.encoder import Encoder
from assistant.encode.end_of_request import EndOfRequest
from assistant.errors import AttuneError, JournalError
from assistant.generate.context import ContextLine
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import ReplyStream
from assistant.journal import sounds
from assistant.journal.buffered import BufferedJournal
from assistant.journal.turn import Turn
from assistant.memory import Memory
from assistant.reading import Reading, is_background, read
from assistant.skills.desk import Desk
from assistant.skills.second_reading import SecondReading
from assistant.skills.skill import Said
from assistant.speak.speech import Speech
from assistant.speak.voice import Mute, Voice
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
from assistant.verification import UNANSWERED, UNLEARNED, SpeakerVerifier

if TYPE_CHECKING:  # torch comes with a bridge, not before
    from assistant.bridge.connect import Bridge


@dataclass(slots=True)
class Assistant:
    """Everything that takes part in a turn; used by one thread, cancelled from any."""

    encoder: Encoder
    bridge: Bridge | None
    llm: LlamaSession
    journal: BufferedJournal
    voice: Voice
    desk: Desk
    bridge_settings: BridgeSettings
    generate_settings: GenerateSettings
    route: RouteSetting = "auto"
    dialogue: DialoguePolicy = field(
        default_factory=lambda: DialoguePolicy(TurnSettings.model_validate({}))
    )
    ends: EndOfRequest | None = None  # has the features of a request that was encoded in a pause
    verifier: SpeakerVerifier | None = None  # knows the user's voice
    only_known: bool = False  # others are not answered
    _cancel: threading.Event = field(default_factory=threading.Event)
    _ended: bool = False
    _speculation: Speculation | None = None
    _last: int = 0  # the last exchange
    _asked: tuple[SoftPrompt | str, str] = ("", "")  # the last request, and its context line
    _memory: Memory = field(init=False, repr=False)
    _second: SecondReading = field(init=False, repr=False)

    def __post_init__(self) -> None:
        silence_s = self.generate_settings.tuned.silence_s
        self._second = SecondReading(self.encoder, self.desk)
        self._memory = Memory(self.llm, self.journal, self._line, silence_s)

    def hear(self, utterance: Utterance, *, aloud: bool = True) -> Turn:
        """Answer what was said, aloud or not, ask back, or ignore it, as the policy decides.

        Raises:
            AttuneError: if a stage fails; the journal then holds what came before it and why.
        """
        began = self._begin()
        turn_id = self.journal.hear(utterance)
        with self._journalled(turn_id):
            features = self._features(utterance, self.ends)
            timings = Timings(endpoint=utterance.endpoint_ms, encode=ms_since(began))
            self.journal.transcribed(turn_id, features)
            began_at = began - utterance.seconds
            found, bridge_ms = self._read(features, began_at)
            understood = found.understood(
                turn_id, over_reply=utterance.over_reply, is_half=utterance.is_half
            )
            likeness = self.likeness(utterance) if self.only_known else 1.0
            if likeness < UNANSWERED and self.desk.urgent(understood.words) is None:
                understood = replace(understood, is_anothers=True)
            act = self.dialogue.judge(understood, began_at, may_undo=self.desk.may_undo())
            if isinstance(act, Stop):
                self.desk.silence()
            if isinstance(act, Stop | Wait | Ignore):
                return self._leave(turn_id, act)
            self._answering(turn_id, found.route, found.prompt)
            reply = self._reply(act, understood, found, utterance)
            timings = replace(timings, bridge=bridge_ms)
            voice = self.voice if aloud else Mute()
            self._say(understood, reply, found.route, timings, began, voice)
            if isinstance(act, Answer):
                self._confirm(turn_id, act)
            if (likeness if self.only_known else self.likeness(utterance)) < UNLEARNED:
                self._leave_out(turn_id)
            self.dialogue.answered(time.monotonic())
            return self.journal.turn(turn_id)

    def read(
        self, text: str, *, aloud: bool = True, on_piece: Callable[[str], None] = lambda _: None
    ) -> Turn:
        """Answer what was typed, aloud or not.

        Args:
            text: what was typed.
            aloud: whether the reply is heard.
            on_piece: is given each piece of a reply that is not, as soon as it is written.

        Raises:
            AttuneError: as ``hear``.
        """
        began = self._begin()
        turn_id = self.journal.typed(text)
        with self._journalled(turn_id):
            self._answering(turn_id, Route.TRANSCRIPT, None)
            voice = self.voice if aloud else Mute(on_piece)
            understood = Understood(turn_id, text, 1.0)
            reply = self._reply(self.dialogue.typed(understood, began), understood)
            self._say(understood, reply, Route.TRANSCRIPT, Timings(), began, voice)
            self.dialogue.answered(time.monotonic())
            return self.journal.turn(turn_id)

    def understand(self, utterance: Utterance, ends: EndOfRequest | None = None) -> Reading:
        """How a turn would read what was said; it is not answered, and nothing is kept.

        Args:
            utterance: what was said.
            ends: has the features, if it was encoded in a pause.

        Raises:
            AttuneError: if a stage fails.
        """
        return self._reading(self._features(utterance, ends))

    def likeness(self, utterance: Utterance) -> float:
        """How like the user's a voice is; to find out may take a tenth of a second."""
        with suppress(JournalError):  # a failing disk makes nobody a stranger
            if self.verifier is not None:
                return self.verifier.likeness(utterance)
        return 1.0

    def announce(self, text: str) -> None:
        """Say something unasked; it is heard, and can be answered, like a reply.

        Raises:
            AttuneError: if it cannot be said.
        """
        self._begin()
        self.voice.say(iter((text,)), "say", lambda: None)
        self.desk.exchanged("", text)
        self.dialogue.answered(time.monotonic())

    def play(self, speech: Speech) -> None:
        """Have a sound heard unasked; it can be answered, like a reply.

        Raises:
            AttuneError: if it cannot be heard.
        """
        self._begin()
        self.voice.play(speech, "announcement")
        self.dialogue.answered(time.monotonic())

    def breaks_off(self, utterance: Utterance) -> bool:
        """Whether somebody who says this waits no longer for a reply: it is "stop", or urgent.

        Raises:
            AttuneError: if a stage fails.
        """
        understood = self.understand(utterance).understood(0)
        is_stop = isinstance(self.dialogue.foresee(understood, time.monotonic()), Stop)
        return is_stop or self.desk.urgent(understood.words) is not None

    def reopen(self) -> None:
        """The last utterance was only a beginning: what came of it is taken back.

        Raises:
            JournalError: if that cannot be written.
        """
        self.dialogue.reopen()
        self.desk.reopen()

    def expect(self) -> None:
        """Somebody has begun to speak: decode the context line in the meantime.

        Raises:
            GenerationError: if the language model cannot.
        """
        self._catch_up()
        line = self._line(self._now())
        if self._speculation is None or self._speculation.line != line:
            self._speculation = None
            self.llm.expect(line)

    def speculate(
        self, features: SpeechFeatures, began_at: float, still: Callable[[], bool]
    ) -> None:
        """In a pause, begin the reply to what has been said, up to its first sentence.

        It is neither heard nor stored: ``hear`` uses it if the utterance really ended there.

        Args:
            features: of what has been said so far; ``hear`` must be given the same.
            began_at: when that began, monotonic seconds.
            still: whether it is still silent; asked between any two pieces.

        Raises:
            AttuneError: if a stage fails.
        """
        self._speculation = None
        if not still() or self._ended:
            return
        self._cancel.clear()
        self._catch_up()
        found, _ = self._read(features, began_at)
        act = self.dialogue.foresee(found.understood(0), began_at)
        if not isinstance(act, Answer) or act.confirms is not None:
            return
        request, line = found.request(act.words), self._line(self._now())
        reply = self._reply(act, found.understood(0), found, speculative=True)
        begun = Speculation(found, request, line, reply)
        begun.advance(self.voice, still)
        if still() and not self._cancel.is_set():
            self._speculation = begun

    def rest(self) -> None:
        """Nobody is waiting: have what was said last decoded ahead of the next turn, bit by bit.

        Raises:
            AttuneError: if the language model cannot, or the user's recordings cannot be read.
        """
        self._catch_up()
        self._memory.settle()
        self._second.load()
        if self.verifier is not None:
            self.verifier.rest()

    def interrupt(self) -> None:
        """Stop the current reply, from any thread."""
        self._cancel.set()
        self.voice.stop()

    def cancel(self) -> None:
        """Stop the current reply and cancel all later turns, from any thread."""
        self._ended = True
        self.interrupt()

    def _begin(self) -> float:
        """Begin a turn; an interruption of the previous one does not affect it."""
        if self._cancel.is_set() or self._ended:
            self._speculation = None
        self._cancel.clear()
        if self._ended:
            self._cancel.set()
        began = time.monotonic()
        self._catch_up()
        return began

    def _is_urgent(self, features: SpeechFeatures) -> bool:
        """Whether this calls for help, which is answered whoever makes it."""
        return self.desk.urgent(features.transcript.text) is not None

    def _catch_up(self) -> None:
        """Bring the language model's memory up to date."""
        if self._memory.catch_up(self._now()):
            self._speculation = None
        with suppress(JournalError):
            if self._last > 0 and not self.journal.exist((self._last,)):
                self.desk.forget()
                self._last = 0

    def _now(self) -> datetime:
        return self.desk.household.look().now

    def _line(self, moment: datetime) -> str:
        settings = self.generate_settings
        return ContextLine(moment, settings.user_name, settings.reminders).line()

    def _features(self, utterance: Utterance, ends: EndOfRequest | None) -> SpeechFeatures:
        """Features of an utterance, without words if the background said it."""
        features = ends and ends.features(utterance)
        if features is None or (self.bridge is not None and not self.bridge.reads(features)):
            features = self.encoder.encode(utterance)  # the bridge may have changed in between
        if is_background(utterance, features.transcript) and not self._is_urgent(features):
            features = replace(features, transcript=Transcript("", 0.0))
        return features

    def _reading(self, features: SpeechFeatures) -> Reading:
        """What the chosen route makes of them."""
        return read(features, self.bridge, self.route, self.bridge_settings)

    def _read(self, features: SpeechFeatures, began_at: float) -> tuple[Reading, float | None]:
        """How the utterance is read, and the ms that the bridge took now, if it was used."""
        if self._speculation is not None:
            ready = self._speculation.reading
            if ready.features is features and ready.bridge is self.bridge:
                return ready, None
        began = time.monotonic()
        found = self._reading(features)
        if found.is_of_transcript:
            second, others = self._second.read(features, self.dialogue.refused(began_at))
            found = replace(found, second=second, others=others)
        return found, None if found.prompt is None else ms_since(began)

    def _answering(self, turn_id: int, route: Route, prompt: SoftPrompt | None) -> None:
        self.journal.answering(turn_id, llm=self.llm.fingerprint, route=route, prompt=prompt)

    def _stream(self, request: SoftPrompt | str, line: str) -> ReplyStream:
        """A reply that begins when its first piece is requested."""
        return self.llm.reply(self._words(request), line, cancel=self._cancel)

    def _words(self, request: SoftPrompt | str) -> SoftPrompt | str:
        """A request in the form that the language model is given."""
        return self.llm.words(request) if isinstance(request, str) else request

    def _reply(
        self,
        act: Answer | AskBack,
        understood: Understood,
        found: Reading | None = None,
        utterance: Utterance | None = None,
        *,
        speculative: bool = False,
    ) -> Draft | Ready:
        """The reply of the first part that has one; the language model is the last.

        Args:
            act: the dialogue policy's decision.
            understood: everything that was understood.
            found: how the utterance was read; none if it was typed.
            utterance: its sound; none if it was typed, or is not complete.
            speculative: whether this is in a pause; then nothing is done or remembered.
        """
        line, begun, self._speculation = self._line(self._now()), self._speculation, None
        asked = act.words or understood.words
        request = asked if found is None else found.request(asked)
        self._asked = self._words(request), line
        urgent = self.desk.urgent(understood.words)
        if urgent is not None:
            return self._ready(urgent, speculative=speculative)
        if (
            begun is not None
            and isinstance(begun.reply, Draft)
            and isinstance(act, Answer)
            and (begun.request, begun.line) == (request, line)
        ):
            return begun.reply
        said = None if found is None else self._handed(act, asked, utterance)
        said = said or self.desk.answer(asked)
        if isinstance(act, AskBack):
            asks = None if said is None or understood.is_half else said.question
            return Ready(asks or act.question, self._cancel, StopReason.ASKED_BACK)
        if said is None:
            return Draft(self._stream(request, line), self._cancel, speculative=speculative)
        is_meant = act.confirms is not None
        is_sure = is_meant or not (said.asks or self.dialogue.doubts_act(understood.settled))
        if said.question is not None and not is_sure:
            if not speculative:
                self.dialogue.asked(replace(understood.settled, words=asked))
            return Ready(said.question, self._cancel, StopReason.ASKED_BACK)
        return self._ready(said, speculative=speculative)

    def _handed(
        self, act: Answer | AskBack, words: str, utterance: Utterance | None
    ) -> Said | None:
        """Home Assistant's answer to what was said, where it answers that."""
        confirms = act.confirms if isinstance(act, Answer) else None
        if confirms is not None:  # the yes itself is not for it
            try:
                return self.desk.handed(words, pcm(self.journal.audio(confirms)))
            except JournalError:  # that was typed, or cannot be read
                return None
        return self.desk.handed(words, b"" if utterance is None else pcm(utterance.samples))

    def _ready(self, said: Said, *, speculative: bool) -> Ready:
        """A skill's reply, once what it claims has been done."""
        if speculative:
            return Ready(said.text, self._cancel, StopReason.SKILL)
        return Ready(self.desk.commit(said), self._cancel, StopReason.SKILL, said.then)

    def _say(
        self,
        understood: Understood,
        reply: Draft | Ready,
        route: Route,
        timings: Timings,
        began: float,
        voice: Voice,
    ) -> None:
        """Say a reply while it is written, and journal it whether it was heard or not."""
        name = sounds.name(understood.turn, lambda: self.journal.turn(understood.turn).started_at)
        asked = self._asked  # another question may be answered while this one waits for the home
        timings, unheard = say(reply, voice, name, timings, began)
        self.journal.answered(understood.turn, Reply(reply.text, route, reply.stop_reason, timings))
        self._memory.answered(understood.turn, *asked, self._now())
        self.desk.exchanged(understood.settled.words, reply.text)
        self._last = understood.turn
        if unheard is not None:
            raise unheard

    def _confirm(self, turn_id: int, act: Answer) -> None:
        """Record what was said in an earlier exchange; the yes itself is not learned from."""
        if act.confirms is None:
            return
        with suppress(JournalError):  # what cannot be noted costs a lesson, not the turn
            asked = act.confirms
            if self.journal.exist((turn_id, asked)) and self.journal.turn(asked).has_audio:
                if act.corrects:
                    self.journal.correct(asked, act.words)
                else:
                    self.journal.confirm(asked)
                self.journal.consent(turn_id, allowed=False)

    def _leave_out(self, turn_id: int) -> None:
        """Somebody else said it, so it is not learned from."""
        with suppress(JournalError):
            if self.journal.exist((turn_id,)):
                self.journal.consent(turn_id, allowed=False)

    def _leave(self, turn_id: int, act: Stop | Wait | Ignore) -> Turn:
        """Journal why nothing is answered, or keep nothing at all."""
        if not isinstance(act, Ignore) or act.keep:
            self.journal.failed(turn_id, act.reason)
            return self.journal.turn(turn_id)
        turn = self.journal.turn(turn_id)
        self.journal.withdraw(turn_id)
        return replace(
            turn, error=act.reason, hypothesis=None, confidence=None, words=(), has_audio=False
        )

    @contextmanager
    def _journalled(self, turn_id: int) -> Generator[None, None, None]:
        """Journal why a turn failed; no speculation outlives the turn."""
        try:
            yield
        except AttuneError as error:
            self.journal.failed(turn_id, str(error))
            raise
        finally:
            self._speculation = None
