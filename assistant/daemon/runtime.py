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
from assistant.config import Settings
from assistant.daemon import loop
from assistant.daemon.listener import Listener, TalkButton
from assistant.daemon.loudspeaker import LoudspeakerSupervisor
from assistant.daemon.maintenance import Maintenance, Promoted
from assistant.daemon.microphone import MicrophoneSupervisor
from assistant.daemon.speculator import Speculator
from assistant.daemon.turn_taking import TurnTaking
from assistant.errors import JournalError
from assistant.listen import gpio
from assistant.listen.echo import EchoCanceller, Played
from assistant.listen.half_duplex import HalfDuplex
from assistant.listen.pauses import Pauses
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.events import Event
from assistant.speak.synthesiser import open_voice
from assistant.speak.voice import Aloud
from assistant.turn import Assistant
from assistant.values import SAMPLE_RATE, EndReason, Utterance

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

    def remember(self) -> None:
        """Save what has been learned about the speaker's pauses."""
        with suppress(JournalError):  # then after the next exchange
            self.assistant.journal.remember(PAUSES, self.listener.pauses.dump())

    def warnings(self) -> Iterator[str]:
        """Problems that persist, one sentence each."""
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
    note: Callable[[str], None],
    *,
    beat: Callable[[], None],
    publish: Callable[[Event], None],
    errand: Callable[[loop.Errand], None],
) -> Generator[Runtime, None, None]:
    """A runtime whose models are warm.

    Args:
        settings: all of them.
        note: shows a person a message.
        beat: called whenever the answering thread is active.
        publish: sends a training's events to clients.
        errand: has something done by the answering thread.

    Raises:
        AttuneError: if a part of it cannot be opened.
    """
    listen = settings.listen
    with ExitStack() as owned:
        owned.enter_context(_alone(settings.journal.path))
        pin = listen.button_gpio
        wired = None if pin is None else owned.enter_context(gpio.button(pin))
        button = TalkButton(listen.has_button, wired)
        played = Played() if listen.barge_in == "cancel" else None
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
        warm(assistant)
        maintenance = owned.enter_context(
            Maintenance(assistant, settings, promoted, note, publish=publish)
        )
        stopper = loop.Stopper()
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
        )
        yield Runtime(settings, assistant, maintenance, microphone, loudspeaker, listener, stopper)


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
