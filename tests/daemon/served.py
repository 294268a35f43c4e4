"""The daemon as systemd starts it: a process of its own over toy models, and its manager."""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from assistant.control.client import Client
from assistant.errors import ControlError
from tests.cli.house import ROOT, House, command
from tests.waiting import WAIT_S

WORDS = ("run", "--service", "--json")

RUN = command(*WORDS)


class Manager:
    """Takes what a service tells it at once, as systemd does."""

    def __init__(self, path: Path) -> None:
        self.alive = 0  # how often the service was well
        self.messages: queue.SimpleQueue[list[str]] = queue.SimpleQueue()  # all others
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def told(self) -> list[str]:
        """The lines of the next message, beside those that say that all is well."""
        return self.messages.get(timeout=WAIT_S)

    def told_until(self, line: str) -> list[str]:
        """All that is told up to the message with this line, which is included."""
        lines: list[str] = []
        while line not in lines:
            lines += self.told()
        return lines

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"", self._socket.getsockname())
        self._thread.join(WAIT_S)
        self._socket.close()

    def _take(self) -> None:
        while message := self._socket.recv(1 << 16):
            if message == b"WATCHDOG=1":
                self.alive += 1
            else:
                self.messages.put(message.decode().split("\n"))


class Service:
    """A service in a process of its own, and the manager that started it."""

    def __init__(self, folder: Path, runtime: House, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.client = Client(folder / "control.sock")
        self.config = folder / "config" / "attune" / "attune.toml"
        self.config.parent.mkdir(parents=True)
        self.errors = folder / "stderr"
        self.manager = Manager(folder / "notify")
        settings = dict(runtime.settings)
        del settings["ATTUNE_SPEAK__WAV_DIR"]  # which the file is to say, as it says this:
        self.encoder = settings.pop("ATTUNE_ENCODE__PATH")
        self.llm = settings["ATTUNE_GENERATE__PATH"]
        self.environment = {
            **environment,
            **settings,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "ATTUNE_CONTROL__PATH": str(folder / "control.sock"),
            "ATTUNE_JOURNAL__PATH": str(folder / "journal.db"),
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "1500000",
        }
        self.configure("one")

    def configure(self, replies: str | None, more: str = "", encoder: str | None = None) -> None:
        """Write settings that send replies to a folder of this name, or aloud."""
        speak = "" if replies is None else f'wav_dir = "{self.folder / replies}"'
        encode = f'path = "{encoder or self.encoder}"'
        self.config.write_text(f"{more}\n[speak]\n{speak}\n[encode]\n{encode}\n")

    @contextmanager
    def running(self, start: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
        with (
            self.errors.open("w") as errors,
            subprocess.Popen(
                start,
                cwd=ROOT,
                env=self.environment | environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def answers(self, text: str) -> bool:
        """Whether it answers a question now; while settings are taken up it does not."""
        with suppress(ControlError):
            return bool(self.client.ask(text, aloud=False)["reply"])
        return False

    @property
    def notes(self) -> list[str]:
        return self.errors.read_text().splitlines()

    def replies(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.folder / folder).glob("*"))


def ended(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Ask for the end, which must be a clean one; the exchanges that were told."""
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    assert process.wait(WAIT_S) == 0
    return [json.loads(line) for line in lines]
