from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.audio.resample import resample, to_int16
from assistant.config import Settings, starter_dir
from assistant.doctor import sound
from assistant.doctor.checks import chosen
from assistant.doctor.examine import examine
from assistant.doctor.finding import Finding, Level
from assistant.doctor.subject import Daemon, Subject
from assistant.errors import DependencyError
from assistant.listen.recordings import load
from assistant.values import SAMPLE_RATE
from tests.sound import SoundServer, silent_environment
from tests.speak import voices


@pytest.fixture
def server(sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch) -> SoundServer:
    for name, value in sound_server.env.items():
        monkeypatch.setenv(name, value)
    return sound_server


def subject(daemon: Daemon | None = None, **blocks: object) -> Subject:
    return Subject(Settings.model_validate(blocks), daemon or Daemon())


def found(name: str, who: Subject | None = None) -> Finding:
    ((_, finding),) = examine(who or Subject(), chosen([name]))
    return finding


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    count = round(seconds * SAMPLE_RATE)
    return (np.random.default_rng(seed).standard_normal(count) * level).astype(np.float32)


def in_a_room(played: np.ndarray, *, direct: float, seconds: float = 3.0) -> np.ndarray:
    """A sound half a second into silence, with an echo of 0.8 s whose power is 1 / direct."""
    count = round(0.8 * SAMPLE_RATE)
    echo = noise(0.8, 1.0) * 10 ** (-3 * np.arange(count) / count)
    echo /= np.sqrt(np.sum(echo**2) * direct)
    echo[0] += 1
    heard = np.convolve(played, echo)
    room = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    room[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + len(heard)] = heard
    return room


def test_a_microphone_that_clips_is_told(server: SoundServer, tmp_path: Path) -> None:
    loud = np.sign(noise(30.0, 1.0))
    soundfile.write(tmp_path / "loud.wav", loud, SAMPLE_RATE, "FLOAT")
    command = ["paplay", "--device=mouth", str(tmp_path / "loud.wav")]
    with subprocess.Popen(command, env=server.env) as shouting:
        finding = found("microphone")
        assert shouting.poll() is None
        shouting.terminate()
    assert finding.level is Level.WARN
    assert "is distorted because it is too loud" in finding.text
    assert finding.figures["peak_dbfs"] == pytest.approx(0, abs=0.1)


