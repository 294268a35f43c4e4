from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant import child
from assistant.config import ListenSettings
from assistant.daemon.microphone import (
    FIRST_S,
    RETRY_S,
    STUCK_S,
    Condition,
    MicrophoneSupervisor,
)
from assistant.listen.segment import segment
from assistant.values import FRAME_SAMPLES, AudioFrame, EndReason, Utterance
from tests.settings import block
from tests.sound import SoundServer, silent_environment
from tests.waiting import WAIT_S, until

ROOT = Path(__file__).parents[2]
SETTINGS = ListenSettings.model_validate({"device": "Headset"})

BUSY = "The microphone is busy. Attune keeps trying."
WORKS = "The microphone works again."


class Hasty(MicrophoneSupervisor):
    """Does not wait between attempts, but notes how long it would have."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # pyright: ignore[reportArgumentType]
        self.waits: list[float] = []

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Listener:
    """MicrophoneSupervisor with microphones that follow a plan, and somebody who listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.frames: list[AudioFrame] = []
        self.clock = Clock()
        self.thread = threading.Thread(target=lambda: None)
        self.microphone = MicrophoneSupervisor(SETTINGS, self.told.append)

    def listen(
        self,
        *plan: str,
        kind: type[MicrophoneSupervisor] = MicrophoneSupervisor,
        clock: Callable[[], float] = time.monotonic,
        command: tuple[str, ...] | None = None,
        take: Callable[[MicrophoneSupervisor], None] | None = None,
    ) -> None:
        """Begin to listen in a thread."""
        (self.folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        usual = (sys.executable, "-m", "tests.daemon.microphones", str(self.folder))
        self.microphone = kind(SETTINGS, self.told.append, command=command or usual, clock=clock)
        self.thread = threading.Thread(target=take or self.take, args=(self.microphone,))
        self.thread.start()

    def take(self, microphone: MicrophoneSupervisor) -> None:
        for frame in microphone:
            self.frames.append(frame)

    def end(self) -> None:
        self.microphone.stop()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()
        assert [pid for pid in self.pids if Path(f"/proc/{pid}").exists()] == []

    @property
    def loud(self) -> int:
        """Frames that are not silent."""
        return sum(bool(frame.samples.any()) for frame in list(self.frames))

    @property
    def started(self) -> list[str]:
        """What was told to each microphone's process."""
        try:
            return (self.folder / "started").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    @property
    def pids(self) -> list[str]:
        return [line.split()[0] for line in self.started]

    def is_(self, condition: Condition) -> bool:
        return self.microphone.hearing.condition is condition


def descriptors() -> set[str]:
    gc.collect()  # what an earlier test left in a cycle is not this one's
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """It leaves no process, dead or alive, and no file descriptor behind."""
    monkeypatch.chdir(ROOT)
    before = descriptors()
    listener = Listener(tmp_path)
    yield listener
    listener.end()
    assert descriptors() <= before


def test_frames_come_as_the_microphone_sent_them(listener: Listener) -> None:
    listener.listen("work")
    assert listener.microphone.hearing.why is None
    until(lambda: listener.loud > 2)
    hearing = listener.microphone.hearing
    assert (hearing.condition, hearing.why, hearing.overruns) == (Condition.LISTENING, None, 7)
    assert hearing.frame_age_s >= 0
    first, second = listener.frames[:2]
    assert first.samples.tolist() == [1_000] * FRAME_SAMPLES
    assert (first.captured_at, second.captured_at) == (100.0, 100.02)
    assert listener.told == []
    (line,) = listener.started
    assert json.loads(line.partition(" ")[2])["device"] == "Headset"


def test_the_end_closes_the_microphone(listener: Listener) -> None:
    listener.listen("work")
    until(lambda: listener.frames)
    listener.microphone.stop()
    listener.microphone.stop()
    listener.end()
    assert listener.told == []


def test_a_failure_is_told_once_and_so_is_its_end(listener: Listener) -> None:
    listener.listen("refuse", "refuse", "work")
    until(lambda: listener.is_(Condition.ABSENT))
    assert listener.microphone.hearing.why == "The microphone is busy."
    until(lambda: listener.loud)
    until(lambda: len(listener.told) == 2)
    assert listener.told == [BUSY, WORKS]
    assert len(listener.started) == 3
    assert listener.is_(Condition.LISTENING)
    assert listener.microphone.hearing.why is None


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("end", "The microphone's process ended with status 7."),
        ("crash", "The microphone's process was killed, probably because memory ran out."),
        ("close", "The microphone's process closed its output."),
        ("babble", "The microphone's process sent data that is not audio."),
    ],
)
def test_a_process_that_fails_is_told_and_started_anew(
    listener: Listener, role: str, why: str
) -> None:
    listener.listen(role, "work", kind=Hasty)
    until(lambda: len(listener.told) == 2)
    assert listener.told == [f"{why} Attune keeps trying.", WORKS]


