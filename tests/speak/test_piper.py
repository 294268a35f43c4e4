from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from assistant.config import SpeakSettings
from assistant.errors import DependencyError, SpeechError
from assistant.speak import piper as room
from assistant.speak.aloud import speak
from assistant.speak.espeak import Espeak
from assistant.speak.piper import MEASURED, PAUSE_S, Piper, voice_file
from assistant.speak.playback import WavSink
from assistant.speak.synthesiser import open_voice
from tests.speak import voices


def piper(voice: Path, **changed: object) -> Piper:
    settings = {"engine": "piper", "voice": str(voice)} | changed
    return Piper(SpeakSettings.model_validate(settings), voice.parent)


@pytest.fixture(scope="session")
def hum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voices.write(tmp_path_factory.mktemp("voice"))


def test_a_sentence_becomes_sound_with_a_pause_behind_it(hum: Path) -> None:
    speech = piper(hum).synthesise("Good morning, how are you?")
    assert speech.sample_rate == voices.RATE
    assert 1.0 < speech.seconds < 4.0
    pause = round(PAUSE_S * voices.RATE)
    assert np.abs(speech.samples[:-pause]).max() > 30_000
    assert not speech.samples[-pause:].any()
    assert not speech.samples.flags.writeable


@pytest.mark.parametrize("rate_wpm", [100, 150, 300])
def test_the_rate_is_the_one_that_is_set_whatever_the_voice_does_by_itself(
    rate_wpm: int, tmp_path: Path
) -> None:
    for samples_per_id, length_scale in ((300, 1), (900, 1.4)):
        inference = {"length_scale": length_scale}
        voice = voices.write(tmp_path, samples_per_id=samples_per_id, inference=inference)
        spoken_s = piper(voice, rate_wpm=rate_wpm).synthesise(MEASURED).seconds - PAUSE_S
        assert 60 * len(MEASURED.split()) / spoken_s == pytest.approx(rate_wpm, rel=0.01)


def test_no_voice_is_stretched_beyond_what_it_can_bear(tmp_path: Path) -> None:
    speech = piper(voices.write(tmp_path, samples_per_id=1)).synthesise("Good morning.")
    assert speech.seconds < PAUSE_S + 0.1


@pytest.mark.parametrize("text", ["", "   ", "\x00\x01", "**"])
def test_what_cannot_be_spoken_is_no_sound(text: str, hum: Path) -> None:
    assert piper(hum).synthesise(text).samples.shape == (0,)


@pytest.mark.parametrize(
    ("text", "same"),
    [("**Good** _morning_", "Good   morning"), ("[[h@l'oU]] there", "[ [h@l'oU]] there")],
)
def test_marks_and_commands_within_the_text_have_no_effect(text: str, same: str, hum: Path) -> None:
    voice = piper(hum)
    assert np.array_equal(voice.synthesise(text).samples, voice.synthesise(same).samples)


def test_text_in_any_script_is_taken(hum: Path) -> None:
    assert piper(hum).synthesise("Café, naïve, 東京, 🙂").seconds > 1.0


def test_a_voice_of_letters_needs_no_phonemes(tmp_path: Path) -> None:
    letters = {letter: [number] for number, letter in enumerate("_^$ abcdefghijklmnopqrstuvwxyz")}
    voice = voices.write(tmp_path, phoneme_type="text", phoneme_id_map=letters)
    assert piper(voice).synthesise("good morning").seconds > 0.5


def test_one_of_several_speakers_speaks(tmp_path: Path) -> None:
    first = piper(voices.write(tmp_path, speakers=3)).synthesise("Hello.")
    third = piper(voices.write(tmp_path, speakers=3, default_speaker_id=2)).synthesise("Hello.")
    assert first.seconds == third.seconds
    assert not np.array_equal(first.samples, third.samples)


def test_a_reply_is_spoken_by_sentence(hum: Path, tmp_path: Path) -> None:
    voice, sink = piper(hum), WavSink(tmp_path)
    text = speak(["Good mor", "ning. How ", "are you?"], voice, sink, name="turn-7")
    assert text == "Good morning. How are you?"
    apart = sum(voice.synthesise(s).seconds for s in ("Good morning.", "How are you?"))
    info = soundfile.info(tmp_path / "turn-7.wav")
    assert (info.samplerate, info.duration) == (voices.RATE, pytest.approx(apart, abs=0.001))


def test_it_takes_few_threads_and_gives_its_memory_back(hum: Path) -> None:
    options = piper(hum, threads=3)._voice.session.session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert not options.enable_cpu_mem_arena
    assert not options.enable_mem_pattern


