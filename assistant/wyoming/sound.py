"""Sound in the formats that the protocol has, as Attune hears it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from assistant.audio.downmix import Downmix
from assistant.audio.resample import Resampler, pcm
from assistant.values import SAMPLE_RATE


class Format(BaseModel):
    """What an event says of its sound."""

    model_config = ConfigDict(frozen=True, strict=True)

    rate: Annotated[int, Field(ge=4_000, le=192_000)]  # samples per second
    width: Annotated[int, Field(ge=1, le=4)]  # bytes per sample
    channels: Annotated[int, Field(ge=1, le=16)]


class Conversion:
    """From a stream in some format to mono, 16 bits, little-endian.

    Args:
        given: the format.
        rate: samples per second that are wanted.
    """

    def __init__(self, given: Format, rate: int = SAMPLE_RATE) -> None:
        self.given = given
        self._downmix = Downmix(given.rate)
        self._resampler = Resampler(given.rate, rate)
        self._rest = b""  # of a frame that is not complete

    def push(self, sound: bytes) -> bytes:
        """What is ready after another piece."""
        sound = self._rest + sound
        size = self.given.width * self.given.channels
        whole = len(sound) // size * size
        self._rest = sound[whole:]
        frames = _samples(sound[:whole], self.given.width).reshape(-1, self.given.channels)
        return pcm(self._resampler.push(self._downmix.push(frames)))

    def flush(self) -> bytes:
        """The rest, once nothing more comes."""
        return pcm(self._resampler.push(np.empty(0, np.float32), last=True))


def _samples(sound: bytes, width: int) -> NDArray[np.float32]:
    """Samples in [-1, 1]; those of one byte have no sign, as in WAV files."""
    if width == 1:
        unsigned = np.frombuffer(sound, np.uint8).astype(np.float32)
        return (unsigned - np.float32(128)) / np.float32(128)
    padded = np.zeros((len(sound) // width, 4), np.uint8)
    padded[:, 4 - width :] = np.frombuffer(sound, np.uint8).reshape(-1, width)
    return padded.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
