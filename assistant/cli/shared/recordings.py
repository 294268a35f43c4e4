"""Recordings: read as one utterance, and played."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import to_int16
from assistant.config import SpeakSettings
from assistant.listen.recordings import load
from assistant.speak.playback import Loudspeaker, WavSink
from assistant.speak.speech import Speech
from assistant.values import SAMPLE_RATE, EndReason, Utterance


def play(samples: NDArray[np.float32], settings: SpeakSettings, name: str) -> Path | None:
    """Play a recording, or write it to ``speak.wav_dir`` under a name and return the file.

    Args:
        samples: mono 16 kHz in [-1, 1], shape (n_samples,).
        settings: the loudspeaker, or the folder.
        name: of the file.

    Raises:
        DeviceError: if there is no loudspeaker, or it fails.
        AudioFileError: if the file cannot be written.
    """
    sink = WavSink(settings.wav_dir) if settings.wav_dir else Loudspeaker(settings, SAMPLE_RATE)
    sink.begin(name)
    try:
        sink.play(Speech(to_int16(samples), SAMPLE_RATE))
    finally:
        sink.end()
    return sink.path if isinstance(sink, WavSink) else None


def whole(path: Path) -> Utterance:
    """A recording as one utterance.

    Raises:
        AudioFileError: if it cannot be read.
    """
    return Utterance(load(path), datetime.now().astimezone(), EndReason.STOP, source=str(path))
