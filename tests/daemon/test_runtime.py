from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.daemon import turn_taking as rules
from assistant.listen.recordings import Pace, frames
from assistant.values import AudioFrame, EndReason
from tests.daemon.home import Home
from tests.waiting import WAIT_S


@pytest.fixture
def speech(spoken_sentence: Path) -> list[AudioFrame]:
    return list(frames(spoken_sentence, Pace.FAST))


def test_what_is_said_is_one_utterance_and_measured(home: Home, speech: list[AudioFrame]) -> None:
    with home.daemon() as daemon:
        runtime = daemon.runtime
        runtime.listener.microphone = speech
        (utterance,) = runtime.listener.utterances()
    assert 2 < utterance.seconds < len(speech) * 0.02
    assert runtime.listener.meter.dbfs < -40  # silent in the end
    assert not runtime.listener.speech


def test_who_lets_go_of_the_button_has_finished(
    home: Home, speech: list[AudioFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "HOLD_S", WAIT_S)
    with home.daemon(home.settings(listen={"push_to_talk": True})) as daemon:
        runtime = daemon.runtime
        half = len(speech) // 2

        def pressed() -> Iterator[AudioFrame]:
            for number, frame in enumerate(speech):
                runtime.listener.button.down = number < half
                if number == half:
                    assert runtime.listener.speech  # in the midst of a word
                yield frame

        runtime.listener.microphone = pressed()
        (utterance,) = runtime.listener.utterances()
        assert utterance.end_reason is EndReason.STOP
        assert not runtime.listener.speech
        assert runtime.listener.turn_taking.wait()


def test_without_the_button_nothing_is_heard(home: Home, speech: list[AudioFrame]) -> None:
    with home.daemon(home.settings(listen={"push_to_talk": True})) as daemon:
        daemon.runtime.listener.microphone = speech
        assert list(daemon.runtime.listener.utterances()) == []


def test_what_the_assistant_says_itself_is_not_heard(home: Home, speech: list[AudioFrame]) -> None:
    with home.daemon() as daemon:
        runtime = daemon.runtime
        now = speech[0].captured_at
        runtime.listener.half_duplex._clock = lambda: now
        runtime.listener.microphone = speech
        with runtime.listener.half_duplex.speaking():
            assert list(runtime.listener.utterances()) == []
        assert not runtime.listener.speech


def test_pauses_that_were_learned_outlive_the_runtime(home: Home) -> None:
    with home.daemon() as daemon:
        learned = daemon.runtime.listener.pauses.dump()
        daemon.runtime.remember()
        assert daemon.assistant.journal.remembered("pauses") == learned
        daemon.assistant.journal.close()
        daemon.runtime.remember()  # a journal that fails costs nothing
