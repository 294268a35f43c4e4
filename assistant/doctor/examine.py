"""Runs the checks one after another, each with a time after which it is given up."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from contextlib import closing

from assistant.child import Child, command
from assistant.doctor.checks import Check
from assistant.doctor.finding import Finding, fail, from_line
from assistant.doctor.subject import Subject, to_json

START_S = 60.0
"""Longest time until the process that runs the checks is ready."""


def examine(
    subject: Subject, checks: Iterable[Check]
) -> Generator[tuple[Check, Finding], None, None]:
    """What the checks find, in their order; one that hangs or crashes costs only itself."""
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
    """What it means that there is no line: none in time, or no process."""
    if line is None:
        return fail(
            f"The check did not end within {check.limit_s:g} s and was given up: a driver or "
            "another program holds it up. Start the device anew, then try again."
        )
    return fail(
        f"The process of the check {process.ending()}. Install Attune anew; if memory is short, "
        "close other programs."
    )
