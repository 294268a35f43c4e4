"""The whole house learns: real processes, the bundled models, a microphone and somebody's voice."""

from __future__ import annotations

import json
import queue
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from assistant.config import PersonaliseSettings, starter_dir
from assistant.control.client import Client
from assistant.control.messages import Status
from assistant.journal.store import Journal
from assistant.personalise.data.examples import examples
from bench.speakers import SPEAKERS
from tests.cli.house import ROOT, command
from tests.personalise.pupil import Pupil
from tests.plain_words import built
from tests.sound import SoundServer

WAIT_S = 180.0
"""Longest wait of a test that would otherwise never end."""

SAID = "it is an emergency"
"""What the starter mishears in this voice."""

SETTINGS = {
    "ATTUNE_ENCODE__PATH": str(starter_dir() / "encoder"),
    "ATTUNE_ENCODE__THREADS": "1",
    "ATTUNE_GENERATE__THREADS": "1",
    "ATTUNE_GENERATE__MAX_TOKENS": "12",
    "ATTUNE_SPEAK__RATE_WPM": "240",
    "ATTUNE_PERSONALISE__REPLAY": "8",
    "ATTUNE_PERSONALISE__CANARIES": "2",
    "ATTUNE_PERSONALISE__STEPS": "60",
    "ATTUNE_IDLE__QUIET_S": "1",
    "ATTUNE_IDLE__MIN_NEW": "1",
    "ATTUNE_IDLE__MAX_LOAD": "1000",
    "ATTUNE_IDLE__MAX_CELSIUS": "1000",
    "ATTUNE_IDLE__MIN_FREE_MB": "0",
    "ATTUNE_IDLE__MIN_DISK_MB": "0",
    "ATTUNE_IDLE__ON_BATTERY": "true",
}
"""A device that is idle as soon as nobody speaks, and learns in little time."""


@dataclass
class Daemon:
    """``assistant run`` as its user meets it."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    server: SoundServer
    folder: Path
    lines: queue.Queue[str] = field(default_factory=queue.Queue)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, *parts: str) -> str:
        """The first line not looked at yet that has these parts."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {parts} in:\n{''.join(self.seen)}") from None
            self.seen.append(line)
            if all(part in line for part in parts):
                return line

    def until(self, holds: Callable[[Status], object]) -> Status:
        """The daemon's status as soon as something holds of it."""
        client = Client(self.folder / "control.sock")
        deadline = time.monotonic() + WAIT_S
        while not holds(status := client.status()):
            assert time.monotonic() < deadline, status
            time.sleep(0.05)
        return status

    def say(self, text: str) -> None:
        """Begin to say something in the pupil's voice."""
        path = self.folder / "said.wav"
        samples = np.pad(SPEAKERS[1].say(text).samples, (1_600, 16_000))
        soundfile.write(path, samples, 16_000)
        threading.Thread(target=self.server.say, args=(path,), daemon=True).start()

    def exchange(self) -> dict[str, Any]:
        """The next exchange."""
        return json.loads(self.wait_for('{"id": '))

    def run(self, *words: str) -> str:
        """What another command of the same house prints."""
        return subprocess.run(
            command(*words), cwd=ROOT, env=self.environment, capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip

    @property
    def trainer(self) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        (trainer,) = [each for each in children if "assistant.personalise" in each.cmdline()]
        return trainer

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)


@contextmanager
def daemon(server: SoundServer, folder: Path) -> Generator[Daemon, None, None]:
    environment = (
        server.env
        | SETTINGS
        | {
            "ATTUNE_JOURNAL__PATH": str(folder / "journal.db"),
            "ATTUNE_CONTROL__PATH": str(folder / "control.sock"),
        }
    )
    with subprocess.Popen(
        command("run", "--json"), cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            yield Daemon(process, environment, server, folder)
        finally:
            process.kill()


def stands_still(process: psutil.Process) -> bool:
    return process.status() == psutil.STATUS_STOPPED


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def event(status: Status) -> object:
    return status.last_event and status.last_event["event"]


def interrupt(house: Daemon) -> dict[str, Any]:
    """Speak while the trainer is at work: the exchange."""
    trainer = house.trainer
    assert trainer.nice() == 19
    house.say("what is your name")
    until(lambda: stands_still(trainer))
    worked = trainer.cpu_times()
    status = json.loads(house.run("status", "--json"))["daemon"]
    assert status["state"] == "paused"
    assert status["paused_after_ms"] > 0  # 100 are wanted, which a busy machine may not give
    exchange = house.exchange()
    assert stands_still(trainer)
    assert trainer.cpu_times() == worked
    until(lambda: not stands_still(trainer))
    return exchange


def test_it_learns_while_nobody_speaks_and_answers_with_what_it_learned_until_rolled_back(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        Pupil.speaking(20).teach(journal)
        held = examples(journal.turns(), PersonaliseSettings.model_validate({}))
        assert sum(example.held_out for example in held) >= 3

    with daemon(sound_server, tmp_path) as house:
        house.wait_for("Listening.")
        house.say(SAID)
        before = house.exchange()
        house.until(lambda status: event(status) == "stepped")
        meanwhile = interrupt(house)
        verdict = house.until(lambda status: status.last_verdict is not None).last_verdict
        assert verdict is not None
        assert verdict["accepted"], verdict
        version = verdict["version"]
        house.until(lambda status: status.bridge == version)
        house.say(SAID)
        after = house.exchange()
        assert "The base bridge is in use again" in house.run("bridge", "rollback")
        house.say(SAID)
        again = house.exchange()
        house.process.send_signal(signal.SIGTERM)
        assert house.process.wait(WAIT_S) == 0

    exchanges = (before, meanwhile, after, again)
    base = before["bridge"]
    assert version != base
    assert [turn["bridge"] for turn in exchanges] == [base, base, version, base]
    assert [turn["heard"] == SAID for turn in exchanges] == [False, False, True, False]
    assert after["route"] == "bridge"
    assert all(turn["reply"] for turn in exchanges)
    told = "".join(house.seen)
    assert f"Now using what was learned of your voice (version {version}).\n" in told
    assert re.search(rf"^Learned: .* \(version {version}\)\.$", told, re.MULTILINE)
    assert f"Now using what Attune came with (version {base}).\n" in told
    assert "Traceback" not in told
    assert not built("".join(line for line in house.seen if not line.startswith("{")))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with Journal(tmp_path / "journal.db") as journal:
        kept = {turn.id: turn.bridge for turn in journal.turns() if turn.taught is None}
    assert kept == {turn["id"]: turn["bridge"] for turn in exchanges}
