"""The user's own wake word, or sound, found by comparison with spoken examples of it.

Query by example: mel cepstra of the microphone are aligned with those of each example by dynamic
time warping that may begin anywhere and runs at half to twice the speed. Nothing in it knows words
or language, so a hum, two clicks or "ah-ah" do as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from assistant.audio.mel import WINDOW, Mel
from assistant.audio.resample import to_float32, to_int16
from assistant.errors import AudioError
from assistant.listen.meter import dbfs
from assistant.values import FRAME_MS, FRAME_SAMPLES, AudioFrame

EXAMPLES = (3, 5)
"""Fewest and most examples."""

LASTS_MS = (200, 2_500)
"""Shortest and longest example, without the silence around it."""

THRESHOLD = (0.12, 0.36)
"""Lowest and highest distance that counts as the word: what somebody repeats is nearer than the
first, and some of the same voice's other speech is as near as the second."""

MARGIN, SPREAD = 0.08, 1.1
"""The threshold between those: the examples' mean distance from one another, times the second, and
the first added. Clicks are always alike and need a lower one than a word that is said differently
each time."""

FALLING_FRAMES = 3
"""Frames without a smaller distance after which the best alignment has passed."""

LOUD_DB = 6.0
"""By how much sound rises above the room before anything is compared."""

LOWEST_DBFS = -65.0
"""Softer sound is not compared at all."""

RISE_DB = 0.02
"""How much the room's level rises with each frame that is louder: 1 dB a second."""

PAUSE_FRAMES = 500 // FRAME_MS
"""Longest quiet within a word; webrtcvad does not open the gate, because a click is no voice."""

EDGE = 0.1
"""An example begins and ends where it is louder than this share of its loudest frame."""

_PEAK_FRAMES = 1_000 // FRAME_MS
_QUIET_DB = (10.0, 30.0)  # below the loudest: from here on ever quieter, and silent
_QUIET_WEIGHT = 0.3  # of a silent frame of an example, where a loud one has 1
_BANDS, _CEPSTRA, _REACH = 24, 13, 2
_FAR = 1e6

# Of the loud frames of 60 human recordings that may be trained on (bench/wake.py --fit): each
# cepstrum's mean and deviation, and the deviation of its slope. Loudness itself is left out.
_MEAN = np.array(
    [-60.18, 12.7, 2.8, 2.47, -0.43, 0.3, -0.24, -0.95, -0.54, -0.2, -0.3, -0.14, 0.05]
)
_DEVIATION = np.array([13.44, 7.32, 4.1, 3.92, 2.74, 2.11, 1.89, 1.61, 1.47, 1.34, 1.2, 1.06, 1.1])
_SLOPE = np.array(
    [4.12, 1.86, 0.956, 0.869, 0.678, 0.534, 0.49, 0.435, 0.385, 0.351, 0.31, 0.294, 0.269]
)
_SLOPE_WEIGHT = 0.5


class Cepstra:
    """Comparable features of a stream, one unit vector a frame, two frames late.

    The last component says how quiet the frame is beside the loudest of the last second. Without
    it, the pause between two clicks would be the room's noise, and the room be full of it.
    """

    def __init__(self) -> None:
        self._mel = Mel(_BANDS)
        self._cosines = cosines()
        self.reset()

    def reset(self) -> None:
        """What comes next has nothing to do with what came before."""
        self._tail = np.zeros(WINDOW - FRAME_SAMPLES, np.float32)
        self._columns: deque[NDArray[np.float64]] = deque(maxlen=2 * _REACH + 1)
        self._levels: deque[float] = deque(maxlen=_PEAK_FRAMES)

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.float64] | None:
        """The features of the frame two before this one, (26,); none for the first two."""
        sound = np.concatenate([self._tail, to_float32(samples)])
        self._tail = sound[-(WINDOW - FRAME_SAMPLES) :]
        power = np.maximum(self._mel.column(sound), 1e-7)
        column = self._cosines @ np.log(power)
        missing = 1 if self._columns else _REACH + 1
        self._columns.extend([column] * missing)
        self._levels.extend([10 * float(np.log10(power.sum()))] * missing)
        if len(self._columns) <= 2 * _REACH:
            return None
        first, second, middle, fourth, last = self._columns
        slope = (2 * (last - first) + (fourth - second)) / 10
        shape = ((middle - _MEAN) / _DEVIATION)[1:]
        found = np.concatenate([shape, _SLOPE_WEIGHT * slope / _SLOPE])
        below_db = max(self._levels) - self._levels[-1 - _REACH]
        loudness = float(np.clip((_QUIET_DB[1] - below_db) / (_QUIET_DB[1] - _QUIET_DB[0]), 0, 1))
        found *= loudness / np.linalg.norm(found)
        return np.append(found, np.sqrt(1 - loudness**2))

    def whole(self, samples: NDArray[np.int16]) -> NDArray[np.float64]:
        """The features of a sound by itself, (n_frames, 26)."""
        self.reset()
        frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        padded = [*frames, *[frames[-1]] * _REACH]
        found = [each for each in map(self.push, padded) if each is not None]
        self.reset()
        return np.stack(found)


def cosines() -> NDArray[np.float64]:
    """From logarithms of the power in mel bands to cepstra, (13, 24)."""
    angle = np.pi * np.arange(_CEPSTRA)[:, None] * (np.arange(_BANDS) + 0.5) / _BANDS
    return np.cos(angle) * np.sqrt(2 / _BANDS)


