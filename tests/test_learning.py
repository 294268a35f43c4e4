"""The whole house learns: real processes, the bundled models, a microphone and somebody's voice."""

from __future__ import annotations

import json
import os
import queue
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from assistant.config import load
from assistant.control.client import Client
from assistant.control.messages import Status
from assistant.journal.store import Journal
from assistant.personalise.examples import examples
from bench.speakers import SPEAKERS
from tests.cli.house import ROOT, command
from tests.personalise.pupil import Pupil
from tests.sound import SoundServer

WAIT_S = 240.0
"""Longest wait of a test that would otherwise never end."""

PAUSE_MS = 100.0
"""Longest time in which speech may find the trainer at work."""

SETTINGS = {
    "ATTUNE_ENCODE__THREADS": "1",
    "ATTUNE_GENERATE__THREADS": "1",
    "ATTUNE_GENERATE__MAX_TOKENS": "12",
    "ATTUNE_SPEAK__RATE_WPM": "240",
    "ATTUNE_PERSONALISE__REPLAY": "16",
    "ATTUNE_PERSONALISE__CANARIES": "4",
    "ATTUNE_PERSONALISE__STEPS": "100",
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
    client: Client
    server: SoundServer
    folder: Path

    def __post_init__(self) -> None:
        self.lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, beginning: str) -> str:
        """The next line that begins so, those before it passed over."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {beginning!r} in:\n{''.join(self.seen)}") from None
            self.seen.append(line)
            if line.startswith(beginning):
                return line.rstrip("\n")

    def until(self, holds: Callable[[Status], object]) -> Status:
        """The daemon's status as soon as something holds of it."""
        deadline = time.monotonic() + WAIT_S
        while not holds(status := self.client.status()):
            assert time.monotonic() < deadline, status
            time.sleep(0.05)
        return status

    def ask(self, text: str, number: int) -> dict[str, Any]:
        """Say something in the pupil's voice: the exchange."""
        self.begin_to_ask(text, number)
        return json.loads(self.wait_for("{"))

    def begin_to_ask(self, text: str, number: int) -> None:
        """Begin to say something."""
        path = self.folder / f"{number}.wav"
        samples = np.pad(SPEAKERS[1].say(text, number).samples, (1_600, 16_000))
        soundfile.write(path, samples, 16_000)
        threading.Thread(target=self.server.say, args=(path,), daemon=True).start()

    @property
    def trainer(self) -> psutil.Process:
        (trainer,) = psutil.Process(self.process.pid).children()
        return trainer

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)


def stopped(process: psutil.Process) -> bool:
    return process.status() == psutil.STATUS_STOPPED


@contextmanager
def daemon(server: SoundServer, folder: Path) -> Generator[Daemon, None, None]:
    control = folder / "control.sock"
    environment = (
        server.env
        | SETTINGS
        | {
            "ATTUNE_JOURNAL__PATH": str(folder / "journal.db"),
            "ATTUNE_CONTROL__PATH": str(control),
        }
    )
    with subprocess.Popen(
        command("run", "--json"),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Daemon(process, Client(control), server, folder)
        finally:
            process.kill()


def test_x(sound_server: SoundServer, tmp_path: Path) -> None:
    T0 = time.monotonic()

    def note(*a):
        print(round(time.monotonic() - T0, 2), *a, flush=True)

    with Journal(tmp_path / "journal.db") as journal:
        pupil = Pupil.speaking(16)
        pupil.teach(journal)
        settings = load(environ={}, files=()).settings.personalise
        note(sum(e.held_out for e in examples(journal.turns(), settings)))
    with daemon(sound_server, tmp_path) as house:
        house.wait_for("Listening")
        note("listening")
        turn = house.ask("good morning", 1)
        note(turn)
        house.until(lambda s: s.last_event and s.last_event["event"] == "collected")
        note("collected")
        house.until(lambda s: s.last_event and s.last_event["event"] == "encoded")
        note("encoding")
        s = house.until(lambda s: s.last_event and s.last_event["event"] == "stepped")
        note(s)
        trainer = house.trainer
        house.begin_to_ask("what day is it today", 2)
        t = time.monotonic()
        while not stopped(trainer):
            time.sleep(0.002)
        note("stopped")
        cpu = trainer.cpu_times()
        note(house.client.status())
        turn = json.loads(house.wait_for("{"))
        note(turn, stopped(trainer), cpu, trainer.cpu_times())
        while stopped(trainer):
            time.sleep(0.01)
        note("resumed", house.client.status())
        note(house.wait_for("The new bridge"))
        note(house.wait_for("Now using"))
        for n, (u, text) in enumerate(pupil.spoken[:2]):
            note(text, house.ask(text, 10 + n))
        house.process.send_signal(signal.SIGTERM)
        note(house.process.wait())
    assert 0
