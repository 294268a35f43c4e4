"""Runs the checks one after another, each with a time limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from contextlib import closing

from assistant.child import Child, command
from assistant.doctor.checks import Check
from assistant.doctor.finding import Finding, fail, from_line
from assistant.doctor.subject import Subject, to_json

START_S = 60.0
"""Longest wait for the process that runs the checks to get ready."""


def examine(
    subject: Subject, checks: Iterable[Check]
) -> Generator[tuple[Check, Finding], None, None]:
    """What the checks find, in order; one that hangs or crashes does not affect the others."""
    left = deque(checks)
    while left:
        order = {"subject": to_json(subject), "checks": [each.name for each in left]}
        with closing(Child(command("assistant.doctor"), order)) as process:
            line = process.line(START_S)  # it is ready
            while left:
                check = left.popleft()
                line = process.line(check.limit_s) if line else line
                yield check, from_line(line) if line else _silence(process, line, check)
                if not line:
                    break


def _silence(process: Child, line: bytes | None, check: Check) -> Finding:
    """Why there is no line: the time is over, or the process is gone."""
    if line is None:
        return fail(
            f"The check did not finish within {check.limit_s:g} s and was abandoned: a driver or "
            "another program blocks it. Restart the device, then try again."
        )
    return fail(
        f"The process of the check {process.ending()}. Reinstall Attune; if memory is short, close "
        "other programs."
    )
