"""While somebody teaches, what is said is a lesson, and nothing but that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.daemon.lessons import EAGER_S, GRACE_S, Lessons
from assistant.errors import ControlError
from assistant.journal.turn import Taught
from tests.daemon.home import Home
from tests.daemon.test_controls import background
from tests.journal.exchanges import utterance
from tests.waiting import until

SAID = utterance(1.0)
LASTS_S = SAID.seconds + SAID.endpoint_ms / 1000


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lessons(clock: Clock) -> Lessons:
    return Lessons(clock)


def test_what_is_said_while_nobody_teaches_is_answered(lessons: Lessons) -> None:
    assert not lessons.take(SAID)
    assert lessons.last() is None


def test_what_began_before_the_lesson_is_answered(lessons: Lessons, clock: Clock) -> None:
    assert lessons.wait(0.0) is None
    clock.now += LASTS_S - EAGER_S - 0.1
    assert not lessons.take(SAID)
    clock.now += 0.2
    assert lessons.take(SAID)
    assert lessons.last() is SAID
    assert lessons.last() is None


def test_a_client_that_no_longer_asks_teaches_no_longer(lessons: Lessons, clock: Clock) -> None:
    for _ in range(5):
        assert lessons.wait(0.0) is None
        clock.now += 1.0
    assert lessons.take(SAID)
    lessons.last()
    clock.now += GRACE_S
    assert not lessons.take(SAID)


def test_a_lesson_is_heard_kept_and_never_answered(home: Home) -> None:
    with home.daemon() as daemon:
        with background(lambda: daemon.client.lesson(10.0)) as heard:
            until(lambda: daemon.controls.lessons.take(replace(SAID, endpoint_ms=-1_000.0)))
        (lesson,) = heard
        assert abs(lesson.utterance().samples - SAID.samples).max() < 1e-4
        assert lesson.utterance().started_at == SAID.started_at
        assert daemon.assistant.journal.count() == 0
        daemon.client.enroll("good morning")
        (turn,) = daemon.assistant.journal.turns()
        assert (turn.correction, turn.taught) == ("good morning", Taught.ENROLLED)
        assert (turn.source, turn.consent) == ("microphone", True)
        assert daemon.client.read_aloud() == ["good morning"]
        with pytest.raises(ControlError, match="Say the sentence again"):
            daemon.client.enroll("good morning")
        assert daemon.client.recording(turn.id) == daemon.assistant.journal.flac(turn.id)
        daemon.client.consent(turn.id, allowed=False)
        assert not daemon.assistant.journal.turn(turn.id).consent


def test_without_speech_a_lesson_is_not_waited_for_for_ever(home: Home) -> None:
    with home.daemon() as daemon:
        assert daemon.client.lesson(0.0) is None
