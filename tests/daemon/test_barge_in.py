from __future__ import annotations

import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from assistant.daemon.runtime import Runtime
from assistant.listen.echo import FINDING_FRAMES, EchoCanceller, Played
from assistant.listen.full_duplex import AGAIN_FRAMES, MEMORY, REST_FRAMES
from assistant.listen.recordings import Pace, frames
from assistant.values import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
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


def test_what_begins_while_the_canceller_still_looks_for_the_way_back_is_half_an_utterance(
    home: Home, speech: list[AudioFrame]
) -> None:
    begins = speech[0].captured_at
    with home.daemon(home.settings(listen={"barge_in": "cancel"})) as daemon:
        listener = daemon.runtime.listener
        listener.half_duplex._clock = lambda: begins
        listener.microphone = speech
        heard: dict[bool, bool] = {}
        for plays in (False, True):
            played = Played()
            if plays:  # the first word comes at 1.0
                silence = np.zeros(8 * SAMPLE_RATE, np.int16)
                played.played(silence, SAMPLE_RATE, begins)
            listener.echo = EchoCanceller(played)
            with listener.half_duplex.speaking():
                (utterance,) = listener.utterances()
            heard[plays] = utterance.is_half
        assert heard == {False: False, True: True}
        assert FINDING_FRAMES * FRAME_MS > 1_000


def test_it_finds_out_from_its_own_speech_whether_it_can_be_interrupted(
    home: Home, speech: list[AudioFrame]
) -> None:
    silence = [
        AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), number * FRAME_MS / 1000)
        for number in range(AGAIN_FRAMES + REST_FRAMES)
    ]
    with home.daemon(home.settings(listen={"barge_in": "auto"})) as daemon:
        listener = daemon.runtime.listener
        listener.half_duplex._clock = lambda: 0.0
        for sound, heard, listens in ((speech, 0, False), (silence, 0, True), (speech, 1, True)):
            listener.microphone = sound
            with listener.half_duplex.speaking():
                assert len(list(listener.utterances())) == heard
            assert listener.full_duplex.is_listening is listens
        daemon.runtime.remember()
        assert daemon.assistant.journal.remembered(MEMORY) == "1 None None cancelled"


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
