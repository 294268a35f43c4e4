"""Speech that comes in pieces ends as at the microphone, and is nobody else's."""

from __future__ import annotations

import base64
import threading
from itertools import count

import numpy as np
import pytest

from assistant.control.declaring import RefusalError
from assistant.daemon import dictation
from assistant.daemon.dictation import AT_ONCE, Dictation, Dictations
from assistant.daemon.remote import Remote
from assistant.encode.encoder import Encoder
from assistant.encode.end_of_request import EndOfRequest
from assistant.errors import AudioFileError, ControlError, EncoderError
from assistant.values import SAMPLE_RATE, SpeechFeatures, Utterance
from tests.daemon.home import Daemon, Home
from tests.waiting import until

NAMES = tuple(f"{number:032x}" for number in range(AT_ONCE + 1))


def speech(seconds: float) -> bytes:
    """What the detector takes for a voice: a buzz with the partials of one."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 120 * k * at) / k for k in range(1, 25))
    return (4_000 * np.asarray(buzz)).astype("<i2").tobytes()


def quiet(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SAMPLE_RATE))


def encoded(sound: bytes) -> str:
    return base64.b64encode(sound).decode()


def give(daemon: Daemon, name: str, sound: bytes) -> int:
    """Send it in pieces of a second; returns how many they were."""
    starts = range(0, len(sound), 32_000)
    for place, start in enumerate(starts):
        daemon.client.dictate(name, encoded(sound[start : start + 32_000]), place)
    return len(starts)


def test_the_end_is_heard_and_the_bridge_reads_it(home: Home) -> None:
    with home.daemon() as daemon, daemon.living():
        place = count(give(daemon, NAMES[0], speech(1.0) + quiet(5.0)))
        until(lambda: daemon.client.dictate(NAMES[0], "", next(place)))
        assert daemon.client.dictated(NAMES[0]).text == "bb"
        assert daemon.assistant.journal.count() == 0
        with pytest.raises(ControlError, match="any longer"):
            daemon.client.dictated(NAMES[0])


def test_who_says_nothing_is_told_nothing(home: Home) -> None:
    with home.daemon() as daemon, daemon.living():
        give(daemon, NAMES[0], quiet(1.0))
        assert daemon.client.dictated(NAMES[0]).text == ""


def test_two_who_speak_at_once_are_heard_apart(home: Home) -> None:
    with home.daemon() as daemon, daemon.living():
        give(daemon, NAMES[0], speech(1.0))
        give(daemon, NAMES[1], quiet(1.0))
        assert daemon.client.dictated(NAMES[1]).text == ""
        assert daemon.client.dictated(NAMES[0]).text == "bb"


def test_what_nobody_waits_for_is_dropped_unread(home: Home) -> None:
    with home.daemon() as daemon:  # whose answering thread would never answer
        give(daemon, NAMES[0], speech(1.0))
        assert daemon.client.dictated(NAMES[0], forget=True).text == ""
        with pytest.raises(ControlError, match="any longer"):
            daemon.client.dictated(NAMES[0])


def test_a_piece_that_is_missing_is_told(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.client.dictate(NAMES[0], encoded(quiet(0.1)), 0)
        for name, sound, place in (
            (NAMES[0], encoded(quiet(0.1)), 2),
            (NAMES[0], encoded(b"x"), 1),
            (NAMES[1], encoded(quiet(0.1)), 1),
        ):
            with pytest.raises(ControlError, match="as a whole"):
                daemon.client.dictate(name, sound, place)
        with pytest.raises(ControlError, match="no sound"):
            daemon.client.dictate(NAMES[0], "not base 64", 1)
        with pytest.raises(ControlError, match="should match pattern"):
            daemon.client.dictate("../../etc", "", 0)


def test_a_bounded_number_is_heard_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with home.daemon() as daemon:
        dictations = Dictations()
        for name in NAMES[:AT_ONCE]:
            assert not dictations.take(name, quiet(0.1), 0, daemon.runtime)
        with pytest.raises(AudioFileError, match="Too many"):
            dictations.take(NAMES[-1], quiet(0.1), 0, daemon.runtime)
        monkeypatch.setattr(Dictation, "is_abandoned", True)  # all have gone
        assert not dictations.take(NAMES[-1], quiet(0.1), 0, daemon.runtime)
        monkeypatch.undo()
        assert dictations.finish(NAMES[0]) is None
        dictations.clear()


def test_whoever_sends_nothing_more_is_not_waited_for(home: Home) -> None:
    with home.daemon() as daemon:
        heard = Dictation(daemon.runtime, threading.Lock(), idle_s=0.05)
        heard.take(speech(1.0), 0)
        until(lambda: heard.has_ended)
        assert heard.utterance(0) is not None
        until(lambda: heard.is_abandoned)


def test_endless_speech_ends(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictation, "LONGEST_S", 2.0)
    with home.daemon() as daemon:
        heard = Dictation(daemon.runtime, threading.Lock())
        for place in range(5):
            heard.take(speech(0.5), place)
        utterance = heard.utterance(30)
        assert utterance is not None
        assert utterance.seconds <= 2.0


class Asked:
    """A speech encoder, and what it was told to expect."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.expected: list[tuple[str, ...]] = []

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        self.expected.append(utterance.expected)
        return self._encoder.encode(utterance)


