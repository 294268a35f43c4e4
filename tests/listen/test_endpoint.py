from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from assistant.config import ListenSettings
from assistant.config.tuning import ListenTuning
from assistant.listen.endpoint import (
    TRAIL_FRAMES,
    Dropped,
    Ended,
    Endpointer,
    Event,
    Paused,
    Resumed,
    Started,
)
from assistant.listen.half_duplex import HalfDuplex
from assistant.listen.segment import segment
from assistant.values import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, EndReason, Utterance
from tests.settings import block

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def settings(**changed: object) -> ListenSettings:
    """Small figures, so that strips stay readable: in frames of 20 ms."""
    small = {
        "start_ms": 60,  # 3 voiced
        "start_window_ms": 100,  # within 5
        "pre_roll_ms": 80,  # 4 before
        "silence_ms": 240,  # 12 without voice end it
        "min_ms": 60,
        "max_s": 1.0,  # 50
    }
    return block(ListenSettings, **small | changed)


def events(strip: str, **changed: object) -> list[tuple[int, Event]]:
    """The events of a strip, each with the number of the frame at which it came."""
    endpointer = Endpointer(settings(**changed))
    found = [(number, endpointer.step(bit == "#")) for number, bit in enumerate(strip)]
    found.append((len(strip), endpointer.finish()))
    return [(number, event) for number, event in found if event is not None]


def frames(strip: str) -> Iterator[AudioFrame]:
    """Frames that carry their own number, so that it can be seen where each has gone."""
    for number, _ in enumerate(strip):
        samples = np.full(FRAME_SAMPLES, number, np.int16)
        yield AudioFrame(samples, captured_at=1_000 + number * FRAME_MS / 1000)


def cut(strip: str, **options: object) -> list[Utterance]:
    known = {*ListenSettings.model_fields, *vars(ListenTuning())}
    changed = {key: options.pop(key) for key in known & options.keys()}
    return list(
        segment(
            frames(strip),
            lambda frame: strip[int(frame.samples[0])] == "#",
            settings(**changed),
            now=lambda: NOON,
            **options,  # pyright: ignore[reportArgumentType]
        )
    )


def numbers(utterance: Utterance) -> list[int]:
    """Which frames an utterance is made of."""
    return [round(float(value) * 32_768) for value in utterance.samples[::FRAME_SAMPLES]]


@pytest.mark.parametrize(
    ("strip", "expected"),
    [
        pytest.param("." * 40, [], id="silence"),
        pytest.param("", [], id="nothing"),
        pytest.param("......####" + "." * 12, [(8, 7), (21, 18)], id="pre-roll of four"),
        pytest.param("####" + "." * 12, [(2, 3), (15, 14)], id="no more pre-roll than there is"),
        pytest.param("......#.#.#." + "." * 12, [(10, 9), (22, 19)], id="gaps within the window"),
        pytest.param("......#..#..#..#" + "." * 12, [], id="too sparse for the window"),
        pytest.param("...##............", [], id="a click"),
        pytest.param("....###" + "." * 11 + "#" + "." * 12, [(6, 7), (30, 29)], id="a pause"),
    ],
)
def test_strips(strip: str, expected: list[tuple[int, int]]) -> None:
    """Each event as (frame at which it came, length of the utterance)."""
    found = events(strip)
    assert [type(event) for _, event in found] == [Started, Ended][: len(expected)]
    assert [
        (at, event.length) for at, event in found if isinstance(event, Started | Ended)
    ] == expected


def test_the_closing_silence_is_waited_for_but_kept_only_in_part() -> None:
    (_, _), (_, end) = events("....###" + "." * 40)
    assert end == Ended(EndReason.SILENCE, length=4 + 3 + TRAIL_FRAMES, silence=12, voiced=3)


def test_a_short_closing_silence_is_kept_whole() -> None:
    (_, _), (_, end) = events("....###" + "." * 40, silence_ms=100)
    assert end == Ended(EndReason.SILENCE, length=4 + 3 + 5, silence=5, voiced=3)


