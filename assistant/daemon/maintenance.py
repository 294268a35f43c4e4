"""The work between turns: switching bridges, learning, and erasing what is due."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assistant import composition
from assistant.config import JournalSettings, Settings
from assistant.control.declaring import RefusalError
from assistant.control.messages import Status, as_json
from assistant.daemon.bell import Bell
from assistant.encode.encoder import adapt
from assistant.errors import AttuneError, TrainingError
from assistant.journal.deletion import keep_room
from assistant.journal.retention import Calendar
from assistant.personalise.background.scheduler import Scheduler
from assistant.personalise.background.supervisor import Ended, How, Supervisor
from assistant.personalise.bridges.erasure import resume_erasure, retain
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.examples import examples
from assistant.personalise.training.events import Event, Failed, Judged
from assistant.personalise.training.request import Request
from assistant.turn import Assistant

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

QUIET_S = 0.8
"""Time without speech before something is said unasked."""

TIDY_S = 3_600.0
"""Time between two checks for exchanges that have expired."""

COUNT_S = 10.0
"""Time without sound before the examples are counted again, which takes a moment."""

AGAIN_S = 3_600.0
"""Time after which a repeated failure is reported again."""

EXPECT_S = 10.0
"""Time of speech after which the context line, which contains the time, may have changed."""

TRAINER_S = 3.0
"""Longest wait for the trainer to save its state at the end."""

Mark = tuple[int, int, int] | None
"""Identifies the state of a file."""


class Promoted:
    """Notices when another bridge has been promoted, by checking one small file."""

    def __init__(self, folder: BridgeFolder) -> None:
        """Start watching; the bridge in use has to be read after this."""
        self.folder = folder
        self._seen = _mark(folder.state)

    def changed(self) -> bool:
        """Whether the folder's state has changed since the last call."""
        before, self._seen = self._seen, _mark(self.folder.state)
        return before != self._seen


