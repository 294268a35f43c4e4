from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from assistant.config import SpeakSettings
from assistant.errors import SpeechError
from assistant.generate.llama import LlamaSession
from assistant.speak.espeak import Espeak, Speech
from assistant.speak.voice import Aloud, Mute
from assistant.values import StopReason
from tests.journal.exchanges import utterance
from tests.turn.rooms import Make


@dataclass
class Interrupted(Mute):
    """A voice that is interrupted after three sentences."""

    interrupt: Callable[[], None] = lambda: None
    stops: int = 0

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        del name, on_first_audio
        for count, _ in enumerate(pieces, start=1):
            if count == 3:
                self.interrupt()

    def stop(self) -> None:
        self.stops += 1


def test_a_reply_can_be_broken_off(make: Make, endless: LlamaSession) -> None:
    voice = Interrupted()
    assistant = make(llm=endless, voice=voice)
    voice.interrupt = assistant.cancel
    turn = assistant.hear(utterance())
    assert (turn.reply, turn.stop_reason) == ("a. a. a.", StopReason.CANCELLED)
    assert voice.stops == 1
    later = assistant.hear(utterance())
    assert (later.reply, later.stop_reason) == ("", StopReason.CANCELLED)
    assert later.has_audio


def test_what_a_silenced_voice_leaves_is_in_the_journal(make: Make) -> None:
    class Silenced(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            del name, on_first_audio
            next(pieces)

    turn = make(voice=Silenced()).hear(utterance())
    assert (turn.reply, turn.stop_reason) == ("Yes.", StopReason.END_OF_TURN)


@dataclass
class Sound:
    """A sink that keeps what happens, the microphone's deafness included."""

    events: list[str] = field(default_factory=list)

    @contextmanager
    def deaf(self) -> Generator[None, None, None]:
        self.events.append("deaf")
        try:
            yield
        finally:
            self.events.append("hearing")

    def begin(self, name: str) -> None:
        self.events.append(name)

    def play(self, speech: Speech) -> bool:
        self.events.append("sound" if np.abs(speech.samples).max() > 1_000 else "silence")
        return True

    def stop(self) -> None:
        self.events.append("stop")

    def end(self) -> None:
        self.events.append("end")


def test_the_microphone_is_deaf_while_the_reply_sounds(make: Make) -> None:
    sound = Sound()
    aloud = Aloud(Espeak(SpeakSettings.model_validate({})), sound, sound.deaf)
    turn = make(voice=aloud).hear(utterance())
    assert sound.events == [f"turn-{turn.id:06d}", "deaf", "sound", "end", "hearing"]
    timings = turn.timings
    assert timings is not None
    assert timings.endpoint == utterance().endpoint_ms
    assert timings.encode is not None
    assert timings.prefill is not None
    assert timings.first_token is not None
    assert timings.first_audio is not None
    assert timings.total is not None
    assert 0 < timings.encode < timings.first_token < timings.first_audio <= timings.total
    assert 0 < timings.prefill < timings.first_token - timings.encode
    aloud.stop()
    assert sound.events[-1] == "stop"


def test_the_total_ends_when_a_reply_begins_to_sound_not_when_it_has_been_said(make: Make) -> None:
    speaks_s = 0.5

    class Slow(Sound):
        def play(self, speech: Speech) -> bool:
            time.sleep(speaks_s)
            return super().play(speech)

    assistant = make(voice=Aloud(Espeak(SpeakSettings.model_validate({})), Slow()))
    began = time.monotonic()
    timings = assistant.hear(utterance()).timings
    took_ms = (time.monotonic() - began) * 1_000
    assert timings is not None
    assert timings.total is not None
    assert timings.total < took_ms - 0.9 * speaks_s * 1_000


def test_the_microphone_hears_again_after_a_failure(make: Make) -> None:
    class Broken(Sound):
        def play(self, speech: Speech) -> bool:
            del speech
            raise SpeechError("The loudspeaker is gone.")

    sound = Broken()
    aloud = Aloud(Espeak(SpeakSettings.model_validate({})), sound, sound.deaf)
    assistant = make(voice=aloud)
    with pytest.raises(SpeechError):
        assistant.read("hello")
    assert sound.events[-1] == "hearing"
    (turn,) = assistant.journal.turns()
    assert (turn.reply, turn.error) == ("Yes.", "The loudspeaker is gone.")
