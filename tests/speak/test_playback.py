from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from assistant.audio.resample import resample, to_float32
from assistant.config import SpeakSettings
from assistant.errors import AudioFileError
from assistant.speak.espeak import Espeak, Speech
from assistant.speak.playback import WavSink
from tests.sound import SoundServer, position, silent_environment, similarity

ROOT = Path(__file__).parents[2]
SETTINGS = SpeakSettings.model_validate({})
SENTENCES = ["Good morning, dear friend.", "Would you like tea?"]


def reciting(env: dict[str, str], **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.speak.recite", json.dumps(options)],
        cwd=ROOT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # PortAudio itself writes there when a server dies
        text=True,
    )


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    with process:
        lines = process.stdout.read().splitlines()
        assert process.wait() == 0
    return json.loads(lines[-1])


def expected(sentence: str) -> np.ndarray:
    """A sentence at the recorder's 16 kHz, without the silence that ends it."""
    speech = Espeak(SETTINGS).synthesise(sentence)
    samples = resample(to_float32(speech.samples), speech.sample_rate, 16_000)
    voice = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[voice[0] : voice[-1]]


def assert_heard_in_order(wav: Path) -> None:
    heard, _ = soundfile.read(wav, dtype="float32")
    end = 0
    for sentence in SENTENCES:
        said = expected(sentence)
        assert similarity(heard, said) > 0.7, sentence
        assert position(heard, said) >= end
        end = position(heard, said) + said.shape[0]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="as it comes"),
        pytest.param({"pause_s": 0.7}, id="slow generation"),
        pytest.param({"sample_rate": 768_000}, id="a rate the device refuses"),
        pytest.param({"settings": {"device": "PULS"}}, id="a device by name"),
    ],
)
def test_every_sentence_reaches_the_loudspeaker_whole_and_in_order(
    sound_server: SoundServer, tmp_path: Path, options: dict[str, object]
) -> None:
    wav = tmp_path / "heard.wav"
    with sound_server.record(wav):
        done = told(reciting(sound_server.env, pieces=[s + " " for s in SENTENCES], **options))
    assert done == {"spoken": " ".join(SENTENCES)}
    assert_heard_in_order(wav)


