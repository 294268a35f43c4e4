"""Removes the loudspeaker's sound from the microphone's, so that one can speak over it.

The canceller is WebRTC's AEC3. It finds the delay between loudspeaker and microphone by itself,
provided that it is given what was played and what was heard at nearly the same moment. It does not
remove other sound, such as a television's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import Resampler, to_float32, to_int16
from assistant.errors import DependencyError
from assistant.listen.meter import LOWEST_DBFS, dbfs
from assistant.values import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame

JUMP_S = 0.1
"""Up to this difference between the expected and the reported time, sound has no gap."""

DRIFT = 0.02
"""Share of such a difference that each frame corrects while nothing is played."""

KEPT_S = 15.0
"""Sound that is remembered: a little longer than frames may wait in the microphone's queue."""

LATEST_S = 1.0
"""Longest time between playing and its last echo: sound servers, and the room."""

SETTLING_FRAMES = 50
"""Silent frames fed before the first sound; starting with speech, it takes seconds to adapt."""

BELOW_DB = 20.0
"""What is softer by this than what was heard lately, its own voice included, is nobody's: it is
left of its own voice, or the room's noise, which comes back when there is nothing to remove."""

HANGOVER = 400 // FRAME_MS
"""Frames of soft voice after a louder one that are the same person's: the canceller removes a part
of whoever speaks at the same time."""

FALL_DB = 0.1
"""How much that loudest falls with each frame: 5 dB a second."""

FINDING_FRAMES = 2_000 // FRAME_MS
"""Frames of a reply in which nobody is heard: each opens the loudspeaker anew, with a delay that is
other by some 10 ms, which the canceller has to find first."""

_PACKAGE = "pywebrtc_audio"


class _Canceller(Protocol):
    def process(self, near: NDArray[np.int16], far: NDArray[np.int16]) -> NDArray[np.int16]: ...


class Played:
    """What the loudspeaker has played and is about to play, as mono 16 kHz by monotonic time.

    Written by the thread that speaks, and read by the one that listens.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: deque[tuple[int, NDArray[np.int16]]] = deque()  # number of the first sample
        self._rate = 0
        self._due = 0.0  # when the next piece starts if it follows the last one without a gap
        self._first = self._made = 0

    def played(self, samples: NDArray[np.int16], rate: int, at: float) -> None:
        """Add mono sound, shape (n_samples,), that starts to play at a monotonic time.

        The time may be a little wrong: sound that follows on has no gap.
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
        """Discard the sound that would play after a moment in monotonic seconds."""
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

        ``None`` if nothing was played for so long that no echo can be heard any more.

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
    """Removes the loudspeaker's sound from the microphone's frames.

    While ``is_finding``, the last frame may hold too much of that for anybody to be heard.

    Raises:
        DependencyError: if pywebrtc-audio is not installed.
    """

    def __init__(self, played: Played) -> None:
        self._played = played
        self._due = 0.0  # when the next frame begins, if none is lost
        self._played_for = 0  # frames
        self._loudest = LOWEST_DBFS  # of what was heard meanwhile
        self._is_soft = self.is_finding = False  # of the last frame
        self._canceller = _canceller()
        silence = np.zeros(FRAME_SAMPLES, np.int16)
        for _ in range(SETTLING_FRAMES):
            self._canceller.process(silence, silence)

    def cleaned(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        """The same frames, without the echo of what was played."""
        for frame in frames:
            # devices report the time of a block with an error of some ms, but lose no sound
            error = frame.captured_at - self._due
            begin = frame.captured_at if abs(error) > JUMP_S else self._due
            far = self._played.beside(begin)
            self._due = begin + FRAME_MS / 1000
            if far is None:
                self._due += DRIFT * (frame.captured_at - begin)
                self._played_for = 0
                self._note_level(frame, frame)
                yield frame
            else:
                near = frame.samples.copy()  # the package does not accept a read-only array
                clean = AudioFrame(self._canceller.process(near, far), frame.captured_at)
                self._played_for += 1
                self._note_level(frame, clean)
                yield clean

    def _note_level(self, frame: AudioFrame, clean: AudioFrame) -> None:
        """Tell whether somebody may be heard in a frame that was cleaned."""
        self._loudest = max(self._loudest - FALL_DB, LOWEST_DBFS)
        if self._played_for:
            self._loudest = max(self._loudest, dbfs(frame.samples))
        is_silent = self._loudest <= LOWEST_DBFS  # nothing was played for long
        self._is_soft = not is_silent and dbfs(clean.samples) < self._loudest - BELOW_DB
        self.is_finding = 0 < self._played_for <= FINDING_FRAMES

    def others(self, is_speech: Callable[[AudioFrame], bool]) -> Callable[[AudioFrame], bool]:
        """A voice activity detector for cleaned frames, each asked about before the next is taken.

        It does not take what is left of the assistant's own voice for somebody's.
        """
        absent = HANGOVER + 1  # frames since somebody was loud enough

        def is_others(frame: AudioFrame) -> bool:
            nonlocal absent
            is_voiced = is_speech(frame)  # it adapts, so it hears every frame
            is_loud = is_voiced and not self._is_soft and not self.is_finding
            absent = 0 if is_loud else absent + 1
            return is_voiced and absent <= HANGOVER

        return is_others


def is_available() -> bool:
    """Whether the package is installed that removes echoes."""
    return find_spec(_PACKAGE) is not None


def _canceller() -> _Canceller:
    try:
        module = import_module(_PACKAGE)  # by name, because it is optional
    except ImportError:
        raise DependencyError(
            "To speak over Attune, the package pywebrtc-audio is needed. Run: pip install "
            "pywebrtc-audio, or set listen.barge_in to 'open' if the sound server cancels echoes."
        ) from None
    return cast("_Canceller", module.EchoCanceller(sample_rate=SAMPLE_RATE))
