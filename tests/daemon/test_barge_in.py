from __future__ import annotations

import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from assistant.daemon.house import House
from assistant.listen.replay import Pace, frames
from assistant.values import AudioFrame
from tests.daemon.home import WAIT_S, Home, until


@pytest.fixture
def speech(spoken_sentence: Path) -> list[AudioFrame]:
    return list(frames(spoken_sentence, Pace.FAST))


def saying(house: House) -> threading.Thread:
    """Begin to say something that has no end of its own."""
    voice = house.assistant.voice
    words = iter(("Good morning.",))
    thread = threading.Thread(target=voice.say, args=(words, "say", lambda: None), daemon=True)
    thread.start()
    until(lambda: house.mouth.speaking)
    return thread


def test_whoever_speaks_over_a_reply_is_heard_and_the_reply_breaks_off(
    home: Home, speech: list[AudioFrame]
) -> None:
    home.ear.may_end.clear()
    with home.daemon(home.settings(listen={"barge_in": "open"})) as daemon:
        house = daemon.house
        house.half_duplex._clock = lambda: speech[0].captured_at
        house.ears = speech  # pyright: ignore[reportAttributeAccessIssue]
        thread = saying(house)
        with house.half_duplex.speaking():
            (utterance,) = house.utterances()
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert utterance.seconds > 2


def test_whoever_speaks_before_a_reply_sounds_does_not_break_it_off(
    home: Home, speech: list[AudioFrame]
) -> None:
    home.ear.may_end.clear()
    with home.daemon(home.settings(listen={"barge_in": "open"})) as daemon:
        house = daemon.house
        house.ears = speech  # pyright: ignore[reportAttributeAccessIssue]
        thread = saying(house)
        assert len(list(house.utterances())) == 1
        assert thread.is_alive()
        home.ear.may_end.set()
        thread.join(WAIT_S)


@pytest.mark.parametrize("sounds", [True, False])
def test_who_speaks_over_a_reply_takes_no_turn_back(
    home: Home, speech: list[AudioFrame], *, sounds: bool
) -> None:
    with home.daemon(home.settings(listen={"barge_in": "open"})) as daemon:
        house = daemon.house
        house.half_duplex._clock = lambda: speech[0].captured_at
        house.floor._clock = lambda: speech[0].captured_at + 0.7  # the first word comes at 1.0
        house.ears = speech  # pyright: ignore[reportAttributeAccessIssue]
        (utterance,) = house.utterances()
        house.floor.cut(utterance)
        with house.half_duplex.speaking() if sounds else nullcontext():
            assert len(list(house.utterances())) == 1
        assert house.floor.over() is not sounds
