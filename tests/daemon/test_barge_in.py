from __future__ import annotations

import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from assistant.daemon.runtime import Runtime
from assistant.listen.recordings import Pace, frames
from assistant.values import AudioFrame
from tests.daemon.home import Home
from tests.waiting import WAIT_S, until


@pytest.fixture
def speech(spoken_sentence: Path) -> list[AudioFrame]:
    return list(frames(spoken_sentence, Pace.FAST))


def saying(runtime: Runtime) -> threading.Thread:
    """Begin to say something that has no end of its own."""
    voice = runtime.assistant.voice
    words = iter(("Good morning.",))
    thread = threading.Thread(target=voice.say, args=(words, "say", lambda: None), daemon=True)
    thread.start()
    until(lambda: runtime.loudspeaker.speaking)
    return thread


def test_whoever_speaks_over_a_reply_is_heard_and_the_reply_breaks_off(
    home: Home, speech: list[AudioFrame]
) -> None:
    home.ear.may_end.clear()
    with home.daemon(home.settings(listen={"barge_in": "open"})) as daemon:
        runtime = daemon.runtime
        runtime.listener.half_duplex._clock = lambda: speech[0].captured_at
        runtime.listener.microphone = speech
        thread = saying(runtime)
        with runtime.listener.half_duplex.speaking():
            (utterance,) = runtime.listener.utterances()
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert utterance.seconds > 2


def test_whoever_speaks_before_a_reply_sounds_does_not_break_it_off(
    home: Home, speech: list[AudioFrame]
) -> None:
    home.ear.may_end.clear()
    with home.daemon(home.settings(listen={"barge_in": "open"})) as daemon:
        runtime = daemon.runtime
        runtime.listener.microphone = speech
        thread = saying(runtime)
        assert len(list(runtime.listener.utterances())) == 1
        assert thread.is_alive()
        home.ear.may_end.set()
        thread.join(WAIT_S)


@pytest.mark.parametrize("sounds", [True, False])
def test_who_speaks_over_a_reply_takes_no_turn_back(
    home: Home, speech: list[AudioFrame], *, sounds: bool
) -> None:
    with home.daemon(home.settings(listen={"barge_in": "open"})) as daemon:
        runtime = daemon.runtime
        runtime.listener.half_duplex._clock = lambda: speech[0].captured_at
        runtime.listener.turn_taking._clock = lambda: (
            speech[0].captured_at + 0.7
        )  # the first word comes at 1.0
        runtime.listener.microphone = speech
        (utterance,) = runtime.listener.utterances()
        runtime.listener.turn_taking.cut(utterance)
        with runtime.listener.half_duplex.speaking() if sounds else nullcontext():
            assert len(list(runtime.listener.utterances())) == 1
        assert runtime.listener.turn_taking.over() is not sounds
