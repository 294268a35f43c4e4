"""Ten voices that no part of Attune was trained on, to say what the benches want said.

Four are of flite, whose sounds come from recordings of people, and one is of Piper; where one of
the two is not there, espeak-ng's take its place, which recognisers find harder.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from assistant.audio.resample import resample, to_float32
from assistant.config import SpeakSettings
from assistant.speak.espeak import Espeak
from assistant.speak.piper import Piper
from assistant.speak.speech import Speech
from assistant.values import SAMPLE_RATE

VOICES = 10

FLITE = ("slt", "rms", "awb", "kal16")
"""Of Debian's ``flite``."""

ESPEAK = (
    ("en-us+f4", 150, 55), ("en-gb-x-rp+m5", 140, 40), ("en-us+m8", 160, 45),
    ("en+grandpa", 125, 45), ("en-gb-scotland+antonio", 145, 50), ("en-us+anika", 150, 60),
    ("en+robert", 135, 40), ("en-us+steph2", 155, 60), ("en-us+Mike", 145, 45),
    ("en-gb+f2", 140, 55),
)  # fmt: skip
"""Voices of espeak-ng, words per minute and pitch."""

Voice = Callable[[str], Speech]


class Mouths:
    """The voices, by their numbers from 0; each is opened when it first speaks.

    Args:
        piper: the folder of a Piper voice.
    """

    def __init__(self, piper: Path | None) -> None:
        self._piper = piper
        self.names = [f"flite {name}" for name in FLITE if shutil.which("flite")]
        self.names += ["piper"] if piper is not None else []
        self.names += [f"espeak-ng {name}" for name, _, _ in ESPEAK[: VOICES - len(self.names)]]

    def say(self, text: str, voice: int) -> NDArray[np.float32]:
        """A text at 16 kHz, mono, half as loud as possible, with silence around it."""
        speech = self._voice(self.names[voice])(text)
        samples = resample(to_float32(speech.samples), speech.sample_rate, SAMPLE_RATE)
        samples = np.pad(samples, SAMPLE_RATE * 3 // 10)
        return samples * np.float32(0.5 / max(1e-3, float(np.abs(samples).max())))

    @cache  # noqa: B019 - ten of them
    def _voice(self, name: str) -> Voice:
        engine, _, name = name.partition(" ")
        if engine == "flite":
            return lambda text: _flite(name, text)
        if engine == "piper" and self._piper is not None:
            settings = {"engine": "piper", "voice": str(self._piper)}
            return Piper(SpeakSettings.model_validate(settings), self._piper.parent).synthesise
        rate_wpm, pitch = next((rate, pitch) for own, rate, pitch in ESPEAK if own == name)
        settings = {"voice": name, "rate_wpm": rate_wpm, "pitch": pitch}
        return Espeak(SpeakSettings.model_validate(settings)).synthesise


def _flite(voice: str, text: str) -> Speech:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["flite", "-voice", voice, "-t", text, "-o", file.name]
        subprocess.run(command, check=True, capture_output=True)
        found, rate = soundfile.read(file.name, dtype="int16")
    samples = np.asarray(found, np.int16)
    samples.flags.writeable = False
    return Speech(samples, rate)
