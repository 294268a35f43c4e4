"""Several channels as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEMORY_S = 1.0
"""Over about how much sound loudness is averaged."""

LEAST = 0.35
"""Share of the loudest channel's power that the mean of all has to have.

Channels that hear the same give all of it, independent ones half. Opposite phases leave nothing,
and beside a dead channel a quarter is left.
"""

CLOSE = 0.5
"""Share of the loudest channel's power with which another is as good."""


class Downmix:
    """The mean of the channels, or a loud one where the mean would lose the sound.

    It is for one stream: it remembers how loud the channels have been.

    Args:
        rate: of the stream, in samples per second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._mean = 0.0  # power
        self._powers: list[float] | None = None  # of the channels
        self._taken = 0  # the channel that is heard where the mean is not

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """One block of samples (n_samples, n_channels) as mono, (n_samples,)."""
        n_samples, n_channels = samples.shape
        if n_channels == 1 or n_samples == 0:
            return samples.mean(axis=1, dtype=np.float32)
        channels = np.ascontiguousarray(samples.T)  # sums along short rows take ten times as long
        mean = np.add.reduce(channels) / np.float32(n_channels)
        fresh = min(1.0, n_samples / (MEMORY_S * self._rate))
        powers = [float(each.dot(each)) / n_samples for each in channels]
        whole = float(mean.dot(mean)) / n_samples
        if self._powers is None:
            self._mean, self._powers = whole, powers
        self._mean += fresh * (whole - self._mean)
        self._powers = [
            old + fresh * (new - old) for old, new in zip(self._powers, powers, strict=True)
        ]
        loudest = max(self._powers)
        if self._powers[self._taken] < CLOSE * loudest:  # else it would change to and fro
            self._taken = self._powers.index(loudest)
        if self._mean < LEAST * loudest:
            return channels[self._taken]
        return mean