def test_speech_without_end_is_cut_at_the_maximum_and_goes_on_in_the_next_utterance() -> None:
    utterances = cut("." * 10 + "#" * 120)
    assert [u.end_reason for u in utterances] == [
        EndReason.MAX_LENGTH,
        EndReason.MAX_LENGTH,
        EndReason.STOP,
    ]
    assert [number for u in utterances for number in numbers(u)] == list(range(6, 130))
    assert utterances[0].seconds == 1.0


def test_what_is_too_short_is_dropped() -> None:
    assert events("....###" + "." * 20, min_ms=80)[1:] == [(18, Dropped(voiced=3))]
    assert cut("....###" + "." * 20, min_ms=80) == []
    assert len(cut("....####" + "." * 20, min_ms=80)) == 1


def test_what_was_dropped_can_be_the_pre_roll_of_what_follows() -> None:
    (utterance,) = cut("....###......####......", min_ms=80, silence_ms=120)
    assert numbers(utterance)[0] == 13 - 4


def test_pauses_are_told_when_they_begin_and_when_speech_has_gone_on() -> None:
    strip = "....####" + "." * 20 + "#" * 8 + "." * 40
    assert [event for event in events(strip, silence_ms=600)[1:] if event[0] < 45] == [
        (22, Paused(voiced=4)),  # at the fifteenth frame without voice
        (32, Resumed(silence=20)),  # at the fifth with it
    ]


def test_short_gaps_and_clicks_are_no_pauses() -> None:
    gap = events("....####" + "." * 14 + "#" * 8 + "." * 40, silence_ms=400)
    assert [type(event) for _, event in gap] == [Started, Paused, Ended]
    click = events("....####" + "." * 20 + "####" + "." * 40, silence_ms=600)
    assert [type(event) for _, event in click] == [Started, Paused, Paused, Ended]


def test_the_limit_of_one_pause_does_not_hold_for_the_next() -> None:
    endpointer = Endpointer(settings(silence_ms=400, max_s=5))
    ended: list[int] = []
    for number, bit in enumerate("....####" + "." * 25 + "######" + "." * 30):
        event = endpointer.step(bit == "#")
        if isinstance(event, Paused) and number < 30:
            endpointer.wait(600)
        if isinstance(event, Ended):
            ended.append(number)
    assert ended == [8 + 25 + 6 + 20 - 1]


def test_the_end_of_the_source_ends_the_utterance() -> None:
    (utterance,) = cut("....#######..")
    assert utterance.end_reason is EndReason.STOP
    assert utterance.endpoint_ms == 2 * FRAME_MS
    assert numbers(utterance) == list(range(13))


def test_the_patient_profile_waits_longer() -> None:
    strip = "." * 30 + "#" * 30 + "." * 60 + "#" * 30 + "." * 100
    plain = ListenSettings.model_validate({})
    patient = ListenSettings.model_validate({"profile": "patient"})
    assert len(list(segment(frames(strip), _bits(strip), plain))) == 2
    (whole,) = segment(frames(strip), _bits(strip), patient)
    assert whole.endpoint_ms == 1_800


def _bits(strip: str):  # noqa: ANN202 - a one-line detector
    return lambda frame: strip[int(frame.samples[0])] == "#"


def test_the_beginning_is_dated_by_its_first_sample() -> None:
    """It is dated when it is noticed, at the third voiced frame: four and three frames later."""
    (utterance,) = cut("." * 20 + "#" * 20 + "." * 20)
    assert utterance.started_at == NOON - timedelta(milliseconds=7 * FRAME_MS)
    assert utterance.source == "unknown"


def test_deaf_frames_are_thrown_away_with_the_utterance_under_way_and_the_pre_roll() -> None:
    strip = "....##########" + "#" * 10 + ".######" + "." * 20
    (utterance,) = cut(strip, deaf=lambda frame: 10 <= int(frame.samples[0]) < 24)
    assert numbers(utterance)[0] == 24
    assert utterance.end_reason is EndReason.SILENCE


