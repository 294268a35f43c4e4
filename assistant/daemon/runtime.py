"""Everything that one set of settings needs, opened together: what a reload replaces."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from assistant import composition, durable
from assistant.audio import portaudio
from assistant.config import ListenSettings, Settings
from assistant.control.messages import Happening
from assistant.daemon import loop
from assistant.daemon.happenings import Happenings
from assistant.daemon.listener import Listener, TalkButton
from assistant.daemon.loudspeaker import LoudspeakerSupervisor
from assistant.daemon.maintenance import Maintenance, Promoted
from assistant.daemon.microphone import MicrophoneSupervisor
from assistant.daemon.speculator import Speculator
from assistant.daemon.turn_taking import TurnTaking
from assistant.errors import AttuneError, JournalError
from assistant.household.satellite import Satellite
from assistant.household.smart_home import SmartHome
from assistant.journal import wake_examples
from assistant.journal.store import Journal
from assistant.listen import gpio
from assistant.listen.echo import EchoCanceller, Played, is_available
from assistant.listen.full_duplex import MEMORY, FullDuplex
from assistant.listen.half_duplex import HalfDuplex
from assistant.listen.own_word import EXAMPLES, OwnWord
from assistant.listen.pauses import Pauses
from assistant.listen.wake_word import Detector, MicroWakeWord, WakeWord
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.events import Event
from assistant.speak.synthesiser import open_voice
from assistant.speak.voice import Aloud
from assistant.turn import Assistant
from assistant.values import SAMPLE_RATE, EndReason, Utterance

NO_WORD = (
    "No wake word of your own has been recorded, so Attune listens to everything. Run "
    "'assistant enroll --wake'."
)

PAUSES = "pauses"
"""Key under which the journal stores what was learned about the speaker's pauses."""


@dataclass(slots=True)
class Runtime:
    """An assistant that hears and speaks, with everything that runs beside it."""

    settings: Settings
    assistant: Assistant
    maintenance: Maintenance
    microphone: MicrophoneSupervisor
    loudspeaker: LoudspeakerSupervisor
    listener: Listener
    stopper: loop.Stopper = field(default_factory=loop.Stopper)
    happenings: Happenings | None = None  # noticed only if somebody is told of them

    def remember(self) -> None:
        """Save what has been learned about the speaker's pauses, and about its own echo."""
        journal, listener = self.assistant.journal, self.listener
        with suppress(JournalError):  # then after the next exchange
            journal.remember(PAUSES, listener.pauses.dump())
            if found := listener.full_duplex.dump(sound_path(self.settings)):
                journal.remember(MEMORY, found)

    @property
    def smart_home(self) -> SmartHome | None:
        """Takes requests to the home, if one is set."""
        return self.assistant.desk.household.smart_home

    @property
    def satellite(self) -> Satellite | None:
        """Takes what is said to a Home Assistant that answers it, if one does."""
        return self.assistant.desk.household.satellite

    @property
    def homes(self) -> tuple[SmartHome, ...]:
        """All that takes requests."""
        return self.assistant.desk.household.homes

    @property
    def waits(self) -> bool:
        """Whether a turn waits for the answer of a home."""
        return any(home.is_waited_for for home in self.homes)

    def overhear(self, utterance: Utterance) -> None:
        """Let "stop", and who calls for help, end such a wait; what was said is answered later."""

        def listen() -> None:
            with suppress(AttuneError):  # it is still answered in its turn
                if self.assistant.breaks_off(utterance):
                    self.assistant.interrupt()

        any(home.errand(listen) for home in self.homes)

    def warnings(self) -> Iterator[str]:
        """Problems that persist, one sentence each."""
        if self.loudspeaker.why is not None:
            yield self.loudspeaker.why
        if self.settings.listen.wake_word is not None and self.listener.wake is None:
            yield NO_WORD
        yield from self.assistant.journal.warnings
        for home in self.homes:
            yield from home.warnings()

    def stop(self) -> None:
        """End listening and answering, from any thread."""
        self.stopper.stop()
        self.microphone.stop()