class Maintenance:
    """Runs learning, erasure and bridge changes within ``with``, driven by one thread's calls.

    Args:
        assistant: whose bridge is changed, and whose journal is maintained.
        settings: all of them.
        promoted: created before the assistant's bridge was read.
        note: shows a person a message.
        publish: sends a training's events to clients; ``None`` if nothing is to be learned.
        start: starts a trainer.

    Raises:
        JournalError: if the state of learning cannot be read.
    """

    def __init__(
        self,
        assistant: Assistant,
        settings: Settings,
        promoted: Promoted,
        note: Callable[[str], None],
        *,
        publish: Callable[[Event], None] | None = None,
        start: Callable[[Settings, Request], Supervisor] = Supervisor,
    ) -> None:
        self._assistant = assistant
        self._settings = settings
        self._promoted = promoted
        self._note = note
        self._publish: Callable[[Event], None] = publish or (lambda _: None)
        self._noted: dict[str, float] = {}  # failures, and when, in monotonic seconds
        bridge = assistant.bridge
        is_learned = bridge is not None and promoted.folder.path(bridge.version).is_file()
        self._learned = bridge.version if bridge is not None and is_learned else None
        self._sound_at = self._tidy_at = time.monotonic()
        self.spoken_at: float | None = None  # when somebody last spoke, monotonic seconds
        self._speaks = False  # somebody spoke since the last check
        self._expected_at: float | None = None  # since the last turn; monotonic seconds
        self._examples = 0
        self._counted: tuple[Mark, ...] | None = None  # the journal's state at the last count
        self._calendar = Calendar()
        self._bell = None
        if publish is not None:
            self._bell = Bell(assistant.desk.household, settings.household, assistant.announce)
        self._scheduler = (
            None
            if publish is None
            else Scheduler(
                settings, assistant.journal, self._count, on_event=self._on_event, start=start
            )
        )

    def __enter__(self) -> Self:
        with self._noting_failures():
            self._resume_erasure(None)
        with self._noting_failures():
            self._promoted.folder.repair()
        keep_room(self._assistant.journal.path)
        self._swap()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._scheduler is not None:
            with self._noting_failures():
                self._scheduler.stop(TRAINER_S)

    def idle(self) -> None:
        """Switch bridges, let learning continue, and now and then erase what is due."""
        self._swap()
        self._expect()
        with self._noting_failures():
            self._assistant.rest()
        self._assistant.journal.retry()
        if self._bell is not None:
            with self._noting_failures():
                self._bell.idle(quiet=self._quiet(QUIET_S))
        if self._scheduler is not None:
            with self._noting_failures():
                self._scheduler.tick()
            if time.monotonic() >= self._tidy_at and self._quiet(self._settings.idle.quiet_s):
                self._tidy_at = time.monotonic() + TIDY_S
                self._tidy()

    def turn_began(self) -> None:
        """Pause the trainer, and switch to the promoted bridge."""
        self._expected_at = None
        if self._scheduler is not None:
            self._scheduler.turn_began()
        self._swap()

    def turn_ended(self) -> None:
        """Let the trainer continue soon."""
        self._sound_at = time.monotonic()
        if self._scheduler is not None:
            self._scheduler.turn_ended()

    def speech(self, captured_at: float) -> None:
        """Pause the trainer and have the language model prepare, from the listener's thread.

        Args:
            captured_at: when the speech was captured, monotonic seconds.
        """
        self._sound_at = self.spoken_at = time.monotonic()
        self._speaks = True
        if self._scheduler is not None:
            self._scheduler.speech(captured_at)

    def status(self) -> Status:
        """The current state of the bridge and of learning, from any thread."""
        bridge = self._assistant.bridge
        version = None if bridge is None else bridge.version
        if self._scheduler is None:
            return Status(pid=os.getpid(), bridge=version, state="off")
        found = self._scheduler.status()
        return Status(
            pid=os.getpid(),
            bridge=version,
            state=found.state.value,
            waits=found.waits,
            progress=found.progress,
            seconds_left=found.seconds_left,
            last_event=found.last_event and as_json(found.last_event),
            last_verdict=found.last_verdict and as_json(found.last_verdict),
            failures=found.failures,
            last_failure=found.last_failure,
            paused_after_ms=found.paused_after_ms,
        )

    def retrain(self, request: Request) -> None:
        """Train as soon as the device has room for it, from any thread.

        Raises:
            RefusalError: if a training is in progress.
        """
        if self._scheduler is None:
            raise RefusalError("Attune does not listen to a microphone, so it does not learn.")
        try:
            self._scheduler.ask(request)
        except TrainingError as error:
            raise RefusalError(str(error)) from error

    def _expect(self) -> None:
        """Once somebody speaks, decode the context line that will precede their words."""
        speaks, self._speaks = self._speaks, False
        now = time.monotonic()
        if speaks and (self._expected_at is None or now - self._expected_at > EXPECT_S):
            self._expected_at = now
            with self._noting_failures():
                self._assistant.expect()

    def _swap(self) -> None:
        if self._promoted.changed():
            with self._noting_failures():
                self._switch()

    def _switch(self) -> None:
        """Switch to the promoted bridge; keep the current one if that cannot be used."""
        folder, before = self._promoted.folder, self._assistant.bridge
        version = folder.current
        if before is not None and before.version == version:
            return
        encoder, llm = self._assistant.encoder, self._assistant.llm
        try:
            after = composition.bridge_of(version, self._settings, encoder, llm)
        except AttuneError:
            if self._learned is not None and not folder.path(self._learned).is_file():
                self._assistant.bridge = None  # erased, so it must no longer be used
                adapt(encoder, None)
            raise
        self._assistant.bridge, self._learned = after, version
        if after is None:
            if before is not None:
                self._note("What had been learned is not used any more: everybody is heard alike.")
        elif before is None or before.version != after.version:
            what = "what Attune came with" if version is None else "what was learned of your voice"
            self._note(f"Now using {what} (version {after.version}).")

    def _tidy(self) -> None:
        """Erase what is due; stop rewriting the database when somebody speaks."""
        began = time.monotonic()
        with self._noting_failures():
            self._resume_erasure(lambda: self._sound_at > began)
        with self._noting_failures():
            retain(
                self._assistant.journal,
                self._promoted.folder,
                self._limits(),
                self._settings.speak.wav_dir,
                datetime.now().astimezone(),
            )

    def _limits(self) -> JournalSettings:
        """What is kept; without a limit on its age while the date may be wrong."""
        moment = self._assistant.desk.household.look()
        newest = next((turn.started_at for turn in self._assistant.journal.turns(limit=1)), None)
        if self._calendar.may_be_trusted(moment.now, moment.boot_s, newest):
            return self._settings.journal
        return self._settings.journal.model_copy(update={"keep_days": 0})

    def _resume_erasure(self, stop: Callable[[], bool] | None) -> None:
        resume_erasure(
            self._assistant.journal, self._promoted.folder, self._settings.speak.wav_dir, stop
        )

    def _count(self) -> int:
        """How many examples a person has confirmed."""
        path = self._assistant.journal.path
        state = (_mark(path), _mark(path.with_name(f"{path.name}-wal")))
        quiet_s = min(COUNT_S, self._settings.idle.quiet_s)
        if self._counted is None or (state != self._counted and self._quiet(quiet_s)):
            self._counted = state
            found = examples(self._assistant.journal.turns(), self._settings.personalise)
            self._examples = sum(example.weight == 1.0 for example in found)
        return self._examples

    def _quiet(self, seconds: float) -> bool:
        return time.monotonic() - self._sound_at >= seconds

    def _on_event(self, event: Event | Ended) -> None:
        if not isinstance(event, Ended):
            self._publish(event)
            if isinstance(event, Judged):
                verdict = "Learned" if event.accepted else "Not good enough yet, nothing changes"
                self._note(f"{verdict}: {event.why} (version {event.version}).")
        elif event.how in (How.DIED, How.HUNG):
            why = event.why.rstrip(".")
            self._publish(Failed(why))
            again = "'assistant retrain' tries again."
            if self._settings.personalise.enabled:
                again = "It will be tried again; 'assistant status' shows when."
            self._note(f"A training failed: {why}. {again}")

    @contextmanager
    def _noting_failures(self) -> Generator[None, None, None]:
        """Report a failure, at most once an hour; the conversation continues."""
        try:
            yield
        except AttuneError as error:
            now = time.monotonic()
            self._noted = {text: at for text, at in self._noted.items() if now - at < AGAIN_S}
            if str(error) not in self._noted:
                self._noted[str(error)] = now
                self._note(str(error))


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
