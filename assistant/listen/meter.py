"""How loud the microphone is, for status displays."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from assistant.values import AudioFrame

LOWEST_DBFS = -96.0
"""Reported if there is no sound at all: about one bit of 16 below full scale."""

_FRAMES = 10  # 200 ms
_FULL_DB = 20 * math.log10(32_768)


def dbfs(samples: NDArray[np.int16]) -> float:
    """Root mean square of a frame (n_samples,) without its DC part, in dB below full scale."""
    wide = samples.astype(np.float64)  # in which sums of int16's squares are exact
    mean = float(np.add.reduce(wide)) / wide.shape[0]
    return _decibels(float(wide.dot(wide)) / wide.shape[0] - mean * mean)


def _decibels(power: float) -> float:
    """A mean square of int16 samples, in dB below full scale."""
    return max(LOWEST_DBFS, 10 * math.log10(power) - _FULL_DB) if power > 0 else LOWEST_DBFS


class Meter:
    """The level of the last 200 ms of the frames that pass through; measured when it is asked."""

    def __init__(self) -> None:
        self._last: deque[AudioFrame] = deque(maxlen=_FRAMES)

    @property
    def dbfs(self) -> float:
        """Root mean square in dB below full scale, from any thread; a full-scale sine has -3."""
        if not (last := tuple(self._last)):
            return LOWEST_DBFS
        wide = np.concatenate([frame.samples for frame in last]).astype(np.float64)
        return _decibels(float(wide.dot(wide)) / wide.shape[0])

    def around(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        """The same frames, measured."""
        for frame in frames:
            self._last.append(frame)
            yield frame
