from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.audio.resample import resample, to_float32, to_int16
from assistant.config import ListenSettings, SpeakSettings
from assistant.errors import DependencyError
from assistant.listen.echo import EchoCanceller, Played
from assistant.listen.segment import segment, voiced
from assistant.speak.espeak import Espeak
from assistant.values import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from tests.room import room

REPLY = (
    "Good morning, dear friend. It is a lovely day today, and the sun is shining. "
    "Your daughter is coming to visit you at three o'clock in the afternoon."
)
LISTEN = ListenSettings.model_validate({})
FRAME_S = FRAME_MS / 1000
NOW = 1_000.0  # monotonic, when the tests begin


def spoken(text: str, voice: str = "en-us") -> NDArray[np.float32]:
    speech = Espeak(SpeakSettings.model_validate({"voice": voice})).synthesise(text)
    return resample(to_float32(speech.samples), speech.sample_rate, SAMPLE_RATE)


@pytest.fixture(scope="module")
def reply() -> NDArray[np.float32]:
    return spoken(REPLY)


def told(played: Played, reply: NDArray[np.float32], at: float) -> None:
    """Tell of a reply as the loudspeaker does: in pieces, and not quite on time."""
    jitter = np.random.default_rng(3).uniform(-0.02, 0.02, reply.shape[0])
    samples, step = to_int16(reply), 800
    for start in range(0, samples.shape[0], step):
        due = at + start / SAMPLE_RATE + (jitter[start] if start else 0.0)
        played.played(samples[start : start + step], SAMPLE_RATE, due)


def frames(sound: NDArray[np.float64], since: float = NOW) -> Iterator[AudioFrame]:
    samples, rng = to_int16(sound.astype(np.float32)), np.random.default_rng(5)
    for start in range(0, samples.shape[0] - FRAME_SAMPLES, FRAME_SAMPLES):
        piece = samples[start : start + FRAME_SAMPLES].copy()
        late = rng.uniform(0, 0.012) if start else 0.0  # as much as a sound server's
        yield AudioFrame(piece, since + start / SAMPLE_RATE + late)


