from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.audio.downmix import Downmix

RATE = 16_000
Samples = NDArray[np.float32]


def noise(seed: int, level: float = 0.1, seconds: float = 3.0) -> Samples:
    count = round(seconds * RATE)
    return (np.random.default_rng(seed).standard_normal(count) * level).astype(np.float32)


def mixed(*channels: Samples, block: int = RATE // 50) -> Samples:
    downmix, whole = Downmix(RATE), np.stack(channels, axis=1)
    return np.concatenate(
        [downmix.push(whole[at : at + block]) for at in range(0, len(whole), block)]
    )


def test_channels_are_mixed_to_their_mean() -> None:
    left, right = np.array([0.5, -0.5], np.float32), np.array([0.0, -0.5], np.float32)
    np.testing.assert_array_equal(mixed(left, right), np.array([0.25, -0.5], np.float32))
    np.testing.assert_array_equal(mixed(left), left)
    one, other = noise(1), noise(2)
    np.testing.assert_allclose(mixed(one, other), (one + other) / 2, atol=1e-7)


@pytest.mark.parametrize("block", [RATE // 50, RATE])
def test_opposite_phases_leave_the_voice(block: int) -> None:
    voice = noise(1)
    np.testing.assert_array_equal(mixed(voice, -voice, block=block), voice)
    louder_by_turns = np.repeat(np.where(np.arange(48) % 2, 1.01, 0.99), RATE // 16)
    one = (voice * louder_by_turns).astype(np.float32)
    np.testing.assert_array_equal(mixed(one, -voice, block=block), one)


def test_beside_a_dead_channel_the_living_one_keeps_its_loudness() -> None:
    voice = noise(1)
    np.testing.assert_array_equal(mixed(voice, noise(2, 1e-4)), voice)
    np.testing.assert_array_equal(mixed(noise(2, 1e-4), voice), voice)


def test_a_louder_channel_is_followed() -> None:
    voice = noise(1)
    heard = mixed(0.1 * voice, -voice)
    np.testing.assert_array_equal(heard, -voice)


def test_silence_before_the_voice_does_not_matter() -> None:
    voice = noise(1, seconds=8.0)
    voice[: 2 * RATE] *= 1e-3
    heard = mixed(voice, -voice)
    np.testing.assert_array_equal(heard, voice)


def test_what_is_no_number_is_left_to_the_caller() -> None:
    with np.errstate(all="ignore"):
        heard = mixed(np.full(RATE, np.nan, np.float32), noise(1, seconds=1.0))
    assert np.isnan(heard).all()
