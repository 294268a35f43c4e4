from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.config import EncodeSettings, ListenSettings
from assistant.encode.encoder import open_encoder
from assistant.errors import DependencyError
from assistant.listen.ear import LATE_FRAMES, Ear
from assistant.listen.recordings import Pace, frames
from assistant.listen.segment import segment, voiced
from assistant.listen.wake_word import AGAIN_S, MicroWakeWord, WakeWord
from assistant.values import FRAME_MS, FRAME_SAMPLES, AudioFrame, EndReason, Utterance
from tests.settings import block
from tests.sound import synthesise

WAIT_S = 2.0


class At:
    """Recognises the word at these frames."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = numbers

    def heard(self, frame: AudioFrame) -> bool:
        return int(frame.samples[0]) in self._numbers


def cut(
    strip: str, *words: int, expected_until: float = -math.inf, wait_s: float = WAIT_S
) -> list[list[int]]:
    """The frames of what is heard of a strip, with wake words that are recognised at these."""
    small = {"start_ms": 60, "start_window_ms": 100, "pre_roll_ms": 80, "min_ms": 60}
    told = block(ListenSettings, silence_ms=400, foreground=False, **small)
    wake = WakeWord(At(*words), wait_s, lambda: expected_until)

    def sound() -> Iterator[AudioFrame]:
        for number in range(len(strip)):
            yield AudioFrame(np.full(FRAME_SAMPLES, number, np.int16), number * FRAME_MS / 1000)

    found = segment(
        sound(),
        lambda frame: strip[int(frame.samples[0])] == "#",
        told,
        woken=lambda frame, active: wake.step(frame, under_way=active),
    )
    heard: list[list[int]] = []
    for utterance in found:
        assert not utterance.is_half
        heard.append([round(float(each) * 32_768) for each in utterance.samples[::FRAME_SAMPLES]])
    return heard


TALK = "." * 10 + "#" * 60 + "." * 40


def test_without_the_word_nothing_is_heard() -> None:
    assert cut(TALK * 3) == []


def test_what_follows_in_the_same_breath_is_heard_from_the_end_of_the_word() -> None:
    (heard,) = cut(TALK, 30)
    assert heard[0] == 31 - LATE_FRAMES
    assert heard == list(range(31 - LATE_FRAMES, heard[-1] + 1))
    assert heard[-1] >= 69


def test_what_follows_after_a_pause_is_heard() -> None:
    strip = "." * 10 + "#" * 20 + "." * 50 + "#" * 40 + "." * 40
    (heard,) = cut(strip, 38)
    assert heard[0] == 80 - 4  # the pre-roll
    assert cut(strip, 38, wait_s=0.5) == []


def test_a_request_is_heard_to_its_end_however_long_it_is() -> None:
    strip = "." * 40 + "#" * 200 + "." * 40
    (heard,) = cut(strip, 20, wait_s=1.0)
    assert heard[-1] >= 239


def test_after_the_request_the_room_is_not_heard_any_more() -> None:
    request = "." * 10 + "#" * 40 + "." * 30
    strip = request + "." * 40 + "#" * 60 + "." * 30
    assert len(cut(strip, 5, wait_s=1.0)) == 1


def test_a_speaker_who_goes_on_soon_is_heard_and_a_television_is_not_for_ever() -> None:
    strip = "." * 10 + ("#" * 40 + "." * 25) * 6 + "." * 60
    assert [heard[-1] < 150 for heard in cut(strip, 5, wait_s=1.0)] == [True, True]


def test_an_answer_needs_no_word() -> None:
    assert len(cut(TALK, expected_until=1.0)) == 1
    assert cut("." * 70 + TALK, expected_until=1.0) == []


def test_the_word_in_an_utterance_begins_it_anew() -> None:
    (heard,) = cut("." * 10 + "#" * 100 + "." * 40, 60, expected_until=1.0)
    assert heard[0] == 61 - LATE_FRAMES


def test_a_detector_that_stays_sure_calls_once() -> None:
    again = 30 + round(AGAIN_S * 1000 / FRAME_MS)
    (heard,) = cut("." * 10 + "#" * 100 + "." * 40, *range(30, again))
    assert heard[0] == 31 - LATE_FRAMES
    wake = WakeWord(At(1, 2, 60), WAIT_S, lambda: -math.inf)
    ears = [
        wake.step(AudioFrame(np.full(FRAME_SAMPLES, at, np.int16), at / 50), under_way=False)
        for at in range(200)
    ]
    assert [at for at, ear in enumerate(ears) if ear is Ear.CALLED] == [1, 60]
    assert ears[0] is Ear.SHUT
    assert set(ears[161:]) == {Ear.SHUT}


def sound(path: Path) -> list[AudioFrame]:
    return list(frames(path, Pace.FAST))


def woken(path: Path, word: str) -> list[Utterance]:
    settings = block(ListenSettings)
    wake = WakeWord(MicroWakeWord(word), 8.0, lambda: -math.inf)
    return list(
        segment(
            sound(path),
            voiced(settings.vad_mode),
            settings,
            woken=lambda frame, active: wake.step(frame, under_way=active),
        )
    )


@pytest.mark.parametrize("gap", [" ", ". . . "])
def test_a_request_after_a_real_word_is_understood_without_it(gap: str, tmp_path: Path) -> None:
    text = f"okay nabu{gap}what is the weather like today?"
    path = synthesise(text, tmp_path / "called.wav", lead_s=1.5, tail_s=1.5)
    (utterance,) = woken(path, "okay nabu")
    assert utterance.end_reason is EndReason.SILENCE
    heard = open_encoder(EncodeSettings.model_validate({})).encode(utterance).transcript.spoken
    assert heard == "what is the weather like today"


def test_talk_without_the_word_reaches_no_recogniser(spoken_sentence: Path) -> None:
    for word in ("alexa", "hey jarvis", "hey mycroft", "okay nabu"):
        assert woken(spoken_sentence, word) == []


def test_each_word_is_its_own(tmp_path: Path) -> None:
    path = synthesise("alexa, what time is it?", tmp_path / "alexa.wav", lead_s=1.5, tail_s=1.5)
    assert len(woken(path, "alexa")) == 1
    assert woken(path, "okay nabu") == []


def test_without_its_package_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    with pytest.raises(DependencyError, match=r"pip install pymicro-wakeword .* listen\.wake_word"):
        MicroWakeWord("alexa")
