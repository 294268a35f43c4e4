"""The daemon: runs a listening runtime through reloads, watches it, and ends it cleanly."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Protocol

from assistant.config import Settings
from assistant.control.server import Server
from assistant.daemon import loop
from assistant.daemon.controls import Controls
from assistant.daemon.ending import Ending
from assistant.daemon.health import Heartbeat
from assistant.daemon.interlude import Interlude
from assistant.daemon.notify import Notifier
from assistant.daemon.runtime import Runtime, opened
from assistant.daemon.watch import Watch
from assistant.errors import AttuneError, ConfigError, named, traced, translated
from assistant.journal.turn import Turn
from assistant.values import Utterance


class Reporter(loop.Reporter, Protocol):
    """Reports exchanges, and messages for a person."""

    def note(self, text: str) -> None:
        """Show a message."""


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """How the daemon ended."""

    turns: int
    died: bool  # because of an internal error


class Service:
    """Runs until it is asked to stop.

    Args:
        settings: to start with.
        read: reads the settings again.
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
        self._interlude = Interlude(self.reload)
        self._controls = Controls(self._inbox, self.reload, self._interlude.held)
        self._next: Settings | None = None
        self._serving = False
        self._ending = Ending(self._stopper)
        self._watch = Watch(self._controls, self._heart, notifier, self._note)

    def run(self) -> ServiceOutcome:
        """Answer until the end is requested.

        Raises:
            AttuneError: if it cannot start.
        """
        turns = 0
        settings: Settings = self._settings
        before: Settings | None = None
        with ExitStack() as owned:
            owned.enter_context(self._stopper.on_signals(self._hang_up))
            owned.enter_context(self._ending)
            self._stopper.also(self._stop_runtime)
            # first, so that a second daemon does not load its models as well
            server = owned.enter_context(
                Server(settings.control.path, group=settings.control.group)
            )
            owned.enter_context(self._watch.over(server))
            owned.callback(self._controls.close)
            while not self._stopper.stopped:
                began = time.monotonic()
                with ExitStack() as staying:
                    try:
                        runtime = staying.enter_context(self._opened(settings, server))
                    except Exception as error:
                        if before is None:
                            raise
                        self._keep_previous(error)
                        settings, before = before, None
                        continue
                    gc.collect()  # the previous one, if its listener was still busy below
                    self._note(f"Models ready after {time.monotonic() - began:.1f} s.")
                    turns += self._live(runtime, server)
                if self._next is None:
                    break
                before, settings, self._next = settings, self._next, None
                del runtime
                gc.collect()  # a runtime refers to itself, and memory may not hold two
                self._interlude.take_place(self._heart.beat)
            self._notifier.stopping()
        why = self._ending.why
        if why:  # last, where people look for it
            self._note(why)
        return ServiceOutcome(turns, bool(why))

    def reload(self) -> None:
        """Read the settings again, from any thread; the current turn is finished first.

        Raises:
            ConfigError: if they are invalid; the old ones stay.
        """
        with translated(ConfigError, "read the settings", "Fix them."):
            self._next = self._read()
        self._notifier.reloading()
        self._inbox.errand(
            self._make_way
        )  # a runtime that is still being opened is closed right away

    def _opened(self, settings: Settings, server: Server) -> AbstractContextManager[Runtime]:
        beat, errand = self._heart.beat, self._inbox.errand
        return opened(
            settings,
            self._note,
            beat=beat,
            publish=server.publish,
            errand=errand,
            tell=server.publish_happening,
        )

    def _live(self, runtime: Runtime, server: Server) -> int:
        """Hear and answer until a reload or the end; returns the number of exchanges."""
        self._heart.beat()
        self._controls.enter(runtime, server.publish_turn)
        if self._stopper.stopped or self._next is not None:  # while it was being opened
            runtime.stop()
        if not self._serving:
            self._serving = True
            server.serve(self._controls)
        self._watch.ready(runtime)
        conversation = _Conversation(runtime, self._reporter, self._controls, self._heart.beat)
        try:
            outcome = loop.run(
                runtime.assistant,
                self._heard(runtime),
                stopper=runtime.stopper,
                reporter=conversation,
                beside=conversation,
                inbox=self._inbox,
                turn_taking=runtime.listener.turn_taking,
                once=self._once,
            )
        except AttuneError:
            raise
        except Exception as error:  # noqa: BLE001 - reported like that of any thread
            self._ending.die("answer", error)
            turns = 0
        else:
            turns = outcome.turns
        finally:
            self._controls.leave()
            runtime.stop()
        if self._next is None or self._stopper.stopped:
            # heard during the last turn: kept, though they will not be answered
            for utterance in self._inbox.rest():
                runtime.assistant.journal.hear(utterance)
        return turns

    def _heard(self, runtime: Runtime) -> Iterator[Utterance]:
        """What is said, from the listening thread."""
        try:
            for utterance in runtime.listener.utterances():
                if not self._controls.lessons.take(utterance):
                    runtime.overhear(utterance)
                    yield utterance
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing listens any longer
            self._ending.die("listen", error)

    def _make_way(self) -> None:
        """Stop to apply new settings, unless they are in force already."""
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
            self._keep_previous(error)

    def _keep_previous(self, error: Exception) -> None:
        why = str(error)
        if not isinstance(error, AttuneError):
            sys.stderr.write(traced(error))
            why = f"The new settings cannot be used ({named(error)})."
        self._note(f"{why} The previous settings stay in force.")


@dataclass(frozen=True, slots=True)
class _Conversation:
    """Reports exchanges to a person and to clients, and does the work between them."""

    runtime: Runtime
    reporter: Reporter
    controls: Controls
    beat: Callable[[], None]  # shows that the answering thread is active

    def begins(self, utterance: Utterance) -> None:
        self.reporter.begins(utterance)

    def turn(self, turn: Turn) -> None:
        self.reporter.turn(turn)
        self.controls.answered(turn)

    def failure(self, error: AttuneError) -> None:
        self.reporter.failure(error)

    def idle(self) -> None:
        self.beat()
        if self.runtime.happenings is not None:
            self.runtime.happenings.look()
        self.runtime.maintenance.idle()

    def turn_began(self) -> None:
        self.beat()
        self.runtime.maintenance.turn_began()

    def turn_ended(self) -> None:
        self.beat()
        self.runtime.maintenance.turn_ended()
        for home in self.runtime.homes:
            home.turn_ended()
        self.runtime.remember()
