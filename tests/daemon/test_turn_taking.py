from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from assistant.config import ListenSettings
from assistant.daemon import turn_taking as rules
from assistant.daemon.turn_taking import TurnTaking
from assistant.values import FRAME_MS, FRAME_SAMPLES, AudioFrame, EndReason
from tests.journal.exchanges import utterance
from tests.settings import block
from tests.waiting import WAIT_S, until

SETTINGS = block(ListenSettings, start_ms=80, start_window_ms=120, min_ms=120, max_s=2, longest_s=2)
"""An utterance needs 6 voiced frames, 4 of them within 6."""


@dataclass
class Talk:
    """Turn taking with a clock that frames move."""

    settings: ListenSettings = SETTINGS
    seconds: float = 1_000.0
    reopened: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turn_taking = TurnTaking(self.settings, clock=lambda: self.seconds)

    def cut(self, seconds: float = 1.0, reason: EndReason = EndReason.SILENCE) -> None:
        self.turn_taking.cut(replace(utterance(seconds), end_reason=reason))

    def hear(self, strip: str) -> None:
        """Frames, one per sign, "#" where there is voice."""
        for sign in strip:
            frame = AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), self.seconds)
            self.seconds += FRAME_MS / 1000
            gap_ms = self.turn_taking.frame(frame, voiced=sign == "#")
            if gap_ms is not None:
                self.reopened.append(gap_ms)


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.mark.parametrize(
    ("strip", "after_ms"),
    [
        ("......", None),
        ("######", 0),
        ("..######", 40),
        ("." * 40 + "######", 800),
        ("." * 41 + "######", None),
        ("." * 39 + "#" + "." * 6 + "######", None),  # a click is no beginning
        ("#####", None),  # a cough
        ("#####......#####......", None),
        ("#####......######", 220),
        ("##.##.##", 0),
        ("##...##...##...##...", None),  # never 4 within 6
        ("#" * 60, 0),
    ],
)
def test_speech_that_goes_on_soon_takes_the_turn_back(
    talk: Talk, strip: str, after_ms: float | None
) -> None:
    talk.cut()
    talk.hear(strip)
    assert talk.reopened == ([] if after_ms is None else [pytest.approx(after_ms)])
    assert talk.turn_taking.over() == (after_ms is not None)


def test_as_much_voice_is_needed_as_starts_an_utterance_where_that_is_more() -> None:
    settings = block(ListenSettings, start_ms=80, start_window_ms=120, min_ms=0, max_s=2)
    for strip, reopened in (("###", False), ("####", True)):
        talk = Talk(settings)
        talk.cut()
        talk.hear(strip)
        assert talk.turn_taking.over() is reopened


def test_what_was_captured_before_the_cut_does_not_count(talk: Talk) -> None:
    talk.hear("####")
    late = AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), talk.seconds)
    talk.seconds += 0.5
    talk.cut()
    for _ in range(10):
        talk.turn_taking.frame(late, voiced=True)
    assert not talk.turn_taking.over()


@pytest.mark.parametrize(
    ("seconds", "reason", "reopened"),
    [
        (1.0, EndReason.SILENCE, True),
        (1.0, EndReason.MAX_LENGTH, False),
        (1.0, EndReason.STOP, False),
        (1.9, EndReason.SILENCE, True),
        (2.0, EndReason.SILENCE, False),
        (3.0, EndReason.SILENCE, False),
    ],
)
def test_who_talks_on_and_on_is_answered_in_the_end(
    talk: Talk,
    seconds: float,
    reason: EndReason,
    reopened: bool,  # noqa: FBT001
) -> None:
    talk.cut(seconds, reason)
    talk.hear("#" * 20)
    assert talk.turn_taking.over() is reopened


def test_without_a_turn_nothing_is_taken_back(talk: Talk) -> None:
    talk.hear("########")
    assert not talk.turn_taking.over()
    talk.cut()
    assert not talk.turn_taking.over()
    talk.hear("########")
    assert not talk.turn_taking.over()
    assert talk.reopened == []


def test_a_turn_that_was_taken_back_says_nothing_and_the_next_one_may(talk: Talk) -> None:
    talk.cut()
    talk.hear("######......")
    assert not talk.turn_taking.wait()
    assert talk.turn_taking.over()
    assert talk.turn_taking.wait()  # something else is to be said meanwhile
    talk.cut()
    assert talk.turn_taking.wait()
    assert not talk.turn_taking.over()


class Waiting:
    """A thread that waits for its turn."""

    def __init__(self, talk: Talk) -> None:
        self.may: list[bool] = []
        self.thread = threading.Thread(target=lambda: self.may.append(talk.turn_taking.wait()))
        self.thread.start()

    def end(self) -> list[bool]:
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()
        return self.may


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is tired of waiting before the test is over."""
    monkeypatch.setattr(rules, "HOLD_S", WAIT_S)


@pytest.mark.usefixtures("patient")
def test_a_reply_waits_until_somebody_else_has_finished(talk: Talk) -> None:
    talk.hear("####")
    waiting = Waiting(talk)
    talk.hear("##.#.#.")
    waiting.thread.join(0.1)
    assert waiting.may == []
    talk.hear("....")
    assert waiting.end() == [True]


@pytest.mark.usefixtures("patient")
def test_a_reply_that_waits_is_dropped_when_its_turn_is_taken_back(talk: Talk) -> None:
    talk.cut()
    talk.hear("####")
    waiting = Waiting(talk)
    waiting.thread.join(0.1)
    assert waiting.may == []
    talk.hear("##")
    assert waiting.end() == [False]
    assert talk.turn_taking.over()


def test_nobody_waits_for_ever(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "HOLD_S", 0.05)
    talk.hear("######")
    assert Waiting(talk).end() == [True]


def test_frames_and_turns_may_come_from_different_threads(talk: Talk) -> None:
    stop = threading.Event()

    def listen() -> None:
        while not stop.is_set():
            talk.hear("######......")

    listening = threading.Thread(target=listen)
    listening.start()
    taken_back = 0

    def turn() -> bool:
        nonlocal taken_back
        talk.cut()
        begun = len(talk.reopened)
        until(lambda: len(talk.reopened) > begun)
        taken_back += talk.turn_taking.over()
        return taken_back == 20

    until(turn)
    stop.set()
    listening.join(WAIT_S)
    assert len(talk.reopened) == taken_back
