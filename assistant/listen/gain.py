"""Automatic gain: a quiet voice is made as loud as the detector of voices needs it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assistant.values import SAMPLE_RATE

TARGET = 10 ** (-12 / 20)
"""Peak that is aimed at, in [-1, 1]."""

MOST = 10 ** (36 / 20)
"""Largest factor: what is quieter than 48 dB below full scale stays quieter than the target."""

RELEASE_DB_S = 1.0
"""How fast the peak that counts is forgotten, in dB a second."""


class AutomaticGain:
    """For one stream of mono 16 kHz sound. It never makes anything quieter."""

    def __init__(self) -> None:
        self._peak = TARGET  # of what was heard lately
        self._gain = 1.0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """A block (n_samples,), raised; the factor changes evenly within it."""
        if not len(samples):
            return samples
        peak = float(np.abs(samples).max())
        kept = self._peak * 10 ** (-RELEASE_DB_S / 20 * len(samples) / SAMPLE_RATE)
        self._peak = max(peak, kept, TARGET / MOST)
        before, self._gain = self._gain, max(1.0, TARGET / self._peak)
        # a sudden sound must not be raised by what suited the silence before it
        before = min(before, max(1.0, 1 / max(peak, 1e-6)))
        return samples * np.linspace(before, self._gain, len(samples), dtype=np.float32)
