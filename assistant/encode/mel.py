"""Whisper's spectrogram, without torch."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from assistant.values import SAMPLE_RATE

_WINDOW, _HOP = 400, 160


class LogMel:
    """From samples to log-mel columns as Whisper was trained on, with transformers' own code.

    Most Whisper models have 80 bands.
    """

    def __init__(self, n_mels: int) -> None:
        # its feature extractor would import torch; this part of it does not
        from transformers import audio_utils  # noqa: PLC0415

        library = cast("Any", audio_utils)
        self._spectrogram = library.spectrogram
        self._window = library.window_function(_WINDOW, "hann")
        self._filters = library.mel_filter_bank(
            num_frequency_bins=_WINDOW // 2 + 1,
            num_mel_filters=n_mels,
            min_frequency=0.0,
            max_frequency=SAMPLE_RATE / 2,
            sampling_rate=SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mono 16 kHz (n_samples,) to (n_mels, n_samples // 160), 80 dB deep and about 1 high."""
        found = self._spectrogram(
            samples,
            self._window,
            frame_length=_WINDOW,
            hop_length=_HOP,
            power=2.0,
            mel_filters=self._filters,
            log_mel="log10",
        )[:, :-1]
        return ((np.maximum(found, found.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
