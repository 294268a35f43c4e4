from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.config import ListenSettings
from assistant.listen.pauses import Pauses
from assistant.listen.segment import segment
from assistant.values import FRAME_MS, FRAME_SAMPLES, AudioFrame, EndReason, Utterance
from tests.settings import block

SPEECH = "#" * 40
TURN = "." * 30 + SPEECH


def settings(**changed: object) -> ListenSettings:
    small = {"start_ms": 60, "start_window_ms": 100, "pre_roll_ms": 80, "min_ms": 60}
    return block(ListenSettings, **small | changed)


def cut(strip: str, told: ListenSettings | None = None, **options: object) -> list[Utterance]:
    def frames() -> Iterator[AudioFrame]:
        for number, bit in enumerate(strip):
            samples = np.full(FRAME_SAMPLES, number, np.int16)
            yield AudioFrame(samples, captured_at=(number if bit else 0) * FRAME_MS / 1000)

    return list(
        segment(
            frames(),
            lambda frame: strip[int(frame.samples[0])] == "#",
            told or settings(),
            **options,  # pyright: ignore[reportArgumentType]
        )
    )


def numbers(samples: NDArray[np.float32]) -> list[int]:
    """Which frames a sound is made of."""
    return [round(float(value) * 32_768) for value in samples[::FRAME_SAMPLES]]


def test_pauses_and_ends_are_learned() -> None:
    pauses, same = Pauses(settings()), Pauses(settings())
    strip = TURN + "." * 25 + SPEECH + "." * 39 + SPEECH + "." * 60
    (utterance,) = cut(strip, pauses=pauses)
    assert utterance.endpoint_ms == 1_200
    assert '"500": 1.0' in pauses.dump() or '"500": 0.99' in pauses.dump()
    assert '"780"' in pauses.dump()
    assert cut(strip) != []
    assert same.dump() != pauses.dump()


def test_the_learned_limit_is_waited_for() -> None:
    quick = Pauses(settings())
    for _ in range(25):
        cut(TURN + "." * 60, pauses=quick)
    (soon,) = cut(TURN + "." * 60, pauses=quick)
    assert 500 <= soon.endpoint_ms < 700
    slow = Pauses(settings())
    for _ in range(8):
        cut((TURN + "." * 38 + SPEECH) + "." * 110, pauses=slow)
    (late,) = cut(TURN + "." * 110, pauses=slow)
    assert late.endpoint_ms > 900


@pytest.mark.parametrize("fixed", [100, 300, 700])
def test_an_explicit_silence_is_waited_for_whatever_is_answered(fixed: int) -> None:
    told = settings(silence_ms=fixed)
    asked: list[int] = []

    def complete(samples: NDArray[np.float32], voiced_s: float) -> float:
        del voiced_s
        asked.append(len(samples))
        return 1.0

    utterances = cut((TURN + "." * 40) * 20, told, pauses=Pauses(told), complete=complete)
    assert [utterance.endpoint_ms for utterance in utterances] == [fixed] * 20
    assert len(asked) == (20 if fixed > 200 else 0)


def test_a_click_after_the_end_is_no_pause() -> None:
    clicked, plain = Pauses(settings()), Pauses(settings())
    cut(TURN + "." * 20 + "##" + "." * 60, pauses=clicked)
    cut(TURN + "." * 60, pauses=plain)
    assert '"lengths": {}' in clicked.dump()
    assert '"lengths": {}' in plain.dump()


def test_what_is_dropped_teaches_nothing() -> None:
    pauses = Pauses(settings())
    before = pauses.dump()
    assert cut("." * 20 + "###" + "." * 20 + "#####" + "." * 60, settings(min_ms=400),
               pauses=pauses) == []  # fmt: skip
    assert pauses.dump() == before


def test_a_pause_across_deaf_frames_is_none() -> None:
    pauses = Pauses(settings())
    strip = TURN + "." * 30 + SPEECH + "." * 60
    cut(strip, pauses=pauses, deaf=lambda frame: 85 <= int(frame.samples[0]) < 90)
    assert '"lengths": {}' in pauses.dump()


def test_each_pause_is_asked_about_once_with_what_was_said_so_far() -> None:
    asked: list[list[int]] = []

    def complete(samples: NDArray[np.float32], voiced_s: float) -> float:
        del voiced_s
        asked.append(numbers(samples))
        return 0.5

    strip = TURN + "." * 25 + SPEECH + "." * 60
    cut(strip, pauses=Pauses(settings()), complete=complete)
    assert asked == [list(range(26, 80)), list(range(26, 145))]


def test_a_finished_request_is_answered_sooner_than_an_open_one() -> None:
    pauses = Pauses(settings())
    whole = len(TURN) + 25 + 40 + 10

    def complete(samples: NDArray[np.float32], voiced_s: float) -> float:
        del voiced_s
        return 0.9 if numbers(samples)[-1] >= whole - 1 else 0.0

    strip = TURN + "." * 25 + SPEECH + "." * 120
    ends = [cut(strip, pauses=pauses, complete=complete)[0].endpoint_ms for _ in range(25)]
    (open_,) = cut(TURN + "." * 120, pauses=pauses, complete=complete)
    assert ends[0] == 800
    assert ends[-1] < 700
    assert open_.endpoint_ms > 800


