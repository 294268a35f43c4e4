"""Child processes: starting them, talking to them, ending them and explaining how they ended.

``python -m assistant.child PROGRAM ARGUMENT...`` lowers its own priority as far as it goes and then
becomes that program. This must happen while there is only one thread: on Linux each thread has a
priority of its own.
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
"""Longest wait for a killed process; one that hangs in a driver cannot be ended at all."""

_BLOCK = 1 << 16


class Process(Protocol):
    """What ``end`` needs from a process."""

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, unless the process has ended."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status; raises ``subprocess.TimeoutExpired``."""
        ...


class Child:
    """A process with pipes to and from it; use it with ``contextlib.closing``.

    Args:
        command: the program and its arguments.
        order: a JSON value for its standard input, which is then closed; without one, standard
            input stays open until ``close``.
        patience_s: how long ``close`` lets it end by itself.
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
            start_new_session=True,  # Ctrl-C goes to the parent only, which ends the child properly
        )
        self._in = cast("IO[bytes]", self._process.stdin)
        self._out = cast("IO[bytes]", self._process.stdout)
        self._patience_s = patience_s
        self._held = b""
        if order is not None:
            with suppress(BrokenPipeError), self._in:
                self._in.write(json.dumps(order).encode())

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Output that has arrived; ``None`` after the timeout, empty at the end of the stream."""
        timeout_s = None if timeout_s is None else max(0.0, timeout_s)
        ready, _, _ = select.select([self._out], [], [], timeout_s)
        return os.read(self._out.fileno(), _BLOCK) if ready else None

    def line(self, timeout_s: float | None = None) -> bytes | None:
        """The next whole line; ``None`` after the timeout, empty at the end of the stream."""
        began = time.monotonic()
        while b"\n" not in self._held:
            block = self.read(timeout_s and timeout_s - (time.monotonic() - began))
            if not block:
                return block
            self._held += block
        line, _, self._held = self._held.partition(b"\n")
        return line

    def ending(self) -> str:
        """How the process ended, as a predicate for a sentence."""
        try:
            return ending(self._process.wait(END_S))
        except subprocess.TimeoutExpired:
            return "closed its output"

    def close(self) -> None:
        """Close its standard input and end it, or abandon it if it cannot be ended."""
        with suppress(OSError):
            self._in.close()
        for patience_s in (self._patience_s, END_S):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
            self._process.kill()
        self._out.close()


def command(module: str) -> tuple[str, ...]:
    """The command that runs an installed module, given by its dotted name, as a program.

    In isolated mode Python ignores the working directory and PYTHONPATH, so a file that happens to
    be called ``json.py`` in the current folder is not executed.
    """
    return (sys.executable, "-I", "-m", module)


def in_background(command: Sequence[str]) -> tuple[str, ...]:
    """The command that starts a program with the lowest CPU, disk and memory priority."""
    return (*_SELF, *command)


def end(process: Process, patience_s: float) -> int:
    """Ask a process, stopped or not, to end; kill it if it does not; return its exit status."""
    for number in (signal.SIGTERM, signal.SIGCONT):
        process.send_signal(number)
    try:
        return process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def ending(status: int) -> str:
    """Explain an exit status, in subprocess's notation, as a predicate for a sentence."""
    if status == -signal.SIGKILL:
        return "was killed, probably because memory ran out"
    if status < 0:
        return f"was killed by signal {-status} ({signal.strsignal(-status) or 'unknown'})"
    return f"ended with status {status}"


def serve() -> tuple[Any, Callable[[object], None]]:
    """In the child: read the order, and return it with a function that sends one JSON line.

    From then on, anything that libraries print goes to standard error.
    """
    go_first()
    answers = os.dup(1)
    os.dup2(2, 1)
    return json.load(sys.stdin), lambda value: send(answers, json.dumps(value).encode() + b"\n")


def send(handle: int, message: bytes) -> None:
    """Write a whole message to a pipe; raises ``BrokenPipeError`` if nobody reads it."""
    while message:
        message = message[os.write(handle, message) :]


def go_first() -> None:
    """Make the kernel kill this process rather than the daemon when memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def peak_mb() -> float:
    """Peak resident memory of this process in MB; getrusage would include the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _become(command: Sequence[str]) -> NoReturn:
    """Replace this process by a program with the lowest CPU, disk and memory priority."""
    import psutil  # noqa: PLC0415 - only this needs it

    # A process group of its own: Ctrl-C on the daemon does not reach it, and the kernel ends a
    # stopped trainer whose daemon was killed. It stays in the daemon's session, because the kernel
    # divides the CPU between sessions and would give a session of its own half of it.
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
