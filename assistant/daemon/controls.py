"""What the daemon does when a client asks."""

from __future__ import annotations

import base64
import os
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from assistant.config import Settings
from assistant.control.declaring import RefusalError, refusing
from assistant.control.messages import Exchange, Lesson, Record, Status, Wish
from assistant.control.methods import Start
from assistant.daemon import condition
from assistant.daemon.dictation import Dictations
from assistant.daemon.in_turn import Work, announcement, in_turn, question, transcription
from assistant.daemon.lessons import Lessons
from assistant.daemon.loop import Errand, Inbox
from assistant.daemon.remote import Remote
from assistant.daemon.runtime import Runtime
from assistant.daemon.sounds import Sounds
from assistant.daemon.upkeep import Upkeep
from assistant.errors import AttuneError, JournalError
from assistant.household.household import Household
from assistant.household.smart_home import HomeAnswer, Outcome, SmartHome
from assistant.journal import wake_examples
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught, Turn
from assistant.personalise.background.idle import look
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import BASE, entries, find
from assistant.personalise.data.quality import fault
from assistant.personalise.training.request import Request
from assistant.values import Utterance

T = TypeVar("T")

RECENT = 5
"""Exchanges shown in the status."""


class Controls(Remote, Upkeep):
    """Does what clients ask for, in their threads; refuses while the runtime is being rebuilt.

    Args:
        inbox: takes what only the answering thread may do.
        reload: reads the settings again.
        closed: a block in which no runtime is open.
    """

    def __init__(
        self,
        inbox: Inbox,
        reload: Callable[[], None],
        closed: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        super().__init__(closed)
        self._inbox = inbox
        self._reload = reload
        self.lessons = Lessons()
        self._dictations = Dictations()
        self._sounds = Sounds()
        self._runtime: Runtime | None = None
        self._publish: Callable[[Record], None] = lambda _: None
        self._began = time.monotonic()
        self._turns = 0
        self._spoken_at: float | None = None  # when somebody last spoke, monotonic seconds
        self._recent: deque[Exchange] = deque(maxlen=RECENT)
        self._written: tuple[str | None, list[str]] = None, []  # of whose question, and how far
        self._muted = self._down = False
        self._of_runtime = Status(pid=os.getpid(), bridge=None, state="off")

    @property
    def runtime(self) -> Runtime | None:
        """The runtime under control; ``None`` while it is being rebuilt."""
        return self._runtime

    def enter(self, runtime: Runtime, publish: Callable[[Record], None]) -> None:
        """Control this runtime from now on; ``publish`` sends clients every finished exchange."""
        if self._muted:
            runtime.microphone.mute()
        runtime.listener.button.down = self._down
        runtime.listener.awaits = lambda: self.lessons.awaited or runtime.waits
        self._publish = publish
        self._runtime = runtime

    def leave(self) -> None:
        """The runtime is being closed: nothing is heard until the next one."""
        if self._runtime is not None:
            for home in self._runtime.homes:
                home.close()
        self._runtime = None
        self._dictations.clear()
        self._sounds.clear()
        microphone = self._of_runtime.microphone
        if microphone is not None and microphone.state == "listening":
            waiting = microphone.model_copy(update={"state": "waiting", "speech": False})
            self._of_runtime = self._of_runtime.model_copy(update={"microphone": waiting})

    def answered(self, turn: Turn) -> None:
        """An exchange is complete."""
        self._turns += 1
        self._recent.append(condition.exchange(turn))
        self._publish(turn.record())

    def status(self) -> Status:
        """The daemon's status; while the runtime is being rebuilt, the last one known."""
        runtime = self._runtime
        if runtime is not None:
            self._forget_erased(runtime.assistant.journal)
            self._spoken_at = runtime.maintenance.spoken_at or self._spoken_at
            self._of_runtime = runtime.maintenance.status().model_copy(
                update={
                    "microphone": condition.microphone(runtime, self._spoken_at),
                    "loudspeaker": condition.loudspeaker(runtime),
                    "speaking": runtime.loudspeaker.speaking,
                    "celsius": look(runtime.settings.journal.path.parent).celsius,
                    "warnings": tuple(runtime.warnings()),
                }
            )
        return self._of_runtime.model_copy(
            update={
                "version": condition.version(),
                "uptime_s": time.monotonic() - self._began,
                "turns": self._turns,
                "recent": tuple(self._recent),
                "memory_mb": psutil.Process().memory_info().rss / 1e6,
            }
        )

    def household(self) -> Household:
        """What the household has asked to be kept."""
        return self.there().assistant.desk.household

    def restored(self) -> None:
        """Another journal is in use from now on."""
        self._recent.clear()

    def _forget_erased(self, journal: Journal) -> None:
        for each in list(self._recent):
            with suppress(JournalError, ValueError):  # or another thread has just removed it
                if each.id > 0 and not journal.exist((each.id,)):
                    self._recent.remove(each)

    def retrain(self, start: Start = "current", minutes: float | None = None) -> None:
        """Train as soon as the device has room for it."""
        self.there().maintenance.retrain(Request(start, minutes))

    def ask(self, text: str, *, aloud: bool = True, session: str | None = None) -> Record:
        """Answer a question and return the exchange's record."""

        def answer(runtime: Runtime, answered: Callable[[Record], None]) -> None:
            sentences: list[str] = []
            self._written = session, sentences
            try:
                turn = runtime.assistant.read(text, aloud=aloud, on_piece=sentences.append)
            finally:
                self._written = None, []
            self.answered(turn)
            answered(turn.record())

        return self.between_turns(answer) if aloud else self.meanwhile(answer)

    def written(self, session: str, after: int) -> list[str]:
        """The sentences of a reply that is being written."""
        name, sentences = self._written
        return [each.strip() for each in sentences[after:]] if name == session else []

    def hear(self, path: str, *, aloud: bool = True) -> Record:
        """Answer a question in a recording and return the exchange's record."""
        with refusing():
            return self.between_turns(question(Path(path), aloud=aloud, answered=self.answered))

    def transcribe(self, path: str) -> Record:
        """What the speech encoder alone recognises in a recording."""
        with refusing():
            return self.between_turns(transcription(Path(path)))

    def say(self, text: str) -> None:
        """Speak a text after everything queued before it; return when it begins to sound."""
        self.between_turns(announcement(text))

    def between_turns(self, work: Work[T]) -> T:
        """Have the answering thread do some work, and return its first answer."""
        self.there()
        return in_turn(self._inbox.errand, self.there, work)

    def meanwhile(self, work: Work[T]) -> T:
        """The same, but at once if that thread waits for the home, which may be who asks."""
        homes = self.there().homes

        def put(errand: Errand) -> None:
            if not any(home.errand(errand) for home in homes):
                self._inbox.errand(errand)

        return in_turn(put, self.there, work)

    def mute(self) -> None:
        """Close the microphone."""
        runtime, self._muted = self.there(), True
        runtime.microphone.mute()

    def unmute(self) -> None:
        """Open it again."""
        runtime, self._muted = self.there(), False
        runtime.microphone.unmute()

    def stop(self) -> None:
        """Stop speaking, and cancel the current reply."""
        self.there().assistant.interrupt()

    def reload(self) -> None:
        """Read the settings again; if they are invalid, the old ones stay."""
        self.there()
        try:
            self._reload()
        except AttuneError as error:
            raise RefusalError(f"{error} The previous settings stay in force.") from error

    def talk(self, *, down: bool) -> None:
        """The talk button goes down, or comes up."""
        button = self.there().listener.button
        self._down = down and button.needed
        button.down = self._down
        if down and not button.needed:
            raise RefusalError(
                "Attune listens without a button. Set listen.push_to_talk to use one."
            )

    def lesson(self, wait_s: float, text: str | None = None) -> Lesson | None:
        """What is said next, which is then not answered."""
        self.there()
        return _lesson(self.lessons.wait(wait_s), text)

    def hand_in(self, sound: str, place: int, text: str) -> Lesson | None:
        """Take a piece of a lesson that was recorded elsewhere."""
        try:
            piece = base64.b64decode(sound, validate=True)
        except ValueError:
            raise RefusalError("That is no recording. Record it again.") from None
        with refusing():
            return _lesson(self.lessons.hand_in(piece, place), text)

    def enroll(self, text: str) -> None:
        """Keep the last lesson, in which this was said."""
        with self.opened() as journal:
            if (heard := self.lessons.last()) is None:
                raise RefusalError("Nothing has been read aloud. Say the sentence again.")
            journal.enrolled(heard, text, Taught.ENROLLED)

    def home_wish(self, wait_s: float, trouble: str | None = None) -> Wish | None:
        """What the home is asked for next."""
        home = self._home()
        wish = home.take(wait_s, trouble)
        if wish is None:
            return None
        left_s = home.left_s(wish)
        return Wish(number=wish.number, words=wish.words, language=home.language, left_s=left_s)

    def home_answer(self, number: int, outcome: Outcome, speech: str = "") -> None:
        """How the home answered."""
        self._home().answered(number, HomeAnswer(outcome, speech))

    def _home(self) -> SmartHome:
        home = self.there().smart_home
        if home is None:
            raise RefusalError(
                "No home is set for Attune. Set home.url, then run 'assistant reload'."
            )
        return home

    def call_by(self, *, first: bool) -> None:
        """Keep the last lesson as an example of the wake word."""
        with self.opened() as journal:
            if (heard := self.lessons.last()) is None:
                raise RefusalError("Nothing has been said. Say your wake word again.")
            wake_examples.add(journal, heard.samples, first=first)

    def bridges(self) -> list[Record]:
        """All bridges, latest first."""
        settings = self.settings()
        folder = BridgeFolder(settings.bridges)
        with self.opened() as journal:
            found = entries(settings.bridge.path, folder, Lineage(journal), folder.current or BASE)
            return [entry.as_json() for entry in found]

    def promote(self, version: str | None) -> None:
        """Put a bridge to use that the gate has accepted; ``None``: the base bridge."""
        runtime = self.there()
        settings, folder = runtime.settings, BridgeFolder(runtime.settings.bridges)
        with self.opened() as journal:
            if version is None:
                while folder.current is not None:
                    folder.rollback()
                return
            entry = find(entries(settings.bridge.path, folder, Lineage(journal), None), version)
            found = folder.read(entry.version)
            found.require(
                runtime.assistant.encoder.fingerprint,
                runtime.assistant.llm.gguf.embedding_fingerprint,
            )
            if not found.accepted:
                raise RefusalError(
                    f"Version {entry.version} was judged and rejected. To use it anyway, run "
                    f"'assistant bridge promote {entry.version} --force' as the user that Attune "
                    "runs as."
                )
            folder.promote(entry.version)

    def rollback(self) -> str | None:
        """Go back by one promotion, and return the version now in use."""
        with refusing():
            return BridgeFolder(self.settings().bridges).rollback()

    def there(self) -> Runtime:
        """The runtime under control."""
        runtime = self._runtime
        if runtime is None:
            raise RefusalError("Attune is loading its settings. Try again in a moment.")
        return runtime

    def settings(self) -> Settings:
        """The settings in force."""
        return self.there().settings

    @contextmanager
    def opened(self) -> Generator[Journal, None, None]:
        """The journal, within a block."""
        with refusing(), Journal.open(self.settings().journal) as journal:
            yield journal


def _lesson(heard: Utterance | None, text: str | None) -> Lesson | None:
    """What is told of a lesson, and what is wrong with it if its text is known."""
    if heard is None:
        return None
    wrong = fault(heard, text) if text is not None else None
    return Lesson.of(heard, wrong and wrong.why)