def heard(
    reply: NDArray[np.float32], delay_s: float, over: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """What the microphone gets: the reply's echo, a little noise, and what is said over it."""
    sound = np.convolve(reply, room(delay_s))
    sound = np.concatenate([sound, np.zeros(2 * SAMPLE_RATE)])
    sound += np.random.default_rng(1).normal(size=sound.shape[0]) * 1e-4
    if over is not None:
        sound[4 * SAMPLE_RATE :][: over.shape[0]] += over
    return sound


def starts(sound: NDArray[np.float64], canceller: EchoCanceller | None) -> list[float]:
    """When speech is taken to begin, in seconds since the first frame."""
    found: list[float] = []
    at = 0.0

    def passing() -> Iterator[AudioFrame]:
        nonlocal at
        each = frames(sound)
        for frame in each if canceller is None else canceller.cleaned(each):
            at = frame.captured_at - NOW
            yield frame

    detector = voiced(LISTEN.vad_mode)
    is_speech = detector if canceller is None else canceller.others(detector)
    for _ in segment(passing(), is_speech, LISTEN, on_start=lambda _: found.append(at)):
        pass
    return found


@pytest.mark.parametrize("delay_s", [0.03, 0.15, 0.4])
def test_its_own_voice_is_not_taken_for_speech_and_another_one_is(
    reply: NDArray[np.float32], delay_s: float
) -> None:
    alone, over = heard(reply, delay_s), heard(reply, delay_s, spoken("what time is it", "en-gb"))
    assert len(starts(alone, None)) == 1  # without a canceller it would answer itself

    def canceller() -> EchoCanceller:
        played = Played()
        told(played, reply, NOW)
        return EchoCanceller(played)

    assert starts(alone, canceller()) == []
    (begins,) = starts(over, canceller())
    assert 4.0 < begins < 4.8


@pytest.mark.parametrize("noise", [0.0, 1e-4, 1e-3])
@pytest.mark.parametrize("delays_s", [(0.03, 0.03), (0.03, 0.09), (0.12, 0.05)])
def test_its_own_voice_stays_nobody_s_in_a_quiet_room_though_the_way_back_changes(
    reply: NDArray[np.float32], delays_s: tuple[float, float], noise: float
) -> None:
    """Each reply opens the loudspeaker anew, with another delay."""
    pause = np.zeros(3 * SAMPLE_RATE)
    replies = [np.concatenate([np.convolve(reply, room(delay)), pause]) for delay in delays_s]
    sound = np.concatenate(replies)
    sound += np.random.default_rng(1).normal(size=sound.shape[0]) * noise
    played = Played()
    due = [NOW, NOW + replies[0].shape[0] / SAMPLE_RATE]

    def telling() -> Iterator[AudioFrame]:
        for frame in frames(sound):
            if due and frame.captured_at >= due[0] - FRAME_S:
                told(played, reply, due.pop(0))
            yield frame

    canceller, plain = EchoCanceller(played), voiced(LISTEN.vad_mode)
    heard_at: list[float] = []  # by the detector alone

    def noting(frame: AudioFrame) -> bool:
        if is_voiced := plain(frame):
            heard_at.append(frame.captured_at)
        return is_voiced

    assert list(segment(canceller.cleaned(telling()), canceller.others(noting), LISTEN)) == []
    assert heard_at != []


def test_while_nothing_is_played_every_frame_stays_as_it_is(reply: NDArray[np.float32]) -> None:
    played = Played()
    canceller = EchoCanceller(played)
    before = list(frames(heard(reply, 0.03), NOW))
    assert all(a is b for a, b in zip(before, canceller.cleaned(before), strict=True))
    told(played, reply[:SAMPLE_RATE], NOW)
    assert not any(a is b for a, b in zip(before[:50], canceller.cleaned(before[:50]), strict=True))
    later = list(frames(heard(reply, 0.03), NOW + 2.1))
    assert all(a is b for a, b in zip(later, canceller.cleaned(later), strict=True))


def at(seconds: float) -> float:
    return NOW + seconds


def ramp(seconds: float) -> NDArray[np.int16]:
    return np.arange(1, round(seconds * SAMPLE_RATE) + 1).astype(np.int16)


def test_what_is_told_in_pieces_lies_where_it_was_played() -> None:
    played = Played()
    assert played.beside(at(0.0)) is None
    whole = ramp(0.2)
    for start in range(0, whole.shape[0], 800):
        # what follows on has no gap, though it is said to be late
        late = 0.03 if start else 0.0
        due = NOW + 0.01 + start / SAMPLE_RATE + late
        played.played(whole[start : start + 800], SAMPLE_RATE, due)
    assert played.beside(at(-0.02)) is None
    first = played.beside(at(0.0))
    assert first is not None
    np.testing.assert_array_equal(first, np.concatenate([np.zeros(160), whole[:160]]))
    found = [played.beside(at(0.01 + number * FRAME_S)) for number in range(1, 10)]
    assert all(piece is not None for piece in found)
    joined = np.concatenate([piece for piece in found if piece is not None])
    np.testing.assert_array_equal(joined, whole[FRAME_SAMPLES:])
    after = played.beside(at(0.9))
    assert after is not None
    assert not after.any()  # an echo may still be on its way
    assert played.beside(at(1.3)) is None


def test_a_gap_is_kept() -> None:
    played = Played()
    played.played(ramp(0.02), SAMPLE_RATE, NOW)
    played.played(ramp(0.02), SAMPLE_RATE, NOW + 0.2)
    silent = played.beside(at(0.1))
    assert silent is not None
    assert not silent.any()
    again = played.beside(at(0.2))
    assert again is not None
    np.testing.assert_array_equal(again, ramp(0.02))


def test_what_was_thrown_away_was_never_played() -> None:
    played = Played()
    played.played(ramp(0.2), SAMPLE_RATE, NOW)
    played.played(ramp(0.2), SAMPLE_RATE, NOW + 0.2)
    played.silenced(NOW + 0.03)
    half = played.beside(at(0.02))
    assert half is not None
    np.testing.assert_array_equal(half, np.append(ramp(0.03)[320:], np.zeros(160)))
    rest = played.beside(at(0.25))
    assert rest is not None
    assert not rest.any()


@pytest.mark.parametrize("rate", [22_050, 48_000])
def test_other_rates_are_laid_at_the_same_place(rate: int) -> None:
    played = Played()
    wave = np.sin(2 * np.pi * 300 * np.arange(rate) / rate)
    samples = (8_000 * wave).astype(np.int16)
    for start in range(0, rate, rate // 20):
        played.played(samples[start : start + rate // 20], rate, NOW + start / rate)
    found = [played.beside(at(number * FRAME_S)) for number in range(40)]
    joined = np.concatenate([piece for piece in found if piece is not None])
    wanted = 8_000 * np.sin(2 * np.pi * 300 * np.arange(joined.shape[0]) / SAMPLE_RATE)
    np.testing.assert_allclose(joined[800:], wanted[800:], atol=80)


def test_what_nobody_asks_for_is_forgotten() -> None:
    played = Played()
    for second in range(60):
        played.played(ramp(1.0), SAMPLE_RATE, NOW + second)
    assert played.beside(at(10.0)) is None
    moments = [seconds for seconds in range(60) if played.beside(at(seconds)) is not None]
    assert moments == list(range(44, 60))
    assert all(b - a == 1 for a, b in pairwise(moments))


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(DependencyError, match=r"pip install pywebrtc-audio, or set listen\.barge"):
        EchoCanceller(Played())
