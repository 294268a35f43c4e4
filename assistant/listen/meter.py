"""How loud the microphone is, for status displays."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from assistant.values import AudioFrame

LOWEST_DBFS = -96.0
"""Reported if there is no sound at all: about one bit of 16 below full scale."""

_FRAMES = 10  # 200 ms


class Meter:
    """The level of the last 200 ms of the frames that pass through."""

    def __init__(self) -> None:
        self._dbfs = LOWEST_DBFS

    @property
    def dbfs(self) -> float:
        """Root mean square in dB below full scale, from any thread; a full-scale sine has -3."""
        return self._dbfs

    def around(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        """The same frames, measured."""
        powers: deque[float] = deque(maxlen=_FRAMES)
        for frame in frames:
            powers.append(float(np.mean((frame.samples / 32_768) ** 2)))
            power = sum(powers) / len(powers)
            self._dbfs = max(LOWEST_DBFS, 10 * math.log10(power)) if power > 0 else LOWEST_DBFS
            yield frame
