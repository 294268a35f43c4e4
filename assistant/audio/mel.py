"""Mel spectrograms, with transformers' own code and without torch."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from assistant.values import SAMPLE_RATE

WINDOW, HOP = 400, 160
"""Samples of a column, and from one to the next."""


class Mel:
    """From samples to the power in mel bands up to 8 kHz; for several streams.

    Args:
        bands: how many.
    """

    def __init__(self, bands: int) -> None:
        # the library's feature extractors would import torch; this part of it does not
        from transformers import audio_utils  # noqa: PLC0415

        library = cast("Any", audio_utils)
        self._spectrogram = library.spectrogram
        self._window = library.window_function(WINDOW, "hann")
        self._filters = library.mel_filter_bank(
            num_frequency_bins=WINDOW // 2 + 1,
            num_mel_filters=bands,
            min_frequency=0.0,
            max_frequency=SAMPLE_RATE / 2,
            sampling_rate=SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mono 16 kHz (n_samples,) to (bands, n_samples // 160 + 1), at least 1e-10."""
        return self._spectrogram(
            samples,
            self._window,
            frame_length=WINDOW,
            hop_length=HOP,
            power=2.0,
            mel_filters=self._filters,
            dtype=np.float64,
        )

    def column(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """One column by itself: ``WINDOW`` samples to the power in each band, (bands,)."""
        spectrum = np.fft.rfft(samples * self._window)
        return np.square(np.abs(spectrum)) @ self._filters
