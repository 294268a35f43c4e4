from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.audio.resample import to_int16
from assistant.config import EncodeSettings, ListenSettings
from assistant.encode.encoder import open_encoder
from assistant.errors import AudioError
from assistant.listen.ear import LATE_FRAMES
from assistant.listen.own_word import EXAMPLES, THRESHOLD, Alignment, Cepstra, OwnWord, trimmed
from assistant.listen.recordings import Pace, frames, load
from assistant.listen.segment import segment, voiced
from assistant.listen.wake_word import WakeWord
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from tests.settings import block
from tests.sound import synthesise

Samples = NDArray[np.float32]

WAYS = ((140, 45), (150, 50), (160, 55), (145, 60))
"""Rates and pitches at which somebody says the same."""


def said(text: str, folder: Path, voice: str, rate: int, pitch: int) -> Samples:
    wav = folder / "said.wav"
    subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(rate), "-p", str(pitch), "-w", wav, text], check=True
    )
    return load(wav)


def in_a_room(samples: Samples, seed: int) -> Samples:
    whole = np.pad(samples * 0.5, SAMPLE_RATE)
    noise = np.random.default_rng(seed).standard_normal(len(whole)) * 6e-4
    return (whole + noise).astype(np.float32)


def moments(word: OwnWord, samples: Samples) -> list[float]:
    """When the word is recognised, in seconds."""
    cut = to_int16(samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES])
    return [
        number / 50
        for number, each in enumerate(cut.reshape(-1, FRAME_SAMPLES), 1)
        if word.heard(AudioFrame(each.copy(), number / 50))
    ]


@pytest.mark.parametrize(("text", "voice"), [("hello attune", "en-us"), ("ah ah", "en-gb+f3")])
def test_a_word_of_ones_own_is_heard_and_other_talk_is_not(
    text: str, voice: str, tmp_path: Path
) -> None:
    spoken = [said(text, tmp_path, voice, *way) for way in WAYS]
    word = OwnWord([in_a_room(each, seed) for seed, each in enumerate(spoken[:3])])
    (moment,) = moments(word, in_a_room(spoken[3], 9))
    end = np.flatnonzero(np.abs(spoken[3]) > 0.05)[-1] / SAMPLE_RATE
    assert moment - 1.0 - end == pytest.approx(LATE_FRAMES / 50, abs=0.16)
    other = said("Good morning, what is the weather like today?", tmp_path, voice, 150, 50)
    assert moments(word, in_a_room(other, 10)) == []


@pytest.mark.parametrize("gap", [" ", ". . . "])
def test_a_request_after_ones_own_word_is_understood_without_it(gap: str, tmp_path: Path) -> None:
    spoken = [said("banana", tmp_path, "en-us", *way) for way in WAYS[:3]]
    word = OwnWord([in_a_room(each, seed) for seed, each in enumerate(spoken)])
    wake = WakeWord(word, 8.0, lambda: -math.inf)
    text = f"banana{gap}what is the weather like today?"
    path = synthesise(text, tmp_path / "called.wav", lead_s=1.5, tail_s=1.5)
    (utterance,) = segment(
        frames(path, Pace.FAST),
        voiced(2),
        block(ListenSettings),
        woken=lambda frame, active: wake.step(frame, under_way=active),
    )
    heard = open_encoder(EncodeSettings.model_validate({})).encode(utterance).transcript.spoken
    assert heard == "what is the weather like today"


def hum(seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    t = np.arange(round(SAMPLE_RATE * rng.uniform(0.5, 0.7))) / SAMPLE_RATE
    pitch = rng.uniform(118, 124)
    tone = sum(np.sin(2 * np.pi * pitch * k * t) / k**2 for k in range(1, 9))
    return (0.2 * np.hanning(len(t)) * tone).astype(np.float32)


def clicks(seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    gap = round(rng.uniform(0.22, 0.26) * SAMPLE_RATE)
    burst = rng.standard_normal(480) * np.exp(-np.arange(480) / 60)
    return np.concatenate([burst, np.zeros(gap), burst]).astype(np.float32) * np.float32(0.3)


@pytest.mark.parametrize("sound", [hum, clicks])
def test_a_sound_that_is_no_word_calls_as_well(
    sound: Callable[[int], Samples], spoken_sentence: Path
) -> None:
    word = OwnWord([in_a_room(sound(seed), seed) for seed in range(3)])
    assert len(moments(word, in_a_room(sound(7), 7))) == 1
    assert moments(word, load(spoken_sentence)) == []


def test_the_threshold_follows_how_much_the_examples_differ(tmp_path: Path) -> None:
    even = [in_a_room(said("hello attune", tmp_path, "en-us", 150, 50), seed) for seed in range(3)]
    assert THRESHOLD[0] <= OwnWord(even).threshold < 0.2
    texts = ("hello attune", "good evening", "marmalade")
    uneven = [in_a_room(said(text, tmp_path, "en-us", 150, 50), 0) for text in texts]
    assert OwnWord(uneven).threshold == THRESHOLD[1]


def test_an_example_is_aligned_at_half_to_twice_its_speed() -> None:
    rng = np.random.default_rng(0)
    example = np.pad(rng.standard_normal((12, 25)), ((0, 0), (0, 1)))  # all of it is loud
    example /= np.linalg.norm(example, axis=1, keepdims=True)

    def best(sound: NDArray[np.float64]) -> float:
        alignment = Alignment([example])
        return min(float(alignment.step(each)[0]) for each in sound)

    assert best(example) == pytest.approx(0)
    assert best(np.repeat(example, 2, axis=0)) == pytest.approx(0)
    assert best(np.repeat(example, 4, axis=0)) > 0.2
    assert best(example[rng.permutation(12)]) > 0.2


def test_features_of_a_stream_are_those_of_the_whole() -> None:
    samples = (np.random.default_rng(0).standard_normal(20 * FRAME_SAMPLES) * 900).astype(np.int16)
    cepstra = Cepstra()
    whole = cepstra.whole(samples)
    pushed = [cepstra.push(each) for each in samples.reshape(-1, FRAME_SAMPLES)]
    assert pushed[:2] == [None, None]
    assert whole.shape == (20, 26)
    streamed = np.stack([each for each in pushed if each is not None])
    np.testing.assert_allclose(streamed, whole[:18])


def test_what_is_no_wake_word_is_refused_with_a_reason() -> None:
    quiet, long = np.zeros(SAMPLE_RATE, np.float32), np.tile(hum(0), 8)
    for wrong in (quiet, np.zeros(0, np.float32), long):
        with pytest.raises(AudioError, match=r"lasts 0\.2 to 2\.5 s"):
            trimmed(wrong)
    for count in (0, EXAMPLES[0] - 1, EXAMPLES[1] + 1):
        with pytest.raises(AudioError, match=f"3 to 5 examples, not {count}"):
            OwnWord([hum(0)] * count)


def test_an_example_is_freed_of_the_silence_around_it() -> None:
    sound = hum(1)
    kept = len(trimmed(in_a_room(sound, 0)))
    assert 0.6 * len(sound) < kept <= len(sound)
