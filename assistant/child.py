"""Child processes: how they are started, talked to and ended, and what became of them.

Run as ``python -m assistant.child PROGRAM ARGUMENT...`` it gives itself the lowest priority and
becomes that program. That is done before there is a second thread, because on Linux each thread
has a priority of its own.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn, Protocol, cast

END_S = 2.0
"""Longest wait for a process that was killed; one that hangs in a driver cannot be ended at all."""

_BLOCK = 1 << 16


class Process(Protocol):
    """What ``end`` needs of a process."""

    def send_signal(self, sig: int, /) -> None:
        """Send it a signal, unless it has ended."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; raises ``subprocess.TimeoutExpired``."""
        ...


class Child:
    """A process with a pipe to it and a pipe from it, to be closed; ``contextlib.closing`` does.

    Args:
        command: its words.
        order: a JSON value that it reads from standard input to its end; without one, standard
            input stays open until ``close``.
        patience_s: how long it may take to end by itself in ``close``.
        errors: where its standard error goes.

    Raises:
        OSError: if it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        order: object = None,
        *,
        patience_s: float = 0.0,
        errors: int | IO[bytes] = subprocess.DEVNULL,
    ) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for the parent, which ends it in order
        )
        self._in = cast("IO[bytes]", self._process.stdin)
        self._out = cast("IO[bytes]", self._process.stdout)
        self._patience_s = patience_s
        self._held = b""
        if order is not None:
            with suppress(BrokenPipeError), self._in:
                self._in.write(json.dumps(order).encode())

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """What has come; ``None`` if nothing comes in that time, empty at the end."""
        timeout_s = None if timeout_s is None else max(0.0, timeout_s)
        ready, _, _ = select.select([self._out], [], [], timeout_s)
        return os.read(self._out.fileno(), _BLOCK) if ready else None

    def line(self, timeout_s: float | None = None) -> bytes | None:
        """The next whole line; ``None`` if none comes in that time, empty at the end."""
        began = time.monotonic()
        while b"\n" not in self._held:
            block = self.read(timeout_s and timeout_s - (time.monotonic() - began))
            if not block:
                return block
            self._held += block
        line, _, self._held = self._held.partition(b"\n")
        return line

    def ending(self) -> str:
        """What became of it after its last word, as a predicate."""
        try:
            return ending(self._process.wait(END_S))
        except subprocess.TimeoutExpired:
            return "closed its output"

    def close(self) -> None:
        """Close its standard input and end it, or leave it behind if it cannot be ended."""
        with suppress(OSError):
            self._in.close()
        for patience_s in (self._patience_s, END_S):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
            self._process.kill()
        self._out.close()


def command(module: str) -> tuple[str, ...]:
    """The words that start a module as a program.

    Isolated, Python puts neither the working directory nor PYTHONPATH on its path, so a file that
    happens to be called ``json.py`` where somebody stands is not executed.

    Args:
        module: its dotted name, of one that is installed: the folder it lies in is not enough.
    """
    return (sys.executable, "-I", "-m", module)


def in_background(command: Sequence[str]) -> tuple[str, ...]:
    """The words that start a program with the lowest claim on CPU, disk and memory."""
    return (*_SELF, *command)


def end(process: Process, patience_s: float) -> int:
    """Ask a process to end, stopped or not, kill it when it does not, and give its exit status."""
    for number in (signal.SIGTERM, signal.SIGCONT):
        process.send_signal(number)
    try:
        return process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def ending(status: int) -> str:
    """What an exit status means, as subprocess writes it: a predicate for a sentence."""
    if status == -signal.SIGKILL:
        return "was killed, probably because memory ran out"
    if status < 0:
        return f"was killed by signal {-status} ({signal.strsignal(-status) or 'unknown'})"
    return f"ended with status {status}"


def serve() -> tuple[Any, Callable[[object], None]]:
    """Called by the child: its order, and what sends a JSON value as a line of its own.

    Whatever libraries print goes to standard error from now on.
    """
    go_first()
    answers = os.dup(1)
    os.dup2(2, 1)
    return json.load(sys.stdin), lambda value: send(answers, json.dumps(value).encode() + b"\n")


def send(handle: int, message: bytes) -> None:
    """Write all of a message to a pipe.

    Raises:
        BrokenPipeError: if nobody reads it.
    """
    while message:
        message = message[os.write(handle, message) :]


def go_first() -> None:
    """Let this process be the one that is killed where memory is short, and not the daemon."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def peak_mb() -> float:
    """Most resident memory of this process so far; getrusage counts its parent's before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _become(command: Sequence[str]) -> NoReturn:
    """Become a program with the lowest claim on CPU, disk and memory.

    Raises:
        OSError: if there is no such program.
    """
    import psutil  # noqa: PLC0415 - only this needs it

    # A group of its own: Ctrl-C on the daemon does not reach it, and the kernel ends a stopped
    # trainer whose daemon was killed. The session stays the daemon's, because the kernel shares
    # the CPU out between sessions, and one of its own would be given half of it.
    os.setpgid(0, 0)
    os.nice(19)
    with suppress(OSError):  # some containers forbid it
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError, psutil.Error):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    go_first()
    os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted


_SELF = command("assistant.child")

if __name__ == "__main__":
    _become(sys.argv[1:])