def test_a_voice_is_a_file_a_folder_or_a_name(tmp_path: Path) -> None:
    models = tmp_path / "models"
    path = voices.write(models / "anna")
    assert [voice_file(v, models) for v in ("anna", str(path.parent), str(path))] == [path] * 3
    with pytest.raises(SpeechError, match=r"There is no Piper voice .*/models/peter\. Set speak"):
        voice_file("peter", models)
    with pytest.raises(SpeechError, match=r"There is no Piper voice peter\.onnx\. "):
        voice_file("peter.onnx", models)
    (models / "empty").mkdir()
    with pytest.raises(SpeechError, match=r"There is no Piper voice .*/empty/\*\.onnx\. "):
        voice_file("empty", models)
    voices.write(models / "anna", "bella")
    with pytest.raises(SpeechError, match=r"more than one voice\. .* such as .*/anna/bella\.onnx"):
        voice_file("anna", models)


def test_a_voice_at_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = voices.write(tmp_path / "voices")
    assert voice_file("~/voices/hum.onnx", tmp_path / "models") == path


def test_the_settings_choose_who_speaks(tmp_path: Path) -> None:
    voices.write(tmp_path / "anna")
    assert isinstance(open_voice(SpeakSettings.model_validate({}), tmp_path).engine, Espeak)
    named = SpeakSettings.model_validate({"engine": "piper", "voice": "anna"})
    assert isinstance(open_voice(named, tmp_path).engine, Piper)


def without_description(voice: Path) -> None:
    voice.with_name(f"{voice.name}.json").unlink()


def described(**changed: object) -> Callable[[Path], object]:
    def change(voice: Path) -> None:
        path = voice.with_name(f"{voice.name}.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    return change


def other(text: bytes, of: str = ".json") -> Callable[[Path], object]:
    return lambda voice: voice.with_name(f"{voice.name}{of}").write_bytes(text)


def graph(**changed: object) -> Callable[[Path], object]:
    return lambda voice: voices.write(voice.parent, **changed)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_description, r"hum\.onnx\.json is missing\. A Piper voice is an \.onnx file with"),
        (other(b"{"), r"hum\.onnx\.json does not describe a voice that Attune can use \(Expecting"),
        (other(b"\xff\xfe"), "does not describe a voice"),
        (other(b"[" * 100_000), "does not describe a voice"),
        (other(b"[]"), "does not describe a voice"),
        (described(audio={"sample_rate": 10**9}), r"\(audio\.sample_rate: Input should be less"),
        (described(audio={}), r"\(audio\.sample_rate: Field required\)"),
        (
            described(phoneme_id_map={"a": [1]}),
            r"\(phoneme_id_map: it should have the marks _, \^ and \$",
        ),
        (described(phoneme_id_map={"_": "x"}), r"\(phoneme_id_map\._: Input should be a valid"),
        (described(phoneme_type="pinyin"), r"\(phoneme_type: Input should be 'espeak' or 'text'\)"),
        (described(espeak={"voice": "klingonish"}), r"The voice hum does not speak \("),
        (other(b"", ""), r"hum\.onnx is not an ONNX model that can be loaded \("),
        (other(b"\x80\x04K*." * 1_000, ""), "is not an ONNX model that can be loaded"),
        (graph(inputs={"image": 4}), "is not a Piper voice: it takes image where one takes input,"),
        (described(num_speakers=2), "takes input, input_lengths, scales where .*, scales, sid"),
        (graph(samples_per_id=0), "The voice hum does not speak"),
        (graph(channels=2), r"does not speak \(its sound has more than one channel\)"),
        (graph(louder=float("nan")), r"does not speak \(its sound contains values that are not"),
    ],
)
def test_what_is_no_voice_is_refused_with_the_reason(
    spoil: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    voice = voices.write(tmp_path)
    spoil(voice)
    with pytest.raises(SpeechError, match=said):
        piper(voice)


def test_a_voice_that_takes_too_long_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = voices.write(tmp_path, work=1 << 40)
    monkeypatch.setattr(room, "TIMEOUT_S", 0.05)
    with pytest.raises(SpeechError, match=r"within 0\.05 s\. Set speak\.voice to a smaller voice"):
        piper(voice)


@pytest.mark.parametrize("there", [None, ModuleType("piper")])
def test_a_missing_or_older_package_is_named(
    there: ModuleType | None, hum: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "piper", there)
    with pytest.raises(DependencyError, match=r"-m pip install 'piper-tts>=1\.3', or set speak\."):
        piper(hum)