def test_the_loudspeaker_is_heard_where_the_microphone_hears_it(
    server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.process.poll() is None
    opens, apart = (
        finding for _, finding in examine(Subject(), chosen(["loudspeaker", "loopback"]))
    )
    assert (opens.level, apart.level) == (Level.OK, Level.WARN)
    assert "does not hear the loudspeaker, which is normal with headphones" in apart.text
    monkeypatch.setenv("PULSE_SINK", "mouth")  # its monitor is the microphone
    together = found("loopback")
    assert together == Finding(Level.OK, "The microphone hears the loudspeaker.", together.figures)
    assert float(together.figures["correlation"] or 0) > 0.9


def test_the_daemon_that_holds_the_microphone_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in silent_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    listening = subject(Daemon(running=True, microphone="listening", level_dbfs=-41.26))
    first, second = (
        finding for _, finding in examine(listening, chosen(["microphone", "loopback"]))
    )
    assert first.level is Level.OK
    assert first.text == "Attune itself is listening to it: -41 dBFS."
    assert first.figures == {"rms_dbfs": -41.3}
    assert second.level is Level.WARN
    assert second.text.startswith("Skipped, because Attune itself is using the microphone")
    absent = subject(Daemon(running=True, microphone="absent"))
    assert found("microphone", absent).level is Level.FAIL


def test_levels_are_told() -> None:
    nothing = sound.level("Headset", np.zeros(2 * SAMPLE_RATE, np.int16))
    assert nothing.level is Level.WARN
    assert nothing.text.startswith("Headset opens, but delivers nothing, not even noise.")
    quiet = sound.level("Headset", to_int16(noise(2.0, 0.01)))
    assert quiet.level is Level.OK
    assert quiet.text.startswith("Headset: -40 dBFS on average")
    assert quiet.figures["rms_dbfs"] == pytest.approx(-40, abs=0.1)
    assert quiet.figures["clipped"] == 0
    loud = np.clip(noise(2.0, 0.5), -1, 1)
    assert sound.level("Headset", to_int16(loud)).level is Level.WARN
    one_click = np.zeros(2 * SAMPLE_RATE, np.int16)
    one_click[100:110] = 32_767
    assert sound.level("Headset", one_click).level is Level.OK


def test_a_telephone_s_sound_is_told(spoken_sentence: Path) -> None:
    voice = load(spoken_sentence)
    wide = voice + noise(6.0, 3e-4)[: len(voice)]
    narrow = resample(resample(wide, SAMPLE_RATE, 8_000), 8_000, SAMPLE_RATE)
    for heard in (wide, noise(2.0, 0.01), noise(2.0, 3e-4)):
        assert "telephone" not in sound.level("Headset", to_int16(heard)).text
    finding = sound.level("Headset", to_int16(narrow))
    assert finding.level is Level.WARN
    assert "it sounds like a telephone" in finding.text
    assert sound.level("Headset", to_int16(noise(2.0, 0.01)), 8_000).level is Level.WARN


def test_a_faint_microphone_is_told() -> None:
    faint = to_int16(noise(2.0, 10 ** (-70 / 20)))
    finding = sound.level("Headset", faint)
    assert finding.level is Level.OK
    assert 'set listen.gain to "auto"' in finding.text
    assert "listen.gain" not in sound.level("Headset", faint, is_raised=True).text
    assert "listen.gain" not in sound.level("Headset", to_int16(noise(2.0, 0.01))).text


@pytest.mark.parametrize("mode", range(4))
def test_silence_and_speech_are_told_apart(mode: int) -> None:
    finding = sound.voice_detection(subject(listen={"vad_mode": mode}))
    assert finding.level is Level.OK
    assert finding.figures["in_silence"] == 0
    assert float(finding.figures["in_speech"] or 0) > 0.4


def test_speech_that_is_not_recognised_as_such_is_a_failure(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hush.wav", noise(2.0, 1e-5), SAMPLE_RATE)
    finding = sound.detection(tmp_path / "hush.wav", 2)
    assert finding.level is Level.FAIL
    assert "and 0% of speech as speech" in finding.text


@pytest.mark.parametrize(("direct", "noise_db"), [(0.5, -10.0), (0.25, 0.0), (0.25, 6.0)])
def test_the_chirp_is_found_in_reverberation_and_noise(direct: float, noise_db: float) -> None:
    played = sound.chirp()
    heard = in_a_room(played, direct=direct)
    rms = np.sqrt(np.mean(heard[SAMPLE_RATE // 2 :][: len(played)] ** 2))
    level = float(rms) * 10 ** (noise_db / 20)
    assert sound.correlation(heard + noise(3.0, level, seed=1), played) > sound.HEARD


def test_neither_speech_nor_noise_nor_silence_is_taken_for_the_chirp() -> None:
    played = sound.chirp()
    heard = [load(each) for each in sorted((starter_dir() / "examples").glob("*.flac"))]
    heard += [noise(3.0, 0.1, seed) for seed in range(5)]
    heard.append(np.zeros(3 * SAMPLE_RATE, np.float32))
    assert max(sound.correlation(each, played) for each in heard) < sound.HEARD / 1.5


def test_a_loudspeaker_is_not_needed_where_replies_are_written(tmp_path: Path) -> None:
    who = subject(speak={"wav_dir": tmp_path})
    assert sound.loudspeaker(who).text == f"Not needed: replies are written to {tmp_path}."
    assert sound.loopback(who).level is Level.OK


def test_piper_is_tried_where_it_is_chosen(tmp_path: Path) -> None:
    assert found("piper") == Finding(Level.OK, "Not needed: speak.engine is 'espeak'.")
    voices.write(tmp_path / "anna")
    chosen_voice = {"engine": "piper", "voice": "anna"}
    who = subject(speak=chosen_voice, models={"folder": tmp_path})
    assert sound.espeak_ng(who).text == "Speaks with the voice 'en-us'."
    assert found("piper", who).text.startswith("Speaks with the voice 'anna'")
    missing = found("piper", subject(speak=chosen_voice, models={"folder": tmp_path / "none"}))
    assert missing.level is Level.FAIL
    assert missing.text.startswith("There is no Piper voice")


def test_a_voice_that_is_too_slow_is_told() -> None:
    assert sound.pace("anna", seconds=2.0, took_s=1.9).level is Level.OK
    late = sound.pace("anna", seconds=2.0, took_s=2.1)
    assert late.level is Level.WARN
    assert "is slower than real time here" in late.text


def test_espeak_ng_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sound.espeak_ng(subject()).level is Level.OK
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match="sudo apt install espeak-ng"):
        sound.espeak_ng(subject())
