"""A wake word in a runtime that the daemon has opened itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from assistant.config import JournalSettings, Settings
from assistant.control.declaring import RefusalError
from assistant.daemon.controls import Controls
from assistant.daemon.loop import Inbox
from assistant.daemon.runtime import NO_WORD
from assistant.encode.encoder import Encoder
from assistant.encode.end_of_request import EndOfRequest
from assistant.errors import DependencyError
from assistant.journal.store import Journal
from assistant.journal.wake_examples import examples, replace
from assistant.listen.recordings import Pace, frames, load
from assistant.values import AudioFrame, EndReason, SpeechFeatures, Utterance
from tests.cli.house import House
from tests.daemon.opening import opened
from tests.settings import block
from tests.sound import synthesise

WORD = "okay nabu"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House.build(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> list[AudioFrame]:
    """The word, and a question in the same breath."""
    path = tmp_path_factory.mktemp("speech") / "called.wav"
    text = f"{WORD} what is the weather like today?"
    return list(frames(synthesise(text, path, lead_s=1.5, tail_s=1.5), Pace.FAST))


@pytest.fixture
def talk(spoken_sentence: Path) -> list[AudioFrame]:
    """A question to somebody else."""
    return list(frames(spoken_sentence, Pace.FAST))


@dataclass
class Counted:
    """An encoder that counts."""

    encoder: Encoder
    count: int = 0

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        self.count += 1
        return self.encoder.encode(utterance)


def test_until_the_word_nothing_is_encoded_and_then_the_request_is(
    models: House, tmp_path: Path, talk: list[AudioFrame], called: list[AudioFrame]
) -> None:
    with opened(models, tmp_path, listen__wake_word=WORD, encode__early="on") as runtime:
        listener = runtime.listener
        counted = Counted(runtime.assistant.encoder)
        listener.ends = EndOfRequest(counted, None)
        listener.microphone = talk
        assert list(listener.utterances()) == []
        assert counted.count == 0
        assert not listener.speech
        listener.microphone = called
        (utterance,) = listener.utterances()
        assert counted.count > 0
        assert not utterance.is_half
        whole_s = len(called) / 50 - 3.0
        assert 0.4 * whole_s < utterance.seconds - 0.5 < 0.85 * whole_s


def test_without_a_wake_word_everything_is_heard(
    models: House, tmp_path: Path, talk: list[AudioFrame]
) -> None:
    with opened(models, tmp_path) as runtime:
        assert runtime.listener.wake is None
        runtime.listener.microphone = talk
        assert len(list(runtime.listener.utterances())) == 1


def test_after_a_reply_and_for_a_lesson_no_word_is_needed(
    models: House, tmp_path: Path, talk: list[AudioFrame]
) -> None:
    with opened(models, tmp_path, listen__wake_word=WORD) as runtime:
        listener = runtime.listener
        listener.microphone = talk
        controls = Controls(Inbox(), lambda: None)
        controls.enter(runtime, print)
        assert list(listener.utterances()) == []
        assert controls.lesson(0.0) is None  # somebody sits at 'assistant enroll'
        assert len(list(listener.utterances())) == 1
        controls.lessons._until = 0.0
        assert list(listener.utterances()) == []
        last = talk[-1].captured_at
        runtime.assistant.dialogue.answered(last)
        assert len(list(listener.utterances())) == 1


def test_the_word_opens_the_ear_beside_the_button(
    models: House, tmp_path: Path, talk: list[AudioFrame], called: list[AudioFrame]
) -> None:
    flags = {"listen__wake_word": WORD, "listen__push_to_talk": True}
    with opened(models, tmp_path, **flags) as runtime:
        listener = runtime.listener
        listener.microphone = talk
        assert list(listener.utterances()) == []
        half = len(talk) // 2

        def pressed() -> Iterator[AudioFrame]:
            for number, frame in enumerate(talk):
                listener.button.down = number < half
                yield frame

        listener.microphone = pressed()
        assert len(list(listener.utterances())) == 1
        listener.microphone = called
        assert len(list(listener.utterances())) == 1


def test_whoever_speaks_over_a_reply_needs_no_word(
    models: House, tmp_path: Path, talk: list[AudioFrame]
) -> None:
    with opened(models, tmp_path, listen__wake_word=WORD, listen__barge_in="open") as runtime:
        listener = runtime.listener
        listener.half_duplex._clock = lambda: talk[0].captured_at
        listener.microphone = talk
        with listener.half_duplex.speaking():
            assert len(list(listener.utterances())) == 1


def own(folder: Path, text: str = "hello attune") -> list[Path]:
    """Somebody says the same at four rates."""
    folder.mkdir()
    found: list[Path] = []
    for rate in (140, 150, 160, 145):
        wav = folder / f"{rate}.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", str(rate), "-w", wav, text], check=True)
        found.append(wav)
    return found


def test_a_word_of_ones_own_opens_the_ear_until_it_is_forgotten(
    models: House, tmp_path: Path, talk: list[AudioFrame]
) -> None:
    *taught, said = own(tmp_path / "own")
    with Journal.open(block(JournalSettings, path=tmp_path / "journal.db")) as journal:
        replace(journal, [load(each) for each in taught])
    word = [AudioFrame(each.samples, each.captured_at) for each in frames(said, Pace.FAST)]
    after = len(word) * 0.02
    both = [*word, *(AudioFrame(each.samples, each.captured_at + after) for each in talk)]
    with opened(models, tmp_path, listen__wake_word="own") as runtime:
        listener = runtime.listener
        listener.microphone = talk
        assert list(listener.utterances()) == []
        listener.microphone = both
        (utterance,) = listener.utterances()
        assert utterance.seconds == pytest.approx(len(talk) * 0.02 - 1.5, abs=0.6)
        assert list(runtime.warnings()) == []
        reloads: list[None] = []
        controls = Controls(Inbox(), lambda: reloads.append(None))
        controls.enter(runtime, print)
        controls.forget_me()
        assert reloads == [None]
    with opened(models, tmp_path, listen__wake_word="own") as runtime:
        assert runtime.listener.wake is None
        assert list(runtime.warnings()) == [NO_WORD]
        runtime.listener.microphone = talk
        assert len(list(runtime.listener.utterances())) == 1


def test_what_is_said_for_it_becomes_an_example(models: House, tmp_path: Path) -> None:
    with opened(models, tmp_path) as runtime:
        controls = Controls(Inbox(), lambda: None)
        controls.enter(runtime, print)
        with pytest.raises(RefusalError, match="Say your wake word again"):
            controls.call_by(first=True)
        for level in (0.5, 0.25):
            samples = np.full(8_000, level, np.float32)
            heard = Utterance(samples, datetime.now(timezone.utc), EndReason.SILENCE)
            assert controls.lesson(0.0) is None
            assert controls.lessons.take(heard)
            controls.call_by(first=level == 0.5)
        found = examples(runtime.assistant.journal)
        assert [float(each[0]) for each in found] == [0.5, 0.25]


def test_without_its_package_the_daemon_does_not_begin(
    models: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    with (
        pytest.raises(DependencyError, match="pip install pymicro-wakeword"),
        opened(models, tmp_path, listen__wake_word=WORD),
    ):
        pass


def test_it_is_off_until_somebody_chooses_a_word() -> None:
    assert Settings.model_validate({}).listen.wake_word is None
    assert Settings.model_validate({"listen": {"wake_word": ""}}).listen.wake_word is None
