"""A microphone as an iterator of frames."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from assistant.audio import portaudio
from assistant.audio.downmix import Downmix
from assistant.audio.resample import Resampler, to_float32
from assistant.config import ListenSettings
from assistant.errors import DeviceError
from assistant.listen.framing import Framing
from assistant.listen.gain import AutomaticGain
from assistant.values import FRAME_MS, SAMPLE_RATE, AudioFrame

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

FIRST_BLOCK_S = 5.0
"""Longest wait for the first sound; wireless microphones take seconds to wake."""

SILENT_S = 2.0
"""Longest wait for more sound; a microphone delivers sound even when nobody speaks."""

BLOCK_MS = 3 * FRAME_MS
"""Sound that is handed over at once, in whole frames. Each block wakes a thread of PortAudio's, one
of each process and often the sound server, which costs more than what is done with it."""

_FRAME_S = FRAME_MS / 1000
_WAKE = (0.0, b"")


class Microphone:
    """A context manager; iterate over its frames, or blocks, until ``stop`` from any thread.

    Raises:
        DeviceError: on entering, if there is no such microphone or it does not open; while
            iterating, if it disappears or goes silent.
    """

    def __init__(self, settings: ListenSettings) -> None:
        self._name_part = settings.device
        self._raises = settings.gain == "auto"
        self._most = max(1, round(settings.tuned.queue_s * 1_000 / BLOCK_MS))
        self._blocks: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self._overruns = 0
        self._stopped = threading.Event()
        self._ended = threading.Event()

    @property
    def overruns(self) -> int:
        """How often sound was lost: blocks dropped here, or earlier by PortAudio."""
        return self._overruns

    @property
    def rate(self) -> int:
        """Samples per second that the open microphone delivers."""
        return self._format.rate

    def __enter__(self) -> Self:
        device = portaudio.choose(portaudio.DeviceKind.INPUT, self._name_part)
        self._name = device.name
        self._stream, self._format = portaudio.open_input(
            device, SAMPLE_RATE, BLOCK_MS, self._on_block, self._on_end
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
        for block in self.blocks():
            yield from block

    def blocks(self) -> Iterator[list[AudioFrame]]:
        """The frames that arrive together."""
        resampler = Resampler(self._format.rate, SAMPLE_RATE)
        downmix, framing = Downmix(self._format.rate), Framing()
        gain = AutomaticGain() if self._raises else None
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
                heard = to_float32(np.frombuffer(block, np.int16))
                mono = downmix.push(heard.reshape(-1, self._format.channels))
                sound = resampler.push(mono)
                cut = framing.push(sound if gain is None else gain.push(sound))
                ends_at = captured_at + mono.shape[0] / self._format.rate
                yield [
                    AudioFrame(samples, ends_at - left * _FRAME_S)
                    for samples, left in zip(cut, range(len(cut), 0, -1), strict=True)
                ]
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
        while self._blocks.qsize() >= self._most:
            with suppress(queue.Empty):  # the reader was faster
                self._blocks.get_nowait()
                dropped += 1
        self._blocks.put(item)
        return dropped
