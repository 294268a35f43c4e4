"""Waits for what a supervised trainer does."""

from __future__ import annotations

import time
from collections.abc import Callable

from assistant.personalise.background.supervisor import Ended, Supervisor
from assistant.personalise.training.events import Event

WAIT_S = 60.0
"""Longest wait of a test that would otherwise never end."""


def until(happened: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def run(supervisor: Supervisor) -> tuple[list[Event], Ended]:
    """All that a trainer told, and how it ended."""
    ends: list[Ended] = []
    until(lambda: ends.extend(filter(None, [supervisor.poll()])) or ends)
    return list(supervisor.events()), ends[0]
