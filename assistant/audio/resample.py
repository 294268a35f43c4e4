"""Sample rates and sample formats."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

_soxr = cast("Any", soxr)


class Resampler:
    """Changes the sample rate of a mono stream block by block, without seams."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._stream: Any = None
        if rate_in != rate_out:
            self._stream = _soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32")

    def push(self, samples: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """The samples that are ready, shape (n_samples,); with ``last`` all the rest."""
        if self._stream is None:
            return samples
        return cast("NDArray[np.float32]", self._stream.resample_chunk(samples, last=last))


def resample(samples: NDArray[np.float32], rate_in: int, rate_out: int) -> NDArray[np.float32]:
    """The whole of a mono recording, shape (n_samples,), at another rate."""
    return Resampler(rate_in, rate_out).push(samples, last=True)


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples in [-1, 1] as int16, louder ones clipped."""
    scaled = np.rint(samples * 32_768)
    return np.minimum(np.maximum(scaled, -32_768), 32_767).astype(np.int16)


def to_float32(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """int16 samples as float in [-1, 1]; ``to_int16`` reverses it exactly."""
    return np.multiply(samples, 1 / 32_768, dtype=np.float32)


def pcm(samples: NDArray[np.float32]) -> bytes:
    """Samples in [-1, 1] as bytes: 16 bits, little-endian."""
    return to_int16(samples).astype("<i2").tobytes()
