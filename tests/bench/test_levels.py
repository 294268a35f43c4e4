from __future__ import annotations

import numpy as np
import pytest

from assistant.audio.resample import to_float32, to_int16
from assistant.values import SAMPLE_RATE
from bench.levels import AROUND_S, BLOCK, Condition, raised, settled, under


def dbfs(samples: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("noise", ["white", "fan"])
def test_a_recording_is_heard_at_its_level_over_the_noise(noise: str) -> None:
    voice = np.sin(np.arange(2 * SAMPLE_RATE) * 0.2).astype(np.float32)
    heard = under(Condition("far", -26.0, -50.0, noise), voice, [], 1)
    around = round(AROUND_S * SAMPLE_RATE)
    assert len(heard) == len(voice) + 2 * around
    assert dbfs(heard[:around]) == pytest.approx(-50, abs=2)
    assert 20 * np.log10(np.abs(heard).max()) == pytest.approx(-26, abs=2)


def test_of_a_narrow_microphone_nothing_is_left_above_4_khz() -> None:
    heard = under(Condition("headset", rate=8_000), np.ones(SAMPLE_RATE, np.float32), [], 1)
    spectrum = np.abs(np.fft.rfft(heard))
    hz = np.fft.rfftfreq(len(heard), 1 / SAMPLE_RATE)
    assert spectrum[hz > 4_400].max() < 1e-2 * np.median(spectrum[(hz > 500) & (hz < 3_500)])


def test_a_gain_that_has_heard_noise_raises_at_once() -> None:
    block = to_int16(np.full(BLOCK, 0.005, np.float32))
    fresh, used = raised()(block), settled(raised(), -70.0)(block)
    assert to_float32(fresh).max() < 0.006
    assert to_float32(used).max() > 0.1