@contextmanager
def opened(
    settings: Settings,
    note: Callable[[str], None],
    *,
    beat: Callable[[], None],
    publish: Callable[[Event], None],
    errand: Callable[[loop.Errand], None],
    tell: Callable[[Happening], None] = lambda _: None,
) -> Generator[Runtime, None, None]:
    """A runtime whose models are warm.

    Args:
        settings: all of them.
        note: shows a person a message.
        beat: called whenever the answering thread is active.
        publish: sends a training's events to clients.
        errand: has something done by the answering thread.
        tell: tells clients what happens in the household.

    Raises:
        AttuneError: if a part of it cannot be opened.
    """
    listen = settings.listen
    with ExitStack() as owned:
        owned.enter_context(_alone(settings.journal.path))
        pin = listen.button_gpio
        wired = None if pin is None else owned.enter_context(gpio.button(pin))
        button = TalkButton(listen.has_button, wired)
        cancels = listen.barge_in == "cancel" or (listen.barge_in == "auto" and is_available())
        played = Played() if cancels else None
        echo = None if played is None else EchoCanceller(played)
        sink = composition.sink(settings.speak, played)
        loudspeaker = LoudspeakerSupervisor(sink, note, refresh=portaudio.refresh, beat=beat)
        half_duplex, turn_taking = HalfDuplex(listen), TurnTaking(listen)
        synthesiser = open_voice(settings.speak, settings.models.folder)
        voice = Aloud(synthesiser, loudspeaker, half_duplex.speaking, turn_taking.wait, beat)
        promoted = Promoted(BridgeFolder(settings.bridges))
        assistant = owned.enter_context(composition.assistant(settings, voice, note))
        dialogue = assistant.dialogue
        pauses = Pauses(listen, lambda: time.monotonic() < dialogue.patient_until)
        pauses.load(assistant.journal.remembered(PAUSES) or "")
        full_duplex = FullDuplex(listen, note)
        full_duplex.load(assistant.journal.remembered(MEMORY) or "", sound_path(settings))
        warm(assistant)
        maintenance = owned.enter_context(
            Maintenance(assistant, settings, promoted, note, publish=publish)
        )
        stopper = loop.Stopper()
        detector = _detector(listen, assistant.journal)
        if detector is None and listen.wake_word is not None:
            note(NO_WORD)
        follow_up_s = settings.turn.follow_up_s
        wake = (
            None
            if detector is None
            else WakeWord(detector, follow_up_s, lambda: dialogue.open_until)
        )
        is_early = composition.encodes_early(settings.encode)
        microphone = MicrophoneSupervisor(listen, note)
        listener = Listener(
            listen,
            microphone,
            loudspeaker,
            half_duplex,
            button,
            turn_taking,
            pauses,
            assistant.interrupt,
            maintenance.speech,
            assistant.ends,
            Speculator(assistant, errand, stopper) if is_early else None,
            echo,
            full_duplex,
            wake,
        )
        household = assistant.desk.household
        happenings = Happenings(household, tell) if settings.home.tells else None
        yield Runtime(
            settings,
            assistant,
            maintenance,
            microphone,
            loudspeaker,
            listener,
            stopper,
            happenings,
        )


def _detector(listen: ListenSettings, journal: Journal) -> Detector | None:
    """What listens for the wake word; none where there is none, or the user's own is unknown."""
    if listen.wake_word != "own":
        return None if listen.wake_word is None else MicroWakeWord(listen.wake_word)
    known = wake_examples.examples(journal)
    return OwnWord(known) if len(known) >= EXAMPLES[0] else None


def sound_path(settings: Settings) -> str:
    """What its own voice goes through on its way back."""
    cancels = is_available() and settings.listen.barge_in == "auto"
    return f"{settings.speak.device} {settings.listen.device} {'cancelled' if cancels else 'open'}"


@contextmanager
def _alone(journal: Path) -> Generator[None, None, None]:
    """Be the only daemon with this journal."""
    busy = JournalError(
        f"Another Attune is already running with the journal {journal}. Stop it, or set "
        "journal.path to another file."
    )
    with ExitStack() as held:
        try:
            durable.folder(journal.parent)
            held.enter_context(durable.locked(journal.with_name(f"{journal.name}.lock"), busy))
        except OSError as error:
            raise JournalError(
                f"Cannot use the journal {journal}: {error.strerror}. Give yourself write "
                "permission there, or set journal.path to another file."
            ) from error
        yield


def warm(assistant: Assistant) -> None:
    """Run the speech encoder once, because its first run is slow.

    The language model has already run: opening it decodes the instruction.
    """
    silence = np.zeros(SAMPLE_RATE, np.float32)
    assistant.encoder.encode(Utterance(silence, datetime.now(timezone.utc), EndReason.STOP))
