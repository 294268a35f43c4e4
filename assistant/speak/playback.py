"""Where speech goes: a loudspeaker, or WAV files."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from assistant import durable
from assistant.audio import portaudio
from assistant.audio.resample import resample, to_float32, to_int16
from assistant.config import SpeakSettings
from assistant.errors import AudioFileError, DeviceError
from assistant.speak.espeak import SPEECH_RATE
from assistant.speak.speech import Speech

BUFFER_S = 0.5
"""Sound that the loudspeaker buffers: how late a busy machine may be."""

TAIL_S = 0.2
"""Sound that may be delayed after the buffer, in the sound server or a wireless link."""

CHUNK_S = 0.05
"""Sound written at once: how quickly ``stop`` takes effect."""

_soundfile = cast("Any", soundfile)


class Witness(Protocol):
    """Is notified of what is played, in the thread that plays it."""

    def played(self, samples: NDArray[np.int16], rate: int, at: float) -> None:
        """Mono sound, shape (n_samples,), starts to play at this moment, monotonic seconds."""
        ...

    def silenced(self, at: float) -> None:
        """From this moment on, monotonic seconds, nothing of that can be heard."""
        ...


class Loudspeaker:
    """Plays replies; the stream stays open from ``begin`` to ``end``.

    Args:
        settings: which device.
        sample_rate: the rate to request; other speech is resampled.
        witness: is notified of everything that is played.
    """

    def __init__(
        self,
        settings: SpeakSettings,
        sample_rate: int = SPEECH_RATE,
        witness: Witness | None = None,
    ) -> None:
        self._name_part = settings.device
        self._rate = sample_rate
        self._stopped = threading.Event()
        self._witness = witness

    def begin(self, name: str) -> None:  # noqa: ARG002 - only files need a name
        """Open the device for one reply.

        Raises:
            DeviceError: if there is no such loudspeaker or it does not open.
        """
        self._stopped.clear()
        device = portaudio.choose(portaudio.DeviceKind.OUTPUT, self._name_part)
        self._stream, self._format = portaudio.open_output(device, self._rate, BUFFER_S)
        self._device_name = device.name
        # a device may provide less than was requested
        self._capacity = self._stream.write_available or round(self._format.rate * BUFFER_S)
        self._chunk = min(round(self._format.rate * CHUNK_S), max(1, self._capacity // 2))

    def play(self, speech: Speech) -> bool:
        """Play a sentence until its end is buffered; False if it was stopped.

        Raises:
            DeviceError: if the loudspeaker disappears.
        """
        self._write(_at_rate(speech, self._format.rate))
        return not self._stopped.is_set()

    def stop(self) -> None:
        """Fall silent: ``play`` returns early and the buffer is discarded."""
        self._stopped.set()

    def end(self) -> None:
        """Return when the last sample has been played, the device closed.

        Raises:
            DeviceError: if the loudspeaker disappears.
        """
        try:
            # PortAudio's own waiting ends early on PulseAudio; but once a whole buffer of silence
            # has been written, everything before it has left the buffer
            tail = self._capacity + round(self._format.rate * TAIL_S)
            self._write(np.zeros(tail, np.int16))
        finally:
            portaudio.close(self._stream)
            if self._witness is not None:
                self._witness.silenced(time.monotonic())

    def _write(self, samples: NDArray[np.int16]) -> None:
        for start in range(0, samples.shape[0], self._chunk):
            if self._stopped.is_set():
                return
            chunk = samples[start : start + self._chunk]
            block = np.repeat(chunk, self._format.channels).tobytes()
            try:
                room = portaudio.write(self._stream, block, self._format, self._device_name)
            except DeviceError:
                self._stopped.set()
                raise
            if self._witness is not None:
                buffered_s = max(0, self._capacity - room) / self._format.rate
                self._witness.played(chunk, self._format.rate, time.monotonic() + buffered_s)


class WavSink:
    """Writes each reply to a WAV file of its own in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = "reply"
        self._file: Any = None
        self._path: Path | None = None
        self._stopped = threading.Event()

    @property
    def path(self) -> Path | None:
        """The file of the latest reply; ``None`` before its first sentence."""
        return self._path

    def begin(self, name: str) -> None:
        """Start a reply, to be written to ``<name>.wav``, or ``<name>-2.wav`` if that exists.

        Raises:
            AudioFileError: if the folder cannot be made.
        """
        self._stopped.clear()
        self._name, self._path = name, None
        try:
            durable.folder(self._folder)
        except OSError as error:
            raise AudioFileError(
                f"Cannot make the folder {self._folder} ({error.strerror}). "
                "Set speak.wav_dir to one that can be written."
            ) from None

    def play(self, speech: Speech) -> bool:
        """Append a sentence; False if it was stopped.

        Raises:
            AudioFileError: if the file cannot be written.
        """
        if self._stopped.is_set():
            return False
        try:
            if self._file is None:
                self._path = self._unused()
                handle = durable.private(str(self._path), os.O_RDWR | os.O_CREAT | os.O_EXCL)
                self._file = _soundfile.SoundFile(
                    handle, "w", speech.sample_rate, 1, "PCM_16", format="WAV"
                )
            self._file.write(_at_rate(speech, self._file.samplerate))
        except (_soundfile.LibsndfileError, OSError) as error:
            raise AudioFileError(
                f"Cannot write {self._path} ({error}). Free some space or choose another "
                "folder with the setting speak.wav_dir."
            ) from None
        return True

    def stop(self) -> None:
        """Write nothing more of this reply."""
        self._stopped.set()

    def end(self) -> None:
        """Close the file of the reply."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _unused(self) -> Path:
        path, number = self._folder / f"{self._name}.wav", 1
        while path.exists():
            number += 1
            path = self._folder / f"{self._name}-{number}.wav"
        return path


def _at_rate(speech: Speech, rate: int) -> NDArray[np.int16]:
    if speech.sample_rate == rate:
        return speech.samples
    return to_int16(resample(to_float32(speech.samples), speech.sample_rate, rate))
