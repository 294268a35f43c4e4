from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from assistant.config import ListenSettings
from assistant.listen import recordings
from assistant.listen.segment import segment, voiced
from assistant.values import SAMPLE_RATE
from tests.sound import SoundServer, silent_environment, similarity

ROOT = Path(__file__).parents[2]
SETTINGS = ListenSettings.model_validate({})


class Hearing:
    """The subprocess that listens; ``end`` stops it and gives what it tells."""

    def __init__(self, env: dict[str, str], folder: Path, **options: object) -> None:
        told = {"folder": str(folder), "settings": {}, **options}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.listen.hear", json.dumps(told)],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # PortAudio itself writes there when a server dies
            text=True,
        )

    def wait_until_listening(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "listening\n"

    def end(self) -> dict[str, Any]:
        """Stop it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.told()

    def told(self) -> dict[str, Any]:
        """What it tells when it has ended, by itself if need be."""
        assert self.process.stdout is not None
        with self.process:
            out = self.process.stdout.read()
            assert self.process.wait(timeout=60) == 0
        return json.loads(out.splitlines()[-1])


def test_a_sentence_into_the_microphone_is_one_utterance_of_the_right_length(
    sound_server: SoundServer, spoken_sentence: Path, tmp_path: Path
) -> None:
    hearing = Hearing(sound_server.env, tmp_path)
    hearing.wait_until_listening()
    sound_server.say(spoken_sentence)
    told = hearing.end()

    (expected,) = segment(
        recordings.frames(spoken_sentence, recordings.Pace.FAST),
        voiced(SETTINGS.vad_mode),
        SETTINGS,
    )
    ((seconds, end_reason, endpoint_ms),) = told["utterances"]
    assert seconds == pytest.approx(expected.seconds, abs=0.15)
    assert end_reason == "silence"
    assert endpoint_ms == SETTINGS.end_silence_ms
    assert similarity(np.load(tmp_path / "0.npy"), expected.samples) > 0.8


def test_stop_from_another_thread_ends_the_iteration_and_the_utterance_under_way(
    sound_server: SoundServer, spoken_sentence: Path, tmp_path: Path
) -> None:
    hearing = Hearing(sound_server.env, tmp_path, settings={"silence_ms": 10_000})
    hearing.wait_until_listening()
    sound_server.say(spoken_sentence)
    ((_, end_reason, _),) = hearing.end()["utterances"]
    assert end_reason == "stop"


def test_a_reader_that_is_too_slow_loses_sound_and_the_loss_is_counted(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    hearing = Hearing(sound_server.env, tmp_path, settings={"queue_s": 0.2}, pause_s=1.0)
    hearing.wait_until_listening()
    told = hearing.end()
    assert told["overruns"] > 0


def test_a_microphone_is_found_by_a_part_of_its_name(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    hearing = Hearing(sound_server.env, tmp_path, settings={"device": "HEAD"})
    hearing.wait_until_listening()
    assert hearing.end()["frames"] > 0


def test_a_name_that_no_microphone_has_is_refused_with_the_names_there_are(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    told = Hearing(sound_server.env, tmp_path, settings={"device": "Nothing Like It"}).end()
    kind, message = told["error"]
    assert kind == "DeviceError"
    assert "'Nothing Like It'" in message
    assert "'headset'" in message
    assert "listen.device" in message


def test_no_sound_device_at_all_is_told_plainly(tmp_path: Path) -> None:
    env = silent_environment(tmp_path)
    kind, message = Hearing(env, tmp_path).end()["error"]
    assert kind == "DeviceError"
    assert message.startswith("There is no microphone")
    listed = Hearing(env, tmp_path, list=True).end()
    assert listed["has"] == [False, False]
    assert listed["devices"] == []


def test_devices_are_listed_by_direction_with_the_default_marked(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    told = Hearing(sound_server.env, tmp_path, list=True).end()
    assert told["has"] == [True, True]
    for kind in ("input", "output"):
        assert ["headset", kind, False] in told["devices"]
        assert ["default", kind, True] in told["devices"]


def test_a_microphone_that_goes_silent_is_an_error_and_does_not_hang(
    mortal_server: SoundServer, tmp_path: Path
) -> None:
    hearing = Hearing(mortal_server.env, tmp_path)
    hearing.wait_until_listening()
    mortal_server.process.send_signal(signal.SIGSTOP)
    kind, message = hearing.told()["error"]
    assert kind == "DeviceError"
    assert "went silent" in message


def test_a_sound_server_that_dies_is_an_error(mortal_server: SoundServer, tmp_path: Path) -> None:
    hearing = Hearing(mortal_server.env, tmp_path)
    hearing.wait_until_listening()
    mortal_server.close()
    kind, message = hearing.told()["error"]
    assert kind == "DeviceError"
    assert "stopped" in message


def test_frames_are_dated_by_when_they_were_captured(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    hearing = Hearing(sound_server.env, tmp_path)
    hearing.wait_until_listening()
    time.sleep(1.0)
    told = hearing.end()
    assert told["youngest_s"] >= 0.02  # no frame is there before it is over
    assert sum(told["gaps_s"]) / len(told["gaps_s"]) == pytest.approx(0.02, abs=0.003)


def test_a_stereo_microphone_with_opposite_phases_is_heard(
    mortal_server: SoundServer, spoken_sentence: Path, tmp_path: Path
) -> None:
    mortal_server.load("module-null-sink sink_name=pair rate=48000 channels=2 norewinds=1")
    mortal_server.load("module-remap-source master=pair.monitor source_name=stereo")
    mortal_server.default(source="stereo")
    voice = recordings.load(spoken_sentence)
    opposite = tmp_path / "opposite.wav"
    soundfile.write(opposite, np.stack([voice, -voice], axis=1), SAMPLE_RATE)
    hearing = Hearing(mortal_server.env, tmp_path)
    hearing.wait_until_listening()
    subprocess.run(["paplay", "--device=pair", str(opposite)], env=mortal_server.env, check=True)
    assert len(hearing.end()["utterances"]) == 1
    sound = recordings.frames(spoken_sentence, recordings.Pace.FAST)
    (expected,) = segment(sound, voiced(SETTINGS.vad_mode), SETTINGS)
    heard = np.load(tmp_path / "0.npy")  # of either channel
    assert max(similarity(heard, expected.samples), similarity(-heard, expected.samples)) > 0.8
