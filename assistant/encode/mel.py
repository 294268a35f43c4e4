"""Whisper's spectrogram, without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assistant.audio.mel import Mel


class LogMel:
    """From samples to log-mel columns as Whisper was trained on.

    Most Whisper models have 80 bands.
    """

    def __init__(self, n_mels: int) -> None:
        self._mel = Mel(n_mels)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mono 16 kHz (n_samples,) to (n_mels, n_samples // 160), 80 dB deep and about 1 high."""
        found = np.log10(self._mel(samples)).astype(np.float32)[:, :-1]
        return ((np.maximum(found, found.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
