"""What the daemon does when a client asks."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import psutil

from assistant.control.messages import Exchange, MicrophoneState, Record, Status
from assistant.control.methods import Methods, RefusalError, Start
from assistant.daemon.loop import Inbox
from assistant.daemon.runtime import Runtime
from assistant.errors import AttuneError, JournalError
from assistant.household.nouns import Act, Noun
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.personalise.background.idle import look
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import BASE, entries, find
from assistant.personalise.training.request import Request
from assistant.skills.typed import Typed
from assistant.values import Route

ANSWER_S = 60.0
"""Longest wait for the answer to a question that a client asks."""

RECENT = 5
"""Exchanges shown in the status."""


class Controls(Methods):
    """Does what clients ask for, in their threads; refuses while the runtime is being rebuilt.

    Args:
        inbox: takes what only the answering thread may do.
        reload: reads the settings again.
    """

    def __init__(self, inbox: Inbox, reload: Callable[[], None]) -> None:
        self._inbox = inbox
        self._reload = reload
        self._runtime: Runtime | None = None
        self._publish: Callable[[Record], None] = lambda _: None
        self._began = time.monotonic()
        self._turns = 0
        self._recent: deque[Exchange] = deque(maxlen=RECENT)
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
        self._publish = publish
        self._runtime = runtime

    def leave(self) -> None:
        """The runtime is being closed: nothing is heard until the next one."""
        self._runtime = None
        microphone = self._of_runtime.microphone
        if microphone is not None and microphone.state == "listening":
            waiting = microphone.model_copy(update={"state": "waiting", "speech": False})
            self._of_runtime = self._of_runtime.model_copy(update={"microphone": waiting})

    def answered(self, turn: Turn) -> None:
        """An exchange is complete."""
        self._turns += 1
        self._recent.append(_exchange(turn))
        self._publish(turn.record())

    def status(self) -> Status:
        """The daemon's status; while the runtime is being rebuilt, the last one known."""
        runtime = self._runtime
        if runtime is not None:
            self._forget_erased(runtime.assistant.journal)
            hearing = runtime.microphone.hearing
            self._of_runtime = runtime.maintenance.status().model_copy(
                update={
                    "microphone": MicrophoneState(
                        state=hearing.condition.value,
                        why=hearing.why,
                        level_dbfs=runtime.listener.meter.dbfs,
                        speech=runtime.listener.speech,
                    ),
                    "speaking": runtime.loudspeaker.speaking,
                    "celsius": look(runtime.settings.journal.path.parent).celsius,
                    "warnings": tuple(runtime.warnings()),
                }
            )
        return self._of_runtime.model_copy(
            update={
                "version": _version(),
                "uptime_s": time.monotonic() - self._began,
                "turns": self._turns,
                "recent": tuple(self._recent),
                "memory_mb": psutil.Process().memory_info().rss / 1e6,
            }
        )

    def _forget_erased(self, journal: Journal) -> None:
        for each in list(self._recent):
            with suppress(JournalError, ValueError):  # or another thread has just removed it
                if each.id > 0 and not journal.exist((each.id,)):
                    self._recent.remove(each)

    def retrain(self, start: Start = "current", minutes: float | None = None) -> None:
        """Train as soon as the device has room for it."""
        self._there().maintenance.retrain(Request(start, minutes))

    def ask(self, text: str, *, aloud: bool = True) -> Record:
        """Answer a question and return the exchange's record."""
        self._there()
        answered: Future[Record] = Future()

        def errand() -> None:
            if answered.set_running_or_notify_cancel():
                try:
                    # of the current runtime: an earlier one may have been closed meanwhile
                    turn = self._there().assistant.read(text, aloud=aloud)
                except AttuneError as error:
                    answered.set_exception(RefusalError(str(error)))
                else:
                    self.answered(turn)
                    answered.set_result(turn.record())

        self._inbox.errand(errand)
        try:
            return answered.result(ANSWER_S)
        except LateError:
            answered.cancel()
            raise RefusalError(
                f"Attune has not answered within {ANSWER_S:g} s. Try again in a moment."
            ) from None

    def say(self, text: str) -> None:
        """Speak a text after everything queued before it."""
        self._there()
        self._inbox.errand(
            lambda: self._there().assistant.voice.say(iter((text,)), "say", lambda: None)
        )

    def mute(self) -> None:
        """Close the microphone."""
        runtime, self._muted = self._there(), True
        runtime.microphone.mute()

    def unmute(self) -> None:
        """Open it again."""
        runtime, self._muted = self._there(), False
        runtime.microphone.unmute()

    def stop(self) -> None:
        """Stop speaking, and cancel the current reply."""
        self._there().assistant.interrupt()

    def reload(self) -> None:
        """Read the settings again; if they are invalid, the old ones stay."""
        self._there()
        try:
            self._reload()
        except AttuneError as error:
            raise RefusalError(f"{error} The previous settings stay in force.") from error

    def talk(self, *, down: bool) -> None:
        """The talk button goes down, or comes up."""
        button = self._there().listener.button
        self._down = down and button.needed
        button.down = self._down
        if down and not button.needed:
            raise RefusalError(
                "Attune listens without a button. Set listen.push_to_talk to use one."
            )

    def log(self, last: int = 20) -> list[Record]:
        """The last exchanges without their recordings, newest first."""
        with self._journal() as journal:
            return [turn.record() for turn in journal.turns(limit=last)]

    def correct(self, turn_id: int, text: str) -> None:
        """Note what was really said in an exchange."""
        with self._journal() as journal:
            journal.correct(turn_id, text)

    def confirm(self, turn_id: int) -> str:
        """Note that an exchange was understood correctly, and return its text."""
        with self._journal() as journal:
            return journal.confirm(turn_id)

    def kept(self, noun: Noun) -> list[Record]:
        """What the household has asked Attune to keep."""
        with self._journal() as journal:
            return Typed(journal).kept(noun)

    def past_reminders(self, days: int = 7) -> list[Record]:
        """How reminders of the last days were answered, oldest first."""
        with self._journal() as journal:
            return Typed(journal).past_reminders(days)

    def keep(self, noun: Noun, words: list[str]) -> list[Record]:
        """Add what is typed, and return its records."""
        with self._journal() as journal:
            return Typed(journal).keep(noun, words)

    def change(self, noun: Noun, act: Act, ids: list[int]) -> list[Record]:
        """Do something to what has these numbers, and return its records as they were."""
        with self._journal() as journal:
            return Typed(journal).change(noun, act, ids)

    def bridges(self) -> list[Record]:
        """All bridges, latest first."""
        settings = self._there().settings
        folder = BridgeFolder(settings.bridges)
        with self._journal() as journal:
            found = entries(settings.bridge.path, folder, Lineage(journal), folder.current or BASE)
            return [entry.as_json() for entry in found]

    def promote(self, version: str | None) -> None:
        """Put a bridge to use that the gate has accepted; ``None``: the base bridge."""
        runtime = self._there()
        settings, folder = runtime.settings, BridgeFolder(runtime.settings.bridges)
        with self._journal() as journal:
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
                    f"Bridge {entry.version} was judged and rejected. To use it anyway, run "
                    f"'assistant bridge promote {entry.version} --force' as the user that Attune "
                    "runs as."
                )
            folder.promote(entry.version)

    def rollback(self) -> str | None:
        """Go back by one promotion, and return the version now in use."""
        with _refusing():
            return BridgeFolder(self._there().settings.bridges).rollback()

    def _there(self) -> Runtime:
        runtime = self._runtime
        if runtime is None:
            raise RefusalError("Attune is loading its settings. Try again in a moment.")
        return runtime

    @contextmanager
    def _journal(self) -> Generator[Journal, None, None]:
        with _refusing(), Journal.open(self._there().settings.journal) as journal:
            yield journal


@contextmanager
def _refusing() -> Generator[None, None, None]:
    """Report a failure to the client."""
    try:
        yield
    except AttuneError as error:
        raise RefusalError(str(error)) from error


def _exchange(turn: Turn) -> Exchange:
    by_bridge = turn.route is Route.BRIDGE
    return Exchange(
        id=turn.id,
        heard=turn.heard if by_bridge else turn.text,
        reply=turn.reply,
        route=turn.route and turn.route.value,
        timings_ms=asdict(turn.timings) if turn.timings is not None else {},
        at=turn.started_at,
    )


def _version() -> str | None:
    try:
        return version("attune")
    except PackageNotFoundError:
        return None
