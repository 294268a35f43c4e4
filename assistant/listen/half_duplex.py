"""Deaf while the assistant itself speaks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager

from assistant.config import ListenSettings
from assistant.values import FRAME_MS, AudioFrame

_FRAME_S = FRAME_MS / 1000


class HalfDuplex:
    """Remembers when the assistant itself spoke, so that it does not answer its own voice.

    What counts is when a frame was captured, so it may have waited in a queue. For a microphone
    only: a recording does not hear the loudspeaker.
    """

    def __init__(
        self, settings: ListenSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._hold_off = settings.hold_off_ms / 1000
        self._clock = clock
        self._lock = threading.Lock()
        self._spans: deque[tuple[float, float]] = deque()  # from, until
        self._since: float | None = None

    @contextmanager
    def speaking(self) -> Generator[None, None, None]:
        """Deaf for as long as the block runs and for the hold-off after it."""
        began = self._clock()
        with self._lock:
            self._since = began
        try:
            yield
        finally:
            with self._lock:
                self._spans.append((began, self._clock() + self._hold_off))
                self._since = None

    def deaf(self, frame: AudioFrame) -> bool:
        """Whether this frame was captured during the assistant's speech or its hold-off."""
        begin, end = frame.captured_at, frame.captured_at + _FRAME_S
        with self._lock:
            while self._spans and self._spans[0][1] <= begin:
                self._spans.popleft()  # frames come in order, so it is no longer needed
            if self._since is not None and end > self._since:
                return True
            return any(since < end and begin < until for since, until in self._spans)
