"""Takes out of the microphone what the loudspeaker plays, so that one can speak over it.

The canceller is WebRTC's AEC3. It finds by itself how long sound is under way between loudspeaker
and microphone, provided that what was played is laid beside what was heard at nearly the same
moment. It knows nothing of other sound, such as a television's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import Resampler, to_float32, to_int16
from assistant.errors import DependencyError
from assistant.values import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame

JUMP_S = 0.1
"""Differences up to this between when sound is due and when it is said to be are no gap."""

DRIFT = 0.02
"""Part of such a difference that is followed by each frame while nothing is played."""

KEPT_S = 15.0
"""Sound remembered: what frames may wait for in the microphone's queue, and some more."""

LATEST_S = 1.0
"""Longest time after it was played in which an echo is heard: sound servers, and the room."""


SETTLING_FRAMES = 50
"""Silent frames fed before the first sound; a canceller that starts with speech takes seconds."""


class _Canceller(Protocol):
    def process(self, near: NDArray[np.int16], far: NDArray[np.int16]) -> NDArray[np.int16]: ...


class Played:
    """What the loudspeaker has played and is about to play, as mono 16 kHz by monotonic time.

    Told by the thread that speaks, and asked by the one that listens.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: deque[tuple[int, NDArray[np.int16]]] = deque()  # number of the first sample
        self._rate = 0
        self._due = 0.0  # when what is told next sounds if it follows on what was told last
        self._first = self._made = 0

    def played(self, samples: NDArray[np.int16], rate: int, at: float) -> None:
        """Sound that begins to leave the loudspeaker at a moment.

        Args:
            samples: mono, shape (n_samples,).
            rate: samples per second.
            at: monotonic seconds; it may be a little wrong, as sound that follows on has no gap.
        """
        with self._lock:
            if rate != self._rate or abs(at - self._due) > JUMP_S:
                self._resampler = Resampler(rate, SAMPLE_RATE)
                self._rate, self._due = rate, at
                self._first, self._made = round(at * SAMPLE_RATE), 0
            self._due += samples.shape[0] / rate
            piece = to_int16(self._resampler.push(to_float32(samples)))
            if piece.shape[0] > 0:
                self._pieces.append((self._first + self._made, piece))
                self._made += piece.shape[0]
            self._forget(round((at - KEPT_S) * SAMPLE_RATE))

    def silenced(self, at: float) -> None:
        """From a moment on, in monotonic seconds, nothing sounds of what is still to come."""
        end = round(at * SAMPLE_RATE)
        with self._lock:
            self._rate = 0
            while self._pieces and self._pieces[-1][0] >= end:
                self._pieces.pop()
            if self._pieces:
                first, piece = self._pieces[-1]
                self._pieces[-1] = first, piece[: end - first]

    def beside(self, at: float) -> NDArray[np.int16] | None:
        """What was played in the 20 ms from a moment on, shape (FRAME_SAMPLES,).

        ``None`` if nothing was for so long that no echo of it can be heard any more.

        Args:
            at: monotonic seconds, never less than before.
        """
        begin = round(at * SAMPLE_RATE)
        end = begin + FRAME_SAMPLES
        with self._lock:
            self._forget(begin - round(LATEST_S * SAMPLE_RATE))
            if not self._pieces or self._pieces[0][0] >= end:
                return None
            found = np.zeros(FRAME_SAMPLES, np.int16)
            for first, piece in self._pieces:
                if first >= end:
                    break
                since, until = max(first, begin), min(first + piece.shape[0], end)
                if since < until:
                    found[since - begin : until - begin] = piece[since - first : until - first]
            return found

    def _forget(self, before: int) -> None:
        while self._pieces and self._pieces[0][0] + self._pieces[0][1].shape[0] <= before:
            self._pieces.popleft()


class EchoCanceller:
    """Takes the loudspeaker's sound out of the microphone's frames.

    Args:
        played: what the loudspeaker plays.

    Raises:
        DependencyError: if the package that does it is not installed.
    """

    def __init__(self, played: Played) -> None:
        self._played = played
        self._due = 0.0  # when the next frame begins, if none is lost
        self._canceller = _canceller()
        silence = np.zeros(FRAME_SAMPLES, np.int16)
        for _ in range(SETTLING_FRAMES):
            self._canceller.process(silence, silence)

    def cleaned(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        """The same frames, each without the echo of what was played."""
        for frame in frames:
            # a device tells the moment of a block by some ms wrong, but loses nothing in between
            error = frame.captured_at - self._due
            begin = frame.captured_at if abs(error) > JUMP_S else self._due
            far = self._played.beside(begin)
            self._due = begin + FRAME_MS / 1000
            if far is None:
                self._due += DRIFT * (frame.captured_at - begin)
                yield frame
            else:
                yield self._without(far, frame)

    def _without(self, far: NDArray[np.int16], frame: AudioFrame) -> AudioFrame:
        near = frame.samples.copy()  # the package takes no read-only array
        return AudioFrame(self._canceller.process(near, far), frame.captured_at)


def _canceller() -> _Canceller:
    try:
        module = import_module("pywebrtc_audio")  # by name, because it is optional
    except ImportError:
        raise DependencyError(
            "To speak over Attune, the package pywebrtc-audio is needed. Run: pip install "
            "pywebrtc-audio, or set listen.barge_in to 'open' if the sound server cancels echoes."
        ) from None
    return cast("_Canceller", module.EchoCanceller(sample_rate=SAMPLE_RATE))
