"""What rooms, microphones and haste do to speech, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]


def coloured_noise(rng: np.random.Generator, n_samples: int, exponent: float) -> Samples:
    """Noise whose power falls as 1/f**exponent, unit variance, shape (n_samples,)."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.maximum(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE), 20.0)
    noise = np.fft.irfft(spectrum / frequency ** (exponent / 2), n_samples)
    return (noise / noise.std()).astype(np.float32)


class Augmenter:
    """Draws a recording condition per utterance: silence around it, room, microphone, noise."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._noises = [
            coloured_noise(self._rng, 30 * SAMPLE_RATE, exponent)
            for exponent in (0.0, 0.0, 0.7, 1.0, 1.0, 1.5, 2.0)
        ]
        self._others: list[Samples] = []  # recent speech, for babble

    def stretch(self, samples: Samples) -> Samples:
        """Change speed and pitch together by up to 13 %."""
        factor = self._rng.uniform(0.87, 1.13)
        at = np.arange(0, samples.shape[0] - 1, factor)
        return np.interp(at, np.arange(samples.shape[0]), samples).astype(np.float32)

    def __call__(self, samples: Samples) -> tuple[Samples, int]:
        """Return the utterance as recorded, and the number of samples put in front of it."""
        rng = self._rng
        samples = samples / (samples.std() + 1e-6)
        lead = int(rng.uniform(0.02, 0.6) * SAMPLE_RATE)
        tail = int(rng.uniform(0.02, 0.35) * SAMPLE_RATE)
        dry = samples
        if rng.random() < 0.3:
            samples = self._reverberate(samples)
        if rng.random() < 0.4:
            samples[1:] += rng.uniform(-0.7, 0.7) * samples[:-1]
            samples /= samples.std() + 1e-6
        samples = np.pad(samples, (lead, tail))
        if rng.random() < 0.75:
            level = 10 ** (-rng.uniform(6, 40) / 20)
            noise = self._noises[rng.integers(len(self._noises))]
            start = rng.integers(noise.shape[0] - samples.shape[0])
            samples += level * noise[start : start + samples.shape[0]]
        else:
            samples += 1e-4 * rng.standard_normal(samples.shape[0], dtype=np.float32)
        if self._others and rng.random() < 0.1:
            other = self._others[rng.integers(len(self._others))][: samples.shape[0]]
            samples[: other.shape[0]] += 10 ** (-rng.uniform(10, 25) / 20) * other
        if len(self._others) < 50:
            self._others.append(dry)
        else:
            self._others[rng.integers(50)] = dry
        samples -= samples.mean()
        return samples / (samples.std() + 1e-6), lead

    def _reverberate(self, samples: Samples) -> Samples:
        rng = self._rng
        decay_s = rng.uniform(0.1, 0.5)
        length = int(decay_s * SAMPLE_RATE)
        response = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
        response *= rng.uniform(0.02, 0.12)
        response[0] = 1.0
        size = samples.shape[0] + length
        size = 1 << (size - 1).bit_length()
        wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)
        wet = wet[: samples.shape[0]].astype(np.float32)
        return wet / (wet.std() + 1e-6)
