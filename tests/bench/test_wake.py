from __future__ import annotations

from pathlib import Path

import numpy as np

from assistant.values import FRAME_SAMPLES, AudioFrame
from bench.mouths import Mouths
from bench.wake import OWN, Parts, alarms, calls, listener


class Every:
    """Recognises the word in every frame."""

    def heard(self, frame: AudioFrame) -> bool:
        return bool(frame.samples.any())


def frames(seconds: float, value: int) -> list[AudioFrame]:
    samples = np.full(FRAME_SAMPLES, value, np.int16)
    return [AudioFrame(samples.copy(), number / 50) for number in range(round(seconds * 50))]


def test_a_detector_that_stays_sure_is_one_alarm_a_second() -> None:
    assert alarms(Every(), frames(3.0, 1)) == 3
    assert alarms(Every(), frames(3.0, 0)) == 0


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    path, asked = tmp_path / "parts", list[float]()

    def measure() -> float:
        asked.append(2.5)
        return 2.5

    assert Parts.of(path).get("a", measure) == 2.5
    assert Parts.of(path).get("a", measure) == 2.5
    assert Parts.of(path).get("b", measure) == 2.5
    assert len(asked) == 2


def test_calls_are_heard_and_silence_is_not() -> None:
    mouths = Mouths(None)
    assert calls(mouths, OWN, 9, None, 2, 7) == 0
    assert alarms(listener(mouths, f"{OWN} 0", 7), frames(5.0, 0)) == 0
    assert calls(mouths, "alexa", 9, None, 3, 7) < 3