def test_a_process_that_cannot_be_started_is_told(listener: Listener) -> None:
    listener.listen(command=("/none/such",))
    until(lambda: listener.is_(Condition.ABSENT))
    why = "The microphone's process does not start (No such file or directory)."
    assert listener.microphone.hearing.why == why
    assert listener.told == [f"{why} Attune keeps trying."]


def test_a_microphone_that_hangs_is_killed(listener: Listener) -> None:
    listener.listen("hang", "work", clock=listener.clock)
    until(lambda: listener.loud == 3)
    listener.clock.seconds += STUCK_S - 1
    assert listener.microphone.hearing.frame_age_s == STUCK_S - 1
    assert listener.is_(Condition.LISTENING)
    listener.clock.seconds += 2
    until(lambda: listener.is_(Condition.ABSENT))
    (line,) = listener.told
    assert line.startswith("The microphone hangs: no sound for 8 s. Unplug it")
    assert line.endswith("Attune keeps trying.")
    assert not Path(f"/proc/{listener.pids[0]}").exists()
    listener.clock.seconds += RETRY_S[0] + 0.1
    until(lambda: listener.loud > 3)


def test_a_microphone_that_never_begins_is_given_up_later(listener: Listener) -> None:
    listener.listen("freeze", clock=listener.clock)
    until(lambda: listener.started)
    listener.clock.seconds += FIRST_S - 1
    assert listener.is_(Condition.WAITING)
    listener.clock.seconds += 2
    until(lambda: listener.told)
    assert "no sound for 20 s" in listener.told[0]


def test_attempts_become_rarer_up_to_a_limit(listener: Listener) -> None:
    listener.listen(kind=Hasty, command=("false",))
    microphone = listener.microphone
    assert isinstance(microphone, Hasty)
    until(lambda: len(microphone.waits) >= 8)
    assert microphone.waits[:8] == [*RETRY_S, RETRY_S[-1], RETRY_S[-1]]
    assert len(listener.told) == 1


def test_what_works_for_a_moment_only_does_not_work_again(listener: Listener) -> None:
    listener.listen("refuse", "end", "crash", "work", kind=Hasty)
    assert isinstance(listener.microphone, Hasty)
    until(lambda: len(listener.told) == 2)
    assert listener.told == [BUSY, WORKS]
    assert listener.microphone.waits == list(RETRY_S[:3])


def test_after_it_has_worked_attempts_are_frequent_again(listener: Listener) -> None:
    listener.listen("refuse", "refuse", "work", "refuse", "work", kind=Hasty)
    assert isinstance(listener.microphone, Hasty)
    until(lambda: len(listener.told) == 2)
    os.kill(int(listener.pids[-1]), 9)
    until(lambda: len(listener.told) == 4)
    assert listener.told[2].startswith(
        "The microphone's process was killed, probably because memory ran out."
    )
    assert listener.told[3] == WORKS
    assert listener.microphone.waits == [RETRY_S[0], RETRY_S[1], RETRY_S[0], RETRY_S[1]]


