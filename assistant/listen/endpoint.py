"""Where an utterance begins and ends.

``Endpointer`` decides from one bit per frame and knows neither sound nor clocks; ``segment``
joins it to frames and to a voice activity detector. It does not know who speaks: another
person, a television or steady loud noise is speech as far as the detector takes it for speech.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
import webrtcvad  # pyright: ignore[reportMissingTypeStubs]

from assistant.audio.resample import to_float32
from assistant.config import ListenSettings
from assistant.values import FRAME_MS, SAMPLE_RATE, AudioFrame, EndReason, Utterance

TRAIL_FRAMES = 200 // FRAME_MS
"""Frames of the closing silence that stay in the utterance."""

_FRAME_S = FRAME_MS / 1000


@dataclass(frozen=True, slots=True)
class Started:
    """An utterance is under way."""

    length: int  # its frames so far, pre-roll and the present frame included


@dataclass(frozen=True, slots=True)
class Ended:
    """An utterance is complete."""

    reason: EndReason
    length: int  # its frames, counted from its first; the silence after them is not part of it
    silence: int  # frames waited for after the last voiced one


@dataclass(frozen=True, slots=True)
class Dropped:
    """What had started was too short to be speech."""

    voiced: int  # its voiced frames


Event = Started | Ended | Dropped


class Endpointer:
    """Finds utterances in a sequence of voiced and unvoiced frames.

    It starts one when ``start_ms`` are voiced within ``start_window_ms``, together with
    ``pre_roll_ms`` before the first of them, and ends it after ``end_silence_ms`` without voice
    or at ``max_s``. No frame belongs to two utterances.
    """

    def __init__(self, settings: ListenSettings) -> None:
        self._start = _frames(settings.start_ms)
        self._window = max(_frames(settings.start_window_ms), self._start)
        self._pre_roll = _frames(settings.pre_roll_ms)
        self._silence_limit = _frames(settings.end_silence_ms)
        self._max = _frames(settings.max_s * 1000)
        self._min_voiced = _frames(settings.min_ms)
        self.reset()

    @property
    def reach(self) -> int:
        """Frames that ``Started.length`` can reach back, the present one included."""
        return self._window + self._pre_roll

    @property
    def active(self) -> bool:
        """Whether an utterance is under way."""
        return self._length > 0

    def reset(self) -> None:
        """Forget everything, an utterance under way and the pre-roll included."""
        self._free = 0  # frames behind us that belong to no utterance
        self._forget()

    def step(self, is_speech: bool) -> Event | None:  # noqa: FBT001 - the one bit it lives on
        """Take the next frame; what it means, if anything."""
        return self._continue(is_speech) if self.active else self._wait(is_speech)

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
        # one frame is left under the maximum, so that reaching it is always an event of its own
        self._length = min(onset + self._pre_roll, self._free, self._max - 1)
        self._voiced = voiced
        return Started(self._length)

    def _continue(self, is_speech: bool) -> Event | None:  # noqa: FBT001
        self._length += 1
        self._voiced += is_speech
        self._silence = 0 if is_speech else self._silence + 1
        if self._silence >= self._silence_limit:
            return self._end(EndReason.SILENCE)
        if self._length >= self._max:
            return self._end(EndReason.MAX_LENGTH)
        return None

    def _end(self, reason: EndReason) -> Event:
        length, voiced, silence = self._length, self._voiced, self._silence
        self._forget()
        if voiced < self._min_voiced:
            self._free = length
            return Dropped(voiced)
        self._free = max(0, silence - TRAIL_FRAMES)
        return Ended(reason, length - self._free, silence)

    def _forget(self) -> None:
        self._recent: deque[bool] = deque(maxlen=self._window)
        self._length = self._voiced = self._silence = 0


class HalfDuplex:
    """Remembers when the assistant itself spoke, so that it does not answer its own voice.

    Frames are judged by when they were captured, so those that waited in a queue are judged
    right too. Meant for a microphone: a recording does not hear the loudspeaker.
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
                self._spans.popleft()  # frames come in order: none will ask for it again
            if self._since is not None and end > self._since:
                return True
            return any(since < end and begin < until for since, until in self._spans)


def voiced(mode: int) -> Callable[[AudioFrame], bool]:
    """A new webrtcvad of aggressiveness 0 to 3; it adapts, so each stream needs its own."""
    detector = cast("Any", webrtcvad).Vad(mode)

    def is_speech(frame: AudioFrame) -> bool:
        return bool(detector.is_speech(frame.samples.tobytes(), SAMPLE_RATE))

    return is_speech


def segment(
    frames: Iterable[AudioFrame],
    is_speech: Callable[[AudioFrame], bool],
    settings: ListenSettings,
    *,
    deaf: Callable[[AudioFrame], bool] | None = None,
    source: str = "microphone",
    now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
) -> Iterator[Utterance]:
    """The utterances in a stream of frames, each as soon as it has ended.

    Args:
        frames: 20 ms each, in order.
        is_speech: the voice activity detector.
        settings: how long to wait for what.
        deaf: frames for which this holds are thrown away, and with them an utterance under way.
        source: what ``Utterance.source`` shall say.
        now: the wall clock, timezone-aware.
    """
    endpointer = Endpointer(settings)
    held: list[AudioFrame] = []
    started_at = now()
    for frame in frames:
        if deaf is not None and deaf(frame):
            endpointer.reset()
            held.clear()
            continue
        held.append(frame)
        event = endpointer.step(is_speech(frame))
        if isinstance(event, Started):
            del held[: -event.length]
            # only a difference: the wall clock may be set right while the daemon runs
            age_s = frame.captured_at + _FRAME_S - held[0].captured_at
            started_at = now() - timedelta(seconds=age_s)
        elif isinstance(event, Ended):
            yield _utterance(held, event, started_at, source)
            del held[: event.length]
        if not endpointer.active:
            del held[: -endpointer.reach]
    last = endpointer.finish()
    if isinstance(last, Ended):
        yield _utterance(held, last, started_at, source)


def _utterance(held: list[AudioFrame], end: Ended, started_at: datetime, source: str) -> Utterance:
    return Utterance(
        samples=to_float32(np.concatenate([frame.samples for frame in held[: end.length]])),
        started_at=started_at,
        end_reason=end.reason,
        endpoint_ms=float(end.silence * FRAME_MS),
        source=source,
    )


def _frames(ms: float) -> int:
    """Whole frames that cover a time."""
    return -int(-ms // FRAME_MS)
