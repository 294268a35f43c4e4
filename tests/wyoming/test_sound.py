"""Sound in any format becomes what Attune hears, however it is cut into pieces."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.wyoming.sound import Conversion, Format

TONE = (8_000 * np.sin(np.arange(16_000) / 8)).astype("<i2")


def converted(sound: bytes, size: int, **given: int) -> np.ndarray:
    conversion = Conversion(Format(**{"rate": 16_000, "width": 2, "channels": 1} | given))
    found = [conversion.push(sound[start : start + size]) for start in range(0, len(sound), size)]
    return np.frombuffer(b"".join(found) + conversion.flush(), "<i2")


@pytest.mark.parametrize("size", [1, 3, 2_048])
def test_what_attune_hears_anyway_passes_unchanged(size: int) -> None:
    assert (converted(TONE.tobytes(), size) == TONE).all()


@pytest.mark.parametrize("size", [1, 1_001, 1 << 20])
@pytest.mark.parametrize(("width", "off"), [(1, 128), (3, 0), (4, 0)])
def test_samples_of_any_width_are_as_loud(width: int, off: int, size: int) -> None:
    if width == 1:
        sound = ((TONE >> 8) + off).astype(np.uint8).tobytes()
    else:
        whole = (TONE.astype("<i4") << 16).view(np.uint8).reshape(-1, 4)
        sound = whole[:, 4 - width :].tobytes()
    found = converted(sound, size, width=width)
    assert len(found) == len(TONE)
    assert abs(found - TONE.astype(int)).max() <= (256 if width == 1 else 0)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_any_rate_lasts_as_long(rate: int) -> None:
    found = converted(bytes(2 * rate), 1_000, rate=rate)
    assert abs(len(found) - 16_000) <= 1
    assert not found.any()


def test_channels_are_mixed_as_those_of_a_microphone() -> None:
    left_only = np.stack([TONE, np.zeros_like(TONE)], axis=1).tobytes()
    found = converted(left_only, 4_096, channels=2)
    assert abs(found).max() >= abs(TONE).max() - 1
