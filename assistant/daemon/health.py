"""Whether the daemon is healthy: it hears, or knows why not, and its answers progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from assistant.config import ServiceSettings
from assistant.daemon.microphone import Condition, Hearing


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of life at one moment."""

    hearing: Hearing
    answering_age_s: float  # since the answering thread was last seen to be active


def trouble(signs: Signs, settings: ServiceSettings) -> str | None:
    """What is wrong with the daemon, in one sentence; ``None`` if it is healthy.

    A microphone known to be absent or muted is not a problem here, because that is handled. One
    that should deliver sound and does not is a problem; so is an answer that makes no progress.
    """
    hearing = signs.hearing
    if signs.answering_age_s > settings.stuck_s:
        return f"The current answer has made no progress for {signs.answering_age_s:.0f} s."
    if hearing.condition is Condition.LISTENING and hearing.frame_age_s > settings.deaf_s:
        return f"No sound has come from the microphone for {hearing.frame_age_s:.0f} s."
    if hearing.condition is Condition.WAITING and hearing.frame_age_s > settings.stuck_s:
        return f"The microphone has not opened for {hearing.frame_age_s:.0f} s."
    return None


class Heartbeat:
    """When a thread was last active; beaten by it, read by another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._at = clock()

    def beat(self) -> None:
        """Show that the thread is active."""
        with self._lock:
            self._at = self._clock()

    @property
    def age_s(self) -> float:
        """Seconds since then."""
        with self._lock:
            return self._clock() - self._at
