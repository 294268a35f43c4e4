from __future__ import annotations

import random

import numpy as np
import pytest

from assistant.config import ListenSettings, starter_dir
from assistant.listen.foreground import (
    CLEAR_DB,
    DOUBT,
    GONE,
    HANGOVER,
    KNOWN,
    KNOWN_WITH_GAPS,
    PAUSE,
    STRETCH,
    Foreground,
)
from assistant.listen.recordings import load
from assistant.listen.segment import segment, voiced
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, EndReason, Utterance
from tests.settings import block

SPEAKER, TELEVISION, ROOM = -20.0, -32.0, -70.0


def hear(foreground: Foreground, level_db: float, n_frames: int, *, seed: int = 0) -> list[bool]:
    """Voiced frames around a level."""
    rng = random.Random(seed)
    return [
        foreground.step(level_db + rng.uniform(-1.5, 1.5), voiced=True) for _ in range(n_frames)
    ]


def vary(foreground: Foreground, level_db: float, n_frames: int, *, seed: int) -> list[bool]:
    """Voiced frames that are 3 dB above a level for 200 ms, and 6 dB below it for the next."""
    rng = random.Random(seed)
    around = [(3.0, -6.0)[at // 10 % 2] + rng.uniform(-0.5, 0.5) for at in range(n_frames)]
    return [foreground.step(level_db + by_db, voiced=True) for by_db in around]


def silent(foreground: Foreground, n_frames: int) -> None:
    for _ in range(n_frames):
        assert not foreground.step(ROOM, voiced=False)


def talk(foreground: Foreground, level_db: float, n_words: int, *, seed: int = 0) -> list[bool]:
    """Words of 0.4 s with 0.2 s of a quiet room after each."""
    own: list[bool] = []
    for word in range(n_words):
        own += hear(foreground, level_db, 20, seed=seed + word)
        for _ in range(10):
            foreground.step(ROOM, voiced=False)
    return own


def test_somebody_whose_loudness_varies_in_a_quiet_room_is_heard_throughout() -> None:
    foreground = Foreground()
    silent(foreground, 200)
    for sentence, level_db in enumerate((-26.0, -20.0, -25.0, -19.0, -29.0, -21.0, -27.0) * 3):
        assert all(talk(foreground, level_db, 8, seed=sentence)), sentence


def test_a_television_that_goes_on_at_once_is_the_background() -> None:
    foreground = Foreground()
    talk(foreground, TELEVISION, KNOWN_WITH_GAPS // 20)
    hear(foreground, SPEAKER, 100)
    after = hear(foreground, TELEVISION, HANGOVER + 100)
    assert not any(after[HANGOVER + 10 :])


def test_after_a_gap_what_is_not_much_softer_may_be_the_speakers_next_sentence() -> None:
    foreground = Foreground()
    talk(foreground, SPEAKER - CLEAR_DB, KNOWN_WITH_GAPS // 20)
    hear(foreground, SPEAKER, 100)
    for _ in range(20):
        foreground.step(ROOM, voiced=False)
    within = DOUBT - 20
    assert all(hear(foreground, SPEAKER - CLEAR_DB, within))
    assert not any(hear(foreground, SPEAKER - CLEAR_DB, 100)[20:])  # it would be louder by now


@pytest.mark.parametrize("seed", range(5))
def test_a_background_that_is_a_little_softer_is_told_by_a_longer_look(seed: int) -> None:
    foreground = Foreground()
    vary(foreground, SPEAKER - 3, KNOWN + 4 * STRETCH, seed=seed)
    assert foreground.distance_db is None
    vary(foreground, SPEAKER, 2 * STRETCH, seed=seed + 10)
    assert foreground.distance_db is not None
    after = vary(foreground, SPEAKER - 3, HANGOVER + 100, seed=seed + 20)
    assert not any(after[HANGOVER + 10 :])


@pytest.mark.parametrize("seed", range(5))
def test_what_stays_as_loud_is_nobody_new(seed: int) -> None:
    foreground = Foreground()
    assert all(vary(foreground, SPEAKER, 2_000, seed=seed))


def test_somebody_softer_who_speaks_next_in_a_quiet_room_is_heard() -> None:
    foreground = Foreground()
    talk(foreground, SPEAKER - CLEAR_DB, KNOWN_WITH_GAPS // 20)
    hear(foreground, SPEAKER, 100)
    assert foreground.distance_db is not None
    for _ in range(PAUSE):
        foreground.step(ROOM, voiced=False)
    assert all(hear(foreground, SPEAKER - CLEAR_DB, 200))


def test_how_far_the_speaker_is_above_the_background() -> None:
    foreground = Foreground()
    hear(foreground, TELEVISION, KNOWN + 60)
    assert foreground.distance_db is None
    hear(foreground, SPEAKER, 100)
    assert foreground.distance_db == pytest.approx(SPEAKER - TELEVISION, abs=2)


def test_in_a_quiet_room_all_voice_is_the_speakers() -> None:
    foreground = Foreground()
    silent(foreground, 200)
    assert all(hear(foreground, SPEAKER, 400))
    assert all(hear(foreground, SPEAKER - 15, 400))


def test_what_was_there_before_and_is_softer_is_the_background() -> None:
    foreground = Foreground()
    assert all(hear(foreground, TELEVISION, KNOWN + 60))  # so far nobody is louder
    hear(foreground, SPEAKER, 100)
    after = hear(foreground, TELEVISION, HANGOVER + 100)
    assert not any(after[HANGOVER + 10 :])
    assert any(hear(foreground, SPEAKER, 20))


def test_a_background_that_is_not_known_yet_is_not_told_apart() -> None:
    foreground = Foreground()
    hear(foreground, TELEVISION, KNOWN // 2)
    hear(foreground, SPEAKER, 100)
    assert all(hear(foreground, TELEVISION, 200))


def test_after_a_silence_there_is_no_background() -> None:
    foreground = Foreground()
    hear(foreground, TELEVISION, KNOWN + 60)
    silent(foreground, 120)
    hear(foreground, SPEAKER, 100)
    assert all(hear(foreground, TELEVISION, 200))


def test_once_the_speaker_is_gone_a_softer_one_is_heard() -> None:
    foreground = Foreground()
    hear(foreground, TELEVISION, KNOWN + 60)
    hear(foreground, SPEAKER, 100)
    hear(foreground, TELEVISION, GONE + 60)
    assert all(hear(foreground, TELEVISION, 50))


def test_it_tells_once_when_somebody_spoke_up() -> None:
    foreground = Foreground()
    told: list[int | None] = []
    for level_db, n_frames in ((TELEVISION, KNOWN + 60), (SPEAKER, 60)):
        for _ in range(n_frames):
            foreground.step(level_db, voiced=True)
            told.append(foreground.spoke_up())
    (onset,) = [each for each in told if each is not None]
    at = len(told) - [each is not None for each in told][::-1].index(True)
    assert abs((at - onset) - (KNOWN + 60)) <= 12


@pytest.mark.parametrize("seed", range(3))
def test_a_question_over_a_hum_ends_soon_after_its_last_word(seed: int) -> None:
    """A bundled recording over a buzzing motor 5 dB below, which is voice to the detector."""
    question = load(starter_dir() / "examples" / "2-what-time-is-it.flac")
    question = question * np.float32(0.05 / np.sqrt(np.mean(np.square(question))))
    before, n_samples = 12 * SAMPLE_RATE, 12 * SAMPLE_RATE + len(question) + 15 * SAMPLE_RATE
    t = np.arange(n_samples) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 220 * k * t + k) / k for k in range(1, 9))
    noise = buzz + np.random.default_rng(seed).standard_normal(n_samples)
    whole = noise / np.sqrt(np.mean(np.square(noise))) * 0.05 * 10**-0.25
    whole[before : before + len(question)] += question
    samples = (whole.clip(-1, 1) * 32_767).astype(np.int16)

    def turns(*, foreground: bool) -> list[tuple[int, Utterance]]:
        frames = [
            AudioFrame(samples[at : at + FRAME_SAMPLES], at / SAMPLE_RATE)
            for at in range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
        ]
        now = [0]

        def counted():  # noqa: ANN202 - frames, and how many were taken
            for frame in frames:
                now[0] += FRAME_SAMPLES
                yield frame

        heard = segment(counted(), voiced(2), block(ListenSettings, foreground=foreground))
        return [(now[0], turn) for turn in heard]

    end = before + len(question)
    at, turn = next(each for each in turns(foreground=True) if each[0] > end - SAMPLE_RATE // 2)
    assert turn.end_reason is EndReason.SILENCE
    assert at - end < 2 * SAMPLE_RATE
    assert turn.contrast_db is not None
    assert 3 < turn.contrast_db < 15
    blind = next(each for each in turns(foreground=False) if each[0] > end - SAMPLE_RATE // 2)
    assert blind[1].end_reason is not EndReason.SILENCE
    assert blind[1].contrast_db is None


def test_in_a_quiet_room_a_recording_has_no_background() -> None:
    question = load(starter_dir() / "examples" / "2-what-time-is-it.flac")
    samples = (np.concatenate([question, np.zeros(2 * SAMPLE_RATE)]) * 32_767).astype(np.int16)
    frames = (
        AudioFrame(samples[at : at + FRAME_SAMPLES], at / SAMPLE_RATE)
        for at in range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    )
    (turn,) = segment(frames, voiced(2), block(ListenSettings))
    assert turn.contrast_db is None
