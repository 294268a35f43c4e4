"""What is heard in homes beside speech, synthesised: six seconds of each, mono 16 kHz."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from assistant.values import SAMPLE_RATE

Floats = NDArray[np.float64]
SECONDS = 6
LEVEL = 0.08
"""Root mean square where it is loud."""

_T = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE


def _hiss(seed: int, low: float = 0.0, high: float = 8_000.0) -> Floats:
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(_T)))
    hz = np.fft.rfftfreq(len(_T), 1 / SAMPLE_RATE)
    spectrum[(hz < low) | (hz > high)] = 0
    return np.fft.irfft(spectrum, len(_T))


def _tone(hz: Floats | float, partials: int = 1) -> Floats:
    phase = 2 * np.pi * np.cumsum(np.full(len(_T), hz) if np.isscalar(hz) else hz) / SAMPLE_RATE
    return sum((np.sin(n * phase) / n for n in range(1, partials + 1)), np.zeros(len(_T)))


def _hits(every_s: float, decay_s: float, count: int = 99) -> Floats:
    """Sudden beginnings that die away."""
    since = _T % every_s
    return np.exp(-since / decay_s) * (every_s * count > _T)


NOISES: dict[str, Callable[[], Floats]] = {
    "cough": lambda: _hits(1.4, 0.07) * (_hiss(1, 200, 5_000) + 0.3 * _tone(160, 8)),
    "knock": lambda: _hits(0.3, 0.02, 4) * (_hiss(2, 100, 1_500) + _tone(140)),
    "baby": lambda: _tone(430 + 90 * np.sin(2 * np.pi * 0.9 * _T), 9) * (_T % 1.1 < 0.8),
    "phone": lambda: (_tone(440) + _tone(480)) * (_T % 3 < 1.2) * (_T % 0.1 < 0.05),
    "vacuum cleaner": lambda: _hiss(3, 100, 6_000) + 0.5 * _tone(210, 12),
    "running water": lambda: _hiss(4, 400, 7_000) * (1 + 0.3 * np.sin(7 * _T) * np.sin(3.1 * _T)),
    "whistle": lambda: _tone(1_400 + 300 * np.sin(2 * np.pi * 0.5 * _T)) * (_T % 1.5 < 1.1),
    "dog": lambda: _hits(0.7, 0.08) * (_tone(420 - 150 * (_T % 0.7), 10) + 0.4 * _hiss(5)),
    "keyboard": lambda: _hits(0.17, 0.006) * _hiss(6, 1_000, 7_000),
    "hum": lambda: _tone(50, 14),
    "music": lambda: sum(
        (_hits(0.5, 0.4) * _tone(hz, 5) for hz in (220.0, 277.2, 329.6)), np.zeros(len(_T))
    ),
    "breath": lambda: _hiss(7, 250, 3_500) * np.clip(np.sin(2 * np.pi * _T / 3), 0, None) ** 2,
    "beeps": lambda: _tone(1_000) * (_T % 0.5 < 0.2),
}


def noise(name: str) -> NDArray[np.float32]:
    """One of them, with a microphone's own hiss."""
    made = NOISES[name]()
    loud = float(np.sqrt(np.quantile(np.square(made), 0.9)))
    whole = made * (LEVEL / loud) + 3e-4 * _hiss(8)
    return whole.clip(-1, 1).astype(np.float32)