def test_one_loudspeaker_speaks_one_reply_after_another(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    wav = tmp_path / "heard.wav"
    with sound_server.record(wav):
        told(reciting(sound_server.env, pieces=[SENTENCES[0]], times=2))
    heard, _ = soundfile.read(wav, dtype="float32")
    said = expected(SENTENCES[0])
    at = position(heard, said)
    rest = np.concatenate([heard[:at], heard[at + said.shape[0] :]])
    assert similarity(rest, said) > 0.7


def test_the_end_comes_only_after_the_last_sample(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    wav = tmp_path / "heard.wav"
    with sound_server.record(wav):
        told(reciting(sound_server.env, tone_s=1.5))
    heard, rate = soundfile.read(wav, dtype="float32")
    audible = np.flatnonzero(np.abs(heard) > 0.01)
    assert audible.shape[0] / rate > 1.4  # of 1.5 s; samples near a crossing of zero do not count


def test_stop_falls_silent_within_the_sentence(sound_server: SoundServer, tmp_path: Path) -> None:
    wav = tmp_path / "heard.wav"
    long = "and then we went on and on along the river until the evening came " * 2
    process = reciting(sound_server.env, pieces=[long + ". ", SENTENCES[1]], stop=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with sound_server.record(wav):
        assert process.stdout.readline() == "speaking\n"
        process.stdin.close()
        told(process)
    heard, _ = soundfile.read(wav, dtype="float32")
    assert np.count_nonzero(np.abs(heard) > 0.01) < np.count_nonzero(expected(long) > 0.01)
    assert similarity(heard, expected(SENTENCES[1])) < 0.5


def test_a_missing_loudspeaker_is_told(sound_server: SoundServer, tmp_path: Path) -> None:
    none = told(reciting(silent_environment(tmp_path), pieces=["Hello."]))
    assert none["error"][0] == "DeviceError"
    assert none["error"][1].startswith("There is no loudspeaker")
    other = told(reciting(sound_server.env, pieces=["Hi."], settings={"device": "Nothing"}))
    assert other["error"][0] == "DeviceError"
    assert "'headset'" in other["error"][1]
    assert "speak.device" in other["error"][1]


def test_a_sound_server_that_dies_while_speaking_is_an_error(mortal_server: SoundServer) -> None:
    process = reciting(mortal_server.env, pieces=[s + " " for s in SENTENCES * 6])
    assert process.stdout is not None
    assert process.stdout.readline() == "speaking\n"
    mortal_server.close()
    kind, message = told(process)["error"]
    assert kind == "DeviceError"
    assert "stopped while playing" in message


def test_a_sound_server_that_hangs_while_speaking_is_an_error(mortal_server: SoundServer) -> None:
    process = reciting(mortal_server.env, pieces=[s + " " for s in SENTENCES * 6])
    assert process.stdout is not None
    assert process.stdout.readline() == "speaking\n"
    time.sleep(1.0)  # into the sentence: while a stream starts, PulseAudio itself waits for 30 s
    mortal_server.process.send_signal(signal.SIGSTOP)
    kind, message = told(process)["error"]
    assert kind == "DeviceError"
    assert "has not responded" in message


def tone(seconds: float, rate: int = 22_050) -> Speech:
    wave = 8_000 * np.sin(2 * np.pi * 300 * np.arange(int(rate * seconds)) / rate)
    return Speech(wave.astype(np.int16), rate)


def test_a_reply_s_sentences_are_one_wav(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "new" / "folder")
    first, second = tone(0.5), tone(0.25)
    sink.begin("turn-1")
    assert sink.path is None
    assert sink.play(first)
    assert sink.play(second)
    sink.end()
    assert sink.path == tmp_path / "new" / "folder" / "turn-1.wav"
    samples, rate = soundfile.read(str(sink.path), dtype="int16")
    assert rate == 22_050
    np.testing.assert_array_equal(samples, np.concatenate([first.samples, second.samples]))


def test_no_reply_overwrites_another(tmp_path: Path) -> None:
    sink = WavSink(tmp_path)
    for _ in range(3):
        sink.begin("reply")
        sink.play(tone(0.1))
        sink.end()
    sink.begin("reply")
    sink.end()
    assert sink.path is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "reply-2.wav",
        "reply-3.wav",
        "reply.wav",
    ]


def test_another_rate_is_resampled_to_that_of_the_file(tmp_path: Path) -> None:
    sink = WavSink(tmp_path)
    sink.begin("reply")
    sink.play(tone(0.5))
    sink.play(tone(0.5, rate=16_000))
    sink.end()
    assert sink.path is not None
    assert soundfile.info(sink.path).duration == pytest.approx(1.0, abs=0.001)


def test_a_stopped_reply_is_written_no_further_and_the_next_one_is(tmp_path: Path) -> None:
    sink = WavSink(tmp_path)
    sink.begin("a")
    assert sink.play(tone(0.1))
    sink.stop()
    assert not sink.play(tone(0.1))
    sink.end()
    assert sink.path is not None
    assert soundfile.info(sink.path).duration == pytest.approx(0.1, abs=0.001)
    sink.begin("b")
    assert sink.play(tone(0.1))
    sink.end()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AudioFileError, match=r"Cannot make the folder .*speak\.wav_dir"):
        WavSink(tmp_path / "file" / "folder").begin("reply")


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 2 MB, which libsndfile meets as it would meet a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    sink = WavSink(tmp_path)
    sink.begin("reply")
    with pytest.raises(AudioFileError, match="Cannot write"):
        sink.play(tone(60.0))
    sink.end()