def test_mute_closes_the_microphone_and_unmute_opens_it(listener: Listener) -> None:
    listener.listen("work")
    until(lambda: listener.loud)
    listener.microphone.mute()
    until(lambda: listener.is_(Condition.MUTED))
    assert not Path(f"/proc/{listener.pids[0]}").exists()
    before = listener.loud
    listener.microphone.unmute()
    until(lambda: listener.loud > before)
    assert len(listener.started) == 2
    assert listener.told == []


def test_ears_that_are_muted_from_the_start_open_nothing() -> None:
    told: list[str] = []
    microphone = MicrophoneSupervisor(SETTINGS, told.append, command=("/none/such",))
    microphone.mute()
    thread = threading.Thread(target=list, args=(microphone,))
    thread.start()
    until(lambda: microphone.hearing.condition is Condition.MUTED)
    microphone.stop()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert told == []


def test_a_microphone_that_is_muted_while_absent_is_told_once(listener: Listener) -> None:
    listener.listen("refuse", clock=listener.clock)
    until(lambda: listener.is_(Condition.ABSENT))
    listener.microphone.mute()
    until(lambda: listener.is_(Condition.MUTED))
    assert listener.microphone.hearing.why is None
    listener.microphone.unmute()
    until(lambda: len(listener.started) == 2 and listener.is_(Condition.ABSENT))
    assert listener.told == [BUSY]


@pytest.mark.parametrize("how", ["crash", "hang and mute", "hang and stop"])
def test_an_utterance_under_way_ends_with_silence_when_the_microphone_goes(
    listener: Listener, how: str
) -> None:
    settings = block(ListenSettings, silence_ms=10_000, start_ms=20, start_window_ms=20, min_ms=0)
    heard: list[Utterance] = []

    def take(microphone: MicrophoneSupervisor) -> None:
        def seen() -> Iterator[AudioFrame]:
            for frame in microphone:
                listener.frames.append(frame)
                yield frame

        heard.extend(segment(seen(), lambda frame: bool(frame.samples.any()), settings))

    role, _, what = how.partition(" and ")
    listener.listen(role, take=take)
    until(lambda: listener.loud == 3)
    if what:
        getattr(listener.microphone, what)()
    until(lambda: len(listener.frames) > 3)
    listener.end()
    (utterance,) = heard
    assert utterance.end_reason is EndReason.SILENCE
    assert utterance.endpoint_ms == 10_000
    assert utterance.samples[: 3 * FRAME_SAMPLES].all()
    assert not utterance.samples[3 * FRAME_SAMPLES :].any()
    moments = [frame.captured_at for frame in listener.frames]
    assert moments == pytest.approx([100.0 + 0.02 * number for number in range(len(moments))])


def within(environment: dict[str, str]) -> tuple[str, ...]:
    """The real microphone's process in an environment of its own."""
    changed = [f"{name}={value}" for name, value in environment.items()]
    return ("env", "-i", *changed, *child.command("assistant.listen"))


def test_the_real_process_hears_a_real_microphone(
    sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    told: list[str] = []
    microphone = MicrophoneSupervisor(SETTINGS, told.append, command=within(sound_server.env))
    began = time.monotonic()
    moments: list[float] = []
    for frame in microphone:
        moments.append(frame.captured_at)
        if len(moments) == 20:
            microphone.stop()
    real = moments[:20]
    # on a busy machine PortAudio corrects its clock by up to a block of 20 ms
    assert min(np.diff(real)) > -0.03
    assert real[-1] > real[0] + 0.2
    assert began < real[0] < time.monotonic()
    assert told == []
    assert microphone.hearing.overruns == 0


def test_the_real_process_tells_that_there_is_no_microphone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    told: list[str] = []
    microphone = MicrophoneSupervisor(
        SETTINGS, told.append, command=within(silent_environment(tmp_path))
    )
    thread = threading.Thread(target=list, args=(microphone,))
    thread.start()
    until(lambda: told)
    microphone.stop()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    (line,) = told
    assert line.startswith("There is no microphone")
