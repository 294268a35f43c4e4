"""Where an utterance begins and ends, decided from one bit per frame.

It knows nothing of sound, clocks or speakers: what is speech is decided by the voice activity
detector, and whose it is by ``foreground``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from assistant.config import ListenSettings
from assistant.listen.pauses import LEAST_MS
from assistant.values import FRAME_MS, EndReason

TRAIL_FRAMES = 200 // FRAME_MS
"""Frames of the closing silence that stay in the utterance."""

PAUSE_FRAMES = LEAST_MS // FRAME_MS
"""Frames of silence within an utterance that make a pause."""

RESUMED_FRAMES = 100 // FRAME_MS
"""Voiced frames after a pause that show that speech continues, and that it was no click."""


@dataclass(frozen=True, slots=True)
class Started:
    """An utterance is under way."""

    length: int  # its frames so far, including the pre-roll and the current frame
    onset: int  # frames since the first voiced one, including both


@dataclass(frozen=True, slots=True)
class Paused:
    """A silence within an utterance has become a pause, or the beginning of its end."""

    voiced: int  # voiced frames so far


@dataclass(frozen=True, slots=True)
class Resumed:
    """Speech continues after a pause."""

    silence: int  # frames of the pause


@dataclass(frozen=True, slots=True)
class Ended:
    """An utterance is complete."""

    reason: EndReason
    length: int  # its frames, counted from its first; the silence after them is not part of it
    silence: int  # frames waited after the last voiced one
    voiced: int  # its voiced frames


@dataclass(frozen=True, slots=True)
class Dropped:
    """What had started was too short to be speech."""

    voiced: int  # its voiced frames


Event = Started | Paused | Resumed | Ended | Dropped


class Endpointer:
    """Finds utterances in a sequence of voiced and unvoiced frames.

    One starts when ``start_ms`` are voiced within ``start_window_ms``, and includes ``pre_roll_ms``
    before the first of them. It ends after ``end_silence_ms`` without voice, or the time set with
    ``wait``, or at the limit: after ``max_s``, and after as much again each time that ``go_on`` is
    called, but never later than after ``longest_s``. No frame belongs to two utterances.
    """

    def __init__(self, settings: ListenSettings) -> None:
        self._start = _frames(settings.tuned.start_ms)
        self._window = max(_frames(settings.tuned.start_window_ms), self._start)
        self._pre_roll = _frames(settings.tuned.pre_roll_ms)
        self._usual_limit = _frames(settings.end_silence_ms)
        self._stretch = _frames(settings.tuned.max_s * 1000)
        self._longest = max(self._stretch, _frames(settings.tuned.longest_s * 1000))
        self._min_voiced = _frames(settings.tuned.min_ms)
        self.reset()

    @property
    def reach(self) -> int:
        """Frames that ``Started.length`` can reach back, including the current one."""
        return self._window + self._pre_roll

    @property
    def active(self) -> bool:
        """Whether an utterance is under way."""
        return self._length > 0

    @property
    def voiced(self) -> int:
        """Voiced frames of the utterance under way."""
        return self._voiced

    @property
    def silence(self) -> int:
        """Frames without voice since the last voiced one of the utterance under way."""
        return self._silence

    @property
    def left(self) -> int:
        """Frames that the utterance under way may still have."""
        return self._max - self._length

    def reset(self) -> None:
        """Forget everything, including an utterance under way and the pre-roll."""
        self._free = 0  # recent frames that belong to no utterance
        self._forget()

    def step(self, is_speech: bool) -> Event | None:  # noqa: FBT001 - the one bit it lives on
        """Take the next frame; what it means, if anything."""
        return self._continue(is_speech) if self.active else self._wait(is_speech)

    def wait(self, silence_ms: float) -> None:
        """Set the silence that ends the utterance under way, until speech continues."""
        self._limit = _frames(silence_ms)

    def go_on(self) -> None:
        """Let the utterance under way be longer by another ``max_s``: it is speech."""
        self._max = min(self._max + self._stretch, self._longest)

    def leave_out(self, before: int) -> int:
        """Begin the utterance under way anew so many frames ago, and a pre-roll before that.

        What came earlier was the background. Returns the length of what remains.
        """
        if self.active and before + self._pre_roll < self._length:
            self._length = before + self._pre_roll
            self._voiced = min(self._voiced, before)
            self._max = max(self._stretch, self._length + 1)
        return self._length

    def finish(self) -> Event | None:
        """The source has ended, and with it an utterance under way."""
        return self._end(EndReason.STOP) if self.active else None

    def _wait(self, is_speech: bool) -> Event | None:  # noqa: FBT001
        self._free += 1
        self._recent.append(is_speech)
        voiced = sum(self._recent)
        if voiced < self._start:
            return None
        onset = len(self._recent) - self._recent.index(True)
        # at least one frame below the maximum, so that reaching it is an event of its own
        self._length = min(onset + self._pre_roll, self._free, self._max - 1)
        self._voiced = voiced
        return Started(self._length, onset)

    def _continue(self, is_speech: bool) -> Event | None:  # noqa: FBT001
        self._length += 1
        self._voiced += is_speech
        event = self._speak() if is_speech else self._fall_silent()
        if not is_speech and self._silence >= self._limit:
            return self._end(EndReason.SILENCE)
        if self._length >= self._max:
            return self._end(EndReason.MAX_LENGTH)
        return event

    def _speak(self) -> Event | None:
        if self._silence >= PAUSE_FRAMES:
            self._pause, self._since = self._silence, 0
        self._silence = 0
        self._limit = self._usual_limit
        self._since += 1
        if self._pause and self._since == RESUMED_FRAMES:
            pause, self._pause = self._pause, 0
            return Resumed(pause)
        return None

    def _fall_silent(self) -> Event | None:
        self._silence += 1
        if self._silence == PAUSE_FRAMES:
            self._pause = 0  # the previous pause was ended by a sound too short to be speech
            return Paused(self._voiced)
        return None

    def _end(self, reason: EndReason) -> Event:
        length, voiced, silence = self._length, self._voiced, self._silence
        self._forget()
        if voiced < self._min_voiced:
            self._free = length
            return Dropped(voiced)
        self._free = max(0, silence - TRAIL_FRAMES)
        return Ended(reason, length - self._free, silence, voiced)

    def _forget(self) -> None:
        self._recent: deque[bool] = deque(maxlen=self._window)
        self._length = self._voiced = self._silence = self._pause = self._since = 0
        self._limit = self._usual_limit
        self._max = self._stretch


def _frames(ms: float) -> int:
    """Whole frames that cover a time."""
    return -int(-ms // FRAME_MS)
