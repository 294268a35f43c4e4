from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.audio.resample import to_float32, to_int16
from assistant.config import ListenSettings
from assistant.listen import recordings
from assistant.listen.gain import MOST, TARGET, AutomaticGain
from assistant.listen.segment import segment, voiced
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Utterance

SETTINGS = ListenSettings.model_validate({})
Samples = NDArray[np.float32]


def noise(seconds: float, level: float) -> Samples:
    rng = np.random.default_rng(1)
    return (rng.standard_normal(round(seconds * SAMPLE_RATE)) * level).astype(np.float32)


def raised(samples: Samples) -> Samples:
    gain, starts = AutomaticGain(), range(0, len(samples), FRAME_SAMPLES)
    return np.concatenate([gain.push(samples[at : at + FRAME_SAMPLES]) for at in starts])


def utterances(samples: Samples) -> list[Utterance]:
    whole = to_int16(samples)
    starts = range(0, len(whole) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    frames = (AudioFrame(whole[at : at + FRAME_SAMPLES].copy(), 0.0) for at in starts)
    return list(segment(frames, voiced(SETTINGS.vad_mode), SETTINGS))


def test_a_far_voice_is_heard(spoken_sentence: Path) -> None:
    voice = recordings.load(spoken_sentence)
    far = voice * np.float32(10 ** (-46 / 20) / np.abs(voice).max())
    hiss = noise(40.0, 10 ** (-70 / 20))  # as the daemon has heard it for a while
    hiss[-len(far) :] += far
    hiss = to_float32(to_int16(hiss))
    assert utterances(hiss) == []
    (heard,) = utterances(raised(hiss))
    assert heard.seconds == pytest.approx(utterances(voice)[0].seconds, abs=0.3)


def test_what_is_loud_is_left_alone() -> None:
    loud = noise(2.0, 0.1)
    np.testing.assert_array_equal(raised(loud), loud)


def test_a_sudden_sound_is_not_clipped() -> None:
    sound = np.concatenate([noise(60.0, 1e-4), noise(2.0, 0.1)])
    assert np.abs(raised(sound)).max() <= max(1.0, np.abs(sound).max())


def test_silence_is_raised_only_so_far() -> None:
    quiet = noise(60.0, 1e-4)
    out = raised(quiet)
    assert np.abs(out).max() <= MOST * np.abs(quiet).max() * 1.001
    assert np.abs(out[-SAMPLE_RATE:]).max() < TARGET
    assert np.all(raised(np.zeros(SAMPLE_RATE, np.float32)) == 0)


def test_blocks_join_without_a_step() -> None:
    tone = np.full(3 * SAMPLE_RATE, 1e-3, np.float32)
    out = raised(tone)
    assert np.abs(np.diff(out)).max() < 1e-5
    assert out[-1] > 1.3 * out[0]
    assert AutomaticGain().push(np.empty(0, np.float32)).size == 0
