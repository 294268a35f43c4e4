"""FLAC in memory: 16-bit mono at 16 kHz, as the journal stores recordings."""

from __future__ import annotations

import io
from typing import Any, cast

import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from assistant.audio.resample import to_int16
from assistant.values import SAMPLE_RATE

_soundfile = cast("Any", soundfile)  # the library has no type hints


def encode(samples: NDArray[np.float32]) -> bytes:
    """Compress samples, mono 16 kHz in [-1, 1], shape (n_samples,); exact to half a 16-bit step.

    Values beyond full scale are clipped and NaN becomes silence.
    """
    whole = to_int16(np.nan_to_num(samples, posinf=1.0, neginf=-1.0))
    file = io.BytesIO()
    _soundfile.write(file, whole, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def decode(data: bytes) -> NDArray[np.float32]:
    """Samples, mono 16 kHz in [-1, 1], shape (n_samples,), from what ``encode`` wrote.

    Raises:
        ValueError: if the bytes are not such a recording.
    """
    try:
        samples, rate = _soundfile.read(io.BytesIO(data), dtype="float32")
    except _soundfile.SoundFileError as error:
        raise ValueError(str(error)) from error
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise ValueError(f"wanted mono at {SAMPLE_RATE} Hz, got {samples.shape} at {rate} Hz")
    return cast("NDArray[np.float32]", samples)
