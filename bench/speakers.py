"""Simulated speakers whom the starter has never heard: other languages' sounds, slow and slurred.

They are espeak-ng's voices for languages that the recipe leaves out, reading English. Slurring
smears the short-time spectrum over time and takes the highs away. They stand in for people only
as far as a test can: they are named as simulated wherever they are reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import resample, to_float32
from assistant.config import SpeakSettings, starter_dir
from assistant.speak.espeak import Espeak
from assistant.values import SAMPLE_RATE, EndReason, Utterance

LETTERS = starter_dir() / "encoder"
"""The bundled encoder that writes letters, with which the bundled bridge and its heads belong."""

WINDOW, HOP = 400, 100  # samples of the short-time spectrum


@dataclass(frozen=True, slots=True)
class Speaker:
    """How somebody talks."""

    name: str
    voice: str  # of espeak-ng
    rate_wpm: int
    pitch: int
    smear_ms: float  # time constant over which the spectrum is smeared
    highest_hz: float  # half-power frequency of what is left of the highs

    @cache  # noqa: B019 - a few hundred sentences in a short-lived process
    def say(self, text: str, number: int = 0) -> Utterance:
        """One sentence with 0.3 s of quiet noise around it; ``number`` seeds the noise."""
        speech = Espeak(
            SpeakSettings.model_validate(
                {"voice": self.voice, "rate_wpm": self.rate_wpm, "pitch": self.pitch}
            )
        ).synthesise(text)
        samples = resample(to_float32(speech.samples), speech.sample_rate, SAMPLE_RATE)
        samples = slurred(np.pad(samples, 4_800), self.smear_ms, self.highest_hz)
        samples *= 0.5 / max(1e-3, float(np.abs(samples).max()))
        noise = np.random.default_rng(number).standard_normal(len(samples)) * 5e-4
        return Utterance(
            (samples + noise).astype(np.float32), datetime.now(timezone.utc), EndReason.STOP
        )


SPEAKERS = (
    Speaker("Polish sounds, slow, slurred", "pl+m5", 90, 35, 80, 2_000),
    Speaker("Turkish sounds, slow, slurred", "tr+grandpa", 90, 40, 70, 2_400),
    Speaker("Finnish sounds, slurred", "fi+m8", 105, 45, 120, 1_800),
)


def slurred(
    samples: NDArray[np.float32], smear_ms: float, highest_hz: float
) -> NDArray[np.float32]:
    """Speech whose spectrum follows the articulation late and without its highs."""
    window = np.hanning(WINDOW)
    padded = np.pad(samples.astype(np.float64), WINDOW)
    starts = range(0, len(padded) - WINDOW, HOP)
    spectra = np.fft.rfft(np.stack([padded[at : at + WINDOW] * window for at in starts]))
    frequencies = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    magnitudes = np.abs(spectra) / np.sqrt(1 + (frequencies / highest_hz) ** 4)
    stays = np.exp(-HOP / SAMPLE_RATE * 1000 / smear_ms)
    held = np.zeros(magnitudes.shape[1])
    out = np.zeros(len(padded))
    for at, magnitude, spectrum in zip(starts, magnitudes, spectra, strict=True):
        held = stays * held + (1 - stays) * magnitude
        phase = np.exp(1j * np.angle(spectrum))
        out[at : at + WINDOW] += np.fft.irfft(held * phase, WINDOW) * window
    return out[WINDOW : WINDOW + len(samples) + int(SAMPLE_RATE * smear_ms / 1000)].astype(
        np.float32
    )
