"""Speaking over the assistant: the loudspeaker is heard in the microphone, as in any room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from tests.faults.manager import Manager, kept, managed
from tests.sound import SoundServer, similarity, synthesise
from tests.speak.test_playback import expected

ECHO = "module-loopback source=ear.monitor sink=mouth latency_msec=30"
VOLUME = "65%"  # -11 dB
LONG = [
    "Good morning, dear friend.",
    "It is a lovely day today, and the sun is shining on the garden.",
    "Your daughter is coming to visit you at three o'clock in the afternoon.",
    "You could make some tea for her, and put the flowers on the table.",
]
LAST = "The bread is in the cupboard beside the window."


@pytest.fixture
def room(mortal_server: SoundServer) -> SoundServer:
    """A room in which the loudspeaker is heard in the microphone."""
    mortal_server.load(ECHO)
    listed = subprocess.run(
        ["pactl", "list", "short", "sink-inputs"], env=mortal_server.env, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    number = listed.stdout.split()[0]
    volume = ["pactl", "set-sink-input-volume", number, VOLUME]
    subprocess.run(volume, env=mortal_server.env, check=True)
    return mortal_server


@pytest.fixture
def service(room: SoundServer, tmp_path: Path) -> Iterator[Manager]:
    environment = {
        **room.env,
        "ATTUNE_LISTEN__BARGE_IN": "cancel",
        "ATTUNE_SPEAK__RATE_WPM": "150",
        "ATTUNE_TURN__ASK_BACK": "0",
    }
    with managed(tmp_path / "house", environment, aloud=True) as manager:
        manager.microphone("listening")
        yield manager


def test_its_own_voice_does_not_break_it_off_and_somebody_else_s_does(
    service: Manager, room: SoundServer
) -> None:
    ear = service.folder / "ear.wav"
    with room.record(ear):
        service.client.say(" ".join([LONG[0], LAST]))
        service.client.ask("what day is it", aloud=False)  # answered when that has been said
    heard, _ = soundfile.read(ear, dtype="float32")
    assert similarity(heard, expected(LAST)) > 0.7
    (typed,) = kept(service).values()
    assert typed == "what day is it"

    words, wav = "please tell me what time it is", service.folder / "question.wav"
    question = synthesise(words, wav, lead_s=3.0, tail_s=1.5)  # in the midst of the reply
    with room.record(ear):
        service.client.say(" ".join([*LONG, LAST]))
        service.until(lambda: service.client.status().speaking, "speaking")
        room.say(question)
        service.client.ask("what day is it", aloud=False)  # answered when it is silent again
    heard, _ = soundfile.read(ear, dtype="float32")
    assert similarity(heard, expected(LONG[0])) > 0.6  # a busy machine drops some of it
    assert similarity(heard, expected(LAST)) < 0.5  # it fell silent before
    assert service.statuses == []
