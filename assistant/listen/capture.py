"""A microphone as an iterator of frames."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assistant.audio import portaudio
from assistant.audio.resample import Resampler, to_float32
from assistant.config import ListenSettings
from assistant.errors import DeviceError
from assistant.listen.framing import Framing
from assistant.values import FRAME_MS, SAMPLE_RATE, AudioFrame

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

FIRST_BLOCK_S = 5.0
"""Longest wait for the first sound; wireless microphones take seconds to wake."""

SILENT_S = 2.0
"""Longest wait for more sound; a microphone delivers sound even when nobody speaks."""

_FRAME_S = FRAME_MS / 1000
_WAKE = (0.0, b"")


class Microphone:
    """A context manager; iterate over its frames until ``stop`` is called from any thread.

    Raises:
        DeviceError: on entering, if there is no such microphone or it does not open; while
            iterating, if it disappears or goes silent.
    """

    def __init__(self, settings: ListenSettings) -> None:
        self._name_part = settings.device
        self._blocks: queue.Queue[tuple[float, bytes]] = queue.Queue(
            max(1, round(settings.tuned.queue_s / _FRAME_S))
        )
        self._overruns = 0
        self._stopped = threading.Event()
        self._ended = threading.Event()

    @property
    def overruns(self) -> int:
        """How often sound was lost: blocks dropped here, or earlier by PortAudio."""
        return self._overruns

    def __enter__(self) -> Self:
        device = portaudio.choose(portaudio.DeviceKind.INPUT, self._name_part)
        self._name = device.name
        self._stream, self._format = portaudio.open_input(
            device, SAMPLE_RATE, FRAME_MS, self._on_block, self._on_end
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        portaudio.close(self._stream)

    def stop(self) -> None:
        """End the iteration; callable from any thread, more than once."""
        self._stopped.set()
        self._put(_WAKE)

    def __iter__(self) -> Iterator[AudioFrame]:
        resampler = Resampler(self._format.rate, SAMPLE_RATE)
        framing = Framing()
        patience_s = FIRST_BLOCK_S
        while not self._stopped.is_set():
            try:
                captured_at, block = self._blocks.get(timeout=patience_s)
            except queue.Empty:
                raise DeviceError(
                    f"The microphone {self._name!r} went silent: no sound for "
                    f"{patience_s:g} s. Check that it is connected."
                ) from None
            if block:
                cut = framing.push(resampler.push(mono(block, self._format.channels)))
                for number, samples in enumerate(cut, 1 - len(cut)):  # the last one is the block's
                    yield AudioFrame(samples, captured_at + number * _FRAME_S)
                patience_s = SILENT_S
            elif self._ended.is_set() and not self._stopped.is_set():
                raise DeviceError(
                    f"The microphone {self._name!r} stopped: it was disconnected, or the sound "
                    "server ended. Connect it again."
                )

    def _on_block(self, block: bytes, lost_some: bool, age_s: float) -> None:  # noqa: FBT001
        # runs on PortAudio's thread
        self._overruns += lost_some + self._put((time.monotonic() - age_s, block))

    def _on_end(self) -> None:
        self._ended.set()
        self._put(_WAKE)

    def _put(self, item: tuple[float, bytes]) -> int:
        """Queue an item without waiting; how many of the oldest had to be dropped."""
        dropped = 0
        while True:
            try:
                self._blocks.put_nowait(item)
            except queue.Full:  # noqa: PERF203 - being full is the exception
                try:
                    self._blocks.get_nowait()
                except queue.Empty:
                    continue  # the reader was faster
                dropped += 1
            else:
                return dropped


def mono(block: bytes, channels: int) -> NDArray[np.float32]:
    """The mean of interleaved int16 channels, shape (n_samples,), in [-1, 1]."""
    samples = to_float32(np.frombuffer(block, np.int16))
    mixed = samples[::channels]
    for channel in range(1, channels):
        mixed = mixed + samples[channel::channels]
    return mixed * np.float32(1 / channels)
