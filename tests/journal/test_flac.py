from __future__ import annotations

import numpy as np
import pytest

from assistant.journal import flac
from tests.journal.exchanges import sound


def test_sound_comes_back_within_one_step_of_16_bit() -> None:
    samples = sound(1.0)
    back = flac.decode(flac.encode(samples))
    assert back.dtype == np.float32
    assert back.shape == samples.shape
    assert np.abs(back - samples).max() <= 1 / 32_768


def test_16_bit_sound_comes_back_exactly() -> None:
    whole = np.arange(-32_768, 32_768, dtype=np.int16)
    back = flac.decode(flac.encode((whole / 32_768).astype(np.float32)))
    assert np.array_equal(back * 32_768, whole)


def test_one_sample_is_a_recording() -> None:
    assert flac.decode(flac.encode(np.array([0.5], dtype=np.float32))).tolist() == [0.5]


def test_what_no_loudspeaker_could_play_is_clipped_or_silent() -> None:
    samples = np.array([2.0, -2.0, np.inf, -np.inf, np.nan, 1.0], dtype=np.float32)
    top = 32_767 / 32_768
    assert flac.decode(flac.encode(samples)).tolist() == [top, -1.0, top, -1.0, 0.0, top]


def test_silence_is_far_smaller_than_its_samples() -> None:
    assert len(flac.encode(np.zeros(160_000, dtype=np.float32))) < 2_000


@pytest.mark.parametrize("data", [b"", b"not a recording", flac.encode(sound())[:20]])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        flac.decode(data)