def test_words_are_expected_in_its_pauses_and_at_its_end(home: Home) -> None:
    with home.daemon() as daemon:
        asked = Asked(daemon.assistant.encoder)
        daemon.assistant.ends = EndOfRequest(asked, None)
        heard = Dictation(daemon.runtime, threading.Lock(), expected=("Siobhan",))
        heard.take(speech(1.0) + quiet(1.0), 0)
        heard.end()
        utterance = heard.utterance(30)
        assert utterance is not None
        assert utterance.expected == ("Siobhan",)
        assert set(asked.expected) == {("Siobhan",)}
        other = Dictation(daemon.runtime, threading.Lock())
        other.take(speech(1.0) + quiet(1.0), 0)
        other.end()
        assert (utterance := other.utterance(30)) is not None
        assert utterance.expected == asked.expected[-1] == ()


class Failing:
    """A speech encoder that cannot."""

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        del utterance
        raise EncoderError("The speech encoder is broken.")


def test_a_fault_in_a_pause_is_told_to_who_speaks(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.assistant.ends = EndOfRequest(Failing(), None)
        give(daemon, NAMES[0], speech(1.0) + quiet(1.0))
        with pytest.raises(ControlError, match="encoder is broken"):
            daemon.client.dictated(NAMES[0])


def test_pauses_are_looked_into_one_at_a_time(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.assistant.ends = EndOfRequest(Failing(), None)
        encoding = threading.Lock()
        heard = Dictation(daemon.runtime, encoding)
        with encoding:  # somebody else's pause
            heard.take(speech(1.0) + quiet(1.0), 0)
            heard.end()
            assert heard.utterance(30) is not None


def test_the_trainer_makes_way_for_it(home: Home) -> None:
    with home.daemon() as daemon:
        assert daemon.maintenance.spoken_at is None
        give(daemon, NAMES[0], speech(0.5))
        until(lambda: daemon.maintenance.spoken_at is not None)


def test_a_sentence_sounds_elsewhere_only(home: Home) -> None:
    with home.daemon() as daemon:
        sound = daemon.client.synthesise("Good morning.")
        voice = daemon.assistant.voice
        assert sound.pcm == voice.sound("Good morning.").samples.astype("<i2").tobytes()
        assert (home.ear.names, home.ear.sentences) == ([], 0)


def test_between_two_runtimes_everything_is_refused(home: Home) -> None:
    with home.daemon() as daemon:
        give(daemon, NAMES[0], speech(0.5))
        daemon.controls.leave()
        controls: Remote = daemon.controls
        for ask in (
            controls.abilities,
            lambda: controls.dictate(NAMES[1], encoded(quiet(0.1)), 0),
            lambda: controls.dictated(NAMES[0]),
            lambda: controls.synthesise("Hello."),
        ):
            with pytest.raises(RefusalError, match="loading its settings"):
                ask()
