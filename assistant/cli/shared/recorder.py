"""Sentences read aloud: recorded here, or by the running Attune, which has the microphone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from assistant.config import Settings
from assistant.control.client import Client
from assistant.errors import ControlError
from assistant.journal import wake_examples
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.listen.capture import Microphone
from assistant.listen.segment import segment, voiced
from assistant.values import MICROPHONE, AudioFrame, Utterance

POLL_S = 0.5
"""How long the daemon is asked to wait for a sentence before the keys are looked at again."""

Pressed = Callable[[], str | None]
"""The key, pressed meanwhile, that ends the listening."""


class Recorder(Protocol):
    """Records sentences and keeps them."""

    def read_aloud(self) -> set[str]:
        """The sentences that have been read aloud, in spoken form."""
        ...

    def listen(self, pressed: Pressed) -> Utterance | str:
        """What was said, or the key pressed instead."""
        ...

    def keep(self, heard: Utterance, text: str) -> None:
        """Keep what was heard last, as this text."""
        ...

    def call_by(self, heard: Utterance, *, first: bool) -> None:
        """Keep what was heard last as an example of the wake word; the first replaces all."""
        ...

    def use_word(self) -> bool:
        """All examples are there; whether Attune runs, and listens for them from now on."""
        ...


@contextmanager
def recorder(settings: Settings) -> Generator[Recorder, None, None]:
    """The running Attune, or if none runs, a microphone and the journal of one's own.

    Raises:
        ControlError: if Attune runs but does not listen, or cannot be reached.
        JournalError: if the journal cannot be opened.
    """
    client = Client(settings.control.path)
    if client.is_running():
        microphone = client.status().microphone
        if microphone is None or microphone.state == "muted":
            raise ControlError(
                "Attune is running with its microphone muted. Open it with 'assistant unmute'."
            )
        if microphone.state == "absent":
            raise ControlError(microphone.why or "The running Attune has no microphone.")
        yield _Running(client)
        return
    with Journal.open(settings.journal) as journal:
        yield _Alone(settings, journal)


@dataclass(frozen=True, slots=True)
class _Alone:
    """Records here; the microphone is open only while it listens."""

    settings: Settings
    journal: Journal

    def read_aloud(self) -> set[str]:
        return self.journal.read_aloud()

    def listen(self, pressed: Pressed) -> Utterance | str:
        key: list[str] = []
        with Microphone(self.settings.listen) as microphone:

            def frames() -> Iterator[AudioFrame]:
                for frame in microphone:
                    if (now := pressed()) is not None:
                        key.append(now)
                        return
                    yield frame

            detector = voiced(self.settings.listen.vad_mode)
            found = segment(frames(), detector, self.settings.listen, source=MICROPHONE)
            said = next(found, None)
        return key[0] if key or said is None else said

    def keep(self, heard: Utterance, text: str) -> None:
        self.journal.enrolled(heard, text, Taught.ENROLLED)

    def call_by(self, heard: Utterance, *, first: bool) -> None:
        wake_examples.add(self.journal, heard.samples, first=first)

    def use_word(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class _Running:
    """Has the running Attune record."""

    client: Client

    def read_aloud(self) -> set[str]:
        return set(self.client.read_aloud())

    def listen(self, pressed: Pressed) -> Utterance | str:
        while True:
            if (key := pressed()) is not None:
                return key
            if (lesson := self.client.lesson(POLL_S)) is not None:
                return lesson.utterance()

    def keep(self, heard: Utterance, text: str) -> None:  # noqa: ARG002 - Attune has it
        self.client.enroll(text)

    def call_by(self, heard: Utterance, *, first: bool) -> None:  # noqa: ARG002
        self.client.call_by(first=first)

    def use_word(self) -> bool:
        self.client.reload()
        return True
