"""Everything that one set of settings needs, opened together: what a reload replaces."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from assistant.audio import portaudio
from assistant.config import Settings, starter_dir
from assistant.daemon import loop
from assistant.daemon.loudspeaker import LoudspeakerSupervisor
from assistant.daemon.maintenance import Maintenance, Promoted
from assistant.daemon.microphone import MicrophoneSupervisor
from assistant.daemon.turn_taking import TALKING, TurnTaking
from assistant.encode.end_of_request import EndOfRequest, load_ends
from assistant.errors import AttuneError, JournalError
from assistant.listen import gpio
from assistant.listen.echo import EchoCanceller, Played
from assistant.listen.half_duplex import HalfDuplex
from assistant.listen.meter import Meter
from assistant.listen.pauses import Pauses
from assistant.listen.segment import segment, voiced
from assistant.personalise.background import idle
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.events import Event
from assistant.speak.aloud import Sink
from assistant.speak.playback import Loudspeaker
from assistant.speak.voice import Aloud, Voice, open_voice
from assistant.turn import Assistant
from assistant.values import SAMPLE_RATE, AudioFrame, EndReason, SpeechFeatures, Utterance

if TYPE_CHECKING:  # torch comes with a bridge, not before
    from assistant.bridge.connect import Bridge

PAUSES = "pauses"
"""Under which the journal remembers what has been learned of the speaker's pauses."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the parts of a runtime are made; the command line knows."""

    assistant: Callable[[Settings, Voice], AbstractContextManager[Assistant]]
    bridge: Callable[[Settings, Assistant, str | None], Bridge | None]
    sink: Callable[[Settings], Sink]


@dataclass(slots=True)
class TalkButton:
    """The talk button, and whether one is needed."""

    needed: bool
    down: bool = False  # held by a client
    wired: Callable[[], bool] = lambda: False  # whether one at the board is pressed

    def open(self, frame: AudioFrame) -> bool:
        """Whether this frame is meant for the assistant."""
        del frame
        return self.down or not self.needed or self.wired()


@dataclass(slots=True)
class Runtime:
    """An assistant that hears and speaks, with all that is done beside."""

    settings: Settings
    assistant: Assistant
    maintenance: Maintenance
    microphone: MicrophoneSupervisor
    loudspeaker: LoudspeakerSupervisor
    turn_taking: TurnTaking
    button: TalkButton
    half_duplex: HalfDuplex
    pauses: Pauses
    finished: EndOfRequest | None  # tells whether what has been said is a whole request
    errand: Callable[[loop.Errand], None] | None = None  # to the thread that answers; none: no
    # reply is begun before the end is sure
    echo: EchoCanceller | None = None
    meter: Meter = field(default_factory=Meter)
    stopper: loop.Stopper = field(default_factory=loop.Stopper)
    speech: bool = False  # whether there was voice in the last frame
    spoken_over: bool = False  # whether the assistant spoke in it
    _so_far: SpeechFeatures | None = None  # of what had been said in the last pause
    _voiced_since: int = 0  # frames with voice since then

    def utterances(self) -> Iterator[Utterance]:
        """What is said from now on, until the microphone are stopped."""
        listen = self.settings.listen
        notice = loop.noticing(voiced(listen.vad_mode), self.maintenance.speech)

        def is_speech(frame: AudioFrame) -> bool:
            self.speech = notice(frame)
            self._voiced_since += self.speech
            # whoever speaks over a reply takes no turn back: it has begun to be answered
            self.turn_taking.frame(frame, voiced=self.speech and not self.spoken_over)
            return self.speech

        def passed_over(frame: AudioFrame) -> None:
            self.speech = False
            self.turn_taking.frame(frame, voiced=False)  # whoever let go of the button has finished

        def is_deaf(frame: AudioFrame) -> bool:
            self.spoken_over = self.half_duplex.deaf(frame)
            if not self.spoken_over or listen.barge_in != "off":
                return False
            passed_over(frame)
            return True

        def is_open(frame: AudioFrame) -> bool:
            is_meant = self.button.open(frame)
            if not is_meant:
                passed_over(frame)
            return is_meant

        over_reply = False

        def on_start(_gap_ms: float | None) -> None:
            nonlocal over_reply
            over_reply = self.spoken_over and self.loudspeaker.speaking
            if over_reply:
                self.assistant.interrupt()

        heard = self.meter.around(self.microphone)
        for utterance in segment(
            heard if self.echo is None else self.echo.cleaned(heard),
            is_speech,
            listen,
            deaf=is_deaf,
            open=is_open,
            pauses=self.pauses,
            complete=self._paused if self._asks_in_pauses() else None,
            on_start=on_start,
        ):
            yield replace(utterance, over_reply=over_reply)

    def _asks_in_pauses(self) -> bool:
        """Whether what is said so far is of use in a pause: to learn from, or to be answered."""
        return self.finished is not None and (self.pauses.learning or self.errand is not None)

    def _paused(self, samples: NDArray[np.float32], voiced_s: float) -> float | None:
        """In a pause: how likely a request is finished; the reply to it is begun meanwhile."""
        finished = cast("EndOfRequest", self.finished)
        self._so_far = None  # what was begun in an earlier pause is of no more use
        self._voiced_since = 0
        probability = finished(samples, voiced_s)
        features, self._so_far = finished.latest, finished.latest
        if self.errand is not None and features is not None:
            began_at = time.monotonic() - len(samples) / SAMPLE_RATE
            self.errand(partial(self._speculate, features, began_at))
        return probability

    def _speculate(self, features: SpeechFeatures, began_at: float) -> None:
        """Begin a reply, in the thread that answers."""

        def still() -> bool:
            # its models are closed once it has made way for another one
            return (
                not self.stopper.stopped
                and self._so_far is features
                and self._voiced_since < TALKING
            )

        with suppress(AttuneError):  # the turn itself will meet it, and tell
            self.assistant.speculate(features, began_at, still)

    def remember(self) -> None:
        """Keep what has been learned of the speaker's pauses."""
        with suppress(JournalError):  # after the next exchange, then
            self.assistant.journal.remember(PAUSES, self.pauses.dump())

    def warnings(self) -> Iterator[str]:
        """Troubles that stand, one sentence each."""
        if self.loudspeaker.why is not None:
            yield self.loudspeaker.why
        yield from self.assistant.journal.warnings

    def stop(self) -> None:
        """End listening and answering, from any thread."""
        self.stopper.stop()
        self.microphone.stop()


