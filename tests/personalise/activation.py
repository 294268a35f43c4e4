"""Trainers that a service manager starts for whoever connects to a socket."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assistant import child
from tests.waiting import WAIT_S

ACTIVATE = ("systemd-socket-activate", "--accept", "--inetd")
STEWARD = child.command("assistant.personalise.background.trainer_service")


@contextmanager
def activated(path: Path, command: Sequence[str]) -> Generator[None, None, None]:
    """Within the block a connection to a socket starts a trainer, as attune-trainer.socket does.

    Args:
        path: the socket.
        command: the trainer.
    """
    log = path.with_suffix(".log")
    with log.open("wb") as out:
        manager = subprocess.Popen([*ACTIVATE, f"--listen={path}", *STEWARD, *command], stderr=out)
    try:
        deadline = time.monotonic() + WAIT_S
        while "Listening on" not in log.read_text(encoding="utf-8"):
            assert manager.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.002)
        yield
    finally:
        manager.kill()
        manager.wait()
