from __future__ import annotations

import numpy as np
import pytest

from assistant.audio.resample import Resampler, resample, to_float32, to_int16


def sine(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(
        np.float32
    )


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_block_by_block_equals_the_whole_at_once(rate: int) -> None:
    source = sine(rate)
    resampler = Resampler(rate, 16_000)
    blocks = [resampler.push(block) for block in np.array_split(source, 37)]
    blocks.append(resampler.push(np.empty(0, np.float32), last=True))
    streamed = np.concatenate(blocks)
    np.testing.assert_allclose(streamed, resample(source, rate, 16_000), atol=1e-5)
    inner = slice(1_000, -1_000)  # a resampler rings at the edges of a sine that starts at once
    np.testing.assert_allclose(streamed[inner], sine(16_000)[inner], atol=2e-3)


def test_every_int16_survives_the_way_through_float32() -> None:
    every = np.arange(-32_768, 32_768).astype(np.int16)
    np.testing.assert_array_equal(to_int16(to_float32(every)), every)
    assert to_float32(every).dtype == np.float32


def test_what_is_too_loud_is_clipped_and_does_not_wrap() -> None:
    loud = np.array([1.0, 1.5, -1.0, -7.0, 1e9], np.float32)
    np.testing.assert_array_equal(to_int16(loud), [32_767, 32_767, -32_768, -32_768, 32_767])
