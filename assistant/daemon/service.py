"""The daemon: a runtime that hears, kept up through reloads, watched, and ended cleanly."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from assistant.config import Settings
from assistant.control.server import Server
from assistant.daemon import loop
from assistant.daemon.controls import Controls
from assistant.daemon.health import Heartbeat, Signs, trouble
from assistant.daemon.microphone import Condition
from assistant.daemon.notify import Notifier
from assistant.daemon.runtime import Runtime, opened
from assistant.errors import AttuneError
from assistant.journal.turn import Turn
from assistant.values import Utterance

END_S = 4.5
"""How long the end may take; then the process is ended hard. Everything heard is on disk."""

LOOK_S = 0.25
"""How often the daemon's health is looked at."""

BEATS = 3
"""Signs of life that systemd gets within the time after which it takes silence for death."""


class Reporter(loop.Reporter, Protocol):
    """Reports what happens, and what a person should know beside."""

    def note(self, text: str) -> None:
        """Something beside the exchanges."""
        ...


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """How the daemon ended."""

    turns: int
    died: bool  # by a fault of its own


class Service:
    """Runs until it is asked to stop.

    Args:
        settings: to begin with.
        read: reads the settings anew.
        reporter: reports what happens.
        notifier: reports to systemd.
        once: end after the first exchange.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        reporter: Reporter,
        *,
        notifier: Notifier,
        once: bool = False,
    ) -> None:
        self._settings = settings
        self._read = read
        self._reporter = reporter
        self._note = reporter.note
        self._notifier = notifier
        self._once = once
        self._stopper = loop.Stopper()
        self._inbox = loop.Inbox()
        self._heart = Heartbeat()
        self._controls = Controls(self._inbox, self.reload)
        self._next: Settings | None = None
        self._serving = False
        self._died = ""  # of what, in a sentence
        self._ended = threading.Event()
        self._status = ""
        self._heard_with: Condition | None = None
        self._greeted = False

    def run(self) -> ServiceOutcome:
        """Answer until the end is asked for.

        Raises:
            AttuneError: if it cannot begin.
        """
        turns = 0
        settings: Settings = self._settings
        before: Settings | None = None
        with ExitStack() as owned:
            owned.enter_context(self._stopper.on_signals(self._hang_up))
            owned.enter_context(self._dying_with_its_threads())
            owned.callback(self._ended.set)
            self._stopper.also(self._set_deadline)
            self._stopper.also(self._stop_runtime)
            # first of all: a second daemon should not load its models beside the first one's
            server = owned.enter_context(
                Server(settings.control.path, group=settings.control.group)
            )
            threading.Thread(target=self._watch, args=(server,), name="health", daemon=True).start()
            while not self._stopper.stopped:
                began = time.monotonic()
                with ExitStack() as staying:
                    try:
                        runtime = staying.enter_context(self._opened(settings, server))
                    except AttuneError as error:
                        if before is None:
                            raise
                        self._note(f"{error} The settings from before stay.")
                        settings, before = before, None
                        continue
                    gc.collect()  # the one before, if its listener was still at work below
                    self._note(f"Models ready after {time.monotonic() - began:.1f} s.")
                    turns += self._live(runtime, server)
                if self._next is None:
                    break
                before, settings, self._next = settings, self._next, None
                del runtime
                gc.collect()  # a runtime refers to itself, and there may not be room for two
            self._notifier.stopping()
        if self._died:  # last of all, where it is looked for
            self._note(self._died)
        return ServiceOutcome(turns, bool(self._died))

    def reload(self) -> None:
        """Read the settings anew, from any thread; a turn under way is finished first.

        Raises:
            ConfigError: if they are broken; the old ones stay.
        """
        self._next = self._read()
        self._notifier.reloading()
        self._inbox.errand(self._make_way)  # a runtime that is being opened is left again at once

    def _opened(self, settings: Settings, server: Server) -> AbstractContextManager[Runtime]:
        beat, errand = self._heart.beat, self._inbox.errand
        return opened(settings, self._note, beat=beat, publish=server.publish, errand=errand)

    def _live(self, runtime: Runtime, server: Server) -> int:
        """Hear and answer until a reload or the end; how many exchanges there were."""
        self._heart.beat()
        self._controls.enter(runtime, server.publish_turn)
        if self._stopper.stopped or self._next is not None:  # while it was being opened
            runtime.stop()
        if not self._serving:
            self._serving = True
            server.serve(self._controls)
        self._status = self._said(runtime)
        self._notifier.ready(self._status)
        try:
            outcome = loop.run(
                runtime.assistant,
                self._heard(runtime),
                stopper=runtime.stopper,
                reporter=_Publishing(self._reporter, self._controls),
                beside=_Beating(runtime, self._heart.beat),
                inbox=self._inbox,
                turn_taking=runtime.listener.turn_taking,
                once=self._once,
            )
        except AttuneError:
            raise
        except Exception as error:  # noqa: BLE001 - reported as that of any thread is
            self._die("answer", error)
            turns = 0
        else:
            turns = outcome.turns
        finally:
            self._controls.leave()
            runtime.stop()
        if self._next is None or self._stopper.stopped:
            # heard while the last turn was under way: kept, though nobody answers any more
            for utterance in self._inbox.rest():
                runtime.assistant.journal.hear(utterance)
        return turns

    def _heard(self, runtime: Runtime) -> Iterator[Utterance]:
        """What is said, from the thread that listens."""
        try:
            yield from runtime.listener.utterances()
        except Exception as error:  # noqa: BLE001 - nobody listens any more, for whatever reason
            self._die("listen", error)

    def _make_way(self) -> None:
        """Stop for the sake of other settings, unless they have been taken up by now."""
        if self._next is not None:
            self._stop_runtime()

    def _stop_runtime(self) -> None:
        runtime = self._controls.runtime
        if runtime is not None:
            runtime.stop()

    def _hang_up(self) -> None:
        """SIGHUP, in a thread of its own."""
        try:
            self.reload()
        except AttuneError as error:
            self._note(f"{error} The settings from before stay.")

    def _watch(self, server: Server) -> None:
        """Report to systemd and followers how the daemon is."""
        noted = False
        alive_at = 0.0
        while not self._ended.wait(LOOK_S):
            wrong = self._look(server)
            if wrong is not None and not noted:
                self._note(wrong)
            noted = wrong is not None
            watchdog_s = self._notifier.watchdog_s
            if watchdog_s is None or wrong is not None:
                continue
            if time.monotonic() - alive_at >= watchdog_s / BEATS:
                alive_at = time.monotonic()
                self._notifier.alive()

    def _look(self, server: Server) -> str | None:
        """What is wrong now, in one sentence."""
        runtime = self._controls.runtime
        if runtime is None:
            return None
        hearing = runtime.microphone.hearing
        if hearing.condition is not self._heard_with:
            self._heard_with = hearing.condition
            if hearing.condition is Condition.LISTENING and not self._greeted:
                self._greeted = True
                self._note("Listening. Speak, and stop with Ctrl-C.")
            server.publish_state(hearing.condition.value, hearing.why)
        wrong = trouble(Signs(hearing, self._heart.age_s), runtime.settings.service)
        self._say(wrong or self._said(runtime))
        return wrong

    def _say(self, status: str) -> None:
        if status != self._status:
            self._status = status
            self._notifier.status(status)

    def _said(self, runtime: Runtime) -> str:
        """What the daemon does, in one line for ``systemctl status``."""
        hearing = runtime.microphone.hearing
        match hearing.condition:
            case Condition.ABSENT:
                return f"No microphone: {hearing.why}"
            case Condition.MUTED:
                return "Muted"
            case _:
                return "Speaking" if runtime.loudspeaker.speaking else "Listening"

    @contextmanager
    def _dying_with_its_threads(self) -> Generator[None, None, None]:
        """Within the block a thread that dies takes the process with it, and says why."""

        def died(what: threading.ExceptHookArgs) -> None:
            name = what.thread.name if what.thread is not None else "unknown"
            self._die(name, what.exc_value or what.exc_type())

        before = threading.excepthook
        threading.excepthook = died
        try:
            yield
        finally:
            threading.excepthook = before

    def _die(self, thread: str, error: BaseException) -> None:
        """End because a thread has died, from any thread."""
        sys.stderr.write(traced(error))
        self._died = self._died or (
            f"Attune ends because its thread {thread!r} died ({_kind(error)})."
        )
        self._stopper.stop()

    def _set_deadline(self) -> None:
        threading.Thread(target=self._end_hard, name="deadline", daemon=True).start()

    def _end_hard(self) -> None:
        if not self._ended.wait(END_S):
            why = self._died or "The end took too long, so Attune ended at once."
            sys.stderr.write(f"assistant: {why}\n")
            sys.stderr.flush()
            os._exit(1)


def traced(error: BaseException) -> str:
    """Where an error comes from, without its message: that may hold what was said.

    Args:
        error: one that nobody foresaw; the others are sentences without such words.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    lines: list[str] = []
    for each in reversed(chain):
        lines += ["Traceback (most recent call last):\n", *traceback.format_tb(each.__traceback__)]
        lines.append(f"{_kind(each)}\n")
    return "".join(lines)


def _kind(error: BaseException) -> str:
    what = error.strerror if isinstance(error, OSError) else None
    return type(error).__name__ + (f": {what}" if what else "")


@dataclass(frozen=True, slots=True)
class _Publishing:
    """Reports exchanges to a person, and to the clients that follow."""

    reporter: Reporter
    controls: Controls

    def begins(self, utterance: Utterance) -> None:
        self.reporter.begins(utterance)

    def turn(self, turn: Turn) -> None:
        self.reporter.turn(turn)
        self.controls.answered(turn)

    def failure(self, error: AttuneError) -> None:
        self.reporter.failure(error)


@dataclass(frozen=True, slots=True)
class _Beating:
    """Shows that the thread which answers moves on."""

    runtime: Runtime
    beat: Callable[[], None]

    def idle(self) -> None:
        self.beat()
        self.runtime.maintenance.idle()

    def turn_began(self) -> None:
        self.beat()
        self.runtime.maintenance.turn_began()

    def turn_ended(self) -> None:
        self.beat()
        self.runtime.maintenance.turn_ended()
        self.runtime.remember()
