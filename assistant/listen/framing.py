"""Cuts a stream of samples into frames of equal length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import to_int16
from assistant.values import FRAME_SAMPLES


class Framing:
    """Turns mono 16 kHz pieces of any length into whole frames."""

    def __init__(self) -> None:
        self._rest = np.empty(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> list[NDArray[np.int16]]:
        """The frames that are complete now, each of shape (FRAME_SAMPLES,)."""
        held = samples if self._rest.shape[0] == 0 else np.concatenate([self._rest, samples])
        whole = held.shape[0] // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = held[whole:]
        return list(to_int16(held[:whole]).reshape(-1, FRAME_SAMPLES))

    def flush(self) -> list[NDArray[np.int16]]:
        """The last, incomplete frame, padded with silence."""
        if self._rest.shape[0] == 0:
            return []
        return self.push(np.zeros(FRAME_SAMPLES - self._rest.shape[0], np.float32))
