from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from assistant.config import SpeakSettings
from assistant.errors import DeviceError, GenerationError, SpeechError
from assistant.speak.aloud import speak
from assistant.speak.espeak import Espeak, Speech
from assistant.speak.playback import WavSink

PATIENCE_S = 60
SETTINGS = SpeakSettings.model_validate({})


class Loud:
    """A loudspeaker that plays each sentence for as long as the test wants."""

    def __init__(self) -> None:
        self.played: list[Speech] = []
        self.calls: list[str] = []
        self.let_go = threading.Event()
        self.let_go.set()
        self.stopped = threading.Event()
        self.error: Exception | None = None

    def begin(self, name: str) -> None:
        self.calls.append(f"begin {name}")

    def play(self, speech: Speech) -> bool:
        self.played.append(speech)
        if self.error is not None:
            raise self.error
        assert self.let_go.wait(PATIENCE_S)
        return not self.stopped.is_set()

    def stop(self) -> None:
        self.calls.append("stop")
        self.stopped.set()

    def end(self) -> None:
        self.calls.append("end")


def espeak() -> Espeak:
    return Espeak(SETTINGS)


def test_the_reply_is_spoken_by_sentence_and_told_whole(tmp_path: Path) -> None:
    sink = WavSink(tmp_path)
    text = speak(["Good mor", "ning. How ", "are you?\n", "\nFine"], espeak(), sink, name="turn-7")
    assert text == "Good morning. How are you? Fine"
    assert sink.path == (expected := tmp_path / "turn-7.wav")
    apart = sum(espeak().synthesise(s).seconds for s in ("Good morning.", "How are you?", "Fine"))
    assert soundfile.info(expected).duration == pytest.approx(apart, abs=0.001)


def test_the_first_sentence_sounds_before_the_rest_is_generated() -> None:
    first_audio = threading.Event()

    def pieces() -> Iterator[str]:
        yield "Good morning. How"
        assert first_audio.wait(PATIENCE_S), "nothing sounded while the rest was being generated"
        yield " are you?"

    sink = Loud()
    speak(pieces(), espeak(), sink, first_audio.set)
    assert len(sink.played) == 2


def test_the_rest_is_generated_and_synthesised_while_the_first_sentence_plays() -> None:
    sink = Loud()
    sink.let_go.clear()

    def pieces() -> Iterator[str]:
        yield from ("One. ", "Two. ", "Three. ", "Four.")
        sink.let_go.set()

    assert speak(pieces(), espeak(), sink) == "One. Two. Three. Four."
    assert len(sink.played) == 4
    assert sink.calls == ["begin reply", "end"]


def test_the_first_audio_is_told_once_and_never_for_an_empty_reply() -> None:
    told: list[str] = []
    speak(["One. Two. Three."], espeak(), Loud(), lambda: told.append("first"))
    assert told == ["first"]
    assert speak(["  ", "\n", "..."], espeak(), Loud(), lambda: told.append("again")) == ""
    assert told == ["first"]


def test_a_stop_ends_the_reply_and_takes_no_more_from_an_endless_source() -> None:
    sink = Loud()
    closed: list[bool] = []

    def pieces() -> Iterator[str]:
        try:
            while True:
                yield "And so on. "
        finally:
            closed.append(True)

    source = pieces()
    assert speak(source, espeak(), sink, sink.stop) == "And so on."
    assert len(sink.played) == 1
    assert sink.calls[-1] == "end"
    source.close()  # pyright: ignore[reportAttributeAccessIssue] - a generator
    assert closed == [True]


def test_a_loudspeaker_s_failure_is_raised_and_ends_an_endless_reply() -> None:
    sink = Loud()
    sink.error = DeviceError("unplugged")

    def pieces() -> Iterator[str]:
        while True:
            yield "And so on. "

    with pytest.raises(DeviceError, match="unplugged"):
        speak(pieces(), espeak(), sink)
    assert len(sink.played) == 1
    assert sink.calls[-1] == "end"


def test_a_failure_of_the_source_is_raised_and_what_plays_is_stopped() -> None:
    sink = Loud()

    def pieces() -> Iterator[str]:
        yield "One. Two"
        raise GenerationError("decoding failed")

    with pytest.raises(GenerationError, match="decoding failed"):
        speak(pieces(), espeak(), sink)
    assert sink.calls == ["begin reply", "stop", "end"]


def test_a_failure_of_the_synthesiser_is_raised() -> None:
    sink = Loud()
    with pytest.raises(SpeechError):
        speak(["Hello."], Espeak(SETTINGS.model_copy(update={"voice": "none such"})), sink)
    assert sink.played == []
    assert sink.calls == ["begin reply", "stop", "end"]


def test_a_device_that_does_not_open_is_raised_before_anything_is_generated() -> None:
    class Closed(Loud):
        def begin(self, name: str) -> None:
            raise DeviceError(f"no device for {name}")

    def pieces() -> Iterator[str]:
        raise AssertionError
        yield ""

    with pytest.raises(DeviceError, match="no device"):
        speak(pieces(), espeak(), Closed())