class Alignment:
    """Distances of a stream of features from examples, each aligned as well as it can be.

    Args:
        examples: features, (n_frames, 26) each.
    """

    def __init__(self, examples: Sequence[NDArray[np.float64]]) -> None:
        self._lengths = np.array([len(each) for each in examples])
        longest = int(self._lengths.max())
        self._examples = np.stack(
            [np.pad(each, ((0, longest - len(each)), (0, 0))) for each in examples]
        )
        self._weights = 1 - (1 - _QUIET_WEIGHT) * self._examples[:, :, -1]
        self._totals = np.array(
            [
                weights[:length].sum()
                for weights, length in zip(self._weights, self._lengths, strict=True)
            ]
        )
        self.reset()

    def reset(self) -> None:
        """Nothing has been heard."""
        self._last = np.full(self._examples.shape[:2], _FAR)
        self._before = self._last

    def step(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean cosine distance of each example from what ends now, (n_examples,)."""
        cost = self._weights * (1 - self._examples @ features)
        now = np.full_like(cost, _FAR)
        now[:, 0] = cost[:, 0]
        now[:, 1] = cost[:, 0] + cost[:, 1]
        # one frame of the example in one or two of the stream, or two of it in one
        slow = np.minimum(self._last[:, :-1], self._before[:, :-1]) + cost[:, 1:]
        now[:, 1:] = np.minimum(now[:, 1:], slow)
        fast = self._last[:, :-2] + cost[:, 1:-1] + cost[:, 2:]
        now[:, 2:] = np.minimum(now[:, 2:], fast)
        self._before, self._last = self._last, now
        return now[np.arange(len(now)), self._lengths - 1] / self._totals


class OwnWord:
    """Recognises what sounds like the examples: a detector for ``WakeWord``.

    Args:
        examples: three to five recordings of it, mono 16 kHz in [-1, 1], (n_samples,) each.

    Raises:
        AudioError: if there are fewer or more, or one of them is too short or too long.
    """

    def __init__(self, examples: Sequence[NDArray[np.float32]]) -> None:
        if not EXAMPLES[0] <= len(examples) <= EXAMPLES[1]:
            raise AudioError(
                f"A wake word of your own needs {EXAMPLES[0]} to {EXAMPLES[1]} examples, not "
                f"{len(examples)}. Record it again with 'assistant enroll --wake'."
            )
        self._cepstra = Cepstra()
        compared = [self._cepstra.whole(to_int16(trimmed(each))) for each in examples]
        self._alignment = Alignment(compared)
        self.threshold = threshold(compared)
        self._room_db = 0.0
        self._sleep()

    def heard(self, frame: AudioFrame) -> bool:
        """Whether the word has just ended."""
        level = dbfs(frame.samples)
        self._room_db = min(self._room_db + RISE_DB, level)
        is_loud = level > max(self._room_db + LOUD_DB, LOWEST_DBFS)
        self._quiet = 0 if is_loud else self._quiet + 1
        if self._quiet > PAUSE_FRAMES:
            if self._is_awake:
                self._sleep()
            return False
        self._is_awake = True
        features = self._cepstra.push(frame.samples)
        if features is None:
            return False
        # by the second best of them, so that no single bad example wakes it
        distance = float(np.sort(self._alignment.step(features))[:2].mean())
        if distance <= min(self._best, self.threshold):
            self._best, self._falling = distance, 0
            return False
        self._falling += 1
        if self._best < _FAR and self._falling == FALLING_FRAMES:
            self._best = _FAR
            self._alignment.reset()  # what just ended is not the beginning of another one
            return True
        return False

    def _sleep(self) -> None:
        self._is_awake, self._quiet = False, PAUSE_FRAMES
        self._best, self._falling = _FAR, 0
        self._cepstra.reset()
        self._alignment.reset()


def trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """A recording without the silence around it, in whole frames; (n_samples,) both.

    Raises:
        AudioError: if what is left is too short or too long for a wake word.
    """
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    level = np.sqrt(np.mean(np.square(frames), axis=1)) if len(frames) else np.zeros(0)
    loud = np.flatnonzero(level > EDGE * level.max()) if level.any() else np.zeros(0, np.int64)
    length_ms = int(loud[-1] - loud[0] + 1) * FRAME_MS if len(loud) else 0
    if not LASTS_MS[0] <= length_ms <= LASTS_MS[1]:
        raise AudioError(
            f"A wake word lasts {LASTS_MS[0] / 1000:g} to {LASTS_MS[1] / 1000:g} s, and this "
            f"recording {length_ms / 1000:g} s. Say it once, and nothing else, in a quiet room."
        )
    return frames[loud[0] : loud[-1] + 1].reshape(-1)


def threshold(examples: Sequence[NDArray[np.float64]]) -> float:
    """Up to which distance a sound counts as the word: by how far they are from one another."""
    apart = [distance(one, other) for one, other in combinations(examples, 2)]
    return float(np.clip(MARGIN + SPREAD * np.mean(apart), *THRESHOLD))


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Of two examples, the better way round."""
    return min(_within(one, other), _within(other, one))


def _within(example: NDArray[np.float64], sound: NDArray[np.float64]) -> float:
    alignment = Alignment([example])
    return min(float(alignment.step(features)[0]) for features in sound)
