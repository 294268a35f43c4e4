"""A trainer that a service manager starts when a client connects to a socket.

The other end, ``assistant.personalise.background.trainer_service``, describes the protocol.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from assistant.errors import TrainingError

START_S = 10.0
"""Longest wait for a trainer to start; a small board takes seconds to start Python."""

_POLL_S = 0.01
_ANSWER_BYTES = 64


class ActivatedProcess:
    """A trainer process that is not our child; thread-safe.

    Args:
        path: the socket.
        job: a file descriptor for the trainer's standard input.
        environment: additional variables for the trainer.

    Raises:
        TrainingError: if no trainer starts there.
    """

    def __init__(self, path: Path, job: int, environment: Mapping[str, str]) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(START_S)
            connection.connect(os.fspath(path))
            socket.send_fds(connection, [json.dumps(dict(environment)).encode()], [job])
            number, ends, *_ = socket.recv_fds(
                connection, _ANSWER_BYTES, 3, socket.MSG_CMSG_CLOEXEC
            )
            if not number:
                raise ConnectionResetError("it ended at once")
        except OSError as error:
            connection.close()
            raise TrainingError(
                f"No trainer starts at {path}: {error.strerror or error}. 'systemctl status "
                "attune-trainer.socket' shows details; Attune will try again later."
            ) from None
        connection.settimeout(0.0)
        self.pid = int(number)
        self._connection = connection
        self._handle, out, errors = ends  # unlike a process number, a handle cannot be reused
        self.stdout: IO[str] = os.fdopen(out, encoding="utf-8", errors="replace")
        self.stderr: IO[str] = os.fdopen(errors, encoding="utf-8", errors="replace")
        self._lock = threading.Lock()
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; ``None`` while the trainer runs."""
        with self._lock:
            if self._status is None:
                try:
                    said = self._connection.recv(_ANSWER_BYTES)
                except BlockingIOError:
                    return None
                except ConnectionError:
                    said = b""
                if not said:  # the service has died
                    self._signal(signal.SIGKILL)
                self._status = int(said or -signal.SIGKILL)
                self._connection.close()
                os.close(self._handle)
            return self._status

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless the trainer has ended."""
        with self._lock:
            if self._status is None:
                self._signal(sig)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; raises ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
        began = time.monotonic()
        while (status := self.poll()) is None:
            if timeout is not None and time.monotonic() - began >= timeout:
                raise subprocess.TimeoutExpired("trainer", timeout)
            time.sleep(_POLL_S)
        return status

    def _signal(self, sig: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, sig)