def test_what_continues_a_cut_is_told_and_judged_as_a_whole() -> None:
    gaps: list[float | None] = []
    asked: list[list[int]] = []
    voice: list[float] = []

    def complete(samples: NDArray[np.float32], voiced_s: float) -> float:
        asked.append(numbers(samples))
        voice.append(voiced_s)
        return 0.5

    strip = TURN + "." * 55 + SPEECH + "." * 200 + SPEECH + "." * 60
    utterances = cut(strip, pauses=Pauses(settings()), complete=complete, on_start=gaps.append)
    assert len(utterances) == 3
    assert [each.voiced_s for each in utterances] == pytest.approx([0.8, 0.8, 0.8])
    assert voice == pytest.approx([0.8, 1.6, 0.8])
    assert gaps == [None, 300, 200 * FRAME_MS - utterances[1].endpoint_ms]
    first, second, third = asked
    assert second[: len(first)] == first
    assert second[-1] == 30 + 40 + 55 + 40 + 9
    assert third[0] > second[-1]


def test_a_false_cut_can_be_told_when_speech_goes_on() -> None:
    pauses = Pauses(settings())

    def on_start(gap_ms: float | None) -> None:
        if gap_ms is not None and gap_ms <= 800:
            pauses.false_cut(gap_ms)

    cut(TURN + "." * 55 + SPEECH + "." * 60, pauses=pauses, on_start=on_start)
    assert '"1100"' in pauses.dump()


@pytest.mark.parametrize(
    "strip", [TURN + "d" * 5 + "." * 20 + SPEECH, TURN + "." * 45 + "d" + SPEECH]
)
def test_speech_after_deaf_frames_continues_nothing(strip: str) -> None:
    gaps: list[float | None] = []
    cut(strip + "." * 60, on_start=gaps.append, deaf=lambda f: strip[int(f.samples[0])] == "d"
        if int(f.samples[0]) < len(strip) else False)  # fmt: skip
    assert gaps == [None, None]


def test_speech_after_the_longest_utterance_follows_no_cut() -> None:
    gaps: list[float | None] = []
    cut("." * 10 + "#" * 120, settings(max_s=1.0), on_start=gaps.append)
    assert gaps == [None, None, None]


def test_closing_ends_the_utterance_there_and_then() -> None:
    strip = TURN + SPEECH
    (utterance,) = cut(strip, open=lambda frame: int(frame.samples[0]) < 60)
    assert utterance.end_reason is EndReason.STOP
    assert numbers(utterance.samples) == list(range(26, 60))


def test_what_is_said_while_closed_is_not_heard() -> None:
    strip = SPEECH + "." * 10 + SPEECH + "." * 60
    (utterance,) = cut(strip, open=lambda frame: int(frame.samples[0]) >= 48)
    assert numbers(utterance.samples)[0] == 48
    assert utterance.end_reason is EndReason.SILENCE
    assert cut(strip, open=lambda _: False) == []


def test_closing_drops_what_is_too_short() -> None:
    assert cut(TURN, settings(min_ms=600), open=lambda f: int(f.samples[0]) < 50) == []


def test_closing_is_no_end_of_the_users_own() -> None:
    pauses = Pauses(settings())
    cut(TURN + "." * 20 + SPEECH + "." * 20, pauses=pauses, open=lambda f: int(f.samples[0]) < 140)
    assert '"400"' in pauses.dump()
    assert '"ends": 0.0' in pauses.dump()


def test_deaf_and_closed_the_utterance_is_thrown_away() -> None:
    at_60 = lambda frame: int(frame.samples[0]) >= 60  # noqa: E731
    assert cut(TURN + SPEECH, deaf=at_60, open=lambda frame: not at_60(frame)) == []


def test_what_began_while_nothing_was_heard_is_half_an_utterance() -> None:
    strip = "." * 30 + SPEECH + "." * 60
    for deaf_until, is_half in ((0, False), (20, False), (28, True), (50, True)):
        (utterance,) = cut(strip, deaf=lambda frame, end=deaf_until: int(frame.samples[0]) < end)
        assert utterance.is_half is is_half, deaf_until


def test_only_the_first_utterance_after_it_was_deaf_can_be_half() -> None:
    strip = SPEECH + "." * 60 + SPEECH + "." * 60
    first, second = cut(strip, deaf=lambda frame: int(frame.samples[0]) < 10)
    assert (first.is_half, second.is_half) == (True, False)


def test_speech_goes_on_beyond_the_limit_and_nothing_of_it_is_lost() -> None:
    asked: list[tuple[list[int], float]] = []

    def words(samples: NDArray[np.float32], voiced_s: float) -> bool:
        asked.append((numbers(samples), voiced_s))
        return True

    (utterance,) = cut("." * 10 + "#" * 230 + "." * 60, settings(max_s=2.0), words=words)
    assert utterance.end_reason is EndReason.SILENCE
    assert numbers(utterance.samples)[:230] == list(range(6, 236))
    assert [each for part, _ in asked for each in part] == list(range(6, 6 + 175))
    assert sum(voiced_s for _, voiced_s in asked) == pytest.approx(171 * FRAME_MS / 1000)


def test_what_has_no_words_ends_at_the_limit() -> None:
    utterances = cut("#" * 150, settings(max_s=2.0), words=lambda *_: False)
    assert utterances[0].end_reason is EndReason.MAX_LENGTH
    assert utterances[0].seconds == 2.0


def test_speech_ends_where_memory_does() -> None:
    told = settings(max_s=1.0, longest_s=2.5)
    utterances = cut("#" * 260, told, words=lambda *_: True)
    assert [each.seconds for each in utterances] == [2.5, 2.5, 0.2]
    assert utterances[0].end_reason is EndReason.MAX_LENGTH
