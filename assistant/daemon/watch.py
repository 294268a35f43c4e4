"""Watches over the daemon: reports its health to systemd, clients and the console."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from assistant.control.server import Server
from assistant.daemon.controls import Controls
from assistant.daemon.health import Heartbeat, Signs, trouble
from assistant.daemon.microphone import Condition
from assistant.daemon.notify import Notifier
from assistant.daemon.runtime import Runtime

LOOK_S = 0.25
"""How often the daemon's health is checked."""

BEATS = 3
"""Signs of life sent to systemd per watchdog interval."""


class Watch:
    """Looks at the runtime under control, in a thread of its own.

    Args:
        controls: hold the runtime.
        heart: beats when the answering thread is active.
        notifier: reports to systemd.
        note: shows a person a message.
    """

    def __init__(
        self, controls: Controls, heart: Heartbeat, notifier: Notifier, note: Callable[[str], None]
    ) -> None:
        self._controls = controls
        self._heart = heart
        self._notifier = notifier
        self._note = note
        self._ended = threading.Event()
        self._status = ""
        self._heard_with: Condition | None = None
        self._greeted = False

    @contextmanager
    def over(self, server: Server) -> Generator[None, None, None]:
        """Watch within the block; the server's clients get the microphone's state."""
        threading.Thread(target=self._watch, args=(server,), name="health", daemon=True).start()
        try:
            yield
        finally:
            self._ended.set()

    def ready(self, runtime: Runtime) -> None:
        """The runtime can be used."""
        self._status = _doing(runtime)
        self._notifier.ready(self._status)

    def _watch(self, server: Server) -> None:
        noted = False
        alive_at = 0.0
        while not self._ended.wait(LOOK_S):
            self._controls.tidy()
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
                full_duplex = runtime.listener.full_duplex
                # once it is known, nobody needs to hear it at each start
                if full_duplex.works is None and runtime.settings.speak.wav_dir is None:
                    self._note(full_duplex.sentence)
            server.publish_state(hearing.condition.value, hearing.why)
        wrong = trouble(Signs(hearing, self._heart.age_s), runtime.settings.service)
        status = wrong or _doing(runtime)
        if status != self._status:
            self._status = status
            self._notifier.status(status)
        return wrong


def _doing(runtime: Runtime) -> str:
    """What the daemon is doing, in one line for ``systemctl status``."""
    hearing = runtime.microphone.hearing
    match hearing.condition:
        case Condition.ABSENT:
            return f"No microphone: {hearing.why}"
        case Condition.MUTED:
            return "Muted"
        case _:
            return "Speaking" if runtime.loudspeaker.speaking else "Listening"
