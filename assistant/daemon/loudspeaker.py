"""A loudspeaker that may come and go: replies continue without it, and it is retried."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from assistant.errors import DependencyError, DeviceError
from assistant.speak.aloud import Sink
from assistant.speak.speech import Speech

RETRY_S = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses after a failure before the next reply tries again; the last one is repeated."""


class LoudspeakerSupervisor:
    """Plays through a sink while that works; what cannot be played counts as spoken.

    Args:
        sink: the loudspeaker.
        note: shows a person that it fails, and that it works again.
        refresh: updates the list of devices.
        beat: called with every sentence.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        sink: Sink,
        note: Callable[[str], None],
        *,
        refresh: Callable[[], None],
        beat: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._note = note
        self._refresh = refresh
        self._beat = beat
        self._clock = clock
        self._open = False  # has started a reply that must be ended
        self._sounds = False  # and has not failed since
        self._said = False  # a complete sentence of it
        self._stopped = threading.Event()
        self._failures = 0
        self._again_at = 0.0
        self._why: str | None = None
        self._failed_at = 0.0  # first

    @property
    def why(self) -> str | None:
        """Why the loudspeaker fails, in a sentence, while it does."""
        return self._why

    @property
    def failing_s(self) -> float | None:
        """For how long it has failed; ``None`` if it works."""
        return None if self._why is None else self._clock() - self._failed_at

    @property
    def speaking(self) -> bool:
        """Whether a reply is being spoken."""
        return self._sounds

    def begin(self, name: str) -> None:
        """Open the loudspeaker, if it works or may work again."""
        self._stopped.clear()
        if self._clock() < self._again_at:
            return
        try:
            if self._why is not None or not self._begin(name):
                self._refresh()
                self._sink.begin(name)
        except (DependencyError, DeviceError) as error:
            self._failed(error)
        else:
            self._open = self._sounds = True
            self._said = False

    def play(self, speech: Speech) -> bool:
        """Speak a sentence, if there is a loudspeaker; False if it was stopped."""
        self._beat()
        if self._sounds:
            try:
                going_on = self._sink.play(speech)
            except DeviceError as error:
                self._failed(error)
            else:
                self._said = self._said or going_on
                return going_on
        return not self._stopped.is_set()

    def stop(self) -> None:
        """Stop speaking, from any thread."""
        self._stopped.set()
        self._sink.stop()

    def end(self) -> None:
        """Return when everything has been played, and close the loudspeaker."""
        if not self._open:
            return
        try:
            self._sink.end()
        except DeviceError as error:
            self._failed(error)
        else:
            if self._sounds and self._said:
                self._works()
        finally:
            self._open = self._sounds = False

    def _begin(self, name: str) -> bool:
        """Try with the known devices, which may have changed."""
        try:
            self._sink.begin(name)
        except DeviceError:
            return False
        return True

    def _failed(self, error: DependencyError | DeviceError) -> None:
        self._sounds = False
        self._again_at = self._clock() + RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
        if self._why is None:
            self._failed_at = self._clock()
            self._note(f"{error} Until then replies are only shown as text.")
        self._why = str(error)

    def _works(self) -> None:
        if self._why is not None:
            self._note("The loudspeaker works again.")
        self._why, self._failures, self._again_at = None, 0, 0.0