@contextmanager
def opened(
    settings: Settings,
    plan: Plan,
    tell: Callable[[str], None],
    *,
    beat: Callable[[], None],
    publish: Callable[[Event], None],
    errand: Callable[[loop.Errand], None],
) -> Generator[Runtime, None, None]:
    """A runtime whose models are warm.

    Args:
        settings: all of them.
        plan: how its parts are made.
        tell: told in words what a person should know.
        beat: called whenever the answering thread moves.
        publish: told what a training tells.
        errand: has something done by the thread that answers.

    Raises:
        AttuneError: if a part of it cannot be opened.
    """
    with ExitStack() as owned:
        half_duplex = HalfDuplex(settings.listen)
        button = TalkButton(settings.listen.has_button)
        if settings.listen.button_gpio is not None:
            button.wired = owned.enter_context(gpio.button(settings.listen.button_gpio))
        sink = plan.sink(settings)
        echo = _canceller(sink) if settings.listen.barge_in == "cancel" else None
        loudspeaker = LoudspeakerSupervisor(sink, tell, refresh=portaudio.refresh, beat=beat)
        pauses = Pauses(
            settings.listen, lambda: time.monotonic() < assistant.dialogue.patient_until
        )
        interrupt: list[Callable[[], None]] = []

        def reopened(after_ms: float) -> None:
            pauses.false_cut(after_ms)
            interrupt[0]()

        turn_taking = TurnTaking(settings.listen, reopened)
        synthesiser = open_voice(settings.speak, settings.models.folder)
        aloud = Aloud(synthesiser, loudspeaker, half_duplex.speaking, turn_taking.wait)
        promoted = Promoted(BridgeFolder(settings.bridges))
        assistant = owned.enter_context(plan.assistant(settings, _Beating(aloud, beat)))
        interrupt.append(assistant.interrupt)
        pauses.load(assistant.journal.remembered(PAUSES) or "")
        is_early = settings.encode.early == "on" or (
            settings.encode.early == "auto" and idle.on_mains() is not False
        )
        finished = None
        ends = load_ends(starter_dir()) if settings.encode.language == "en" else None
        if ends is not None or is_early:
            finished = EndOfRequest(assistant.encoder, ends)
            assistant.ends = finished
        warm(assistant)
        load = partial(plan.bridge, settings, assistant)
        maintenance = owned.enter_context(
            Maintenance(assistant, settings, promoted, load, tell, publish=publish)
        )
        yield Runtime(
            settings=settings,
            assistant=assistant,
            maintenance=maintenance,
            microphone=MicrophoneSupervisor(settings.listen, tell),
            loudspeaker=loudspeaker,
            turn_taking=turn_taking,
            button=button,
            half_duplex=half_duplex,
            pauses=pauses,
            finished=finished,
            errand=errand if is_early else None,
            echo=echo,
        )


def _canceller(sink: Sink) -> EchoCanceller:
    """Takes what a loudspeaker plays out of the microphone; files are heard by nobody.

    Raises:
        DependencyError: if the package that does it is not installed.
    """
    played = Played()
    if isinstance(sink, Loudspeaker):
        sink.witness = played
    return EchoCanceller(played)


def warm(assistant: Assistant) -> None:
    """Take the first steps of the speech encoder, which are slow, before somebody waits for them.

    The language model has taken its own when it was opened: its instruction is decoded by then.
    """
    silence = np.zeros(SAMPLE_RATE, np.float32)
    now = datetime.now(timezone.utc)
    assistant.encoder.encode(Utterance(silence, now, EndReason.STOP))


@dataclass(frozen=True, slots=True)
class _Beating:
    """A voice that shows with every piece that the reply comes on."""

    voice: Aloud
    beat: Callable[[], None]

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        def beating() -> Iterator[str]:
            for piece in pieces:
                self.beat()
                yield piece

        self.voice.say(beating(), name, on_first_audio)

    def prepare(self, sentence: str) -> None:
        self.voice.prepare(sentence)
        self.beat()

    def stop(self) -> None:
        self.voice.stop()
