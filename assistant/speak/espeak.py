"""Speech synthesis by espeak-ng, which stays a separate program (it is under the GPL)."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess

import numpy as np

from assistant.config import SpeakSettings
from assistant.errors import DependencyError, SpeechError
from assistant.speak.speech import Speech, plain

TIMEOUT_S = 20.0
"""Longest wait for one sentence; it takes about 15 ms on a PC."""

SPEECH_RATE = 22_050
"""Samples per second of espeak-ng's own voices."""

_HEADER = struct.Struct("<4s4x4s4s4xHHIIHH4s4x")  # RIFF WAVE fmt_ ... data


class Espeak:
    """Synthesises with the settings' voice; ``DependencyError`` if espeak-ng is not installed."""

    tempo: float = 1.0  # relative to the settings' rate

    def __init__(self, settings: SpeakSettings) -> None:
        program = shutil.which("espeak-ng")
        if program is None:
            raise DependencyError("espeak-ng is not installed. Run: sudo apt install espeak-ng")
        self.language = settings.voice
        self._command = [program, "--stdin", "--stdout", "-b1", f"-v{settings.voice}"]
        self._command += [f"-p{settings.pitch}"]
        self._rate_wpm = settings.rate_wpm

    def synthesise(self, text: str) -> Speech:
        """Speak one sentence without formatting marks; markup is read as it is.

        Raises:
            SpeechError: if espeak-ng fails, takes too long or does not have the voice.
        """
        try:
            done = subprocess.run(
                [*self._command, f"-s{self._rate_wpm * self.tempo:.0f}"],
                input=plain(text).encode(),
                capture_output=True,
                check=False,
                timeout=TIMEOUT_S,
                # it contacts the sound server even to write to stdout, and may hang with it
                env={**os.environ, "PULSE_SERVER": "unix:/dev/null"},
            )
        except subprocess.TimeoutExpired:
            raise SpeechError(
                f"espeak-ng did not finish within {TIMEOUT_S:g} s. Use shorter sentences."
            ) from None
        except OSError as error:
            raise SpeechError(f"espeak-ng does not start: {error}. Reinstall it.") from None
        said = done.stderr.decode(errors="replace").strip()
        if "voice does not exist" in said:
            raise SpeechError(
                f"espeak-ng has no voice {self.language!r}: set speak.voice to one that "
                "'espeak-ng --voices' lists."
            )
        if done.returncode != 0:
            raise SpeechError(
                f"espeak-ng failed with status {done.returncode} ({said or 'no message'}). "
                "Try 'espeak-ng hello' to see whether it works at all."
            )
        return _speech(done.stdout)


def _speech(wav: bytes) -> Speech:
    """Read a streamed WAV, whose header lacks its length."""
    if len(wav) < _HEADER.size:
        return Speech(np.empty(0, np.int16), SPEECH_RATE)  # nothing to say
    riff, wave, fmt, coding, channels, rate, _, _, bits, data = _HEADER.unpack_from(wav)
    form = (riff, wave, fmt, coding, channels, bits, data)
    if form != (b"RIFF", b"WAVE", b"fmt ", 1, 1, 16, b"data"):
        raise SpeechError("espeak-ng returned an unknown format. Install version 1.50 or later.")
    whole = (len(wav) - _HEADER.size) // 2
    samples = np.frombuffer(wav, "<i2", whole, _HEADER.size)
    return Speech(samples.astype(np.int16), rate)
