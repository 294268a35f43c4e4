"""A daemon with a process beside it that others reach, each as it is installed."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assistant import child
from assistant.control.client import Client
from assistant.errors import ControlError


@dataclass(frozen=True)
class Beside:
    """The daemon, its client, and the process beside it with its port."""

    client: Client
    daemon: subprocess.Popen[bytes]
    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def running(noun: str, folder: Path, **settings: str) -> Iterator[Beside]:
    """Both in a home of their own without sound, with the bundled models unless settings say more.

    Args:
        noun: the command beside the daemon, whose block of settings has the port.
        folder: the home.
        settings: variables of the environment.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = Client(folder / "control.sock")
    environment = os.environ | {
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "ATTUNE_CONTROL__PATH": str(client.path),
        "ATTUNE_SPEAK__WAV_DIR": str(folder / "said"),
        "ATTUNE_MODELS__EVERYDAY": "off",
        f"ATTUNE_{noun.upper()}__PORT": str(port),
        "PULSE_SERVER": f"unix:{folder / 'none'}",
        **settings,
    }
    with _started("run", "--service", environment=environment) as daemon:
        try:
            _until(client.is_running)
            _until(lambda: bool(client.ask("hello", aloud=False)))
            with _started(noun, environment=environment) as process:
                try:
                    _until(lambda: not socket.create_connection(("127.0.0.1", port)).close())
                    yield Beside(client, daemon, process, port)
                finally:
                    process.kill()
        finally:
            daemon.kill()


def _started(*words: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    command = [*child.command("assistant"), *words]
    return subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)


def _until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(ControlError, OSError):
            if holds():
                return
        time.sleep(0.1)
    raise TimeoutError
