from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.config import SpeakSettings
from assistant.errors import DependencyError, SpeechError
from assistant.speak.espeak import SPEECH_RATE, Espeak


def espeak(**changed: object) -> Espeak:
    return Espeak(SpeakSettings.model_validate(changed))


def test_a_sentence_becomes_sound() -> None:
    speech = espeak().synthesise("Good morning, how are you?")
    assert speech.sample_rate == SPEECH_RATE
    assert 1.0 < speech.seconds < 4.0
    assert np.abs(speech.samples).max() > 5_000
    assert not speech.samples.flags.writeable


def test_the_rate_and_the_pitch_are_heeded() -> None:
    slow = espeak(rate_wpm=100).synthesise("Good morning, how are you?")
    fast = espeak(rate_wpm=300).synthesise("Good morning, how are you?")
    assert slow.seconds > 1.5 * fast.seconds
    low = espeak(pitch=10).synthesise("Good morning")
    high = espeak(pitch=90).synthesise("Good morning")
    assert not np.array_equal(low.samples, high.samples)


@pytest.mark.parametrize("text", ["", "   ", "\x00\x01", "**"])
def test_what_cannot_be_spoken_is_no_sound(text: str) -> None:
    assert espeak().synthesise(text).samples.shape == (0,)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("**Good** _morning_", "Good morning"),
        ("[[h@l'oU]] there", "[ [h@l'oU]] there"),
        ("Good \x01100Smorning", "Good 100Smorning"),
    ],
)
def test_marks_and_commands_within_the_text_have_no_effect(text: str, plain: str) -> None:
    speak = espeak()
    said, meant = speak.synthesise(text), speak.synthesise(plain)
    assert said.seconds == pytest.approx(meant.seconds, abs=0.35)  # a mark may leave a short pause


def test_markup_is_read_aloud_and_not_obeyed() -> None:
    speak = espeak()
    obeyed = speak.synthesise("Good morning")
    read = speak.synthesise('Good <break time="9s"/> morning')
    assert obeyed.seconds + 1.0 < read.seconds < 9.0


@pytest.mark.parametrize("text", ["--version", "-w stolen.wav hello", "$(touch stolen.wav); hello"])
def test_text_is_never_an_option_or_a_command(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert espeak().synthesise(text).seconds > 0.5
    assert list(tmp_path.iterdir()) == []


def test_text_in_any_script_is_taken() -> None:
    assert espeak().synthesise("Café, naïve, 東京, 🙂").seconds > 1.0


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(SpeechError, match="no voice 'klingonish'"):
        espeak(voice="klingonish").synthesise("Hello")


def test_a_missing_espeak_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match="sudo apt install espeak-ng"):
        espeak()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo broken >&2; exit 3", r"failed with status 3 \(broken\)"),
        ("head -c 100 /dev/zero", "returned an unknown format"),
    ],
)
def test_a_broken_espeak_is_told(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "espeak-ng"
    broken.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(SpeechError, match=said):
        espeak().synthesise("Hello")


def test_an_espeak_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    speak = espeak()
    program.unlink()
    with pytest.raises(SpeechError, match="does not start"):
        speak.synthesise("Hello")
