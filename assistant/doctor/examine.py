"""Runs the checks one after another, each with a time after which it is given up."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import closing, suppress

from assistant import child
from assistant.doctor.checks import Check
from assistant.doctor.finding import Finding, fail, from_line
from assistant.doctor.subject import Subject, to_json

START_S = 60.0
"""Longest time until the process that runs the checks is ready."""

END_S = 2.0
"""Longest wait for its end; one that hangs in a driver cannot be ended at all."""

_BLOCK = 65_536


def examine(
    patient: Subject, checks: Iterable[Check]
) -> Generator[tuple[Check, Finding], None, None]:
    """What the checks find, in their order; one that hangs or crashes is told and passed over."""
    left = deque(checks)
    while left:
        with closing(_Process(patient, left)) as process:
            line = process.line(START_S)  # it is ready
            while left:
                check = left.popleft()
                line = process.line(check.limit_s) if line else line
                yield check, from_line(line) if line else process.silence(line, check)
                if not line:
                    break


class _Process:
    """The checks under way."""

    def __init__(self, patient: Subject, checks: Iterable[Check]) -> None:
        order = {
            "patient": json.loads(to_json(patient)),
            "checks": [check.name for check in checks],
        }
        self._process = subprocess.Popen(
            child.command("assistant.doctor"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin is not None  # noqa: S101 - as asked for
        assert self._process.stdout is not None  # noqa: S101
        self._out = self._process.stdout.fileno()
        self._held = b""
        with suppress(BrokenPipeError), self._process.stdin as order_in:
            order_in.write(json.dumps(order).encode())

    def line(self, limit_s: float) -> bytes | None:
        """The next line; empty if the process has ended, ``None`` if none comes in that time."""
        deadline = time.monotonic() + limit_s
        while b"\n" not in self._held:
            left_s = max(0.0, deadline - time.monotonic())
            if not select.select([self._out], [], [], left_s)[0]:
                return None
            block = os.read(self._out, _BLOCK)
            if not block:
                return b""
            self._held += block
        line, _, self._held = self._held.partition(b"\n")
        return line

    def silence(self, line: bytes | None, check: Check) -> Finding:
        """What it means that there is no line."""
        if line is None:
            return fail(
                f"The check did not end within {check.limit_s:g} s and was given up: a driver or "
                "another program holds it up. Start the device anew, then try again."
            )
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        return fail(
            f"The check ended its process ({_ending(self._process.returncode)}). Install Attune "
            "anew; if memory is short, close other programs."
        )

    def close(self) -> None:
        """End the process, or leave it behind if it cannot be ended."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        if self._process.stdout is not None:
            self._process.stdout.close()


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        return f"signal {-status}, {signal.Signals(-status).name}"
    return f"status {status}"
