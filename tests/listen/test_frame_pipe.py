from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from assistant import child
from assistant.config import ListenSettings
from assistant.listen.frame_pipe import Failure, Frames, Messages, failure, packed
from assistant.values import FRAME_SAMPLES, AudioFrame
from tests.sound import SoundServer, silent_environment

ROOT = Path(__file__).parents[2]

SAMPLES = np.random.default_rng(1).integers(-(1 << 15), 1 << 15, FRAME_SAMPLES, np.int16)
FRAME = AudioFrame(SAMPLES, 12_345.678_9)


def read(*blocks: bytes) -> list[Frames | Failure]:
    messages = Messages()
    return [message for block in blocks for message in messages.push(block)]


def test_a_frame_arrives_as_it_was_sent() -> None:
    (heard,) = read(packed(FRAME, 3))
    assert isinstance(heard, Frames)
    np.testing.assert_array_equal(heard.frame.samples, SAMPLES)
    assert heard.frame.samples.dtype == np.int16
    assert heard.frame.captured_at == FRAME.captured_at
    assert heard.overruns == 3


def test_a_failure_arrives_as_it_was_sent() -> None:
    assert read(failure("Das Mikrofon “Häädset” ist weg.")) == [
        Failure("Das Mikrofon “Häädset” ist weg.")
    ]
    assert read(failure("")) == [Failure("")]


def test_a_failure_that_is_too_long_is_cut_and_can_still_be_read() -> None:
    (found,) = read(failure("x" + "ä" * 5_000))
    assert isinstance(found, Failure)
    assert found.why.startswith("xää")
    assert len(found.why) <= 2_000


def test_more_overruns_than_can_be_told_are_as_many_as_can() -> None:
    (heard,) = read(packed(FRAME, 1 << 40))
    assert isinstance(heard, Frames)
    assert heard.overruns == 0xFFFFFFFF


@pytest.mark.parametrize("size", [1, 7, 14, 15, 16, 655, 656, 10_000])
def test_messages_may_come_in_pieces_of_any_size(size: int) -> None:
    sent = b"".join([packed(FRAME, 0), failure("Gone."), packed(FRAME, 1)])
    found = read(*(sent[at : at + size] for at in range(0, len(sent), size)))
    assert [type(message) for message in found] == [Frames, Failure, Frames]
    assert isinstance(found[2], Frames)
    np.testing.assert_array_equal(found[2].frame.samples, SAMPLES)


def test_half_a_message_is_none() -> None:
    assert read(packed(FRAME, 0)[:-1]) == []
    assert read(failure("Gone.")[:-1]) == []
    assert read(b"") == []


@pytest.mark.parametrize(
    "data",
    [
        b"ALSA lib pcm.c: Unknown PCM",
        bytes(100),
        packed(FRAME, 0) + b"x" * 20,
        packed(FRAME, 0).replace(b"\x80\x02", b"\x7f\x02", 1),  # a frame of another length
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a message of a microphone"):
        read(data)


def test_the_process_ends_with_its_reason_and_no_other_word(tmp_path: Path) -> None:
    with subprocess.Popen(
        [
            *child.command("assistant.listen"),
            ListenSettings.model_validate({}).model_dump_json(),
        ],
        cwd=ROOT,
        env=silent_environment(tmp_path),
        stdin=subprocess.PIPE,  # open to the end, as the daemon holds it
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        (found,) = read(process.stdout.read())
        complaints = process.stderr.read()
    assert isinstance(found, Failure)
    assert found.why.startswith("There is no microphone")
    assert process.returncode == 1
    assert b"Fatal" not in complaints
    assert b"Traceback" not in complaints


def test_the_process_ends_with_the_daemon_though_the_sound_server_hangs(
    mortal_server: SoundServer,
) -> None:
    mortal_server.process.send_signal(signal.SIGSTOP)
    done = subprocess.run(
        [
            *child.command("assistant.listen"),
            ListenSettings.model_validate({}).model_dump_json(),
        ],
        cwd=ROOT,
        env=mortal_server.env,
        stdin=subprocess.DEVNULL,  # at its end from the beginning
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, b"")  # PulseAudio gives up much later, and says so
