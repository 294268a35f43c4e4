"""What systemd does for the service, in a test: starts it, watches it, and starts it anew.

It speaks the notification protocol over a real socket, takes a missing sign of life for death,
and starts whatever did not end well once more, as ``Restart=on-failure`` has it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from assistant import child
from assistant.control.client import Client
from assistant.control.messages import Exchange
from assistant.errors import ControlError
from assistant.journal.store import Journal
from tests.sound import SoundServer, synthesise

ROOT = Path(__file__).parents[2]

WAIT_S = 120.0
"""Longest wait of a test that would otherwise never end."""

WATCHDOG_S = 15.0
"""Longer than it takes to notice that the microphone's process hangs."""

SERVICE = (*child.command("assistant"), "run", "--service", "--json")

SETTINGS = {
    "ATTUNE_ENCODE__THREADS": "1",
    "ATTUNE_GENERATE__THREADS": "1",
    "ATTUNE_GENERATE__MAX_TOKENS": "8",
    "ATTUNE_SPEAK__RATE_WPM": "400",
    "ATTUNE_PERSONALISE__ENABLED": "false",
}
"""Short replies, and no training unless it is asked for."""

QUESTION = "what time is it"


@dataclass
class Manager:
    """Keeps one service running in a folder of its own."""

    folder: Path
    environment: Mapping[str, str]
    command: Sequence[str] = SERVICE
    watchdog_s: float = WATCHDOG_S
    aloud: bool = False  # else replies go into files, which takes no time
    said: list[tuple[float, str]] = field(default_factory=list)  # notifications, monotonic
    lines: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # how it ended, each time
    exchanges: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    _ended: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[str] | None = None

    @property
    def database(self) -> Path:
        return self.folder / "data" / "journal.db"

    @property
    def _into_files(self) -> dict[str, str]:
        return {"ATTUNE_SPEAK__WAV_DIR": str(self.folder / "replies")}

    @property
    def client(self) -> Client:
        return Client(self.folder / "control.sock")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ears(self) -> psutil.Process:
        """The microphone's process."""
        children = psutil.Process(self.pid).children()
        (ears,) = [each for each in children if "assistant.listen" in each.cmdline()]
        return ears

    def answered(self) -> dict[str, Any]:
        """The next exchange that is told, with the words that only a client is told."""
        try:
            told = self.exchanges.get(timeout=WAIT_S)
        except queue.Empty:
            raise AssertionError(f"no answer\n{self.story()}") from None
        words: list[Exchange] = []

        def known() -> bool:
            with suppress(ControlError):
                words.extend(each for each in self.client.status().recent if each.id == told["id"])
            return bool(words)

        self.until(known, "words")
        return told | {"transcript": words[0].heard, "reply": words[0].reply}

    def notified(self, word: str, *, since: float = 0.0) -> list[float]:
        """When the service sent something that begins so."""
        return [
            at
            for at, message in list(self.said)
            if at >= since and any(line.startswith(word) for line in message.splitlines())
        ]

    def until(self, holds: Callable[[], object], what: str = "") -> None:
        """Return when something is the case."""
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < deadline, f"{what}\n{self.story()}"
            time.sleep(0.02)

    def told(self, part: str, *, times: int = 1) -> None:
        """Return when it has said so."""
        self.until(lambda: sum(part in line for line in list(self.lines)) >= times, part)

    def microphone(self, state: str) -> None:
        """Return when the microphone is in a state."""

        def holds() -> bool:
            with suppress(ControlError):
                found = self.client.status().microphone
                return found is not None and found.state == state
            return False

        self.until(holds, f"microphone {state}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def story(self) -> str:
        """All that was seen, for a test that failed."""
        return "\n".join([*self.lines, repr(self.statuses), repr(self.said[-6:])])

    def run(self) -> None:
        """Start the service as often as it does not end well."""
        address = self.folder / "notify.sock"
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notices:
            notices.bind(str(address))
            notices.settimeout(0.05)
            while not self._ended.is_set():
                self._process = subprocess.Popen(
                    self.command,
                    cwd=ROOT,
                    env={
                        **SETTINGS,
                        **({} if self.aloud else self._into_files),
                        **self.environment,
                        "NOTIFY_SOCKET": str(address),
                        "WATCHDOG_USEC": str(int(self.watchdog_s * 1e6)),
                        "ATTUNE_JOURNAL__PATH": str(self.database),
                        "ATTUNE_CONTROL__PATH": str(self.folder / "control.sock"),
                    },
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                assert self._process.stdout is not None
                reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
                reader.start()
                self._watch(self._process, notices)
                reader.join()
                self._process.stdout.close()
                self.statuses.append(self._process.wait())
                if self.statuses[-1] == 0:
                    return

    def stop(self) -> None:
        """End it for good."""
        self._ended.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def _watch(self, process: subprocess.Popen[str], notices: socket.socket) -> None:
        alive_at: float | None = None  # systemd watches from readiness on
        while process.poll() is None:
            with suppress(TimeoutError):
                message = notices.recv(4_096).decode()
                self.said.append((time.monotonic(), message))
                if "READY=1" in message or "WATCHDOG=1" in message:
                    alive_at = time.monotonic()
            if alive_at is not None and time.monotonic() - alive_at > self.watchdog_s:
                self.lines.append("(manager: no sign of life)")
                # In systemd's order: one that was stopped does nothing more before it ends.
                process.send_signal(signal.SIGABRT)
                process.send_signal(signal.SIGCONT)
                process.wait()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith('{"id": '):
                self.exchanges.put(json.loads(line))


@contextmanager
def managed(
    folder: Path,
    environment: Mapping[str, str],
    command: Sequence[str] = SERVICE,
    *,
    watchdog_s: float = WATCHDOG_S,
    aloud: bool = False,
) -> Generator[Manager, None, None]:
    """A service under a manager until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    manager = Manager(folder, environment, command, watchdog_s, aloud)
    thread = threading.Thread(target=manager.run, daemon=True)
    thread.start()
    try:
        manager.until(lambda: manager.notified("READY=1"), "ready")
        yield manager
    finally:
        manager.stop()
        thread.join()


def ask(manager: Manager, sound: SoundServer, text: str = QUESTION) -> dict[str, Any]:
    """Say something into the microphone, and give the exchange that comes of it."""
    path = synthesise(text, manager.folder / "question.wav", lead_s=0.4, tail_s=1.5)
    while not manager.exchanges.empty():
        manager.exchanges.get_nowait()
    sound.say(path)
    return manager.answered()


def kept(manager: Manager) -> dict[int, str | None]:
    """What was said in each exchange of the journal, once that is whole."""
    with Journal(manager.database) as journal:
        assert journal.database.conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {turn.id: turn.text for turn in journal.turns()}
