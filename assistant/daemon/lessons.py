"""Lessons while the daemon runs: what somebody reads aloud is not answered, but learned from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import numpy as np

from assistant.audio.resample import to_float32
from assistant.errors import AudioFileError
from assistant.values import SAMPLE_RATE, EndReason, Utterance

ELSEWHERE = "a helper's device"
"""Source of a lesson that was not recorded by this device's microphone."""

GRACE_S = 2.0
"""How long after the last question for a lesson speech is still one; a client may hang."""

EAGER_S = 0.5
"""A lesson may begin this much before it is asked for: who reads aloud does not wait."""


LONGEST_S = 31.0
"""Longest lesson that was recorded elsewhere."""


class Lessons:
    """Gives the next utterance to a client instead of to the conversation.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._came = threading.Condition()
        self._since = self._until = 0.0  # when lessons are taken
        self._last: Utterance | None = None
        self._pieces: list[bytes] = []  # of one that is being handed in

    @property
    def awaited(self) -> bool:
        """Whether what is said now may be a lesson; from any thread."""
        return self._clock() <= self._until

    def wait(self, seconds: float) -> Utterance | None:
        """The next utterance, taken out of the conversation; ``None`` if none ends in that time.

        While a client asks again and again, speech stays a lesson in between, too.
        """
        with self._came:
            now = self._clock()
            if now > self._until:
                self._since = now
            self._until = now + seconds + GRACE_S
            self._last = None
            self._came.wait_for(lambda: self._last is not None, seconds)
            if self._last is not None:
                self._until = 0.0
            return self._last

    def take(self, utterance: Utterance) -> bool:
        """Take what has just been said, if it is a lesson; in the listening thread."""
        with self._came:
            now = self._clock()
            began = now - utterance.seconds - utterance.endpoint_ms / 1000
            if now > self._until or began < self._since - EAGER_S:
                return False
            self._last = utterance
            self._came.notify_all()
            return True

    def last(self) -> Utterance | None:
        """The lesson that came last, once."""
        with self._came:
            last, self._last = self._last, None
            return last

    def hand_in(self, sound: bytes, place: int) -> Utterance | None:
        """Take a piece of a lesson that was recorded elsewhere; the empty one completes it.

        Args:
            sound: mono, 16 kHz, 16 bits, little-endian.
            place: of the piece, from 0, which begins anew.

        Raises:
            AudioFileError: if a piece is missing, or they are no such sound.
        """
        with self._came:
            if place == 0:
                self._pieces = []
            if place != len(self._pieces):
                raise AudioFileError("The recording did not come as a whole. Record it again.")
            if sound:
                self._pieces.append(sound)
                if sum(map(len, self._pieces)) > LONGEST_S * SAMPLE_RATE * 2:
                    self._pieces = []
                    raise AudioFileError(f"A sentence may last {LONGEST_S:.0f} s at most.")
                return None
            whole, self._pieces = b"".join(self._pieces), []
            if not whole or len(whole) % 2:
                raise AudioFileError("That is no recording. Record it again.")
            samples = to_float32(np.frombuffer(whole, "<i2").astype(np.int16))
            began = datetime.now(timezone.utc) - timedelta(seconds=len(samples) / SAMPLE_RATE)
            self._last = Utterance(samples, began, EndReason.STOP, source=ELSEWHERE)
            return self._last