def test_half_duplex_is_deaf_while_speaking_and_for_the_hold_off() -> None:
    clock = iter([10.0, 12.0])
    duplex = HalfDuplex(settings(hold_off_ms=300), clock=lambda: next(clock))

    def deaf_at(seconds: float) -> bool:
        return duplex.deaf(AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), seconds))

    assert not deaf_at(9.0)
    with duplex.speaking():
        assert not deaf_at(9.97)
        assert deaf_at(9.99)  # its end overlaps
        assert deaf_at(11.0)
    assert deaf_at(11.5)  # captured while it spoke, asked about afterwards
    assert deaf_at(12.29)
    assert not deaf_at(12.31)


def test_half_duplex_judges_late_frames_by_several_replies() -> None:
    clock = iter([1.0, 2.0, 3.0, 4.0])
    duplex = HalfDuplex(settings(hold_off_ms=0), clock=lambda: next(clock))
    for _ in range(2):
        with duplex.speaking():
            pass
    late = [AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), t) for t in (0.5, 1.5, 2.5, 3.5, 4.5)]
    assert [duplex.deaf(frame) for frame in late] == [False, True, False, True, False]


def random_strip(seed: int) -> str:
    """Runs of speech and silence of every length, with clicks and holes in them."""
    rng = random.Random(seed)
    strip = ""
    while len(strip) < 600:
        likelihood = rng.choice([0.0, 0.05, 0.5, 0.9, 1.0])
        strip += "".join(
            "#" if rng.random() < likelihood else "." for _ in range(rng.randint(1, 80))
        )
    return strip


@pytest.mark.parametrize("seed", range(40))
def test_any_strip(seed: int) -> None:
    strip = random_strip(seed)
    rng = random.Random(seed + 1_000)
    changed = {
        "silence_ms": rng.choice([100, 240, 800]),
        "pre_roll_ms": rng.choice([0, 80, 2_000]),
        "min_ms": rng.choice([0, 60, 200]),
        "max_s": rng.choice([0.6, 1.0, 5.0]),
        "start_ms": rng.choice([20, 60, 200]),
    }
    utterances = cut(strip, **changed)
    placed = [number for utterance in utterances for number in numbers(utterance)]

    assert placed == sorted(set(placed)), "no frame twice, none out of order"
    for utterance in utterances:
        inside = numbers(utterance)
        assert inside == list(range(inside[0], inside[-1] + 1)), "no hole"
        assert utterance.seconds <= float(changed["max_s"])
        assert sum(strip[number] == "#" for number in inside) * FRAME_MS >= changed["min_ms"]
        if utterance.end_reason is EndReason.SILENCE:
            assert utterance.endpoint_ms == changed["silence_ms"]
            waited = inside[-1] + 1 - min(TRAIL_FRAMES, changed["silence_ms"] // FRAME_MS)
            silence = strip[waited : waited + changed["silence_ms"] // FRAME_MS]
            assert set(silence) == {"."}

    live = [event for event in events(strip, **changed) if isinstance(event[1], Ended)]
    assert [event.reason for _, event in live if isinstance(event, Ended)] == [
        utterance.end_reason for utterance in utterances
    ], "segment tells nothing but what the endpointer decides"


@pytest.mark.parametrize("seed", range(10))
def test_a_reset_leaves_nothing_behind(seed: int) -> None:
    endpointer = Endpointer(settings())
    for bit in random_strip(seed):
        endpointer.step(bit == "#")
    endpointer.reset()
    strip = random_strip(seed + 500)
    fresh = Endpointer(settings())
    assert [endpointer.step(bit == "#") for bit in strip] == [
        fresh.step(bit == "#") for bit in strip
    ]


def test_samples_are_at_full_scale_one() -> None:
    strip = "#" * 20
    loud = [AudioFrame(np.full(FRAME_SAMPLES, -32_768, np.int16), n * 0.02) for n in range(20)]
    (utterance,) = segment(loud, lambda _: True, settings())
    assert utterance.samples.dtype == np.float32
    assert utterance.samples.min() == utterance.samples.max() == -1.0
    assert utterance.seconds == len(strip) * FRAME_SAMPLES / SAMPLE_RATE
