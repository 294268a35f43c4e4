from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from assistant.listen.meter import LOWEST_DBFS, Meter
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame


def sine(amplitude: float, count: int) -> Iterator[AudioFrame]:
    at = np.arange(count * FRAME_SAMPLES) / SAMPLE_RATE
    wave = (amplitude * 32_767 * np.sin(2 * np.pi * 1_000 * at)).astype(np.int16)
    for number, samples in enumerate(wave.reshape(count, FRAME_SAMPLES)):
        yield AudioFrame(samples, number * 0.02)


def test_levels_are_told_in_dbfs() -> None:
    for amplitude, dbfs in ((1.0, -3.0), (0.1, -23.0), (0.0, LOWEST_DBFS)):
        meter = Meter()
        assert meter.dbfs == LOWEST_DBFS
        assert len(list(meter.around(sine(amplitude, 20)))) == 20
        assert meter.dbfs == pytest.approx(dbfs, abs=0.1)


def test_what_is_past_is_not_told() -> None:
    meter = Meter()
    frames = [*sine(1.0, 10), *sine(0.01, 10)]
    levels = []
    for frame, same in zip(meter.around(frames), frames, strict=True):
        assert frame is same
        levels.append(meter.dbfs)
    assert levels[9] == pytest.approx(-3, abs=0.1)
    assert levels[9:] == sorted(levels[9:], reverse=True)
    assert levels[-1] == pytest.approx(-43, abs=0.2)
