from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.bridge.route import RouteSetting
from assistant.dialogue import NO_WORDS
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import EncoderError, SpeechError
from assistant.generate.llama import LlamaSession
from assistant.journal.store import Journal
from assistant.nets.calibration import WHISPER
from assistant.speak.voice import Mute
from assistant.values import Route, SpeechFeatures, StopReason, Utterance
from tests.journal.exchanges import utterance
from tests.turn.rooms import LETTER_H, Encoded, Make, Saying, bridge_to


class Failing(Saying):
    """An encoder that looks around and fails."""

    def __init__(self, error: Exception, look: Callable[[], None]) -> None:
        super().__init__()
        self.error = error
        self.look = look

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        del utterance
        self.look()
        raise self.error


def test_an_utterance_is_answered_by_its_transcript(make: Make, path: Path) -> None:
    turn = make().hear(utterance())
    assert (turn.hypothesis, turn.route, turn.reply) == ("e", Route.TRANSCRIPT, "Yes.")
    assert turn.stop_reason is StopReason.END_OF_TURN
    assert turn.bridge is turn.heard is turn.error is None
    assert turn.has_audio
    with Journal(path) as second:
        assert second.turn(turn.id) == turn


def test_the_bridge_route_can_be_forced(
    make: Make, encoder: Wav2Vec2Encoder, llm: LlamaSession
) -> None:
    bridge = bridge_to(LETTER_H, encoder, llm)
    turn = make(bridge=bridge, route="bridge").hear(utterance())
    assert (turn.heard, turn.route, turn.reply) == ("hh", Route.BRIDGE, "Yes.")
    assert turn.bridge == bridge.version
    assert turn.bridge_confidence == pytest.approx(WHISPER([1.0, 1.0]), abs=1e-4)
    assert turn.timings is not None
    assert turn.timings.bridge is not None


def test_an_accepted_bridge_takes_the_turn_and_another_one_watches(
    make: Make, encoder: Wav2Vec2Encoder, llm: LlamaSession
) -> None:
    taking = make(bridge=bridge_to(LETTER_H, encoder, llm, accepted=True)).hear(utterance())
    watching = make(bridge=bridge_to(LETTER_H, encoder, llm)).hear(utterance())
    assert (taking.route, taking.heard) == (Route.BRIDGE, "hh")
    assert (watching.route, watching.heard) == (Route.TRANSCRIPT, "hh")


def test_what_was_encoded_in_a_pause_is_not_encoded_again(make: Make) -> None:
    ahead = Saying("ahead").encode(utterance())
    assert make(ends=Encoded(lambda: ahead)).hear(utterance()).hypothesis == "ahead"
    assert make(ends=Encoded(lambda: None)).hear(utterance()).hypothesis == "e"


def test_the_transcript_route_leaves_the_bridge_out(
    make: Make, encoder: Wav2Vec2Encoder, llm: LlamaSession
) -> None:
    turn = make(bridge=bridge_to(LETTER_H, encoder, llm), route="transcript").hear(utterance())
    assert turn.bridge is None
    assert turn.timings is not None
    assert turn.timings.bridge is None


@pytest.mark.parametrize(
    ("text", "token", "route", "answered"),
    [
        ("", None, "auto", False),
        ("", LETTER_H, "auto", False),  # this bridge is not to be trusted
        ("", LETTER_H, "bridge", True),
        ("e", None, "bridge", False),  # the transcript was not wished for
        ("e", None, "auto", True),
    ],
)
def test_no_words_get_no_reply(
    text: str,
    token: int | None,
    route: RouteSetting,
    make: Make,
    llm: LlamaSession,
    *,
    answered: bool,
) -> None:
    saying = Saying(text)
    turn = make(encoder=saying, bridge=bridge_to(token, saying, llm), route=route).hear(utterance())
    assert (turn.reply, turn.error) == (("Yes.", None) if answered else (None, NO_WORDS))
    assert turn.has_audio


def test_what_was_heard_is_on_disk_before_it_is_encoded(make: Make, path: Path) -> None:
    seen: list[tuple[bool, str | None]] = []

    def look() -> None:
        with Journal(path) as second:
            (turn,) = second.turns()
            seen.append((turn.has_audio, turn.error))
            np.testing.assert_allclose(second.audio(turn.id), utterance().samples, atol=1 / 32_768)

    failing = Failing(EncoderError("No ears today."), look)
    with pytest.raises(EncoderError, match="No ears today"):
        make(encoder=failing).hear(utterance())
    assert seen == [(True, None)]
    with Journal(path) as second:
        (turn,) = second.turns()
        assert (turn.error, turn.reply, turn.hypothesis) == ("No ears today.", None, None)


def test_a_fault_of_the_program_goes_on_too(make: Make, path: Path) -> None:
    failing = Failing(ZeroDivisionError("oh"), lambda: None)
    with pytest.raises(ZeroDivisionError):
        make(encoder=failing).hear(utterance())
    with Journal(path) as second:
        assert second.count() == 1


def test_what_was_understood_is_on_disk_before_it_is_answered(make: Make, path: Path) -> None:
    class Hoarse(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            super().say(pieces, name, on_first_audio)
            with Journal(path) as second:
                (turn,) = second.turns()
                assert (turn.hypothesis, turn.route, turn.reply) == ("e", Route.TRANSCRIPT, None)
            raise SpeechError("No voice today.")

    with pytest.raises(SpeechError):
        make(voice=Hoarse()).hear(utterance())
    with Journal(path) as second:
        (turn,) = second.turns()
        assert turn.error == "No voice today."


def test_typed_text_is_answered(make: Make) -> None:
    turn = make().read("how nice my hat is")
    assert (turn.hypothesis, turn.reply, turn.source) == ("how nice my hat is", "Yes.", "text")
    assert turn.route is Route.TRANSCRIPT
    assert not turn.has_audio
    assert turn.timings is not None
    assert turn.timings.encode is turn.timings.endpoint is None


def test_the_database_is_whole_after_all_of_this(make: Make, path: Path) -> None:
    make().hear(utterance())
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
