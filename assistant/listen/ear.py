"""What of the microphone's sound is heard at all: not while deaf, shut, or before a wake word."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from assistant.values import FRAME_MS, AudioFrame

HALF_FRAMES = 100 // FRAME_MS
"""Speech that begins this soon after listening was suspended probably began before."""

LATE_FRAMES = 160 // FRAME_MS
"""Frames by which a wake word is typically recognised after its end. So many are heard again, for
a request that follows in the same breath; more would hold some of the word itself."""


class Ear(Enum):
    """What becomes of a frame."""

    OPEN = "open"  # it is heard
    SHUT = "shut"  # it is not, and ends an utterance under way
    DEAF = "deaf"  # it is not, and an utterance under way is dropped; what follows may be half one
    CALLED = "called"  # a wake word has ended: as deaf, but what follows is whole


Woken = Callable[[AudioFrame, bool], Ear]
"""Whether a wake word opens the ear: from a frame, and whether an utterance is under way."""


class Hearing:
    """Decides about frames in order, and knows for how long there has been something to hear.

    Args:
        deaf: frames for which this is true are dropped, and with them an utterance under way.
        open: frames for which this is false are not heard.
        woken: is asked about the rest.
    """

    def __init__(
        self,
        deaf: Callable[[AudioFrame], bool] | None,
        open: Callable[[AudioFrame], bool] | None,  # noqa: A002 - as in an open microphone
        woken: Woken | None,
    ) -> None:
        self._deaf, self._open, self._woken = deaf, open, woken
        self._since: int | None = None  # frames since it was deaf last; none: it never was
        self._late: deque[AudioFrame] = deque(maxlen=LATE_FRAMES)

    def of(
        self, frames: Iterable[AudioFrame], is_active: Callable[[], bool]
    ) -> Iterator[tuple[AudioFrame, Ear]]:
        """What becomes of each frame; the last ones up to a call come again, and are heard.

        Args:
            frames: 20 ms each, in order.
            is_active: whether an utterance is under way.
        """
        for frame in frames:
            ear = self._ear(frame, is_active)
            if ear is Ear.DEAF:
                self._late.clear()
            else:
                self._late.append(frame)
            yield frame, ear
            if ear is Ear.CALLED:
                self._since = None
                for late in self._late:
                    yield late, Ear.OPEN
                self._late.clear()

    def has_missed(self, onset: int) -> bool:
        """Whether what began so many frames ago probably began unheard."""
        return self._since is not None and self._since - onset < HALF_FRAMES

    def _ear(self, frame: AudioFrame, is_active: Callable[[], bool]) -> Ear:
        if self._deaf is not None and self._deaf(frame):
            self._since = 0
            return Ear.DEAF
        if self._since is not None:
            self._since += 1
        if self._open is not None and not self._open(frame):
            return Ear.SHUT
        return Ear.OPEN if self._woken is None else self._woken(frame, is_active())
